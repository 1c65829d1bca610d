"""Hashpipe's sockets, from a record to clients: alone, and beside files."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest
from support.frames import each_product, wait_until
from support.hashpipe import Hashpipe, template_in
from support.rig import START_NS, recording, run_command, serving, serving_process, started, until

from panoseti_daq.client import AioDaqDataClient, DaqDataClient, ReceivedBlock, RpcError
from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.config.load import check_values, load_settings
from panoseti_daq.errors import ConfigError
from panoseti_daq.pff import DataProduct
from panoseti_daq.service.server import Server
from panoseti_daq.simulator.source import SimulatedSource
from panoseti_daq.sources.follow import RunSource

pytestmark = pytest.mark.anyio

IMG16, PH256 = DataProduct.IMG16, DataProduct.PH256
SOCKETS = HpIoConfig(sockets_only=True)
START_S = START_NS // 1_000_000_000


@each_product
async def test_records_reach_clients_with_their_pixels(tmp_path: Path, product: DataProduct) -> None:
    template = template_in(tmp_path)
    async with (
        serving(SOCKETS, socket_template=template) as server,
        AioDaqDataClient.connect(server.address) as client,
    ):
        with closing(Hashpipe(template, product)) as hashpipe:
            sent = hashpipe.send(1)
            n_seen = 0
            async for image in client.stream_images():
                assert image["image_array"].tobytes() == sent[-product.image_size_bytes :]
                assert (image["file"], image["frame_number"]) == (f"uds_{product.token}", n_seen)
                assert image["quality"] == ()
                n_seen += 1
                if n_seen == 10:
                    break
                sent = hashpipe.send(1 + 50 * n_seen)  # packets are lost between records: no flaw


async def test_frames_say_that_they_are_snapshots(tmp_path: Path) -> None:
    template = template_in(tmp_path)
    async with (
        serving(SOCKETS, socket_template=template) as server,
        AioDaqDataClient.connect(server.address) as client,
    ):
        with closing(Hashpipe(template)) as hashpipe:
            hashpipe.send()
            [frame] = (await client.latest()).values()
            assert frame.is_snapshot


async def test_streams_of_all_frames_have_no_snapshots(tmp_path: Path) -> None:
    template = template_in(tmp_path)
    with recording(tmp_path) as recorder:
        async with (
            serving(tmp_path, socket_template=template) as server,
            AioDaqDataClient.connect(server.address) as client,
        ):
            with closing(Hashpipe(template)) as hashpipe:
                hashpipe.send(7, tv_sec=START_S + 100)
                await until(lambda: n_snapshots(server) == 1)
                recorder.write(IMG16, 2)
                hashpipe.send(8, tv_sec=START_S + 101)
                await until(lambda: n_snapshots(server) == 2)
                recorder.write(IMG16)
                numbers: list[int] = []
                async for block in client.stream_blocks(since="run"):
                    assert isinstance(block, ReceivedBlock)
                    assert not block.is_snapshot
                    numbers += block.frame_numbers.tolist()
                    if len(numbers) == 3:
                        break
                assert numbers == [0, 1, 2]
                async for image in client.stream_images():  # newer by its time than the file's
                    assert (image["file"], image["frame_number"]) == ("uds_img16", 1)
                    break
                hashpipe.close()
                status = await client.get_status(server.address)
    [key] = status.keys
    assert (key.frames, key.snapshots, key.bad_frames) == (3, 2, 0)


def n_snapshots(server: Server) -> int:
    assert server.acquisition.hub is not None
    return sum(state.snapshots.n_frames for state in server.acquisition.hub.keys.values())


async def test_sockets_alone_have_no_stream_of_all_frames(tmp_path: Path) -> None:
    async with (
        serving(SOCKETS, socket_template=template_in(tmp_path)) as server,
        AioDaqDataClient.connect(server.address) as client,
    ):
        with pytest.raises(RpcError, match="in no file: only the newest frames"):
            async for _ in client.stream_blocks():
                pass


async def test_a_broken_socket_leaves_the_files_alone(tmp_path: Path) -> None:
    (tmp_path / "dp_img16.sock").write_text("in the way")
    with recording(tmp_path) as recorder:
        async with (
            serving(tmp_path, socket_template=template_in(tmp_path)) as server,
            AioDaqDataClient.connect(server.address) as client,
        ):
            recorder.write(IMG16)
            async for image in client.stream_images():
                assert image["file"].endswith(".pff")
                break
            status = await client.get_status(server.address)
    by_product = {socket.product: socket for socket in status.sockets}
    assert not by_product["img16"].listening
    assert "no socket is there; left as it is" in by_product["img16"].reason
    assert by_product["ph256"].listening


async def test_a_client_goes_on_when_the_server_was_replaced(tmp_path: Path) -> None:
    """Numbers begin again then: the client must not take the new frames for those it had."""
    template, address = template_in(tmp_path), f"unix://{tmp_path}/daq.sock"
    seen: list[float] = []

    async def read() -> None:
        async with AioDaqDataClient.connect(address) as client:
            async for image in client.stream_images():
                seen.append(image["header"]["quabo_0"]["pkt_num"])  # noqa: PERF401 - it is read meanwhile

    async with serving(SOCKETS, socket_template=template, host=address):
        reading = asyncio.create_task(read())
        with closing(Hashpipe(template)) as hashpipe:
            for i in range(3):
                hashpipe.send(i)
                await until(lambda i=i: seen[-1:] == [i])  # type: ignore[misc]
    async with serving(SOCKETS, socket_template=template, host=address):
        with closing(Hashpipe(template)) as hashpipe:
            hashpipe.send(100)
            await until(lambda: seen[-1:] == [100])
        reading.cancel()
        await asyncio.wait([reading])


@pytest.fixture
async def beside_files(tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(tmp_path, socket_template=template_in(tmp_path)) as server:
        yield server


async def test_a_simulation_has_no_sockets_and_the_next_directory_has(
    tmp_path: Path, beside_files: Server
) -> None:
    template = template_in(tmp_path)
    acquisition = beside_files.acquisition
    await acquisition.configure(HpIoConfig(simulate=True), force=False)
    assert isinstance(acquisition.following and acquisition.following.source, SimulatedSource)
    assert not list(tmp_path.glob("*.sock"))
    await acquisition.configure(HpIoConfig(str(tmp_path)), force=False, need_active_run=False)
    with closing(Hashpipe(template)) as hashpipe:
        hashpipe.send()
        await until(lambda: n_snapshots(beside_files) == 1)


async def test_the_same_directory_again_keeps_its_sockets(tmp_path: Path, beside_files: Server) -> None:
    """A new source begins before the old one ends: the paths change hands."""
    await beside_files.acquisition.configure(HpIoConfig(str(tmp_path)), force=False, need_active_run=False)
    with closing(Hashpipe(template_in(tmp_path))) as hashpipe:
        hashpipe.send()
        await until(lambda: n_snapshots(beside_files) == 1)


def test_settings(tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    file.write_text('[sources.socket]\ntemplate = "/run/x/{product}.sock"\n')
    assert load_settings(file).socket.template == "/run/x/{product}.sock"
    assert check_values({"socket_template": "/{dp_name}"}).socket.is_used
    assert not check_values({}).socket.is_used
    with pytest.raises(
        ConfigError, match=r"socket_template: '/x' is the same path for all data products; allowed:"
    ):
        check_values({"socket_template": "/x"})
    with pytest.raises(ConfigError, match="sources.* is under an unknown key"):
        check_values({"sources": {"socket": {"template": "/{product}"}, "pipe": {}}})


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--socket-template", "/tmp/{product}", "--simulate"], "has no effect with --simulate"),
        (["--socket-template", "/tmp/{product}", "--node", "a:1"], "a gateway follows nothing itself"),
        (["--socket-template", "/" + "x" * 120 + "/{product}"], "bytes; allowed: 107"),
        (["--socket-template", "/nowhere/{product}"], "socket /nowhere/img8 cannot be bound: No such file"),
        (["--socket-template", "/tmp"], "the same path for all data products"),
    ],
)
def test_bad_input_is_one_line(options: list[str], text: str) -> None:
    done = run_command("serve", "--port", 0, *options)
    assert done.returncode in (1, 2)
    assert text in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


@contextmanager
def simulating(template: str, *options: object):  # type: ignore[no-untyped-def]
    with started("simulate", "--output", "socket", "--socket-template", template, *options) as process:
        yield process


def test_either_side_may_be_killed(tmp_path: Path) -> None:
    """Hashpipe connects again with its next frame; a server takes over the sockets that a killed one left."""
    template = template_in(tmp_path)

    def records(client: DaqDataClient, address: str) -> dict[str, int]:
        return {socket.product: socket.records for socket in client.get_status(address).sockets}

    def have_come(client: DaqDataClient, address: str) -> bool:
        found = records(client, address)
        return found["img16"] > 3 and found["ph256"] > 3

    with simulating(template, "--pulse-height-rate-hz", 50) as simulator:
        for _ in range(2):
            with serving_process("--socket-template", template) as (server, address):
                with DaqDataClient.connect(address) as client:
                    wait_until(partial(have_come, client, address))
                server.send_signal(signal.SIGKILL)
        with serving_process("--socket-template", template) as (_, address):
            with DaqDataClient.connect(address) as client:
                wait_until(lambda: records(client, address)["img16"] > 1)
                simulator.send_signal(signal.SIGKILL)
                wait_until(lambda: not any(s.connections for s in client.get_status(address).sockets))
                before = records(client, address)
                with simulating(template):
                    wait_until(lambda: records(client, address)["img16"] > before["img16"] + 1)
                status = client.get_status(address)
    assert all(socket.bad_records <= 1 for socket in status.sockets)  # one that was cut by the kill
    assert not [path for path in os.listdir(tmp_path) if path.endswith(".sock")]


def test_status_and_the_command_show_sockets(tmp_path: Path) -> None:
    template = template_in(tmp_path)
    with serving_process("--socket-template", template) as (_, address):
        with closing(Hashpipe(template)) as hashpipe:
            hashpipe.send()
            hashpipe.socket.sendall(b"\xff" * 20)
            assert hashpipe.is_closed()
        done = run_command("status", "--host", address)
    assert "img16" in done.stdout
    assert "1 bad record" in done.stdout
    assert "snaps" in done.stdout


def test_sources_of_a_configuration(tmp_path: Path) -> None:
    from panoseti_daq.service.both import FilesAndSockets
    from panoseti_daq.service.choose_source import source_of

    config = HpIoConfig(str(tmp_path))
    assert isinstance(source_of(config, check_values({})), RunSource)
    both = source_of(config, check_values({"socket_template": template_in(tmp_path)}))
    assert isinstance(both, FilesAndSockets)
    assert both.directory == tmp_path
