"""Example configuration files that come with the package, under the names that the predecessor documents."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from panoseti_daq.errors import ConfigError

_HERE: Final = Path(__file__).parent  # importlib.resources imports zipfile, tempfile and shutil for the same


def packaged_configs() -> tuple[str, ...]:
    """Return the names of the packaged files."""
    return tuple(sorted(f.name for f in _HERE.iterdir() if f.suffix in (".json", ".toml")))


def packaged_config(name: str) -> Path:
    """Path of a file that comes with the package, whatever the working directory.

    Raises
    ------
    ConfigError
        There is none of this name; the message lists those there are.
    """
    if name not in packaged_configs():
        raise ConfigError(f"{name!r} does not come with the package; there are {', '.join(packaged_configs())}")
    return _HERE / name
