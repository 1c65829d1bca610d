"""Plays Hashpipe: writes a run of simulated or recorded frames to disk, in time (SPEC 7).

One implementation for the ``simulate`` command, the server's own simulation and the tests.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from panoseti_daq.errors import ConfigError, SourceError
from panoseti_daq.pff import DataProduct, FrameBlock, PffName, RunName, open_file
from panoseti_daq.pff.archive import run_files
from panoseti_daq.sources.follow import RunSource
from panoseti_daq.sources.runs import RUN_NAME_FILE
from panoseti_daq.sources.schedule import Simulation, recorded, synthetic
from panoseti_daq.sources.source import SourceStatus
from panoseti_daq.sources.writer import RunWriter

_NS: Final = 1_000_000_000


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

    @property
    def directory(self) -> Path:
        """The temporary data directory."""
        return self._directory

    def status(self) -> SourceStatus:
        """What is simulated now."""
        status = self._source.status()
        return SourceStatus("simulation", status.watching, status.modules, status.n_files)
