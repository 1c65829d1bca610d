"""The packages that only this room needs, and which extra brings them."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from panoseti_daq.installation import needing

PACKAGES: Final = {"zarr": ("numcodecs",), "xarray": ("xarray",), "parquet": ("pyarrow",)}
"""What is imported, by extra."""


def require(extra: str) -> None:
    """Check that the packages of an extra are installed.

    Raises
    ------
    MissingExtraError
        One is not; the message says which extra to install.
    """
    for package in PACKAGES[extra]:
        with needing(package, extra):
            import_module(package)
