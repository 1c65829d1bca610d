"""Names of the environment variables: those of the server and of the clients have one prefix."""

from __future__ import annotations

from typing import Final

ENV_PREFIX: Final = "PANOSETI_DAQ_"

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
