"""A recorded file as arrays, beside pypff and the floor.

Images with every byte touched, all header fields and all times, by our reader and by the two that pypff, the
published reader, has (`datapff`, which has no times, and `PFFSequence`). The floor touches every byte through
`numpy.memmap`. All in turn, from the page cache.

A user takes ``images.max()`` of views that leave the headers out, and numpy needs three times as long for these as
for all bytes as they follow each other, with any reader: ``memmap images`` is that alone. So a second row touches
the bytes as the floor does.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from support.rig import START_NS

from benchmarks.bench import Bench
from benchmarks.table import FLOOR, OURS, Row, of_floor
from panoseti_daq.pff import DataProduct, Layout, PffName, open_file
from panoseti_daq.simulator.sky import ModuleSky

PRODUCTS: Final = (DataProduct.IMG16, DataProduct.PH256)
PERIOD_NS: Final = 1_000_000
N_DISTINCT: Final = 5000  # then the frames repeat
OF_MEMMAP: Final = 0.5
OF_PYPFF: Final = 5.0
PYPFF: Final = ("pypff.datapff", "pypff.PFFSequence")
TOUCHED: Final = "bytes"
MEMMAP_SUM: Final = "memmap sum"  # the obvious way; the floor is the cheapest that numpy has
MEMMAP_IMAGES: Final = "memmap images"

# In the interpreter that has pypff: frames per second of both its readers, the second time.
READ_WITH_PYPFF: Final = """
import sys, time
from pypff import PFFSequence, datapff

def read_file(path):
    images, fields = datapff(path).readpff(metadata=True)
    images.max()
    return len(images)

def read_sequence(path):
    with PFFSequence([path]) as sequence:
        sequence.read_images_range().max(), sequence.get_all_metadata(), sequence.timestamps()
        return len(sequence)

for read in (read_file, read_sequence):
    read(sys.argv[1])
    begin = time.perf_counter()
    n_frames = read(sys.argv[1])
    print(n_frames / (time.perf_counter() - begin))
"""


def make_file(data_dir: Path, product: DataProduct, n_frames: int) -> Path:
    sky = ModuleSky(1)
    frames = b"".join(sky.frame(product, START_NS + i * PERIOD_NS) for i in range(N_DISTINCT))
    path = data_dir / PffName(product, 1, start=datetime(2026, 1, 1, tzinfo=UTC)).format()
    with path.open("wb") as file:
        for _ in range(n_frames // N_DISTINCT):
            file.write(frames)
    return path


def ours(path: Path, *, as_bytes: bool = False) -> float:
    """Frames per second of images with every byte touched, all header fields, all times."""
    begin = time.perf_counter()
    block = open_file(path)
    touched = np.frombuffer(block.data, np.uint8) if as_bytes else block.images
    _ = touched.max(), block.columns, block.times
    return len(block) / (time.perf_counter() - begin)


def pypff(python: str, path: Path) -> list[float]:
    """The same of both readers of pypff."""
    command = (python, "-c", READ_WITH_PYPFF, str(path))
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [float(line) for line in done.stdout.split()]


def floors(path: Path, layout: Layout) -> Iterator[tuple[str, float]]:
    """Frames per second of touching every byte through memmap, in some ways."""
    image = ("image", layout.product.dtype, layout.product.shape)
    frame = np.dtype([("header", f"V{layout.image_offset_bytes}"), image])
    ways: dict[str, Callable[[], object]] = {
        FLOOR: lambda: np.memmap(path, np.uint8, "r").max(),
        MEMMAP_SUM: lambda: np.memmap(path, np.uint8, "r").sum(dtype=np.int64),
        MEMMAP_IMAGES: lambda: np.memmap(path, frame, "r")["image"].max(),
    }
    n_frames = path.stat().st_size // layout.frame_size_bytes
    for name, touch in ways.items():
        begin = time.perf_counter()
        touch()
        yield name, n_frames / (time.perf_counter() - begin)


def measure(path: Path, python: str | None, n_repetitions: int) -> dict[str, list[float]]:
    layout = open_file(path).layout
    rates: defaultdict[str, list[float]] = defaultdict(list)
    ours(path)
    for _ in range(n_repetitions):
        rates[OURS].append(ours(path))
        rates[TOUCHED].append(ours(path, as_bytes=True))
        if python is not None:
            for name, rate in zip(PYPFF, pypff(python, path), strict=True):
                rates[name].append(rate)
        for name, rate in floors(path, layout):
            rates[name].append(rate)
    return rates


def rows(bench: Bench) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        for product in PRODUCTS:
            bench.say(f"recorded {product.token} file as arrays")
            path = make_file(Path(scratch), product, 10_000 if bench.quick else 100_000)
            rates = measure(path, bench.pypff_python, bench.n_repetitions)
            what = f"recorded {product.token} file as arrays"
            goal = of_floor(rates[FLOOR], OF_MEMMAP, at_least=True)
            touched = {OURS: rates.pop(TOUCHED), FLOOR: rates[FLOOR]}
            yield Row.of(what, "frames", "1/s", rates, goal)
            yield Row.of(what, "frames, bytes touched as the floor does", "1/s", touched, goal)
            if PYPFF[0] in rates:
                beside = {OURS: rates[OURS], FLOOR: rates[PYPFF[0]]}
                goal = of_floor(beside[FLOOR], OF_PYPFF, at_least=True)
                yield Row.of(what, f"frames, beside {PYPFF[0]}", "1/s", beside, goal)
