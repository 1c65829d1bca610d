"""The writer as a process of its own: appends frames and notes when each was written.

``python -m benchmarks.writer SCENE FEED DURATION OUT``. Its output is an int64 file of shape
(n_places, 1 + n_frames): time.time_ns() by place and frame number; 0 for frame 0, which was there before, and for
frames that it could not write in time because a reader of the socket held it up.
"""

from __future__ import annotations

import enum
import gc
import os
import socket
import sys
import time
from array import array
from pathlib import Path
from typing import Final

from benchmarks.workload import PIPE_NAME, Template, Workload, file_of, product_of

MIN_STEP_S: Final = 0.0005  # frames that are due within it are written together: sleeping costs too
GRACE_S: Final = 0.5  # how late the last frame may be


class Feed(enum.Enum):
    """How frames get from the writer to a server."""

    FILE = "file"  # appended; the server finds out itself
    PIPE = "pipe"  # appended, and the server is told through a named pipe in the run directory
    SOCKET = "socket"  # sent to a Unix socket of the server, one for each data product


class Appender:
    """Writes single frames, as Hashpipe with a flush after each one."""

    def __init__(self, data_dir: Path, sockets: Path, work: Workload, feed: Feed) -> None:
        self._templates = {product: Template(product) for product in work.products}
        self._feed = feed
        self._files: dict[int, int] = {}
        self._pipes: dict[int, int] = {}
        self._sockets: dict[str, socket.socket] = {}
        if feed is Feed.SOCKET:
            for product in work.products:
                self._sockets[product] = socket.socket(socket.AF_UNIX)
                self._sockets[product].connect(str(socket_of(sockets, product)))
            return
        for place in work.places:
            path = file_of(data_dir, place)
            self._files[place] = os.open(path, os.O_WRONLY | os.O_APPEND)
            if feed is Feed.PIPE:
                self._pipes[place] = os.open(path.parent / PIPE_NAME, os.O_RDWR | os.O_NONBLOCK)

    def append(self, place: int, number: int) -> None:
        product = product_of(place)
        frame = self._templates[product].numbered(number)
        if self._sockets:
            self._sockets[product].sendall((place // 2).to_bytes(2, "big") + frame)
            return
        os.write(self._files[place], frame)
        if self._pipes:
            signal(self._pipes[place], product)


def socket_of(sockets: Path, product: str) -> Path:
    return sockets / f"{product}.sock"


def signal(pipe: int, product: str) -> None:
    """Tell the peer that a file of `product` grew: the name in ten bytes (its simulate.py)."""
    try:
        os.write(pipe, product.encode().ljust(10))
    except BlockingIOError:  # full: it is told already
        pass


def main(scratch: str, n_modules: str, rate_hz: str, products: str, feed: str, duration_s: str, out: str) -> None:
    work = Workload(int(n_modules), float(rate_hz), tuple(products.split(",")))
    appender = Appender(Path(scratch, "data"), Path(scratch), work, Feed(feed))
    places = work.places
    n_frames = work.n_frames(float(duration_s))
    rows = [array("q", bytes(8 * (1 + n_frames))) for _ in places]
    step_s = 1 / work.frames_per_s
    n_together = max(1, round(MIN_STEP_S / step_s))
    gc.disable()
    print("writing", flush=True)
    start = time.monotonic()
    end = start + n_frames / work.rate_hz + GRACE_S
    for i in range(n_frames * len(places)):
        number, turn = divmod(i, len(places))
        if i % n_together == 0:
            now = time.monotonic()
            if (wait_s := start + i * step_s - now) > 0:
                time.sleep(wait_s)
            elif now > end:
                break
        appender.append(places[turn], 1 + number)
        rows[turn][1 + number] = time.time_ns()
    with open(out, "wb") as table:
        for row in rows:
            row.tofile(table)


if __name__ == "__main__":
    main(*sys.argv[1:])
