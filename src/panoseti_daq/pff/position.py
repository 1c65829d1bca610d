"""Positions in the files of a module and product, the frames there, and gaps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from panoseti_daq.pff.block import FrameBlock
from panoseti_daq.pff.product import DataProduct, ModuleProduct
from panoseti_daq.pff.room import Room

Grown = Mapping[ModuleProduct, Mapping[tuple[str, str], tuple[int, int]]]
"""Files that grew, by run and name: number of the first frame that came, and of the one after the last."""


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
class Begin:
    """Where the reading of all frames begins.

    Attributes
    ----------
    since_unix_ns
        In what is there at first: with the first frame of the active run that was not taken before this time,
        UTC ns since 1970, so 0 for the first of the run; None for the frames to come.
    resume
        Instead, for these modules and products, at most one each: where to continue.
    of_any_run
        Count `since_unix_ns` in all runs that are there, and not in the active one.
    n_before
        Begin this number of frames of each module and product earlier; with `of_any_run`.
    n_most
        Most frames to read of each module and product; 0 for all.
    """

    since_unix_ns: int | None = None
    resume: tuple[Position, ...] = ()
    of_any_run: bool = False
    n_before: int = 0
    n_most: int = 0


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive frames, and the position of the first.

    Attributes
    ----------
    first, block
        Position and frames.
    room
        Where they are, if they were read for a message.
    """

    first: Position
    block: FrameBlock
    room: Room | None = None


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
