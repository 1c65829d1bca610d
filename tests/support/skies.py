"""Simulated frames: blocks of them, and the files that a simulator wrote."""

from __future__ import annotations

from pathlib import Path

from panoseti_daq.pff import DataProduct, FrameBlock, PffName, open_file
from panoseti_daq.simulator.schedule import Simulation
from panoseti_daq.simulator.sky import ModuleSky
from support.frames import append

FAST = Simulation(rate_hz=1000.0, pulse_height_rate_hz=500.0)
START_NS = 1_767_225_600_000_000_000


def synthetic_block(tmp_path: Path, product: DataProduct, n: int = 20, period_ns: int = 10_000_000) -> FrameBlock:
    """Frames of module 5 in a file, `period_ns` apart."""
    sky = ModuleSky(5)
    path = tmp_path / PffName(product, 5).format()
    append(path, b"".join(sky.frame(product, START_NS + i * period_ns) for i in range(n)))
    return open_file(path)


def blocks_in(data_dir: Path) -> dict[tuple[int, DataProduct], FrameBlock]:
    """What stands below a data directory, by module and product."""
    files = [path for path in data_dir.glob("module_*/*/*.pff") if path.stat().st_size]
    return {(block.module_id, block.product): block for block in map(open_file, files)}
