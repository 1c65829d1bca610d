"""Many DAQ nodes, one stream: nodes that die, restart, and hide behind gateways (SPEC 6.4)."""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.frames import block_of
from support.patience import PATIENCE_S
from support.proxy import Proxy, proxying
from support.rig import Recorder, command, recording, serving, until

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client import AioDaqDataClient, RpcError, retry
from panoseti_daq.client import node as node_module
from panoseti_daq.client.image_feed import Seen
from panoseti_daq.client.images import ReceivedFrame
from panoseti_daq.client.retry import HostChange, retry_delay_s
from panoseti_daq.client.stream import ImageStream
from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.config.settings import RunProbe, ServerSettings
from panoseti_daq.pff import DataProduct, Gap
from panoseti_daq.service.listening import ListenAt
from panoseti_daq.service.server import running_server
from panoseti_daq.wire.image import as_raw, as_struct

pytestmark = pytest.mark.anyio

N_NODES = 5
START_S = 2 * PATIENCE_S  # Python and its imports, five times on a busy machine


class NodeProcess:
    """``panoseti-daq serve --simulate`` at an address of its own, to be killed and started again."""

    def __init__(self, socket_path: Path) -> None:
        self.address = f"unix://{socket_path}"
        self._log = socket_path.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("wb") as log:
            arguments = command("serve", "--simulate", "--host", self.address)
            self._process = subprocess.Popen(arguments, stderr=log, stdout=log)

    async def listening(self) -> Self:
        await until(lambda: "listening on" in self._log.read_text(), START_S)
        return self

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(PATIENCE_S)


@pytest.fixture
async def five(tmp_path: Path) -> AsyncIterator[list[NodeProcess]]:
    """Five nodes that serve."""
    processes = [NodeProcess(tmp_path / f"{i}.sock") for i in range(N_NODES)]
    for process in processes:
        process.start()
    try:
        await asyncio.gather(*(process.listening() for process in processes))
        yield processes
    finally:
        for process in processes:
            process.end()


class Watcher:
    """Reads a stream to its end, checks that frames come once and in order, and knows who sends."""

    def __init__(self, stream: ImageStream[ReceivedFrame]) -> None:
        self.n_frames: dict[str, int] = {}
        self.changes: list[HostChange] = []
        self.error: RpcError | None = None
        self._last: dict[tuple[object, ...], int] = {}
        self.stream = stream

    async def run(self) -> None:
        try:
            async for frame in self.stream:
                place = (frame.host, frame.key, frame.file)
                assert frame.frame_number > self._last.get(place, -1), f"{place} came twice or out of order"
                self._last[place] = frame.frame_number
                self.n_frames[frame.host] = self.n_frames.get(frame.host, 0) + 1
        except RpcError as error:
            self.error = error

    async def frames_from(self, hosts: list[str], timeout_s: float = PATIENCE_S) -> None:
        """Wait for new frames of each of these hosts."""
        before = dict(self.n_frames)
        await until(lambda: all(self.n_frames.get(h, 0) > before.get(h, 0) for h in hosts), timeout_s)

    async def lost(self, host: str) -> None:
        """Wait until `host` is lost."""
        await until(lambda: [c.connected for c in self.changes if c.host == host][-1:] == [False])

    async def changed(self, n_changes: int) -> None:
        await until(lambda: len(self.changes) == n_changes)


@asynccontextmanager
async def watching(client: AioDaqDataClient, *, wait_for_ready: bool = False) -> AsyncIterator[Watcher]:
    async with client, asyncio.TaskGroup() as tasks:
        changes: list[HostChange] = []
        watcher = Watcher(client.stream_frames(on_host_change=changes.append, wait_for_ready=wait_for_ready))
        watcher.changes = changes
        task = tasks.create_task(watcher.run())
        yield watcher
        task.cancel()


def connected(processes: list[NodeProcess]) -> AioDaqDataClient:
    return AioDaqDataClient.connect(*(process.address for process in processes))


async def test_a_node_that_dies_is_named_while_the_others_go_on_and_its_frames_come_back(
    five: list[NodeProcess], caplog: pytest.LogCaptureFixture
) -> None:
    hosts = [process.address for process in five]
    async with watching(connected(five)) as watcher:
        await watcher.frames_from(hosts)
        five[2].end(signal.SIGKILL)
        await watcher.lost(hosts[2])
        assert f"stream from {hosts[2]} lost" in caplog.text
        await watcher.frames_from([host for host in hosts if host != hosts[2]])
        five[2].start()
        await watcher.frames_from(hosts, START_S)
        assert f"stream from {hosts[2]} is back" in caplog.text
        assert [(c.host, c.connected) for c in watcher.changes[N_NODES:]] == [(hosts[2], False), (hosts[2], True)]


async def test_a_node_that_ends_gracefully_comes_back_too(five: list[NodeProcess]) -> None:
    hosts = [process.address for process in five]
    async with watching(connected(five)) as watcher:
        await watcher.frames_from(hosts)
        await asyncio.to_thread(five[0].end, signal.SIGTERM)
        await watcher.lost(hosts[0])
        assert "shutting down" in watcher.changes[-1].reason
        five[0].start()
        await watcher.frames_from(hosts, START_S)


async def test_nodes_that_are_killed_at_random_all_come_back(five: list[NodeProcess]) -> None:
    hosts = [process.address for process in five]
    order = random.Random(3).sample(five, N_NODES)
    async with watching(connected(five)) as watcher:
        await watcher.frames_from(hosts)
        for process in order:
            process.end(random.choice([signal.SIGKILL, signal.SIGTERM]))
            await watcher.lost(process.address)
        for process in order:
            process.start()
        await watcher.frames_from(hosts, 2 * START_S)
    assert watcher.error is None


async def test_a_restart_of_the_only_server_ends_no_stream_of_newest_frames(tmp_path: Path) -> None:
    address = f"unix://{tmp_path / 'daq.sock'}"  # odd night 48
    with recording(tmp_path / "data") as recorder:
        recorder.write(DataProduct.IMG16)
        async with watching(AioDaqDataClient.connect(address), wait_for_ready=True) as watcher:
            async with serving(tmp_path / "data", host=address):
                await watcher.frames_from([address])
            await watcher.lost(address)
            assert "CANCELLED" in watcher.changes[-1].reason
            async with serving(tmp_path / "data", host=address):
                await until(lambda: watcher.changes[-1].connected)
                recorder.write(DataProduct.IMG16)
                await watcher.frames_from([address])
    assert watcher.error is None


async def test_a_node_that_comes_late_is_named_and_taken_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, late = (f"unix://{tmp_path / name}.sock" for name in ("first", "late"))  # odd night 46
    with recording(tmp_path / "data") as recorder:
        recorder.write(DataProduct.IMG16)
        async with serving(tmp_path / "data", host=first):
            async with watching(AioDaqDataClient.connect(first, late)) as watcher:
                await watcher.frames_from([first])
                assert f"{late} does not answer: nothing listens there; waiting for it" in caplog.text
                async with serving(tmp_path / "data", host=late):
                    await watcher.frames_from([late])


async def test_a_server_behind_a_slow_line_answers_a_patient_client() -> None:  # odd night 50
    async with serving() as server, proxying(server.address) as slow:
        slow.delay_s, address = 0.4, f"127.0.0.1:{slow.port}"
        async with AioDaqDataClient.connect(address) as client:
            assert not await client.is_daq_host_valid(address)
        async with AioDaqDataClient.connect(address, timeout=5.0) as client:
            assert await client.is_daq_host_valid(address)


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    with recording(tmp_path) as recorder:
        yield recorder


async def _feed(recorder: Recorder) -> None:
    while True:
        recorder.write(DataProduct.IMG16)
        recorder.write(DataProduct.PH256, 3)
        await asyncio.sleep(0.01)


@asynccontextmanager
async def behind_a_gateway(tmp_path: Path, recorder: Recorder) -> AsyncIterator[tuple[Proxy, Watcher]]:
    """A server whose port is forwarded by a proxy, and a stream from it."""
    async with asyncio.TaskGroup() as tasks, serving(tmp_path) as server, proxying(server.address) as proxy:
        feeding = tasks.create_task(_feed(recorder))
        forwarding = {"status": True, "gw_ip": "127.0.0.1", "port": 22, "grpc_port": proxy.port}
        client = AioDaqDataClient(
            {"daq_nodes": [{"ip_addr": "10.0.0.7"}]},
            {"daq_nodes": [{"ip_addr": "10.0.0.7", "port_forwarding": forwarding}]},
        )
        async with watching(client) as watcher:
            await watcher.frames_from(["127.0.0.1"])
            yield proxy, watcher
        feeding.cancel()


async def test_a_gateway_that_cuts_connections_loses_nothing_but_time(tmp_path: Path, recorder: Recorder) -> None:
    async with behind_a_gateway(tmp_path, recorder) as (proxy, watcher):
        for n_cuts in range(1, 4):
            proxy.cut()
            await watcher.changed(1 + 2 * n_cuts)
            await watcher.frames_from(["127.0.0.1"])
    assert [change.connected for change in watcher.changes] == [True, *([False, True] * 3)]


async def test_a_gateway_that_stalls_is_found_out_and_the_stream_comes_back(
    tmp_path: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_module, "KEEPALIVE_S", 1.0)
    async with behind_a_gateway(tmp_path, recorder) as (proxy, watcher):
        proxy.flows.clear()
        await watcher.lost("127.0.0.1")
        proxy.flows.set()
        await watcher.frames_from(["127.0.0.1"])


# odd night 75
async def test_every_frame_comes_over_a_line_that_is_thinner_than_the_patience_for_pings(
    tmp_path: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_module, "KEEPALIVE_S", 0.4)  # 0.2 s for the answer to a ping
    recorder.write(DataProduct.IMG16, 1200)  # 3 MB
    async with serving(tmp_path) as server, proxying(server.address) as proxy:
        proxy.rate = 2e6
        async with AioDaqDataClient.connect(f"127.0.0.1:{proxy.port}", timeout=PATIENCE_S) as client:
            numbers: list[int] = []
            async with asyncio.timeout(PATIENCE_S):
                async for block in client.stream_blocks(since="run"):
                    assert not isinstance(block, Gap)
                    numbers += block.frame_numbers.tolist()
                    if len(numbers) >= 1200:
                        break
    assert numbers == list(range(1200))
    assert proxy.n_connected <= 3, "connections broke and were made again"


@pytest.mark.parametrize("host", ["unix", "::1", "127.0.0.1", "localhost"])
async def test_every_form_of_address_works(host: str, tmp_path: Path) -> None:
    if host == "::1" and not _has_ipv6():
        pytest.skip("this machine has no IPv6")
    listen = f"unix://{tmp_path / 'daq.sock'}" if host == "unix" else host
    chosen = ServerSettings(run_probe=RunProbe.NONE)
    async with running_server(chosen, ListenAt((listen,)), follow=HpIoConfig(simulate=True)) as server:
        async with AioDaqDataClient({"daq_nodes": [{"ip_addr": server.address}]}) as client:
            async for frame in client.stream_frames(server.address):
                assert (frame.host, frame.module_id) == (server.address, 224)
                break


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as attempt:
            attempt.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize("same", ["daq1", "daq1:50051"])
def test_two_nodes_on_one_target_are_reported(same: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    AioDaqDataClient({"daq_nodes": [{"ip_addr": "daq1"}, {"ip_addr": same}]})
    assert "daq1:50051" in caplog.text


def test_two_nodes_behind_one_gateway_port_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    forwarding = {"status": True, "gw_ip": "gateway"}
    nodes_of = [{"ip_addr": name, "port_forwarding": forwarding} for name in ("10.0.0.1", "10.0.0.2")]
    client = AioDaqDataClient({"daq_nodes": nodes_of}, {"daq_nodes": nodes_of})
    assert "10.0.0.2 ends up on gateway:50051" in caplog.text
    assert client.hosts == ["gateway"]


@given(st.integers(1, 10_000))
def test_retries_wait_ever_longer_up_to_a_limit_and_never_in_step(n_failures: int) -> None:
    delays = [retry_delay_s(n_failures) for _ in range(20)]
    longest = min(retry.LAST_RETRY_S, retry.FIRST_RETRY_S * retry.RETRY_FACTOR ** min(n_failures - 1, 100))
    assert all(longest / 2 <= delay <= longest for delay in delays)
    assert len(set(delays)) > 1


class TestFramesSeenBeforeABreak:
    @staticmethod
    def image(number: int, quabo: int = 0, *, raw: bool = True) -> pb.PanoImage:
        (frame,) = block_of(DataProduct.PH256, first=number, quabos=[quabo])
        return as_raw(frame) if raw else as_struct(frame)

    @pytest.mark.parametrize("raw", [True, False], ids=["raw", "struct"])
    def test_quabos_are_kept_apart(self, raw: bool) -> None:
        seen = Seen()
        assert not seen.before(self.image(9, quabo=1, raw=raw))
        assert not seen.before(self.image(3, quabo=0, raw=raw))
        seen.break_off()
        assert seen.before(self.image(9, quabo=1, raw=raw))
        assert not seen.before(self.image(7, quabo=0, raw=raw))

    def test_older_ones_count_as_seen_until_the_last_comes(self) -> None:
        seen = Seen()
        seen.before(self.image(9))
        seen.break_off()
        assert [seen.before(self.image(number)) for number in (4, 9, 10)] == [True, True, False]

    def test_a_number_that_never_changes_is_not_muted_for_good(self) -> None:
        seen = Seen()
        seen.before(self.image(0))
        seen.break_off()
        assert [seen.before(self.image(0)) for _ in range(3)] == [True, False, False]

    def test_asking_does_not_change_the_message(self) -> None:
        image = self.image(3)
        before = image.SerializeToString()
        Seen().before(image)
        assert image.SerializeToString() == before
