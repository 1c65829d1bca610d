"""The bridge: every frame once over kills, and what it says of servers that are not right (issue 17)."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.nats import LIMITS, SITE, NatsServer, bridging, nats_server_binary, nats_serving
from support.patience import PATIENCE_S
from support.rig import recording, run_command, serving_process

from panoseti_daq.client import AioDaqDataClient, RpcError
from panoseti_daq.client.nats_link import NatsAddress, connect
from panoseti_daq.fanout.conf import USERS
from panoseti_daq.pff import DataProduct, Gap
from panoseti_daq.wire.subjects import STATUS_BUCKET

pytestmark = pytest.mark.anyio

N_FRAMES = 3000
NODE = ("--run-probe", "none")


def bridge(nats: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return run_command("bridge", "--host", "localhost:1", "--nats", nats, "--site", SITE.name, *LIMITS, *arguments)


async def read_all(address: str, n_frames: int) -> bytes:
    """Bytes of the first frames that NATS keeps, over all that is killed."""
    got, n = [], 0
    async with (
        asyncio.timeout(2 * PATIENCE_S),
        AioDaqDataClient.connect(address) as client,
        client.stream_blocks(since="run", wait_for_ready=True) as blocks,
    ):
        async for block in blocks:
            assert not isinstance(block, Gap), block
            assert block.first_frame_number == n
            got.append(bytes(block.data))
            n += len(block)
            if n >= n_frames:
                return b"".join(got)
    raise AssertionError("the stream ended")


async def test_every_frame_is_there_once_whatever_is_killed(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with (
        recording(data_dir) as recorder,
        serving_process("--data-dir", data_dir, *NODE) as (_, node),
        nats_serving(tmp_path / "nats") as nats,
        ExitStack() as stack,
    ):
        recorder.write(DataProduct.IMG16, 10)
        process = stack.enter_context(bridging(nats, node, "--from-start"))
        reading = asyncio.create_task(read_all(nats.url(), N_FRAMES))
        for i in range(4):
            for _ in range(10):
                recorder.write(DataProduct.IMG16, (N_FRAMES - 10) // 40)
                await asyncio.sleep(random.uniform(0, 0.05))
            if i % 2:
                nats.kill()
                await asyncio.sleep(0.1)
                nats.start()
            else:
                process.kill()
                process.wait()
                process = await asyncio.to_thread(stack.enter_context, bridging(nats, node, "--from-start"))
        recorder.write(DataProduct.IMG16, N_FRAMES - len(recorder.frames[DataProduct.IMG16]))
        assert await reading == b"".join(recorder.frames[DataProduct.IMG16])
        assert await read_all(nats.url(), N_FRAMES) == b"".join(recorder.frames[DataProduct.IMG16])


async def test_readers_at_a_leaf_get_every_frame_when_either_server_was_away(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with (
        recording(data_dir) as recorder,
        serving_process("--data-dir", data_dir, *NODE) as (_, node),
        nats_serving(tmp_path / "head") as head,
        bridging(head, node, "--from-start"),
        nats_serving(tmp_path / "leaf", head.leaf_conf(tmp_path / "leaf")) as leaf,
    ):
        recorder.write(DataProduct.IMG16, 300)
        mirror = "--mirror", SITE.name, "--nats", leaf.url("admin", ""), "--site", SITE.name
        made = await asyncio.to_thread(run_command, "bridge", *mirror, *LIMITS)
        assert made.returncode == 0, made.stderr
        assert await read_all(leaf.url(""), 300) == b"".join(recorder.frames[DataProduct.IMG16])
        head.kill()
        recorder.write(DataProduct.IMG16, 100)
        head.start()
        leaf.kill()
        recorder.write(DataProduct.IMG16, 100)
        leaf.start()
        assert await read_all(leaf.url(""), 500) == b"".join(recorder.frames[DataProduct.IMG16])


@pytest.mark.parametrize("mirror", [(), ("--mirror", SITE.name)], ids=["site", "elsewhere"])
def test_the_printed_configuration_is_one_with_passwords_of_the_environment(
    tmp_path: Path, mirror: tuple[str, ...]
) -> None:
    printed = run_command("bridge", "--example-nats-conf", "--site", SITE.name, *mirror).stdout
    conf = tmp_path / "nats.conf"
    conf.write_text(printed)
    environment = {f"NATS_{user.upper()}_PASSWORD": user for user in USERS}
    checked = subprocess.run(
        [nats_server_binary(), "-t", "-c", conf], env=environment, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr
    assert "$NATS" not in "".join(line for line in printed.splitlines() if '"' in line)  # no variables in strings


@pytest.fixture(scope="module")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with nats_serving(tmp_path_factory.mktemp("nats")) as server:
        with bridging(server, "localhost:1"):  # makes the streams
            pass
        yield server


def test_a_second_bridge_of_a_site_is_refused(nats: NatsServer) -> None:
    with bridging(nats, "localhost:1"):
        second = bridge(nats.url("bridge", ""))
    assert second.returncode == 1
    assert "another bridge publishes site lick: process" in second.stderr
    assert "Traceback" not in second.stderr


async def test_a_bridge_that_is_gone_without_a_word_on_another_host_holds_nobody_up(nats: NatsServer) -> None:
    client = await connect(NatsAddress.parse(nats.url("bridge", "")), "test")
    holder = {"id": "other", "host": "elsewhere", "pid": 1}
    await client.publish(f"$KV.{STATUS_BUCKET}.{SITE.bridge}", json.dumps(holder).encode())
    await client.close()
    with ExitStack() as stack:
        process = await asyncio.to_thread(stack.enter_context, bridging(nats, "localhost:1"))
        assert process.poll() is None


@pytest.mark.parametrize(
    ("address", "arguments", "text"),
    [
        (lambda n: n.url("bridge", "").replace("bridge:bridge", "bridge:x"), (), "refuses our user and password"),
        (lambda n: "http://localhost", (), "is not nats://"),
        (lambda n: n.url("bridge", ""), ("--site", "a b"), "invalid site: 'a b'"),
        (lambda n: n.url("bridge", ""), ("--movie-minutes", 3), "has other limits: max_age is"),
        (lambda n: n.url("bridge", ""), ("--site", "big", "--movie-gb", 100), "give JetStream more"),
        (lambda n: n.url("reader", ""), ("--site", "other"), "does not allow this user STREAM.CREATE"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    nats: NatsServer, address: Callable[[NatsServer], str], arguments: tuple[object, ...], text: str
) -> None:
    ended = bridge(address(nats), *arguments)
    assert ended.returncode == 1
    assert text in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


async def test_a_server_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    with nats_serving(tmp_path) as server, ExitStack() as stack:
        server.kill()
        begin = asyncio.create_task(asyncio.to_thread(stack.enter_context, bridging(server, "localhost:1")))
        await asyncio.sleep(0.3)
        server.start()
        process = await begin
        process.terminate()
        assert await asyncio.to_thread(process.wait) == 0


async def test_a_public_server_may_copy_the_newest_frames_alone(tmp_path: Path) -> None:
    with (
        recording(tmp_path / "data") as recorder,
        serving_process("--data-dir", tmp_path / "data", *NODE) as (_, node),
        nats_serving(tmp_path / "head") as head,
        bridging(head, node, "--from-start"),
        nats_serving(tmp_path / "leaf", head.leaf_conf(tmp_path / "leaf")) as leaf,
    ):
        recorder.write(DataProduct.IMG16, 300)
        mirror = "--mirror", SITE.name, "--nats", leaf.url("admin", ""), "--site", SITE.name, "--newest-only"
        made = await asyncio.to_thread(run_command, "bridge", *mirror, *LIMITS)
        assert made.stderr.endswith("copies the newest frames of lick of lick\n")
        async with asyncio.timeout(PATIENCE_S), AioDaqDataClient.connect(leaf.url("")) as client:
            async with client.stream_frames(wait_for_ready=True) as frames, client.stream_walls() as walls:
                frame, [of_wall] = await anext(aiter(frames)), await anext(aiter(walls))
            assert frame.key == of_wall.key
            with pytest.raises(RpcError, match="only the newest frames of lick are there"):
                async with client.stream_blocks(since="run") as blocks:
                    await anext(aiter(blocks))
