"""The PFF format of the PANOSETI data acquisition: bytes to frames and back.

Nothing here knows an event loop, a clock or a network. Start with `open_file` or `open_run`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from panoseti_daq.pff.flags import Quality
from panoseti_daq.pff.frame import Frame, Key
from panoseti_daq.pff.header import Header
from panoseti_daq.pff.product import DataProduct, Kind, ModuleProduct
from panoseti_daq.pff.selection import Selection
from panoseti_daq.pff.timing import FrameTime, TimeStatus

if TYPE_CHECKING:
    from panoseti_daq.pff.archive import open_file
    from panoseti_daq.pff.block import FrameBlock
    from panoseti_daq.pff.layout import Layout, encode_frame
    from panoseti_daq.pff.names import PffName, RunName
    from panoseti_daq.pff.position import Begin, Gap, Position, Stretch
    from panoseti_daq.pff.recording import Recording, Run, open_run

__all__ = [
    "Begin",
    "DataProduct",
    "Frame",
    "FrameBlock",
    "FrameTime",
    "Gap",
    "Header",
    "Key",
    "Kind",
    "Layout",
    "ModuleProduct",
    "PffName",
    "Position",
    "Quality",
    "Recording",
    "Run",
    "RunName",
    "Selection",
    "Stretch",
    "TimeStatus",
    "encode_frame",
    "open_file",
    "open_run",
]


_HOMES = {  # of what the newest frames need not
    "archive": ("open_file",),
    "block": ("FrameBlock",),
    "layout": ("Layout", "encode_frame"),
    "names": ("PffName", "RunName"),
    "position": ("Begin", "Gap", "Position", "Stretch"),
    "recording": ("Recording", "Run", "open_run"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"panoseti_daq.pff.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
