"""Environment variables: the server's settings and the clients' credentials have one prefix (SPEC 5.3)."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable
from typing import Final

_log = logging.getLogger(__name__)

ENV_PREFIX: Final = "PANOSETI_DAQ_"
TABLE_SEPARATOR: Final = "__"  # PANOSETI_DAQ_TLS__KEY is key of the table tls

CLIENT_KEYS: Final = {
    "token",
    "token_file",
    "tls",
    "tls_ca",
    "tls_client_certificate",
    "tls_client_key",
    "tls_server_name",
    "use_proxy",
}
"""What `panoseti_daq.client.Credentials` reads, without the prefix; a server may have them in its environment."""

_NOT_SETTINGS: Final = {"config", *CLIENT_KEYS}  # PANOSETI_DAQ_CONFIG is the file itself

# What Kubernetes and container links set in every container beside a service that is named panoseti-daq, or
# panoseti-daq-NAME: ..._SERVICE_HOST, ..._SERVICE_PORT[_NAME], ..._PORT=tcp://..., ..._PORT_50051_TCP[_ADDR].
_OF_KUBERNETES: Final = (
    r"(?:.*_)?(?:service_host|service_port(?:_.*)?|port_\d+_(?:tcp|udp|sctp)(?:_(?:proto|port|addr))?)"
)
_LINK_VALUE: Final = r"(?:tcp|udp|sctp)://"


def server_variables() -> dict[str, str]:
    """Return the texts of the variables that are for the server, by name without prefix; those not empty.

    Those that Kubernetes sets for a service of this name are left out, with a warning.
    """
    variables = {
        name[len(ENV_PREFIX) :].lower(): text
        for name, text in os.environ.items()
        if text and name.upper().startswith(ENV_PREFIX)
    }
    foreign = sorted(name for name, text in variables.items() if _is_of_kubernetes(name, text))
    if foreign:
        _log.warning("ignored, as set by Kubernetes for a service: %s", ", ".join(map(_variable, foreign)))
    return {name: text for name, text in sorted(variables.items()) if name not in {*_NOT_SETTINGS, *foreign}}


def _is_of_kubernetes(name: str, text: str) -> bool:
    is_link = name.rpartition("_")[2] == "port" and re.match(_LINK_VALUE, text) is not None
    return is_link or re.fullmatch(_OF_KUBERNETES, name) is not None


def _variable(name: str) -> str:
    return f"{ENV_PREFIX}{name}".upper()


def variable_of(key: Iterable[str | int]) -> str:
    """Return the name of the variable of a key; of an item of a list, that of the list."""
    return f"{ENV_PREFIX}{TABLE_SEPARATOR.join(part for part in key if isinstance(part, str))}".upper()
