from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from support.patience import PATIENCE_S

from panoseti_daq.service.monitor.disks import Disks

pytestmark = pytest.mark.anyio


async def test_modules_on_one_file_system_are_told_together(tmp_path: Path) -> None:
    for module_id in (1, 2):
        (tmp_path / f"module_{module_id}").mkdir()
    (disk,) = await Disks().look(tmp_path, (1, 2))
    space = os.statvfs(tmp_path)
    assert (disk.path, disk.modules) == (tmp_path, (1, 2))
    assert disk.total_bytes == space.f_blocks * space.f_frsize


async def test_a_module_that_is_a_link_to_another_disk_is_told_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module_id in (1, 2):
        (tmp_path / f"module_{module_id}").mkdir()
    real = os.stat

    class Other:
        st_dev = -1

    def stat(path: Any, **options: Any) -> Any:
        return Other if Path(path).name == "module_2" else real(path, **options)

    monkeypatch.setattr("panoseti_daq.service.monitor.disks.os.stat", stat)
    found = await Disks().look(tmp_path, (1, 2))
    assert [(disk.path.name, disk.modules) for disk in found] == [(tmp_path.name, (1,)), ("module_2", (2,))]


async def test_a_data_directory_without_modules_is_told(tmp_path: Path) -> None:
    (disk,) = await Disks().look(tmp_path, ())
    assert (disk.path, disk.modules) == (tmp_path, ())


async def test_a_data_directory_that_is_gone_has_no_disk(tmp_path: Path) -> None:
    assert await Disks().look(tmp_path / "gone", (1,)) == []


async def test_a_disk_that_hangs_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disks, answers, real = Disks(max_age_s=0.0, patience_s=0.05), threading.Event(), os.statvfs
    (known,) = await disks.look(tmp_path, ())

    def statvfs(path: Any) -> Any:
        answers.wait(PATIENCE_S)
        return real(path)

    monkeypatch.setattr("panoseti_daq.service.monitor.disks.os.statvfs", statvfs)
    try:
        assert await disks.look(tmp_path, ()) == [known]
    finally:
        answers.set()
    async with asyncio.timeout(PATIENCE_S):
        assert await disks.look(tmp_path, ())
