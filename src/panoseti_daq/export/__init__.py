"""Recorded runs for analysis: Zarr stores as pypff defines them, Parquet tables of headers, an xarray engine.

Each part needs an extra (``panoseti-daq[zarr]``, ``[xarray]``, ``[parquet]``) and is imported only when it is
used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from panoseti_daq.export.extras import require

if TYPE_CHECKING:
    from panoseti_daq.export.behind import ConvertBehind
    from panoseti_daq.export.convert import convert_run
    from panoseti_daq.export.engine import open_run
    from panoseti_daq.export.parquet import convert_headers

_HOMES = {
    "ConvertBehind": ("zarr", "behind"),
    "convert_headers": ("parquet", "parquet"),
    "convert_run": ("zarr", "convert"),
    "open_run": ("xarray", "engine"),
}
"""Extra and module of what is offered here."""

__all__ = ["ConvertBehind", "convert_headers", "convert_run", "open_run"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        extra, home = _HOMES[name]
        require(extra)
        return getattr(import_module(f"panoseti_daq.export.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
