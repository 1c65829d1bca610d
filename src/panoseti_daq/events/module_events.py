"""Module events: pulse-height frames of one module that belong to one trigger of it.

::

    frames of a module   |Q1 |Q2        |Q0          |Q0 |Q0 |Q0           |Q3
    within 300 ns        [ event ]      [ event ]    [ ] [ ] [ ]           [ ]
    dead time 1 ms       <------------->             too soon: dropped     accepted
                         accepted       accepted

A frame whose pixels or clock are of no use does not make an event, but it is listed with the good one it came
with.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from panoseti_daq.events.usable import flags_of_frames, has_odd_nanoseconds, is_usable
from panoseti_daq.events.watermark import NEVER_NS, StreamTime
from panoseti_daq.pff import FrameBlock, ModuleProduct, TimeStatus

FRAME: Final = np.dtype(
    [
        ("unix_ns", np.int64),
        ("frame_number", np.int64),
        ("block", np.int64),  # which of `ModuleEvents.blocks`
        ("row", np.int32),  # place in the block
        ("flags", np.uint16),
        ("module_id", np.uint8),
        ("quabo", np.uint8),
        ("status", np.uint8),
        ("is_good", np.bool_),
    ]
)
"""One pulse-height frame."""

HOT_OVER_FRAMES: Final = 1024  # of a stream: after this number, hot pixels are determined again

Frames = npt.NDArray[np.void]


class BrightestTooOften:
    """Pixels that are the brightest of too many frames, found per stream from each `HOT_OVER_FRAMES` frames.

    Parameters
    ----------
    fraction
        Of the frames; 1 for no pixel.
    """

    def __init__(self, fraction: float) -> None:
        self._most = fraction * HOT_OVER_FRAMES
        self._counts: npt.NDArray[np.int64] | None = None
        self._is_hot: npt.NDArray[np.bool_] | None = None
        self._n_frames = 0

    def add(self, brightest: npt.NDArray[np.intp], n_places: int) -> npt.NDArray[np.bool_]:
        """Take where the brightest pixel of each frame is, shape (n,); return which frames are hot, shape (n,)."""
        if self._counts is None or self._is_hot is None:
            self._counts, self._is_hot = np.zeros(n_places, np.int64), np.zeros(n_places, np.bool_)
        hot = np.zeros(len(brightest), np.bool_)
        begin = 0
        while begin < len(brightest):
            end = min(len(brightest), begin + HOT_OVER_FRAMES - self._n_frames)
            piece = brightest[begin:end]
            hot[begin:end] = self._is_hot[piece]
            self._counts += np.bincount(piece, minlength=n_places)
            self._n_frames += len(piece)
            if self._n_frames == HOT_OVER_FRAMES:
                self._is_hot = self._counts > self._most
                self._counts, self._n_frames = np.zeros(n_places, np.int64), 0
            begin = end
        return hot


class ModuleEvents:
    """Frames in, events of each module out, in order of time.

    Parameters
    ----------
    join_ns, dead_ns
        Frames of a module at most `join_ns` after the first are one event; one that begins less than `dead_ns`
        after the last that was accepted is dropped.
    host_join_ns
        The same for frames that have the time of the host clock; None to leave these out.
    min_adc
        Minimum ADC counts of the brightest pixel.
    hot_fraction
        As for `BrightestTooOften`.

    Attributes
    ----------
    counts
        Frames and events that were left out, by reason.
    """

    def __init__(
        self, join_ns: int, dead_ns: int, host_join_ns: int | None, min_adc: int, hot_fraction: float
    ) -> None:
        self._join_ns, self._dead_ns, self._host_join_ns = join_ns, dead_ns, host_join_ns
        self._min_adc, self._hot_fraction = min_adc, hot_fraction
        self._pending: list[Frames] = []
        self._blocks: dict[int, FrameBlock] = {}
        self._n_blocks = 0
        self._streams: dict[ModuleProduct, tuple[StreamTime, BrightestTooOften]] = {}
        self._last_ns: dict[int, int] = {}  # of each module, when its last accepted event was
        self._flushed_ns = int(NEVER_NS)
        self.counts = dict.fromkeys(
            ("no_time", "host_clock", "zero_or_missing", "hot", "faint", "late", "dead"), 0
        )

    def add(self, block: FrameBlock) -> None:
        """Take frames."""
        key = block.module_id, block.product
        if key not in self._streams:
            self._streams[key] = StreamTime(), BrightestTooOften(self._hot_fraction)
        stream, hot_pixels = self._streams[key]
        unix_ns, status = block.times
        flags = flags_of_frames(block)
        has_time = block.valid & (status != TimeStatus.NO_TIME) & ~has_odd_nanoseconds(block)
        is_late = np.zeros(len(block), np.bool_)
        is_late[has_time] = stream.add(unix_ns[has_time])
        is_late |= unix_ns < self._flushed_ns
        by_host = status == TimeStatus.HOST_CLOCK
        takes_part = has_time & ~is_late & (~by_host | (self._host_join_ns is not None))
        usable = is_usable(flags)
        pixels = block.images.reshape(len(block), -1)
        brightest = pixels.argmax(axis=1)
        quabo = block.columns["quabo_num"] & 3 if block.product.one_quabo else np.zeros(len(block), np.int64)
        is_faint = pixels[np.arange(len(block)), brightest] < self._min_adc
        is_hot = np.zeros(len(block), np.bool_)
        judged = block.valid & usable
        place = brightest + quabo * pixels.shape[1]
        n_places = pixels.shape[1] * (4 if block.product.one_quabo else 1)
        is_hot[judged] = hot_pixels.add(place[judged], n_places)
        self._count(
            no_time=~has_time, late=has_time & is_late, host_clock=has_time & ~is_late & ~takes_part,
            zero_or_missing=takes_part & ~usable, hot=takes_part & is_hot, faint=takes_part & usable & is_faint,
        )  # fmt: skip
        rows = np.flatnonzero(takes_part)
        if not len(rows):
            return
        frames = np.empty(len(rows), FRAME)
        frames["unix_ns"], frames["frame_number"] = unix_ns[rows], block.frame_numbers[rows]
        frames["block"], frames["row"], frames["flags"] = self._n_blocks, rows, flags[rows]
        frames["module_id"], frames["quabo"], frames["status"] = block.module_id, quabo[rows], status[rows]
        frames["is_good"] = (usable & ~is_hot & ~is_faint)[rows]
        self._pending.append(frames)
        self._blocks[self._n_blocks] = block
        self._n_blocks += 1

    def _count(self, **which: npt.NDArray[np.bool_]) -> None:
        for reason, frames in which.items():
            self.counts[reason] += int(np.count_nonzero(frames))

    def block_of(self, frame: np.void) -> FrameBlock:
        """Return the block of a frame of an event, for as long as `keep` gets the event."""
        return self._blocks[int(frame["block"])]

    def keep(self, blocks: set[int]) -> None:
        """Forget all blocks but these and those of frames that belong to no event yet."""
        for frames in self._pending:
            blocks |= set(np.unique(frames["block"]).tolist())
        self._blocks = {number: block for number, block in self._blocks.items() if number in blocks}

    def before(self, watermark_ns: int) -> list[Frames]:
        """Accepted events, each as its frames in order of time; none begins before this time later on."""
        self._flushed_ns = max(self._flushed_ns, watermark_ns)
        if not self._pending:
            return []
        frames = np.concatenate(self._pending)
        order = np.lexsort((frames["frame_number"], frames["quabo"], frames["module_id"], frames["unix_ns"]))
        frames = frames[order]
        join_ns = max(self._join_ns, self._host_join_ns or 0)
        # What a frame that is still to come may join has to wait.
        n_certain = int(np.searchsorted(frames["unix_ns"], watermark_ns - join_ns, "left"))
        events, left = [], [frames[n_certain:]]
        for module_id in np.unique(frames["module_id"][:n_certain]).tolist():
            of_module = frames[frames["module_id"] == module_id]
            n_begin = int(np.count_nonzero(frames["module_id"][:n_certain] == module_id))
            found, n_taken = self._of_module(module_id, of_module, n_begin)
            events += found
            if n_taken > n_begin:  # joined by an event that is certain
                taken = set(map(tuple, of_module[n_begin:n_taken][["block", "row"]].tolist()))
                left[0] = _without(left[0], taken)
        self._pending = left if len(left[0]) else []
        events.sort(key=lambda event: (int(event[0]["unix_ns"]), int(event[0]["module_id"])))
        return events

    def _of_module(self, module_id: int, frames: Frames, n_begin: int) -> tuple[list[Frames], int]:
        """Accepted events that begin in the first `n_begin` frames, and how many frames they used up."""
        events = []
        last_ns, n_taken = self._last_ns.get(module_id), 0
        for begin, end in self._groups(frames, n_begin):
            n_taken = end
            if not frames["is_good"][begin:end].any():
                continue
            at_ns = int(frames["unix_ns"][begin])
            if last_ns is not None and at_ns - last_ns < self._dead_ns:
                self.counts["dead"] += 1
                continue
            last_ns = at_ns
            events.append(frames[begin:end])
        if last_ns is not None:
            self._last_ns[module_id] = last_ns
        return events, n_taken

    def _groups(self, frames: Frames, n_begin: int) -> Iterator[tuple[int, int]]:
        unix_ns: list[int] = frames["unix_ns"].tolist()
        by_host: list[bool] = (frames["status"] == TimeStatus.HOST_CLOCK).tolist()
        begin = 0
        while begin < n_begin:
            join_ns = self._host_join_ns if by_host[begin] else self._join_ns
            end = bisect_right(unix_ns, unix_ns[begin] + (join_ns or 0), begin)
            yield begin, end
            begin = end


def _without(frames: Frames, taken: set[tuple[int, int]]) -> Frames:
    where = map(tuple, frames[["block", "row"]].tolist())
    return frames[[place not in taken for place in where]]
