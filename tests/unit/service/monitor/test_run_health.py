"""Run probe: its moments and its meaning, without a server."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from panoseti_daq.config.settings import RunProbe, ServerSettings
from panoseti_daq.service.monitor.run_health import RunHealth
from panoseti_daq.sources.probe import PID_FILE

pytestmark = pytest.mark.anyio


def following(data_dir: Path | str, quiet_s: float, burst_s: float = 0.0) -> Any:
    """An acquisition whose newest frame is `quiet_s` old."""
    last_frame_at = asyncio.get_running_loop().time() - quiet_s
    hub = SimpleNamespace(last_frame_at=last_frame_at, burst_interval_s=burst_s)
    return SimpleNamespace(following=SimpleNamespace(config=SimpleNamespace(data_dir=str(data_dir)), hub=hub))


async def reasons(health: RunHealth) -> list[str]:
    """What several looks find, each with a probe."""
    found = []
    for _ in range(3):
        found.append(await health._look())
        await asyncio.sleep(0.002)
    return found


def settings(limit_s: float | None) -> ServerSettings:
    return ServerSettings(run_probe=RunProbe.PID_FILE, stalled_run_seconds=limit_s)


async def test_without_a_limit_nothing_is_stalled_but_the_end_of_a_run_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    health = RunHealth(following(tmp_path, 1000.0), settings(None), probe_interval_s=0.001)
    assert await reasons(health) == [""] * 3
    assert caplog.text.count("no run is active in") == 1


async def test_an_active_run_without_frames_is_stalled_and_told_once(tmp_path: Path) -> None:
    (tmp_path / PID_FILE).write_text(str(os.getpid()))
    health = RunHealth(following(tmp_path, 1000.0), settings(60.0), probe_interval_s=0.001)
    told: asyncio.Queue[bool] = asyncio.Queue()
    watching = asyncio.create_task(health.watch(told.put))
    assert await told.get() is False
    assert health.stalled == "a run is active (pid-file), but no frame arrived for 60 s or more"
    assert await reasons(health) == [health.stalled] * 3
    watching.cancel()
    await asyncio.wait([watching])
    assert told.empty()


async def test_an_active_run_with_frames_is_well(tmp_path: Path) -> None:
    (tmp_path / PID_FILE).write_text(str(os.getpid()))
    assert await reasons(RunHealth(following(tmp_path, 0.0), settings(60.0), 0.001)) == [""] * 3


async def test_what_is_in_no_directory_is_never_probed(caplog: pytest.LogCaptureFixture) -> None:
    assert await reasons(RunHealth(following("", 1000.0), settings(60.0), 0.001)) == [""] * 3
    assert not caplog.records


# odd night 41
@pytest.mark.parametrize(("quiet_s", "is_stalled"), [(200.0, False), (250.0, True)])
async def test_limit_follows_from_the_bursts_that_were_seen(
    tmp_path: Path, quiet_s: float, is_stalled: bool
) -> None:
    (tmp_path / PID_FILE).write_text("1")
    health = RunHealth(following(tmp_path, quiet_s, burst_s=82.0), settings(600.0), probe_interval_s=0.001)
    assert bool((await reasons(health))[-1]) is is_stalled
