"""Plays Hashpipe: writes a run of simulated or recorded frames to disk, in time (SPEC 7).

One implementation for the ``simulate`` command, the server's own simulation and the tests.
"""

from __future__ import annotations

import asyncio
import heapq
import shutil
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from panoseti_daq.errors import ConfigError, SourceError
from panoseti_daq.pff import DataProduct, FrameBlock, Kind, PffName, RunName, open_file
from panoseti_daq.pff.archive import run_files
from panoseti_daq.pff.product import MAX_MODULE_ID
from panoseti_daq.sources.follow import RunSource
from panoseti_daq.sources.runs import RUN_NAME_FILE
from panoseti_daq.sources.sky import ModuleSky
from panoseti_daq.sources.source import SourceStatus
from panoseti_daq.sources.writer import Buffering, RunWriter

DEFAULT_MODULE_ID: Final = 224  # the published simulation's, which scripts expect
DEFAULT_PRODUCTS: Final = (DataProduct.IMG16, DataProduct.PH256)
_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Simulation:
    """What to write.

    Attributes
    ----------
    module_ids
        Modules, 0-255.
    products
        Data products.
    rate_hz
        Movie frames per second, module and product.
    pulse_height_rate_hz
        Mean rate of triggers per module and product; they come at random.
    buffering
        When a frame reaches the file.
    max_file_frames
        Frames per file before it rotates; None for never.
    keep_files
        Files of a product to keep at rotation; None for all.
    seed
        Of the random numbers.
    """

    module_ids: tuple[int, ...] = (DEFAULT_MODULE_ID,)
    products: tuple[DataProduct, ...] = DEFAULT_PRODUCTS
    rate_hz: float = 20.0
    pulse_height_rate_hz: float = 8.0
    buffering: Buffering = Buffering.FRAME
    max_file_frames: int | None = None
    keep_files: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for module_id in self.module_ids:
            if not 0 <= module_id <= MAX_MODULE_ID:
                raise ConfigError(f"module_id {module_id} is not within 0-{MAX_MODULE_ID}")
        if not self.module_ids or not self.products:
            raise ConfigError("a simulation needs at least one module and one data product")
        for name in ("rate_hz", "pulse_height_rate_hz"):
            if not 0 < getattr(self, name) <= 1e6:
                raise ConfigError(f"{name} {getattr(self, name):g} is not within 0-1000000 frames/s")


@dataclass(frozen=True, slots=True)
class Due:
    """One frame to write: when, where, and what."""

    at_ns: int  # since the run began
    module_id: int
    product: DataProduct
    frame: bytes


def synthetic(simulation: Simulation, start_ns: int) -> Iterator[Due]:
    """Frames of a simulation in the order of their time, without end; `start_ns` is the UTC time of the first."""
    skies = {module_id: ModuleSky(module_id, simulation.seed) for module_id in simulation.module_ids}
    random = np.random.default_rng(simulation.seed)
    # One heap entry per module and product: its next frame.
    streams = [(0, m, i) for m in skies for i in range(len(simulation.products))]
    while True:
        at_ns, module_id, i = streams[0]
        product = simulation.products[i]
        yield Due(at_ns, module_id, product, skies[module_id].frame(product, start_ns + at_ns))
        if product.kind is Kind.MOVIE:
            pause_s = 1 / simulation.rate_hz
        else:
            pause_s = random.exponential(1 / simulation.pulse_height_rate_hz)
        heapq.heapreplace(streams, (at_ns + max(1, round(pause_s * _NS)), module_id, i))


def _never_earlier(unix_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Times at which to write frames one after the other; one without a time goes with its neighbour."""
    unix_ns = np.maximum.accumulate(unix_ns)
    known = unix_ns[unix_ns > 0]
    return np.maximum(unix_ns, known[0]) if len(known) else unix_ns


def recorded(files: Collection[FrameBlock], speed: float) -> Iterator[Due]:
    """Frames of recorded files, byte for byte, in the order of their time.

    Parameters
    ----------
    files
        Files of one run, see `open_file`.
    speed
        How much faster than they were taken; infinite for as fast as possible.
    """
    times = [_never_earlier(f.times[0]) for f in files]
    begin_ns = min((int(t[0]) for t in times if t[0]), default=0)

    def one(block: FrameBlock, unix_ns: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Iterator[Due]:
        size = block.layout.frame_size_bytes
        for i, at_ns in enumerate(((unix_ns - begin_ns).clip(0) / speed).astype(np.int64)):
            frame = bytes(block.data[i * size : (i + 1) * size])
            yield Due(int(at_ns), block.module_id, block.product, frame)

    streams = [one(f, t) for f, t in zip(files, times, strict=True)]
    return heapq.merge(*streams, key=lambda due: due.at_ns)


class Simulator:
    """Writes one run of all modules below a data directory; for one thread, but `stop` may come from any.

    Parameters
    ----------
    data_dir
        Data directory; made when it is not there.
    simulation
        What to write. With `replay` only its `buffering`, `max_file_frames` and `keep_files` count.
    replay
        Directory of a recorded run to write instead, under its own file names.
    speed
        How much faster than it was taken; infinite for as fast as possible.

    Raises
    ------
    PffError, OSError
        `replay` holds no frames, or is missing.
    SourceError
        The data directory cannot be made or written.
    """

    def __init__(
        self,
        data_dir: Path,
        simulation: Simulation | None = None,
        *,
        replay: Path | None = None,
        speed: float = 1.0,
    ) -> None:
        if not speed > 0:
            raise ConfigError(f"speed {speed:g} is not above 0")
        self.data_dir = data_dir
        self.simulation = simulation or Simulation()
        self.n_frames = 0
        self._speed = speed
        self._stopping = threading.Event()
        self._made: list[Path] = []
        self._files = [open_file(path) for path in run_files(replay)] if replay else []
        obs, self._start = ("replay" if replay else "simulate"), datetime.now(UTC)
        self.run_name = RunName(obs, self._start, "sci-data").format()

    @property
    def module_ids(self) -> tuple[int, ...]:
        """Modules that are written."""
        if self._files:
            return tuple(sorted({block.module_id for block in self._files}))
        return self.simulation.module_ids

    def _writer(self, module_id: int) -> RunWriter:
        first: dict[DataProduct, tuple[int, str]] = {}
        for block in self._files:
            if block.module_id == module_id:
                seqno = PffName.parse(block.file).seqno
                first[block.product] = min(first.get(block.product, (seqno, block.file)), (seqno, block.file))
        run_dir = self.data_dir / f"module_{module_id}" / self.run_name
        self._made.append(run_dir)
        return RunWriter(
            run_dir,
            module_id,
            buffering=self.simulation.buffering,
            max_file_frames=self.simulation.max_file_frames,
            keep_files=self.simulation.keep_files,
            names={product: name for product, (_, name) in first.items()},
        )

    def run(self, duration_s: float | None = None) -> None:
        """Write until `duration_s` is over, the recording ends or `stop` is called.

        Frames are written when they are due by the monotonic clock; after a delay the backlog follows at once.

        Raises
        ------
        SourceError
            The data directory cannot be written; the message says why.
        """
        try:
            with ExitStack() as stack:
                writers = {m: stack.enter_context(closing(self._writer(m))) for m in self.module_ids}
                (self.data_dir / RUN_NAME_FILE).write_text(self.run_name + "\n")
                self._play(writers, duration_s)
        except OSError as error:
            raise SourceError(f"cannot write to {self.data_dir}: {error.strerror or error}") from error

    def _play(self, writers: dict[int, RunWriter], duration_s: float | None) -> None:
        begin = time.monotonic()
        frames = recorded(self._files, self._speed) if self._files else synthetic(self.simulation, time.time_ns())
        for due in frames:
            if duration_s is not None and due.at_ns > duration_s * _NS:
                break
            wait_s = begin + due.at_ns / _NS - time.monotonic()
            if (wait_s > 0 and self._stopping.wait(wait_s)) or self._stopping.is_set():
                break
            writers[due.module_id].write(due.product, due.frame)
            self.n_frames += 1

    def stop(self) -> None:
        """Make `run` close its files and return."""
        self._stopping.set()

    def clean(self) -> None:
        """Delete what was written, and directories that are empty then."""
        for run_dir in self._made:
            shutil.rmtree(run_dir, ignore_errors=True)
            _remove_if_empty(run_dir.parent)
        (self.data_dir / RUN_NAME_FILE).unlink(missing_ok=True)
        _remove_if_empty(self.data_dir)


def _remove_if_empty(path: Path) -> None:
    try:
        path.rmdir()
    except OSError:
        pass


class SimulatedSource:
    """A simulator in a temporary directory, followed like any other run; a `FrameSource`.

    Owns the directory, a writing thread and a `RunSource` until it is left.

    Parameters
    ----------
    simulation
        What to simulate; files rotate and old ones are deleted, so that it can run for months.
    module_ids
        Of the simulated modules follow these; empty for all.
    """

    def __init__(self, simulation: Simulation | None = None, module_ids: Collection[int] = ()) -> None:
        self._simulation = simulation or Simulation(max_file_frames=1000, keep_files=2)
        self._module_ids = module_ids
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="simulate")

    async def __aenter__(self) -> Self:
        self._directory = Path(tempfile.mkdtemp(prefix="panoseti-daq-"))
        self._simulator = Simulator(self._directory, self._simulation)
        self._source = RunSource(self._directory, module_ids=self._module_ids)
        try:
            await self._source.__aenter__()
        except BaseException:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._thread.shutdown(wait=False)
            raise
        loop = asyncio.get_running_loop()
        self._writing = loop.run_in_executor(self._thread, self._simulator.run)
        self._writing.add_done_callback(lambda _: self._source.stop())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._simulator.stop()
        try:
            await self._source.__aexit__(kind, error, trace)
            await asyncio.wait([self._writing])
        finally:
            self._thread.shutdown(wait=False)
            shutil.rmtree(self._directory, ignore_errors=True)

    async def __aiter__(self) -> AsyncIterator[FrameBlock]:
        async for block in self._source:
            yield block
        self._writing.result()  # raises what stopped the simulator

    def status(self) -> SourceStatus:
        """What is simulated now."""
        status = self._source.status()
        return SourceStatus("simulation", status.watching, status.modules, status.n_files)
