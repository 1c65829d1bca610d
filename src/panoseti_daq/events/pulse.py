"""The ``pulse`` trigger: pixels of movies that are brighter for 1, 2, 4 ... 64 frames than they were before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from panoseti_daq.events.boxes import SlidingSums
from panoseti_daq.events.candidate import Candidate
from panoseti_daq.events.pulse_options import PulseOptions
from panoseti_daq.events.pulse_stream import PulseStream
from panoseti_daq.events.trigger import MOVIES, TriggerSpec
from panoseti_daq.events.watermark import END_NS
from panoseti_daq.pff import DataProduct, FrameBlock


class Pulse:
    """Finds pulses; a `Trigger`.

    Holds 1.8 MB for each module and data product. What it finds comes when a chunk of 256 frames (of slow movies
    64) is complete.
    """

    def __init__(self, options: PulseOptions) -> None:
        self._options = options
        self._sums = SlidingSums(options.max_width)
        self._streams: dict[tuple[str, int, DataProduct], PulseStream] = {}

    def feed(self, block: FrameBlock) -> list[Candidate]:
        """Take frames; return the pulses that are certain."""
        key = block.host, block.module_id, block.product
        if key not in self._streams:
            self._streams[key] = PulseStream(self._options, self._sums, block.module_id, block.product, block.host)
        return self._streams[key].add(block)

    def flush(self, watermark_ns: int) -> list[Candidate]:
        """Return the last pulses when this is the end; streams do not wait for one another."""
        return [c for stream in self._streams.values() for c in stream.finish()] if watermark_ns >= END_NS else []

    def counters(self) -> Mapping[str, float]:
        """Frames looked at, false pulses expected so far, time not looked at, and what was vetoed, by name."""
        streams = self._streams.values()
        vetoed: Counter[str] = Counter()
        for stream in streams:
            vetoed.update(stream.vetoed)
        return {
            "frames_searched": sum(stream.n_searched for stream in streams),
            "accidentals": sum(stream.n_expected for stream in streams),
            "dead_s": sum(stream.dead_s for stream in streams),
            "left_out_frames": sum(stream.n_left_out for stream in streams),
            **{f"vetoed_{name}": n for name, n in sorted(vetoed.items())},
        }


SPEC: Final = TriggerSpec(
    "pulse", "Pixels of movies that are brighter for 1, 2, 4 ... 64 frames.", PulseOptions, Pulse, MOVIES
)
