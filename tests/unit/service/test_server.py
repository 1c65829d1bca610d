"""Start and stop of a server: its tasks, and the errors that come out of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc
import pytest
from support.rig import recording

from panoseti_daq.client import AioDaqDataClient, RpcError
from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.config.load import check_values
from panoseti_daq.config.settings import RunProbe, ServerSettings
from panoseti_daq.errors import SourceError
from panoseti_daq.pff import FrameBlock
from panoseti_daq.service.hp_io import Refused
from panoseti_daq.service.server import running_server
from panoseti_daq.sources.source import FrameSource, SourceStatus

pytestmark = pytest.mark.anyio

SETTINGS = check_values({"run_probe": RunProbe.PROCESS, "metrics_port": 0, "accept_uploads": True})
UPLOADS = HpIoConfig(uploads_only=True)


class FailingSource:
    """A source that starts, and fails when it is told to."""

    directory = None

    def __init__(self) -> None:
        self.fails = asyncio.Event()
        self.is_open = False

    async def __aenter__(self) -> Self:
        self.is_open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_open = False

    async def __aiter__(self) -> AsyncIterator[FrameBlock]:
        await self.fails.wait()
        for _ in ():
            yield FrameBlock.__new__(FrameBlock)
        raise SourceError("the disk is on fire")

    def status(self) -> SourceStatus:
        return SourceStatus("failing", "nothing", (), 0)


def names() -> set[str]:
    return {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()}


def ours() -> set[str]:
    """Names of the tasks that run code of the package; those of gRPC have none."""
    files = {task.get_name(): getattr(task.get_coro(), "cr_code", None) for task in asyncio.all_tasks()}
    return {name for name, code in files.items() if code and "/panoseti_daq/" in code.co_filename}


async def test_every_task_of_a_running_server_has_a_name_and_ends_with_it(tmp_path: Path) -> None:
    with recording(tmp_path):
        async with running_server(SETTINGS, follow=HpIoConfig(str(tmp_path))):
            await asyncio.sleep(0)
            running = ours()
    follow = {name for name in running if name.startswith("follow ")}
    assert len(follow) == 1
    assert running - follow == {"watch streams", "watch the run"}
    assert not ours()


async def test_an_error_of_the_caller_is_not_wrapped() -> None:
    with pytest.raises(KeyError, match="mine"):
        async with running_server(SETTINGS):
            raise KeyError("mine")


async def test_a_source_that_fails_cancels_the_block_and_ends_calls_before_the_error_is_raised() -> None:
    source = FailingSource()

    def make_source(config: HpIoConfig, settings: ServerSettings) -> FrameSource:
        return source

    with pytest.raises(ExceptionGroup) as group:
        async with running_server(SETTINGS, follow=UPLOADS, make_source=make_source) as server:
            async with AioDaqDataClient.connect(server.address) as client:
                stream = client.stream_images()
                waiting = asyncio.ensure_future(anext(aiter(stream)))
                while not server.acquisition.streams:
                    await asyncio.sleep(0.002)
                source.fails.set()
                try:
                    await waiting
                except RpcError as error:
                    assert error.code() is grpc.StatusCode.CANCELLED
                finally:
                    await asyncio.wait([waiting])
    assert group.group_contains(SourceError, match="on fire")
    assert not source.is_open


async def test_a_start_that_is_refused_leaves_no_task() -> None:
    before = names()
    with pytest.raises(ExceptionGroup) as group:
        async with running_server(SETTINGS, follow=HpIoConfig("/nowhere")):
            pass
    assert group.group_contains(Refused, match="does not exist")
    assert names() == before
