"""The writer as a process of its own: appends frames and notes when each `write` returned.

Its output is an int64 file of shape (n_modules, 1 + n_frames): time.time_ns() by module and frame number; 0 for
frame 0, which was there before.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from array import array
from pathlib import Path

from benchmarks.workload import Workload, encoded_frame, file_of


def main(data_dir: str, n_modules: str, rate_hz: str, duration_s: str, out: str) -> None:
    work = Workload(int(n_modules), float(rate_hz))
    files = [os.open(file_of(Path(data_dir), m), os.O_WRONLY | os.O_APPEND) for m in work.module_ids]
    frame = encoded_frame()
    n_frames = work.n_frames(float(duration_s))
    rows = [array("q", bytes(8 * (1 + n_frames))) for _ in files]
    step_s = 1 / work.rate_hz / work.n_modules
    gc.disable()
    start = time.monotonic()
    for i in range(n_frames * work.n_modules):
        number, module = divmod(i, work.n_modules)
        wait_s = start + i * step_s - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        os.write(files[module], frame)
        rows[module][1 + number] = time.time_ns()
    with open(out, "wb") as table:
        for row in rows:
            row.tofile(table)


if __name__ == "__main__":
    main(*sys.argv[1:])
