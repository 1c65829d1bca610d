"""Frames of a recorded run, or of the last minutes, by time: what a replay shows. No Qt."""

from __future__ import annotations

import bisect
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from panoseti_daq.client import ReceivedBlock, ReceivedFrame
from panoseti_daq.errors import PffError
from panoseti_daq.pff import Frame, FrameBlock, Key, Kind, open_run
from panoseti_daq.viewers.modules import BySource, Source
from panoseti_daq.wire.newest import Delivery

LIVE_SPAN_S: Final = 300.0
LIVE_SPACING_S: Final = 0.95  # of live frames of one key: 64 modules with five keys each then take about 100 MB
_LEAST_GAP_S: Final = 1.0
_MOST_PULSES: Final = 20_000  # of a file, the newest: more than `phdist` keeps; 10 MB
_GAP_STEPS: Final = 3  # a pause of more usual steps than this is a gap

Times = npt.NDArray[np.int64]


class Recorded:
    """Runs on a disk. Times of a file are read when they are needed; frames are not kept.

    `*run_dirs`: each as for `open_run`; where one ends and the next begins there is a mark. Two that have
    one module and product at one time are those of two hosts. `events_ns`: further marks, UTC ns.

    Raises PffError, ConfigError, OSError: as for `open_run`; also when no frame has a time.
    """

    def __init__(self, *run_dirs: Path, events_ns: Iterable[int] = ()) -> None:
        self._tracks: list[_Track] = []
        names, begins_ns = [], []
        nodes: dict[Path, list[_Track]] = {}
        for run_dir in run_dirs:
            run = open_run(run_dir)
            tracks = [t for one in run.values() if (t := _Track(one.blocks, str(run_dir))).begins_ns]
            if not tracks:
                raise PffError(f"no frame of {run_dir} has a time")
            names.append(run.name)
            begins_ns.append(min(track.begins_ns[0] for track in tracks))
            self._tracks += tracks
            nodes.setdefault(_node_of(run_dir), []).extend(tracks)
        _name_hosts(nodes)
        self.name = ", ".join(names)
        self.span_ns = min(begins_ns), max(track.end_ns for track in self._tracks)
        self._events_ns = [*events_ns, *sorted(begins_ns)[1:]]

    @property
    def marks_ns(self) -> list[int]:
        """Events, beginnings of further runs, and ends of the gaps that are known by now."""
        return sorted({*self._events_ns, *(mark for track in self._tracks for mark in track.gaps_ns)})

    def at(self, unix_ns: int) -> BySource:
        """Return the newest frame of each source that was taken until then."""
        found: BySource = {}
        for track in self._tracks:
            for key, frame in track.at(unix_ns).items():
                source = Source(track.host, key)
                if source not in found or found[source].time.unix_ns <= frame.time.unix_ns:
                    found[source] = as_received(frame, track.host)
        return found

    def pulses(self, after_ns: int, until_ns: int) -> list[ReceivedBlock]:
        """Return every pulse that was taken between two times, each once, as if it was read at the second."""
        return [block for track in self._tracks for block in track.pulses(after_ns, until_ns)]

    def step(self, unix_ns: int, n_frames: int) -> int:
        """Return the time of the next frame of any key (1), or of the one before (-1)."""
        times = [time for track in self._tracks if (time := track.step(unix_ns, n_frames)) is not None]
        return (min if n_frames > 0 else max)(times, default=self.span_ns[n_frames > 0])


def _node_of(run_dir: Path) -> Path:
    """Return the data directory of a run, which one DAQ node writes: ``DATA/module_N/RUN`` or ``DATA/RUN``."""
    parent = run_dir.absolute().parent
    return parent.parent if parent.name.startswith("module_") else parent


def _name_hosts(nodes: Mapping[Path, list[_Track]]) -> None:
    """Give tracks of different nodes different hosts, if they have one module and product at one time.

    Nodes without such are as one host: nights that stand in directories of their own follow each other.
    """
    hosts: dict[Path, list[_Track]] = {}
    for node, tracks in nodes.items():
        for others in hosts.values():
            if not any(one.is_beside(other) for one in tracks for other in others):
                others += tracks
                break
        else:
            hosts[node] = list(tracks)
    for node, tracks in hosts.items():
        if len({track.host for track in tracks}) > 1 or len(hosts) > 1:
            for track in tracks:
                track.host = str(node)


class _Track:
    """Blocks of one module and product, in the order of their first frames."""

    def __init__(self, blocks: Iterable[FrameBlock], host: str) -> None:
        self.host = host
        timed = [(first, block) for block in blocks if (first := _first_ns(block))]
        timed.sort(key=lambda pair: pair[0])
        self.begins_ns = [first for first, _ in timed]
        self._blocks = [block for _, block in timed]
        self.end_ns = max((int(block[-1].time.unix_ns) for block in self._blocks[-1:]), default=0)
        self.gaps_ns: set[int] = set()
        self._known: dict[FrameBlock, Times] = {}
        # Pulses come when they come; only a movie has gaps.
        self._is_steady = bool(timed) and timed[0][1].product.kind is Kind.MOVIE
        for before, first in zip(self._blocks, self.begins_ns[1:], strict=False):
            if self._is_steady and first - before[-1].time.unix_ns > _LEAST_GAP_S * 1e9:
                self.gaps_ns.add(first)

    def is_beside(self, other: _Track) -> bool:
        """Whether both have frames of one module and product from the same time."""
        mine, its = ((t._blocks[0].module_id, t._blocks[0].product) for t in (self, other))
        return mine == its and self.begins_ns[0] <= other.end_ns and other.begins_ns[0] <= self.end_ns

    def at(self, unix_ns: int) -> dict[Key, Frame]:
        i = bisect.bisect_right(self.begins_ns, unix_ns) - 1
        found: dict[Key, Frame] = {}
        for block in self._blocks[max(0, i - 1) : i + 1]:  # a quabo may have been last in the file before
            times = self._times(block)
            for key, rows in block.rows.items():
                n = int(np.searchsorted(times[rows], unix_ns, side="right"))
                if n:
                    found[key] = block[int(rows[n - 1])]
        return found

    def step(self, unix_ns: int, n_frames: int) -> int | None:
        is_on = n_frames > 0
        i = max(0, bisect.bisect_right(self.begins_ns, unix_ns - (not is_on)) - 1)
        for block in self._blocks[i : i + 1 + is_on]:
            times = self._times(block)
            place = int(np.searchsorted(times, unix_ns, side="right" if is_on else "left")) - (not is_on)
            if 0 <= place < len(times):
                return int(times[place])
        return None

    def pulses(self, after_ns: int, until_ns: int) -> Iterator[ReceivedBlock]:
        if not self._blocks or self._blocks[0].product.kind is not Kind.PULSE_HEIGHT:
            return
        begin = max(0, bisect.bisect_right(self.begins_ns, after_ns) - 1)
        for block in self._blocks[begin : bisect.bisect_right(self.begins_ns, until_ns)]:
            first, end = np.searchsorted(self._times(block), (after_ns, until_ns), side="right").tolist()
            if part := block[max(first, end - _MOST_PULSES) : end]:
                yield ReceivedBlock(
                    part.data,
                    part.layout,
                    part.module_id,
                    part.file,
                    part.first_frame_number,
                    detected_unix_ns=until_ns,
                    host=self.host,
                    run=part.run,
                )

    def _times(self, block: FrameBlock) -> Times:
        """Times of a block, ascending: frames without a time, or with an earlier one, stand with those before."""
        if (known := self._known.get(block)) is not None:
            return known
        times: Times = np.maximum.accumulate(block.times[0])
        self._known[block] = times
        steps = np.diff(times)
        if len(steps) and self._is_steady:
            least_ns = max(_LEAST_GAP_S * 1e9, _GAP_STEPS * float(np.median(steps)))
            self.gaps_ns.update(times[1:][steps > least_ns].tolist())
        return times


def _first_ns(block: FrameBlock) -> int:
    return next((frame.time.unix_ns for frame in (block[i] for i in range(min(len(block), 8)))), 0)


def as_received(frame: Frame, host: str) -> ReceivedFrame:
    """Return a frame as a host sent it in a block; one of a disk as if it was sent just when it was taken."""
    return ReceivedFrame(
        frame.product,
        frame.module_id,
        frame.file,
        frame.frame_number,
        frame.pixels,
        frame.header,
        detected_unix_ns=frame.detected_unix_ns or frame.time.unix_ns,
        delivery=Delivery(host),
    )


class Lately:
    """The last minutes of a live stream.

    **Holds** a frame per source and `LIVE_SPACING_S` over `LIVE_SPAN_S`; the oldest go. For one thread.
    """

    name = "the last 5 minutes"

    def __init__(self) -> None:
        self._frames: dict[Source, deque[tuple[int, ReceivedFrame]]] = {}  # with their times, UTC ns

    def add(self, frames: BySource) -> None:
        """Take frames, unless the last of their source was taken just before."""
        for source, frame in frames.items():
            if not (unix_ns := frame.time.unix_ns):
                continue
            kept = self._frames.setdefault(source, deque())
            if kept and not unix_ns - kept[-1][0] >= LIVE_SPACING_S * 1e9:
                continue
            kept.append((unix_ns, frame))
            while unix_ns - kept[0][0] > LIVE_SPAN_S * 1e9:
                kept.popleft()

    @property
    def span_ns(self) -> tuple[int, int]:
        """Time of the first and of the last frame; zeros when there is none."""
        ends = [(kept[0][0], kept[-1][0]) for kept in self._frames.values()]
        return min((begin for begin, _ in ends), default=0), max((end for _, end in ends), default=0)

    @property
    def marks_ns(self) -> list[int]:
        """First frames after a pause."""
        marks = set()
        for source, kept in self._frames.items():
            if source.key.product.kind is not Kind.MOVIE:
                continue
            times = np.array([unix_ns for unix_ns, _ in kept])
            steps = np.diff(times)
            if len(steps):
                least_ns = max(_GAP_STEPS * LIVE_SPACING_S * 1e9, _GAP_STEPS * float(np.median(steps)))
                marks.update(times[1:][steps > least_ns].tolist())
        return sorted(marks)

    def at(self, unix_ns: int) -> BySource:
        """Return the newest frame of each source that was taken until then."""
        found = {}
        for source, kept in self._frames.items():
            if (n := bisect.bisect_right(kept, unix_ns, key=itemgetter(0))) > 0:
                found[source] = kept[n - 1][1]
        return found

    def step(self, unix_ns: int, n_frames: int) -> int:
        """Return the time of the next frame of any key (1), or of the one before (-1)."""
        steps = [time - unix_ns for kept in self._frames.values() for time, _ in kept]
        ahead = [n_frames * step for step in steps if n_frames * step > 0]
        return unix_ns + n_frames * min(ahead) if ahead else self.span_ns[n_frames > 0]

    def pulses(self, after_ns: int, until_ns: int) -> list[ReceivedBlock]:
        """Return nothing: of the live stream not every pulse is kept."""
        return []


Timeline = Recorded | Lately
"""Frames in the order of their own times, UTC ns since 1970."""
