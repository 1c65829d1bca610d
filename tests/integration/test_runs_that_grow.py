"""Which run is followed, and that no frame of another one is lost: a name proposes, growth decides (SPEC 1.4)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.frames import append, frame_bytes
from support.rig import serving

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.pff import DataProduct, Gap
from panoseti_daq.service.server import Server
from panoseti_daq.sources.runs import RUN_NAME_FILE

pytestmark = pytest.mark.anyio

IMG16 = DataProduct.IMG16
RUN = "obs_T.start_2026-01-01T00:00:00Z.runtype_sci-data.pffd"
OLD_RUN = "obs_T.start_2025-12-30T00:00:00Z.runtype_sci-data.pffd"
TWO_DAYS_NS = 2 * 86400 * 10**9


def path_of(data_dir: Path, run: str, hour: int = 0, seqno: int = 0, module_id: int = 1) -> Path:
    name = f"start_2026-01-01T{hour:02}:00:00Z.dp_img16.bpp_2.module_{module_id}.seqno_{seqno}.pff"
    return data_dir / f"module_{module_id}" / run / name


def write(path: Path, *which: int) -> None:
    append(path, b"".join(frame_bytes(IMG16, i) for i in which))


def age(path: Path, by_ns: int = TWO_DAYS_NS) -> None:
    """Make a file as old as one of another day."""
    for changed in (path, path.parent):
        time_ns = changed.stat().st_mtime_ns - by_ns
        os.utime(changed, ns=(time_ns, time_ns))


class Watcher:
    """A client of each kind, and what they got."""

    def __init__(self) -> None:
        self.newest: list[tuple[str, int]] = []
        self.all: list[tuple[str, int]] = []
        self.gaps: list[Gap] = []

    async def watch_newest(self, client: AioDaqDataClient) -> None:
        async for image in client.stream_frames():
            self.newest.append((image.file, image.header.pkt_num[0]))

    async def watch_all(self, client: AioDaqDataClient) -> None:
        async for block in client.stream_blocks():
            if isinstance(block, Gap):
                self.gaps.append(block)
            else:
                self.all += [(block.file, int(n)) for n in block.columns["pkt_num"][:, 0]]


@asynccontextmanager
async def watching(server: Server) -> AsyncIterator[Watcher]:
    watcher = Watcher()
    async with AioDaqDataClient.connect(server.address) as client, asyncio.TaskGroup() as tasks:
        watchers = [tasks.create_task(watcher.watch_newest(client)), tasks.create_task(watcher.watch_all(client))]
        while not any(getattr(s, "n_sent", 0) for s in server.acquisition.streams if s.subscription is None):
            await asyncio.sleep(0.01)
        yield watcher
        for task in watchers:
            task.cancel()


async def check(data_dir: Path, growing: Path, *, before: list[tuple[str, int]]) -> None:
    """Start a server, let a file grow, and check that its frames come: the newest, and all."""
    async with serving(data_dir) as server:
        async with watching(server) as watcher:
            await asyncio.sleep(0.1)
            assert watcher.newest == before
            n = growing.stat().st_size
            write(growing, 101, 102)
            while (growing.name, 102) not in watcher.newest or len(watcher.all) < 2:
                await asyncio.sleep(0.01)
            assert n
            assert watcher.all == [(growing.name, 101), (growing.name, 102)]
            assert watcher.gaps == []


# odd night 1
async def test_writer_that_was_restarted_in_the_same_run(tmp_path: Path) -> None:
    first, second = path_of(tmp_path, RUN, 1, seqno=1), path_of(tmp_path, RUN, 2, seqno=0)
    write(first, 1, 2)
    write(second, 3)
    await check(tmp_path, second, before=[(second.name, 3)])


# odd night 2
async def test_named_run_stands_still_while_another_one_grows(tmp_path: Path) -> None:
    (tmp_path / RUN_NAME_FILE).write_text(OLD_RUN)
    old, today = path_of(tmp_path, OLD_RUN, 1), path_of(tmp_path, RUN, 2)
    write(old, 1)
    write(today, 2)
    age(old)
    age(today, TWO_DAYS_NS // 2)
    async with serving(tmp_path) as server:
        async with watching(server) as watcher:
            write(today, 3)
            while (today.name, 3) not in watcher.newest or (today.name, 3) not in watcher.all:
                await asyncio.sleep(0.01)
            assert watcher.gaps == []
        assert server.acquisition.following is not None
        assert "which stands still" in server.acquisition.following.source.status().description


# odd night 2
async def test_newest_run_by_name_stands_still_while_an_older_one_grows(tmp_path: Path) -> None:
    old, today = path_of(tmp_path, OLD_RUN, 1), path_of(tmp_path, RUN, 2)
    write(old, 1)
    write(today, 2)
    age(old)
    age(today, TWO_DAYS_NS // 2)
    await check(tmp_path, old, before=[(today.name, 2)])


# odd night 2
async def test_frame_of_last_month_is_not_the_newest_of_a_module_without_the_named_run(tmp_path: Path) -> None:
    (tmp_path / RUN_NAME_FILE).write_text(RUN)
    today, old = path_of(tmp_path, RUN, 1), path_of(tmp_path, OLD_RUN, 1, module_id=2)
    write(today, 1)
    write(old, 2)
    age(old)
    await check(tmp_path, today, before=[(today.name, 1)])


# odd night 3
@pytest.mark.parametrize("is_named", [False, True])
async def test_run_directory_of_any_name(tmp_path: Path, is_named: bool) -> None:
    if is_named:
        (tmp_path / RUN_NAME_FILE).write_text("test\n")
    path = path_of(tmp_path, "test")
    write(path, 1)
    await check(tmp_path, path, before=[(path.name, 1)])


async def test_what_was_shown_of_another_run_is_void(tmp_path: Path) -> None:
    write(path_of(tmp_path, OLD_RUN), 1)
    ph1024 = path_of(tmp_path, OLD_RUN).name.replace("img16", "ph1024")
    append(path_of(tmp_path, OLD_RUN).with_name(ph1024), frame_bytes(DataProduct.PH1024))
    async with serving(tmp_path) as server:
        write(path_of(tmp_path, RUN, 5), 2)
        hub = server.acquisition.hub
        assert hub is not None
        while [state.newest.header.pkt_num[0] for state in hub.keys.values()] != [2]:
            await asyncio.sleep(0.01)
