"""Parts of integration tests: a data directory, a writer, a server, and patience."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from panoseti_daq.client.portal import PORTALS
from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.config.load import check_values
from panoseti_daq.config.settings import RunProbe
from panoseti_daq.pff import DataProduct
from panoseti_daq.service.listening import ListenAt
from panoseti_daq.service.server import Server, running_server
from panoseti_daq.simulator.sky import ModuleSky
from panoseti_daq.simulator.writer import Buffering, RunWriter
from support.patience import PATIENCE_S

RUN = "obs_Test.start_2026-01-01T00:00:00Z.runtype_sci-data.pffd"
START_NS = 1_767_225_600_000_000_000
PERIOD_NS = 10_000_000
N_WORKERS = int(os.environ.get("SERVE_WORKERS", "1"))  # SERVE_WORKERS=2 pytest tests/integration
_ARGUMENTS = ("make_source", "limits", "host", "elsewhere")  # of running_server


class Recorder:
    """Writes frames of one module and remembers them by product and frame number."""

    def __init__(self, data_dir: Path, module_id: int = 1, run: str = RUN, **options: object) -> None:
        self.frames: dict[DataProduct, list[bytes]] = {p: [] for p in DataProduct}
        self._sky = ModuleSky(module_id)
        run_dir = data_dir / f"module_{module_id}" / run
        self.writer = RunWriter(run_dir, module_id, **options)  # type: ignore[arg-type]

    def write(self, product: DataProduct, n_frames: int = 1) -> None:
        for _ in range(n_frames):
            n_before = len(self.frames[product])
            frame = self._sky.frame(product, START_NS + n_before * PERIOD_NS)
            self.frames[product].append(frame)
            self.writer.write(product, frame)


@contextmanager
def recording(
    data_dir: Path, module_id: int = 1, run: str = RUN, buffering: Buffering = Buffering.FRAME
) -> Iterator[Recorder]:
    """A recorder whose files are closed at the end."""
    recorder = Recorder(data_dir, module_id, run, buffering=buffering)
    try:
        yield recorder
    finally:
        recorder.writer.close()


@asynccontextmanager
async def serving(follow: Path | HpIoConfig | None = None, **settings: Any) -> AsyncIterator[Server]:
    """A server in this process; follows `follow` if it is given. Names of `_ARGUMENTS` are no settings."""
    arguments = {name: settings.pop(name) for name in _ARGUMENTS if name in settings}
    if isinstance(follow, Path):
        follow = HpIoConfig(str(follow))
    chosen = check_values({"run_probe": RunProbe.NONE, **settings})
    where = ListenAt((arguments.pop("host", "127.0.0.1"),))
    running = running_server(chosen, where, follow=follow, **arguments)
    async with asyncio.timeout(PATIENCE_S), running as server:
        yield server


@contextmanager
def serving_in_thread(follow: Path | HpIoConfig | None = None, **settings: Any) -> Iterator[Server]:
    """The same for a test that is no coroutine; in the loop of its clients, see `PORTALS`."""
    with PORTALS as portal, portal.entered(serving(follow, **settings)) as server:
        yield server


async def until(condition: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
    """Wait for a condition that no event tells."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)


def image_of(frame: bytes, product: DataProduct) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    """Pixels of a frame as it stands in a file."""
    return np.frombuffer(frame[-product.image_size_bytes :], product.dtype).reshape(product.shape)


def command(*arguments: object, first: str = "") -> list[str]:
    """The command line of this checkout, after some Python code."""
    code = f"{first}\nfrom panoseti_daq.cli.main import main; main()"
    return [sys.executable, "-P", "-c", code, *map(str, arguments)]


def run_command(*arguments: object, timeout_s: float = PATIENCE_S) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=timeout_s, check=False)


@contextmanager
def started(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A command that runs until the block is left, then gets SIGTERM."""
    process = subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise


@contextmanager
def serving_process(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``panoseti-daq serve`` on a free port, with `N_WORKERS`, and the address that it prints."""
    several = () if N_WORKERS == 1 or "--workers" in arguments else ("--workers", N_WORKERS)
    with started("serve", "--port", 0, *several, *arguments) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if match := re.match(r"listening on (\S+)", line):
                yield process, match[1]
                return
        raise AssertionError("the server did not say that it listens")
