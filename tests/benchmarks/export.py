"""A recorded run as Zarr and as a dataset, beside pypff and the floor.

The run is a file of img16 whose pixels are Poisson noise on a flat field, as the sky at night is. Converting is
measured in processes of their own, from the page cache to the page cache, by the clock and by the processor; ours
with our codec and with that of pypff. The floor of reading is `numpy.memmap`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from support.runs import RUN_NAME, START, header_of

from benchmarks.bench import Bench
from benchmarks.table import FLOOR, OURS, Goal, Row
from panoseti_daq.pff import DataProduct, PffName, encode_frame, open_file

PRODUCT: Final = DataProduct.IMG16
MEAN_ADC: Final = 200
N_AT_ONCE: Final = 5000
OURS_ZSTD: Final = "ours, zstd"
PYPFF: Final = "pypff"

_TIMED: Final = """
import sys, time
{imports}
wall, processor = time.perf_counter(), time.process_time()
{convert}
print(time.perf_counter() - wall, time.process_time() - processor)
"""
CONVERT_OURS: Final = _TIMED.format(
    imports="from panoseti_daq.export import convert_run\nfrom panoseti_daq.export.choices import Codec",
    convert="convert_run(sys.argv[1], sys.argv[2], codec=Codec(sys.argv[3]))",
)
CONVERT_PYPFF: Final = _TIMED.format(
    imports="from pypff.io2 import PanosetiRun\nfrom pypff.zarr import convert_run",
    convert="convert_run(PanosetiRun(sys.argv[1]), sys.argv[2])",
)


def make_run(run: Path, n_frames: int) -> Path:
    random = np.random.default_rng(1)
    flat = random.normal(1, 0.08, PRODUCT.shape)
    run.mkdir()
    path = run / PffName(PRODUCT, 1, start=START).format()
    with path.open("wb") as file:
        for begin in range(0, n_frames, N_AT_ONCE):
            images = random.poisson(MEAN_ADC * flat, (N_AT_ONCE, *PRODUCT.shape))
            for i, image in enumerate(images):
                file.write(encode_frame(header_of(PRODUCT, begin + i), image, PRODUCT))
    return path


def convert(python: str, code: str, run: Path, *arguments: str) -> tuple[float, float]:
    """Seconds by the clock and of the processor."""
    with tempfile.TemporaryDirectory(dir=run.parent) as out:
        command = (python, "-c", code, str(run), out, *arguments)
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    wall_s, processor_s = map(float, done.stdout.split())
    return wall_s, processor_s


def converting(bench: Bench, run: Path, n_bytes: int) -> Iterator[Row]:
    measured: dict[str, list[tuple[float, float]]] = {OURS: [], OURS_ZSTD: []}
    for _ in range(bench.n_repetitions):
        measured[OURS].append(convert(sys.executable, CONVERT_OURS, run, "blosc-zstd"))
        measured[OURS_ZSTD].append(convert(sys.executable, CONVERT_OURS, run, "zstd"))
        if bench.pypff_python is not None:
            measured.setdefault(PYPFF, []).append(convert(bench.pypff_python, CONVERT_PYPFF, run))
    for i, quantity in enumerate(("pixels by the clock", "pixels per processor")):
        rates = {name: [n_bytes / times[i] for times in found] for name, found in measured.items()}
        theirs = np.median(rates[PYPFF]) / 1e6 if PYPFF in rates else 0
        goals = (Goal(3 * float(theirs), "3 x pypff", at_least=True), Goal(150, "", at_least=True))
        yield Row.of("img16 run to Zarr", quantity, "MB/s", rates, goals[i] if theirs or i else None, 1e-6)


def reading(bench: Bench, path: Path) -> Iterator[Row]:
    import xarray as xr

    opened, read, floor = [], [], []
    xr.open_dataset(path, engine="pff")  # finds all engines and imports ours, once in a process
    for _ in range(bench.n_repetitions):
        begin = time.perf_counter()
        dataset = xr.open_dataset(path, engine="pff")
        opened.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        dataset.images.values.max()
        read.append(dataset.images.nbytes / (time.perf_counter() - begin))
        layout = open_file(path).layout
        frame = np.dtype([("header", f"V{layout.image_offset_bytes}"), ("image", PRODUCT.dtype, PRODUCT.shape)])
        begin = time.perf_counter()
        np.memmap(path, frame, "r")["image"].max()
        floor.append(dataset.images.nbytes / (time.perf_counter() - begin))
    size_gb = os.path.getsize(path) / 1e9
    yield Row.of(f"img16 file of {size_gb:.2f} GB", "open as a dataset", "ms", {OURS: opened}, Goal(50, ""), 1e3)
    goal = Goal(0.9 * float(np.median(floor)) / 1e6, "0.9 x floor", at_least=True)
    yield Row.of("img16 file as a dataset", "pixels", "MB/s", {OURS: read, FLOOR: floor}, goal, 1e-6)


def rows(bench: Bench) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        bench.say("recorded img16 run as Zarr and as a dataset")
        path = make_run(Path(scratch) / RUN_NAME, 30_000 if bench.quick else 130_000)
        yield from converting(bench, path.parent, len(open_file(path)) * PRODUCT.image_size_bytes)
        large = path.parent.with_name("large") / path.name
        large.parent.mkdir()
        with large.open("wb") as file:
            for _ in range(1 if bench.quick else 3):  # 1 GB
                file.write(path.read_bytes())
        yield from reading(bench, large)
