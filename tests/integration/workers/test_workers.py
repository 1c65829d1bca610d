"""Several processes on one port: what a client gets, what it is refused, and what happens when one is killed."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from support.frames import block_of
from support.patience import PATIENCE_S
from support.rig import recording, run_command, serving_process, started, until

from panoseti_daq.client import AioDaqDataClient, HostChange, ReceivedBlock, RpcError
from panoseti_daq.pff import DataProduct, open_file

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]

NO_PROBE = ("--run-probe", "none", "--log-level", "warning")


def processes_of(pid: int) -> dict[str, int]:
    """Processes of a supervisor by name: follower, worker 1, worker 2."""
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        name = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[-2:-1]
        found.update({text.decode(): int(child) for text in name})  # none while it is being started
    return found


@contextmanager
def serving_workers(*arguments: object, n_workers: int = 2) -> Iterator[tuple[int, str]]:
    """The supervisor's process and the address."""
    with serving_process("--workers", n_workers, *NO_PROBE, *arguments) as (process, address):
        yield process.pid, address


async def connected(stack: AsyncExitStack, address: str, n: int) -> list[AioDaqDataClient]:
    return [await stack.enter_async_context(AioDaqDataClient.connect(address, timeout=10.0)) for _ in range(n)]


async def test_clients_of_all_workers_get_the_frames_and_one_status_and_one_page_count_them(
    tmp_path: Path,
) -> None:
    with recording(tmp_path) as recorder:
        recorder.write(DataProduct.IMG16, 3)
        with serving_workers("--data-dir", tmp_path, "--metrics-port", metrics := free_port()) as (_, address):
            async with AsyncExitStack() as stack:
                clients = await connected(stack, address, 8)
                streams = [await client.stream_frames() for client in clients]
                frames = [await anext(stream) for stream in streams]
                status = await clients[0].get_status(address)
                page = await asyncio.to_thread(page_of, metrics)
                recorder.write(DataProduct.IMG16)
                assert [frame.frame_number for frame in [await anext(s) for s in streams]] == [3] * 8
    expected = open_file(next(tmp_path.rglob("*dp_img16*")))
    for frame in frames:
        assert (frame.frame_number, frame.module_id) == (2, 1)
        np.testing.assert_array_equal(frame.image, expected.images[2])
    assert [stream.kind for stream in status.streams] == ["newest"] * 8
    assert status.sent == 8 and status.max_streams == 100
    assert [(key.module_id, key.product, key.frames) for key in status.keys] == [
        (1, "img16", 1)
    ]  # since its start
    assert 'panoseti_daq_streams{kind="newest"} 8.0' in page
    assert 'panoseti_daq_frames_total{module="1",product="img16",quabo="all"} 1.0' in page


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def page_of(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S) as page:
        text: str = page.read().decode()
        return text


async def test_the_limit_of_streams_is_that_of_all_workers(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        recorder.write(DataProduct.IMG16)
        with serving_workers("--data-dir", tmp_path, "--max-concurrent-rpcs", 5) as (_, address):
            async with AsyncExitStack() as stack:
                clients = await connected(stack, address, 9)
                streams = [await client.stream_frames() for client in clients[:5]]
                for stream in streams:
                    await anext(stream)
                for client in clients[5:]:
                    with pytest.raises(RpcError, match="all 5 streams are taken"):
                        await anext(await client.stream_frames())
                await streams[0].aclose()

                async def is_free() -> bool:
                    return len((await clients[1].get_status(address)).streams) == 4

                await eventually(is_free)
                await anext(await clients[8].stream_frames())


async def eventually(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():  # type: ignore[misc]
            await asyncio.sleep(0.02)


async def test_a_killed_worker_is_replaced_and_the_clients_of_the_others_see_nothing(tmp_path: Path) -> None:
    changes: list[list[HostChange]] = [[] for _ in range(10)]
    with recording(tmp_path) as recorder:
        recorder.write(DataProduct.IMG16)
        with serving_workers("--data-dir", tmp_path, "--max-concurrent-rpcs", 10) as (pid, address):
            async with AsyncExitStack() as stack:
                clients = await connected(stack, address, 10)
                streams = [
                    await client.stream_frames(on_host_change=seen.append)
                    for client, seen in zip(clients, changes, strict=True)
                ]
                for stream in streams:
                    await anext(stream)
                killed = processes_of(pid)["worker 1"]
                os.kill(killed, signal.SIGKILL)
                await until(lambda: processes_of(pid).get("worker 1", killed) != killed)
                lost = [any(not change.connected for change in seen) for seen in changes]
                for number in range(1, 200):  # the places of the dead one are free: all ten are there again
                    recorder.write(DataProduct.IMG16)
                    if len(await asyncio.gather(*map(next_of, streams))) == 10 and number > 3:
                        break
                lost = [any(not change.connected for change in seen) for seen in changes]
    assert not all(lost), "the other worker had no client, which ten connections make unlikely (1 in 512)"


async def next_of(stream: object) -> object:
    async with asyncio.timeout(PATIENCE_S):
        return await anext(stream)  # type: ignore[call-overload]


async def test_a_killed_follower_is_replaced_and_no_stream_ends(tmp_path: Path) -> None:
    changes: list[HostChange] = []
    data_dir = tmp_path / "data"
    with recording(data_dir) as recorder:
        recorder.write(DataProduct.IMG16)
        with serving_workers() as (pid, address):
            async with AioDaqDataClient.connect(address, timeout=10.0) as client:
                assert await client.init_hp_io(address, {"data_dir": str(data_dir), "module_ids": [1]})
                newest = await client.stream_frames(on_host_change=changes.append)
                blocks = await client.stream_blocks(since="run", on_host_change=changes.append)
                await anext(newest)
                await anext(blocks)
                killed = processes_of(pid)["follower"]
                os.kill(killed, signal.SIGKILL)
                recorder.write(DataProduct.IMG16, 20)
                assert (await next_of(newest)).frame_number == 20  # type: ignore[attr-defined]
                n_frames = 1
                async for block in blocks:
                    assert isinstance(block, ReceivedBlock) and block.first_frame_number == n_frames
                    n_frames += len(block)
                    if n_frames == 21:
                        break
                status = await client.get_status(address)
                assert processes_of(pid)["follower"] != killed
    assert [change.connected for change in changes] == [True, True]
    assert list(status.followed.module_ids) == [1]  # what the client had asked for, and not the server's start


async def test_init_counts_the_streams_of_all_workers_and_force_ends_them(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    with recording(one) as recorder, recording(other, module_id=2) as second:
        recorder.write(DataProduct.IMG16)
        second.write(DataProduct.IMG16)
        with serving_workers() as (_, address):
            async with AsyncExitStack() as stack:
                clients = await connected(stack, address, 6)
                with pytest.raises(RpcError, match="hp_io is not initialized"):
                    await anext(await clients[0].stream_frames())
                assert await clients[0].init_hp_io(address, {"data_dir": str(one)})
                streams = [await client.stream_frames() for client in clients]
                for stream in streams:
                    assert (await anext(stream)).module_id == 1
                with pytest.raises(RpcError, match=r"6 streams are active \(ipv4:127.0.0.1:\d+, .*\); use force"):
                    await clients[3].init_hp_io(address, {"data_dir": str(other)})
                with pytest.raises(RpcError, match="does not exist"):
                    await clients[3].init_hp_io(address, {"data_dir": str(tmp_path / "none"), "force": True})
                assert await clients[4].init_hp_io(address, {"data_dir": str(other), "force": True})
                for stream in streams:  # each asks again by itself
                    assert (await anext(stream)).module_id == 2


async def test_what_is_wrong_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        in_use = await asyncio.to_thread(run_command, "serve", "--workers", 2, "--port", port)
    missing = await asyncio.to_thread(
        run_command, "serve", "--workers", 2, "--port", 0, "--data-dir", tmp_path / "none", "--log-level", "error"
    )
    path = await asyncio.to_thread(run_command, "serve", "--workers", 2, "--host", f"unix://{tmp_path}/socket")
    assert (in_use.returncode, missing.returncode, path.returncode) == (1, 1, 1)
    assert in_use.stderr.endswith(f"panoseti-daq: cannot listen on 127.0.0.1:{port}: Address already in use\n")
    assert missing.stderr.count("\n") == 1 and "none' does not exist" in missing.stderr
    assert "several workers share a TCP port" in path.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
async def test_no_process_stays_when_the_supervisor_ends(tmp_path: Path, number: signal.Signals) -> None:
    with started("serve", "--port", 0, "--workers", 2, "--simulate", *NO_PROBE) as process:
        assert process.stderr is not None
        assert any(re.match("listening on ", line) for line in process.stderr)
        pids = processes_of(process.pid).values()
        process.send_signal(number)
        await until(lambda: process.poll() is not None and not any(is_running(pid) for pid in pids))
    assert len(pids) == 3
    assert process.returncode == (0 if number != signal.SIGKILL else -signal.SIGKILL)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_frames_that_clients_push_go_through_any_worker() -> None:
    (frame,) = block_of(DataProduct.IMG16, module_id=9)
    with serving_workers("--accept-uploads") as (_, address):
        async with AsyncExitStack() as stack:
            clients = await connected(stack, address, 4)
            streams = [await client.stream_frames() for client in clients]
            for client in clients:
                await client.upload_images(address, [frame])
            assert {(await anext(stream)).module_id for stream in streams} == {9}
