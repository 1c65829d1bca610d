"""Server, writer and clients are killed and started again in random order."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import pytest
from soak.collected import Copy, differences, strangers, wrong_gaps
from soak.processes import Actor, Counts, program, running_server, server_of
from soak.scale import MINUTES, SEED, note
from support.rig import command

from panoseti_daq.client import AioDaqDataClient

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(400 + 75 * MINUTES)]

MODULES: Final = (1, 2, 3)
N_FILES_OF_A_RUN: Final = 4 * len(MODULES)
ARRIVES_WITHIN_S: Final = 120.0  # the machine may be busy with other things


class Cast:
    """Everybody who may be killed."""

    def __init__(self, tmp_path: Path) -> None:
        self.data_dir, logs = tmp_path / "data", tmp_path / "logs"
        logs.mkdir()
        self.server, self.address = server_of(self.data_dir, logs / "server", "--log-level", "warning")
        modules = [f"--module-id={module_id}" for module_id in MODULES]
        options = (
            "--buffering=hashpipe",
            "--block-packets=0",
            "--max-file-frames=700",
            "--product=img8",
            "--product=ph256",
        )
        rates = ("--rate-hz=150", "--pulse-height-rate-hz=60")
        self.writer = Actor(
            "writer", command("simulate", self.data_dir, *modules, *options, *rates), logs / "writer"
        )
        self.copies = [tmp_path / f"all_{i}" for i in range(2)]
        self.lines = [tmp_path / f"newest_{i}" for i in range(2)]
        self.readers = []
        for mode, outs in (("all", self.copies), ("newest", self.lines)):
            for out in outs:
                self.readers.append(Actor(out.name, program("reader", mode, self.address, out), logs / out.name))
        for path in (*self.copies, *(self.data_dir / f"module_{module_id}" for module_id in MODULES)):
            path.mkdir(parents=True)

    @property
    def all(self) -> list[Actor]:
        return [self.server, self.writer, *self.readers]

    @contextmanager
    def on_stage(self) -> Iterator[None]:
        with ExitStack() as stack:
            for actor in self.all:
                stack.callback(actor.clean_up)
                actor.start()
            yield

    async def kill_one(self, chance: random.Random) -> None:
        actor = chance.choice(self.all)
        actor.kill()
        # Runs are named by the second in which they begin: no writer begins twice in one.
        await asyncio.sleep(chance.uniform(1.05, 1.5) if actor is self.writer else chance.choice([0, 0, 0.5]))
        actor.start()


@asynccontextmanager
async def copying(address: str, copy: Copy) -> AsyncIterator[asyncio.Task[None]]:
    """A client that lives through all of it."""

    async def run() -> None:
        async with AioDaqDataClient.connect(address) as client:
            async for item in client.stream_blocks(since="run", wait_for_ready=True):
                copy.add(item)

    task = asyncio.create_task(run(), name="copy")
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(condition: Callable[[], bool], timeout_s: float) -> None:
    async with asyncio.timeout(timeout_s):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.1)


async def test_nothing_is_lost_or_wrong_when_anybody_is_killed(tmp_path: Path) -> None:
    chance, cast = random.Random(SEED), Cast(tmp_path)
    survivor = Copy(tmp_path / "survivor")
    survivor.out_dir.mkdir()
    copies = [survivor.out_dir, *cast.copies]
    with cast.on_stage():
        async with copying(cast.address, survivor) as surviving:
            # Who has a token can be killed: before that it would begin again with the run of that moment.
            await until(lambda: all((out / "token").exists() for out in cast.copies), ARRIVES_WITHIN_S)
            before = Counts.of(os.getpid())
            n_tasks = len(asyncio.all_tasks())
            end = time.monotonic() + 60 * MINUTES
            while time.monotonic() < end:
                await cast.kill_one(chance)
                await asyncio.sleep(chance.uniform(0, 1))
                assert not surviving.done(), surviving
                for actor in cast.all:
                    actor.check_alive()
            await until(lambda: "writing run" in cast.writer.said_now, ARRIVES_WITHIN_S)  # it listens to signals
            assert await asyncio.to_thread(cast.writer.stop) == 0
            n_lines = [path.stat().st_size for path in cast.lines]
            await until(lambda: not any(any(differences(cast.data_dir, out)) for out in copies), ARRIVES_WITHIN_S)
            assert len(asyncio.all_tasks()) <= n_tasks + 3  # those of a call that is being made
            after = Counts.of(os.getpid())
        for reader in cast.readers:
            reader.kill()
        await check_all_is_released(cast, tmp_path)
    assert all(n_lines)
    for out in copies:
        assert not wrong_gaps(cast.data_dir, out)
    for log in cast.lines:
        assert not strangers(cast.data_dir, log)
    assert after.threads <= before.threads + 2
    assert after.descriptors <= before.descriptors + 2
    kills = ", ".join(f"{actor.name} {actor.n_kills}" for actor in cast.all)
    files = list(cast.data_dir.rglob("*.pff"))
    note(
        f"kills: {MINUTES * 60:.0f} s, seed {SEED}; {kills}; {survivor.n_frames} frames in {len(files)} files,"
        f" every one with each of {len(copies)} clients; surviving client before: {before}; after: {after}"
    )
    for actor in cast.all:
        assert "Traceback" not in actor.said, actor.said[-3000:]


async def check_all_is_released(cast: Cast, tmp_path: Path) -> None:
    """The last server holds what a fresh one without clients holds, and a run that may still get its rest."""
    async with AioDaqDataClient.connect(cast.address) as client:
        async with asyncio.timeout(30):
            while (await client.get_status(cast.address)).streams:
                await asyncio.sleep(0.1)
    with running_server(cast.data_dir, tmp_path / "logs" / "fresh") as (fresh, _):
        more = 4 + N_FILES_OF_A_RUN
        await until(lambda: Counts.of(cast.server.pid).descriptors <= Counts.of(fresh.pid).descriptors + more, 30)
        used, unused = Counts.of(cast.server.pid), Counts.of(fresh.pid)
    note(f"kills: the last server holds {used}; a fresh one {unused}")
