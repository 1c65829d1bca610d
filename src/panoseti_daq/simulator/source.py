"""Simulation or replay as a source of frames: what the simulator writes, followed like any other run."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from panoseti_daq.errors import ConfigError
from panoseti_daq.pff import FrameBlock
from panoseti_daq.pff.archive import run_files
from panoseti_daq.simulator.schedule import Simulation
from panoseti_daq.simulator.scratch import scratch_directory
from panoseti_daq.simulator.simulator import Simulator
from panoseti_daq.sources.follow import RunSource
from panoseti_daq.sources.source import SourceStatus


class SimulatedSource:
    """A simulator, or a replay, in a temporary directory, followed like any other run; a `FrameSource`.

    Owns the directory, a writing thread and a `RunSource` until it is left.

    Parameters
    ----------
    simulation
        What to simulate; files rotate and old ones are deleted, so that it can run for months.
    module_ids
        Of the simulated modules follow these; empty for all.
    replay
        Directory of a recorded run to play instead; when it ends, its last frames remain.
    speed
        How much faster than it was taken; infinite for as fast as possible.
    scratch_dir
        Where to make the directory; None for the system's place for temporary files.

    Raises
    ------
    ConfigError
        On entering: none of `module_ids` is simulated, or in the recorded run.
    """

    def __init__(
        self,
        simulation: Simulation | None = None,
        module_ids: Collection[int] = (),
        *,
        replay: Path | None = None,
        speed: float = 1.0,
        scratch_dir: Path | None = None,
    ) -> None:
        rotating = Simulation() if replay else Simulation(max_file_frames=1000, keep_files=2)
        self._simulation = simulation or rotating
        self._module_ids = module_ids
        self._replay = replay
        self._speed = speed
        self._scratch_dir = scratch_dir
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="simulate")

    async def __aenter__(self) -> Self:
        n_bytes = sum(path.stat().st_size for path in run_files(self._replay)) if self._replay else 0
        scratch = ExitStack()
        self._directory = scratch.enter_context(scratch_directory(n_bytes, self._scratch_dir))
        self._scratch = scratch
        try:
            self._simulator = Simulator(self._directory, self._simulation, replay=self._replay, speed=self._speed)
            self._check_modules()
            for module_id in self._simulator.module_ids:  # what a source expects, before the first frame is there
                (self._directory / f"module_{module_id}").mkdir()
            self._source = RunSource(self._directory, module_ids=self._module_ids)
            await self._source.__aenter__()
        except BaseException:
            scratch.close()
            self._thread.shutdown(wait=False)
            raise
        loop = asyncio.get_running_loop()
        self._writing = loop.run_in_executor(self._thread, self._simulator.run)
        self._writing.add_done_callback(self._written)
        return self

    def _check_modules(self) -> None:
        """Refuse a choice of modules that none of the frames to come belongs to."""
        there_are = self._simulator.module_ids
        if self._module_ids and not set(self._module_ids) & set(there_are):
            wanted, allowed = (", ".join(map(str, ids)) for ids in (self._module_ids, there_are))
            hint = "" if self._replay else " (those of sim_module_ids are simulated)"
            raise ConfigError(f"invalid module_ids: {wanted}; allowed: {allowed}{hint}")

    def _written(self, writing: asyncio.Future[None]) -> None:
        """A simulator that failed ends the source; a replay that came to its end does not."""
        if writing.cancelled() or writing.exception() is not None or self._replay is None:
            self._source.stop()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._simulator.stop()
        try:
            await self._source.__aexit__(kind, error, trace)
            await asyncio.wait([self._writing])
        finally:
            self._thread.shutdown(wait=False)
            self._scratch.close()

    async def __aiter__(self) -> AsyncIterator[FrameBlock]:
        async for block in self._source:
            yield block
        self._writing.result()  # raises what stopped the simulator

    @property
    def directory(self) -> Path:
        """The temporary data directory."""
        return self._directory

    def status(self) -> SourceStatus:
        """Return what is simulated now."""
        description = f"replay of {self._replay}" if self._replay else "simulation"
        return dataclasses.replace(self._source.status(), description=description)
