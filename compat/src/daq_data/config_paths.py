"""The configuration files that panoseti-grpc names relative to its checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypeVar

from panoseti_daq.config.packaged import packaged_config, packaged_configs

CONFIG_DIR: Final = Path("daq_data/config")

_T = TypeVar("_T")


def existing(source: _T) -> _T | Path:
    """The packaged file for a path ``daq_data/config/NAME`` that does not exist; anything else as it is."""
    if isinstance(source, str | Path):
        path = Path(source)
        if not path.exists() and path.parent == CONFIG_DIR and path.name in packaged_configs():
            return packaged_config(path.name)
    return source
