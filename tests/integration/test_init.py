"""InitHpIo: what is followed, what is refused, and what becomes of the streams (SPEC 4)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from grpc import StatusCode
from support.patience import PATIENCE_S
from support.rig import recording, serving, until

from panoseti_daq.client import AioDaqDataClient, HostChange
from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.config.load import check_values
from panoseti_daq.config.settings import RunProbe, ServerSettings
from panoseti_daq.errors import SourceError
from panoseti_daq.pff import DataProduct, Selection
from panoseti_daq.service.acquisition import Acquisition
from panoseti_daq.service.choose_source import source_of
from panoseti_daq.service.hp_io import Refused
from panoseti_daq.sources.source import FrameSource

pytestmark = pytest.mark.anyio


class Gate:
    """Makes sources that start only when told to, and may fail."""

    def __init__(self) -> None:
        self.opens = asyncio.Event()
        self.fails = False
        self.n_starting = 0

    def make_source(self, config: HpIoConfig, settings: ServerSettings) -> FrameSource:
        gate, source = self, source_of(config, settings)

        class Slow(type(source)):  # type: ignore[misc]
            async def __aenter__(self) -> FrameSource:
                gate.n_starting += 1
                await gate.opens.wait()
                if gate.fails:
                    raise SourceError("the disk is on fire")
                entered: FrameSource = await super().__aenter__()
                return entered

        source.__class__ = Slow
        return source


@asynccontextmanager
async def acquiring(gate: Gate | None = None, **settings: object) -> AsyncIterator[Acquisition]:
    chosen = check_values({"run_probe": RunProbe.NONE, **settings})
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        acquisition = Acquisition(chosen, tasks, gate.make_source if gate else source_of)
        try:
            yield acquisition
        finally:
            await acquisition.shut_down()


async def refused(acquisition: Acquisition, config: HpIoConfig, force: bool = True) -> Refused:
    with pytest.raises(Refused) as error:
        await acquisition.configure(config, force=force)
    return error.value


async def test_a_missing_data_dir_is_an_invalid_argument_and_the_old_configuration_stays(tmp_path: Path) -> None:
    async with acquiring() as acquisition:
        before = HpIoConfig(str(tmp_path))
        await acquisition.configure(before, force=False)
        error = await refused(acquisition, HpIoConfig(str(tmp_path / "no")))
        assert error.code is StatusCode.INVALID_ARGUMENT
        assert f"data_dir '{tmp_path}/no' does not exist" in str(error)
        assert acquisition.config is before


async def test_a_data_dir_that_is_a_file_is_an_invalid_argument(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    async with acquiring() as acquisition:
        error = await refused(acquisition, HpIoConfig(str(tmp_path / "file")))
    assert error.code is StatusCode.INVALID_ARGUMENT


async def test_a_data_dir_outside_the_allowed_roots_is_denied_even_behind_a_link(tmp_path: Path) -> None:
    for name in ("allowed", "secret"):
        (tmp_path / name).mkdir()
    os.symlink(tmp_path / "secret", tmp_path / "allowed" / "link")
    async with acquiring(data_roots=[tmp_path / "allowed"]) as acquisition:
        for path in (tmp_path / "secret", tmp_path / "allowed" / "link", tmp_path):
            error = await refused(acquisition, HpIoConfig(str(path)))
            assert error.code is StatusCode.PERMISSION_DENIED
        await acquisition.configure(HpIoConfig(str(tmp_path / "allowed")), force=False)


@pytest.mark.parametrize("interval_s", [0.0, 0.0009, -1.0, float("nan"), float("inf")])
async def test_an_interval_below_the_shortest_allowed_is_refused(tmp_path: Path, interval_s: float) -> None:
    async with acquiring() as acquisition:
        error = await refused(acquisition, HpIoConfig(str(tmp_path), interval_s))
        assert error.code is StatusCode.INVALID_ARGUMENT
        await acquisition.configure(HpIoConfig(str(tmp_path), 0.001), force=False)


async def test_no_active_run_is_a_failed_precondition(tmp_path: Path) -> None:
    async with acquiring(run_probe="pid-file") as acquisition:
        error = await refused(acquisition, HpIoConfig(str(tmp_path)))
        assert error.code is StatusCode.FAILED_PRECONDITION
        (tmp_path / "daq_hashpipe_pid").write_text(str(os.getpid()))
        await acquisition.configure(HpIoConfig(str(tmp_path)), force=False)


async def test_a_whitelisted_module_that_is_not_there_yet_is_a_message_and_is_followed_later(
    tmp_path: Path,
) -> None:
    async with acquiring() as acquisition:
        message = await acquisition.configure(HpIoConfig(str(tmp_path), module_ids=(7,)), force=False)
        assert "module 7" in message
        with recording(tmp_path, 7) as seven, recording(tmp_path, 8) as eight:
            async with acquisition.admit("me") as stream:
                with stream.subscribe(Selection()) as subscription:
                    eight.write(DataProduct.IMG16)
                    seven.write(DataProduct.IMG16)
                    assert (await anext(subscription)).module_id == 7


async def test_without_force_active_streams_are_named_and_go_on(tmp_path: Path) -> None:
    async with acquiring() as acquisition:
        await acquisition.configure(HpIoConfig(str(tmp_path)), force=False)
        async with acquisition.admit("ipv4:1.2.3.4:5"):
            error = await refused(acquisition, HpIoConfig(simulate=True), force=False)
            assert error.code is StatusCode.FAILED_PRECONDITION
            assert "1 streams are active (ipv4:1.2.3.4:5)" in str(error)


async def test_force_ends_the_call_of_a_waiting_reader_whose_stream_goes_on(tmp_path: Path) -> None:
    (tmp_path / "module_1").mkdir()
    async with serving(tmp_path) as server, AioDaqDataClient.connect(server.address) as client:
        changes: list[HostChange] = []

        async def read() -> int:
            async for image in client.stream_images(on_host_change=changes.append):
                return int(image["module_id"])
            return -1

        reader = asyncio.create_task(read())
        await until(lambda: len(server.acquisition.streams) == 1)
        assert await client.init_sim()
        assert await reader == 224
        lost = [change.reason for change in changes if not change.connected]
        assert len(lost) == 1 and "forced reconfiguration" in lost[0] and "CANCELLED" in lost[0]
        async for image in client.stream_images():
            assert image["module_id"] == 224
            break


async def test_streams_and_inits_wait_in_order_while_one_is_handled(tmp_path: Path) -> None:
    gate = Gate()
    order: list[str] = []
    async with acquiring(gate) as acquisition:

        async def init(name: str, config: HpIoConfig) -> None:
            await acquisition.configure(config, force=True)
            order.append(name)

        async def stream(name: str) -> None:
            async with acquisition.admit(name):
                order.append(name)

        async with asyncio.TaskGroup() as calls:
            calls.create_task(init("init 1", HpIoConfig(str(tmp_path))))
            await until(lambda: gate.n_starting == 1)
            for name in ("stream 1", "stream 2"):
                calls.create_task(stream(name))
                await asyncio.sleep(0)
            calls.create_task(init("init 2", HpIoConfig(str(tmp_path))))
            await asyncio.sleep(0)
            calls.create_task(stream("stream 3"))
            await asyncio.sleep(0)
            assert order == []
            gate.opens.set()
    assert order == ["init 1", "stream 1", "stream 2", "init 2", "stream 3"]


async def test_a_source_that_fails_to_start_leaves_the_streams_and_the_old_configuration(tmp_path: Path) -> None:
    gate = Gate()
    gate.opens.set()
    async with acquiring(gate) as acquisition:
        before = HpIoConfig(str(tmp_path))
        await acquisition.configure(before, force=False)
        with recording(tmp_path) as recorder:
            async with acquisition.admit("me") as stream:
                with stream.subscribe(Selection()) as subscription:
                    gate.fails = True
                    error = await refused(acquisition, HpIoConfig(simulate=True), force=True)
                    assert "on fire" in str(error)
                    assert acquisition.config is before
                    recorder.write(DataProduct.IMG16)
                    assert (await anext(subscription)).frame_number == 0


async def test_a_caller_that_gives_up_during_init_leaves_everything_as_it_was(tmp_path: Path) -> None:
    gate = Gate()
    async with acquiring(gate) as acquisition:
        call = asyncio.create_task(acquisition.configure(HpIoConfig(str(tmp_path)), force=False))
        await until(lambda: gate.n_starting == 1)
        call.cancel()
        await asyncio.wait([call])
        assert acquisition.config is None
        gate.opens.set()
        await acquisition.configure(HpIoConfig(str(tmp_path)), force=False)


async def test_init_during_shutdown_is_refused() -> None:
    async with acquiring() as acquisition:
        await acquisition.shut_down()
        error = await refused(acquisition, HpIoConfig(simulate=True))
        assert error.code is StatusCode.CANCELLED


async def test_the_simulation_serves_both_products_and_leaves_nothing_behind() -> None:
    async with serving() as server, AioDaqDataClient.connect(server.address) as client:
        assert await client.init_sim()
        products = set()
        async for frame in client.stream_frames():
            assert frame.module_id == 224
            products.add(frame.product)
            if len(products) == 2:
                break
    assert products == {DataProduct.IMG16, DataProduct.PH256}
