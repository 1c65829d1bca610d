"""``hp_io_config.json`` as a request (SPEC 5.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.errors import ConfigError


def init_request(config: Mapping[str, Any], node_data_dir: str) -> pb.InitHpIoRequest:
    """Request of a configuration; an empty ``data_dir`` means `node_data_dir`, the node's own in daq_config.

    Raises
    ------
    ConfigError
        A key is missing or has a value of the wrong type.
    """
    try:
        return pb.InitHpIoRequest(
            data_dir=config.get("data_dir") or node_data_dir,
            update_interval_seconds=config["update_interval_seconds"],
            force=config.get("force", False),
            simulate_daq=config.get("simulate_daq", False),
            module_ids=config.get("module_ids") or (),
        )
    except KeyError as error:
        raise ConfigError(f"hp_io_cfg has no {error.args[0]!r}") from None
    except (TypeError, ValueError) as error:
        raise ConfigError(f"hp_io_cfg has a value that cannot be: {error}") from None
