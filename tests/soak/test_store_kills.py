"""A recording with a store behind it is killed at random moments."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import xarray as xr
from soak import recording_behind
from soak.scale import SEED, note
from support.runs import RUN_NAME, frames_of, write_run

from panoseti_daq.export import convert_run
from panoseti_daq.export.behind import LEVEL_DIR
from panoseti_daq.pff import DataProduct, open_file

N_KILLS: Final = int(os.environ.get("SOAK_STORE_KILLS", "6"))
CHUNK: Final = 50  # of 5000 frames: a commit every few milliseconds
N_FRAMES: Final = 5000

pytestmark = [pytest.mark.timeout(120 + 10 * N_KILLS), pytest.mark.usefixtures("threads_of_zarr")]


def killed_after(seconds: float, source: Path, out: Path) -> bool:
    """Run the recording and kill it so long after it has begun; whether it was still running."""
    command = [sys.executable, recording_behind.__file__, str(source), str(out), str(CHUNK)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begins\n"
        time.sleep(seconds)
        is_running = process.poll() is None
        process.kill()
    return is_running


def test_a_store_opens_after_a_kill_at_any_moment_and_ends_at_a_chunk_border(tmp_path: Path) -> None:
    (source,) = write_run(tmp_path / RUN_NAME, DataProduct.IMG16, frames_of(DataProduct.IMG16, N_FRAMES))
    block, chance = open_file(source), random.Random(SEED)
    n_killed, seen, out, n_outs = 0, set(), tmp_path / "out", 0
    while n_killed < N_KILLS:
        is_killed = killed_after(chance.uniform(0, 0.4), source, out)
        n_killed += is_killed
        stores = list(out.glob(f"*/{LEVEL_DIR}/*.zarr"))
        for store in stores:
            with xr.open_zarr(store, consolidated=False) as dataset:
                n_frames = dataset.sizes["time"]
                assert n_frames % CHUNK == 0
                np.testing.assert_array_equal(dataset.images.values, block.images[:n_frames])
                np.testing.assert_array_equal(dataset.unix_t_ns.values, block.times[0][:n_frames])
            seen.add(n_frames)
        recorded = out / "module_1" / RUN_NAME / source.name
        if not is_killed or (recorded.exists() and len(open_file(recorded)) == N_FRAMES):
            out, n_outs = tmp_path / f"out_{n_outs}", n_outs + 1  # complete: begin with another one
    note(f"{n_killed} kills of a recording with a store behind it: stores of {len(seen)} lengths, all whole")
    (store,) = convert_run(tmp_path / RUN_NAME, out / RUN_NAME / LEVEL_DIR, chunk=CHUNK)
    with xr.open_zarr(store, consolidated=False) as dataset:
        np.testing.assert_array_equal(dataset.images.values, block.images)
        np.testing.assert_array_equal(dataset.quality.values, block.quality)
