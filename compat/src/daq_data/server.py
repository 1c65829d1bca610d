"""``python -m daq_data.server``: ``panoseti-daq serve`` as panoseti-grpc starts its server.

That is at port 50051 of every address, with ``daq_data/config/daq_data_server_config.json`` of the working
directory or, without one, of the package. Options of ``panoseti-daq serve`` are taken and override these.
"""

from __future__ import annotations

import os
import sys

from daq_data.config_paths import CONFIG_DIR, existing
from panoseti_daq.cli.main import run


def main(arguments: list[str]) -> int:
    """Serve until SIGINT or SIGTERM; the exit code."""
    config = existing(CONFIG_DIR / "daq_data_server_config.json")
    settings = [] if "PANOSETI_DAQ_CONFIG" in os.environ else ["--config", str(config)]
    anywhere = [] if any(argument.partition("=")[0] == "--host" for argument in arguments) else ["--host", "::"]
    return run(["serve", *anywhere, *settings, *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
