"""Positions in the files of a module and product, and gaps."""

from __future__ import annotations

from dataclasses import dataclass

from panoseti_daq.pff.product import DataProduct


@dataclass(frozen=True, slots=True)
class Position:
    """Position of a reader of one module and product: the frame that it reads next.

    Attributes
    ----------
    module_id, product
        Of the frames.
    run, file
        Base names of run directory and file.
    frame_number
        Place in the file, 0-based.
    """

    module_id: int
    product: DataProduct
    run: str
    file: str
    frame_number: int = 0


@dataclass(frozen=True, slots=True)
class Gap:
    """Frames that are not available.

    Attributes
    ----------
    first
        Position of the first.
    n_frames
        Number of frames; None when unknown.
    reason
        Reason, in a few words.
    host
        DAQ node they would come from; empty on that node itself.
    """

    first: Position
    n_frames: int | None
    reason: str
    host: str = ""
