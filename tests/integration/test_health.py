"""The health service, which load balancers and monitors ask."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from support.rig import recording, serving, until

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.config.settings import RunProbe
from panoseti_daq.pff import DataProduct
from panoseti_daq.service.monitor import run_health as stalls
from panoseti_daq.service.server import FRAMES_NAME, Server
from panoseti_daq.service.servicer import SERVICE_NAME

pytestmark = pytest.mark.anyio

IMG16 = DataProduct.IMG16
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Run:
    """What the probe finds."""

    def __init__(self) -> None:
        self.why_inactive: str | None = None
        self.n_asked = 0

    def __call__(self, probe: RunProbe, data_dir: Path) -> str | None:
        self.n_asked += 1
        return self.why_inactive


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    run = Run()
    monkeypatch.setattr(stalls, "why_inactive", run)
    return run


async def health(server: Server, service: str = FRAMES_NAME) -> int:
    async with grpc.aio.insecure_channel(server.address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
        return int(answer.status)


async def until_health(server: Server, status: int) -> None:
    async with grpc.aio.insecure_channel(server.address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        async for answer in stub.Watch(health_pb2.HealthCheckRequest(service=FRAMES_NAME)):
            if answer.status == status:
                return


SOON = {"run_probe": RunProbe.PROCESS, "stalled_run_seconds": 0.2}


async def test_a_run_that_is_active_and_does_not_grow_is_not_serving_until_frames_come(
    tmp_path: Path, run: Run
) -> None:
    with recording(tmp_path) as recorder:
        async with serving(tmp_path, **SOON) as server:
            assert await health(server) == SERVING
            await until_health(server, NOT_SERVING)
            async with AioDaqDataClient.connect(server.address) as client:
                stalled = (await client.get_status(server.address)).stalled
            assert stalled == "a run is active (process), but no frame arrived for 0.2 s or more"
            while server.run_health.stalled:
                recorder.write(IMG16)
                await asyncio.sleep(0.02)  # frames come for as long as the look takes
            await until_health(server, SERVING)


@pytest.mark.parametrize("service", ["", SERVICE_NAME])
async def test_who_asks_whether_the_server_is_alive_hears_nothing_of_a_run_that_does_not_grow(
    tmp_path: Path, run: Run, service: str
) -> None:
    (tmp_path / "module_1").mkdir()
    async with serving(tmp_path, **SOON) as server:
        await until_health(server, NOT_SERVING)
        assert await health(server, service) == SERVING


async def test_a_run_that_ends_is_serving_again(tmp_path: Path, run: Run) -> None:
    (tmp_path / "module_1").mkdir()
    async with serving(tmp_path, **SOON) as server:
        await until_health(server, NOT_SERVING)
        run.why_inactive = "no process is named 'hashpipe'"
        await until_health(server, SERVING)


async def test_without_a_probe_nothing_is_stalled(tmp_path: Path, run: Run) -> None:
    (tmp_path / "module_1").mkdir()
    async with serving(tmp_path, **(SOON | {"run_probe": RunProbe.NONE})) as server:
        await until(lambda: "watch the run" not in {task.get_name() for task in asyncio.all_tasks()})
        assert await health(server) == SERVING


async def test_a_run_that_is_not_active_may_be_quiet(tmp_path: Path, run: Run) -> None:
    (tmp_path / "module_1").mkdir()
    run.why_inactive = "no process"
    async with serving(tmp_path, **SOON) as server:
        await until(lambda: run.n_asked >= 2)
        assert await health(server) == SERVING
