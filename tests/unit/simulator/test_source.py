"""The simulation and the replay as sources."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.frames import wait_until
from support.patience import PATIENCE_S
from support.skies import FAST

from panoseti_daq.errors import ConfigError, SourceError
from panoseti_daq.pff import DataProduct, FrameBlock, Kind
from panoseti_daq.simulator.schedule import DEFAULT_MODULE_ID, Simulation
from panoseti_daq.simulator.source import SimulatedSource
from panoseti_daq.simulator.writer import RunWriter

IMG8, IMG16, PH256, PH1024 = DataProduct


@pytest.fixture
def own_tmp(tmp_path: Path) -> Path:
    """Where the sources make their directories, empty at first."""
    directory = tmp_path / "tmp"
    directory.mkdir()
    return directory


async def take(source: SimulatedSource, n_frames: int) -> list[FrameBlock]:
    blocks: list[FrameBlock] = []
    async with asyncio.timeout(PATIENCE_S):
        async for block in source:
            blocks.append(block)
            if sum(map(len, blocks)) >= n_frames:
                break
    return blocks


def test_simulated_source_gives_movies_and_pulse_heights(own_tmp: Path) -> None:
    async def main() -> list[FrameBlock]:
        blocks: list[FrameBlock] = []
        async with SimulatedSource(FAST, scratch_dir=own_tmp) as source:
            while len({block.product for block in blocks}) < 2:  # one may be ahead when the machine is busy
                blocks += await take(source, 30)
        return blocks

    blocks = asyncio.run(main())
    assert {block.product.kind for block in blocks} == set(Kind)
    assert {block.module_id for block in blocks} == {DEFAULT_MODULE_ID}
    assert all(block.valid.all() for block in blocks)


def test_simulated_source_removes_its_directory(own_tmp: Path) -> None:
    async def main() -> None:
        async with SimulatedSource(FAST, scratch_dir=own_tmp) as source:
            await take(source, 5)
            assert len(list(own_tmp.iterdir())) == 1

    asyncio.run(main())
    assert list(own_tmp.iterdir()) == []


def test_simulated_source_that_is_never_read_ends_cleanly(own_tmp: Path) -> None:
    async def main() -> None:
        async with SimulatedSource(scratch_dir=own_tmp):
            pass

    asyncio.run(main())
    assert list(own_tmp.iterdir()) == []


def test_simulated_source_follows_only_the_modules_asked_for(own_tmp: Path) -> None:
    simulation = Simulation(module_ids=(1, 2), products=(IMG16,), rate_hz=500.0)

    async def main() -> set[int]:
        async with SimulatedSource(simulation, module_ids=[2], scratch_dir=own_tmp) as source:
            blocks = await take(source, 10)
            status = source.status()
        assert (status.description, status.modules) == ("simulation", (2,))
        return {block.module_id for block in blocks}

    assert asyncio.run(main()) == {2}


def test_a_choice_of_modules_that_are_not_simulated_is_refused(own_tmp: Path) -> None:  # odd night 52
    async def enter() -> None:
        async with SimulatedSource(Simulation(module_ids=(1, 3)), module_ids=(5, 7)):
            pass

    with pytest.raises(ConfigError, match="invalid module_ids: 5, 7; allowed: 1, 3"):
        asyncio.run(enter())
    assert list(own_tmp.iterdir()) == []


def test_simulated_source_runs_on_while_old_files_are_deleted(own_tmp: Path) -> None:
    simulation = Simulation(products=(IMG16,), rate_hz=1000.0, max_file_frames=20, keep_files=2)

    async def main() -> list[FrameBlock]:
        async with SimulatedSource(simulation, scratch_dir=own_tmp) as source:
            blocks = await take(source, 200)
            (run_dir,) = own_tmp.glob("*/module_224/*")
            wait_until(lambda: len(list(run_dir.glob("*img16*"))) <= 2)
            return blocks

    blocks = asyncio.run(main())
    assert len({block.file for block in blocks}) >= 5
    places = [(block._generation, block.first_frame_number) for block in blocks]
    assert places == sorted(places)


def test_failing_simulator_ends_the_source_with_its_error(own_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(RunWriter, "write", fail)

    async def main() -> None:
        async with SimulatedSource(FAST, scratch_dir=own_tmp) as source, asyncio.timeout(PATIENCE_S):
            async for _ in source:
                pass

    with pytest.raises(SourceError, match="No space left on device"):
        asyncio.run(main())
    assert list(own_tmp.iterdir()) == []
