"""Environment variables: the server's settings and the clients' credentials have one prefix (SPEC 5.3)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

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
}
"""What `panoseti_daq.client.Credentials` reads, without the prefix; a server may have them in its environment."""

_NOT_SETTINGS: Final = {"config", *CLIENT_KEYS}  # PANOSETI_DAQ_CONFIG is the file itself


def server_variables() -> dict[str, str]:
    """Return the texts of the variables that are for the server, by name without prefix; those not empty."""
    variables = {
        name[len(ENV_PREFIX) :].lower(): text
        for name, text in os.environ.items()
        if text and name.upper().startswith(ENV_PREFIX)
    }
    return {name: text for name, text in sorted(variables.items()) if name not in _NOT_SETTINGS}


def variable_of(key: Iterable[str | int]) -> str:
    """Return the name of the variable of a key; of an item of a list, that of the list."""
    return f"{ENV_PREFIX}{TABLE_SEPARATOR.join(part for part in key if isinstance(part, str))}".upper()
