"""Events: processor time and memory of the built-in triggers on an observatory.

45 modules x 1000 frames/s through ``pulse`` and 45 x 11 Hz through ``coincidence``, in blocks of the usual size,
from memory. The floor decodes times and quality of the same blocks and does nothing else with them. Processor
time, so that other processes count little; a process of its own for each, so that memory is its own.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from support.events import NS, cut, engine_of, movie, ph256

from benchmarks.bench import Bench
from benchmarks.processes import TESTS_DIR
from benchmarks.table import FLOOR, OURS, Goal, Row
from panoseti_daq.events.usable import flags_of_frames
from panoseti_daq.pff import FrameBlock

N_MODULES: Final = 45
MOVIE_HZ: Final = 1000
PULSE_HEIGHT_HZ: Final = 11.0
BURST_FRAMES: Final = 413  # img16 frames in 1 MiB
PAGE_FRAMES: Final = 6  # ph256 frames in 4 KiB
MAX_CORES: Final = Goal(2.0, "the issue")
MAX_MB: Final = Goal(1000.0, "the issue")


def movies(duration_s: float) -> Iterator[FrameBlock]:
    """Blocks of all modules in turn; all see the same sky."""
    random = np.random.default_rng(1)
    for first in range(0, round(duration_s * MOVIE_HZ), BURST_FRAMES):
        block = movie(random.poisson(200, (BURST_FRAMES, 32, 32)), first=first)
        for module_id in range(1, N_MODULES + 1):
            file = block.file.replace("module_1.", f"module_{module_id}.")
            yield FrameBlock(block.data, block.layout, module_id, file, first)


def pulse_heights(duration_s: float) -> Iterator[FrameBlock]:
    """Blocks of all modules, each with random times."""
    random = np.random.default_rng(1)
    streams = []
    for module_id in range(1, N_MODULES + 1):
        n = random.poisson(PULSE_HEIGHT_HZ * duration_s)
        whole = ph256(module_id, np.sort(random.integers(0, round(duration_s * NS), n)).tolist())
        streams.append(cut(whole, range(PAGE_FRAMES, n, PAGE_FRAMES)))
    blocks = [block for stream in streams for block in stream]
    yield from sorted(blocks, key=lambda block: int(block.times[0][-1]))


def fresh(block: FrameBlock) -> FrameBlock:
    """The block with nothing decoded."""
    return FrameBlock(block.data, block.layout, block.module_id, block.file, block.first_frame_number)


def measure(trigger: str, duration_s: float) -> dict[str, float]:
    """Seconds of processor time per second of data, and MB."""
    make = movies if trigger == "pulse" else pulse_heights
    engine = engine_of([], trigger)
    ours = floor = 0.0
    n_found = 0
    for block in make(duration_s):
        decoded = fresh(block)
        begin = time.process_time()
        decoded.times, flags_of_frames(decoded)
        floor += time.process_time() - begin
        block = fresh(block)
        begin = time.process_time()
        n_found += len(engine.feed(block))
        ours += time.process_time() - begin
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return {"ours": ours / duration_s, "floor": floor / duration_s, "mb": memory_mb, "n_found": n_found}


def rows(bench: Bench) -> Iterator[Row]:
    for trigger, what, duration_s in (
        ("pulse", f"pulse: {N_MODULES} modules x {MOVIE_HZ} frames/s", 3 if bench.quick else 12),
        ("coincidence", f"coincidence: {N_MODULES} modules x {PULSE_HEIGHT_HZ:g} Hz", 30 if bench.quick else 120),
    ):
        found: list[dict[str, Any]] = []
        for i in range(bench.n_repetitions):
            bench.say(f"{what}, {i + 1} of {bench.n_repetitions}")
            run = (sys.executable, "-m", "benchmarks.events", trigger, str(duration_s))
            found.append(json.loads(subprocess.run(run, stdout=subprocess.PIPE, check=True, cwd=TESTS_DIR).stdout))
        cores = {OURS: [one["ours"] for one in found], FLOOR: [one["floor"] for one in found]}
        yield Row.of(what, "processor", "cores", cores, MAX_CORES)
        carried = {OURS: [N_MODULES / one["ours"] for one in found]}
        yield Row.of(what, "one core carries", "modules", carried)
        yield Row.of(what, "memory", "MB", {OURS: [one["mb"] for one in found]}, MAX_MB)


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], float(sys.argv[2]))))
