"""Directory of a benchmark that writes much: deleted when it ends or is stopped, at the latest by the next one."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PREFIX: Final = "panoseti_bench_"


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory that is deleted behind the block, also on SIGTERM and SIGHUP."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        pid = left.name.removeprefix(_PREFIX).partition("_")[0]
        if not Path("/proc", pid).exists():  # it was killed
            shutil.rmtree(left, ignore_errors=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}_") as made:
        yield Path(made)
