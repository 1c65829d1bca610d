"""Places in the files of a module and product, and what is missing there."""

from __future__ import annotations

from dataclasses import dataclass

from panoseti_daq.pff.product import DataProduct


@dataclass(frozen=True, slots=True)
class Position:
    """Where a reader of one module and product stands: the frame that it wants next.

    Attributes
    ----------
    module_id, product
        Whose frames.
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
    """Frames that cannot be had.

    Attributes
    ----------
    first
        Where they would begin.
    n_frames
        How many; None when nobody knows.
    reason
        Why, in a few words.
    host
        DAQ node they would come from; empty on that node itself.
    """

    first: Position
    n_frames: int | None
    reason: str
    host: str = ""
