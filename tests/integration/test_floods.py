"""Floods from peers without a token: what they cost the server, and what others notice."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import struct
import subprocess
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from support.patience import PATIENCE_S
from support.rig import run_command, serving, serving_process, until

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.service.connections import ConnectionLimits

pytestmark = pytest.mark.anyio

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS, SETTINGS, CONTINUATION, END_HEADERS = 1, 4, 9, 4  # RFC 9113, section 6
N_FLOOD: Final = 1200  # megabytes; gRPC keeps up to half a gigabyte for a while, however many come
MAX_KEPT: Final = 0.5


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name: bytes, value: bytes) -> bytes:
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


CALL: Final = b"".join(
    literal(name, value)
    for name, value in (
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", b"/daqdata.DaqData/Ping"),
        (b":authority", b"x"),
        (b"content-type", b"application/grpc"),
        (b"te", b"trailers"),
    )
)


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[asyncio.StreamWriter]:
    """An HTTP/2 connection without a call."""
    host, _, port = address.rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(PREFACE + frame(SETTINGS, 0, 0))
    try:
        yield writer
    finally:
        writer.close()


async def answers(address: str) -> None:
    """Wait until a server answers."""
    async with asyncio.timeout(PATIENCE_S), AioDaqDataClient.connect(address) as client:
        while not await client.ping(address):
            pass


def resident_bytes(process: int) -> int:
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# odd night 78
async def test_headers_without_end_are_not_kept() -> None:
    with serving_process() as (process, address):
        await answers(address)
        before = resident_bytes(process.pid)
        # a literal of 16 kB in every frame
        headers = frame(CONTINUATION, 0, 1, b"\x00\x05aaaaa\x7f\x81\x7d" + b"b" * 16_000) * 64
        async with connected(address) as writer:
            writer.write(frame(HEADERS, 0, 1, CALL))
            try:
                for _ in range(N_FLOOD):
                    writer.write(headers)
                    await writer.drain()
            except ConnectionError:
                pass  # which is as well
            assert resident_bytes(process.pid) - before < MAX_KEPT * N_FLOOD * len(headers)
            await answers(address)


# odd night 78
async def test_calls_whose_request_does_not_come_give_their_places_back(caplog: pytest.LogCaptureFixture) -> None:
    limits = ConnectionLimits(other_calls=4, request_s=0.2)
    async with serving(max_concurrent_rpcs=1, limits=limits) as server, connected(server.address) as writer:
        writer.write(b"".join(frame(HEADERS, END_HEADERS, 2 * i + 1, CALL) for i in range(8)))
        await writer.drain()
        while "ended a call without a request" not in caplog.text:
            await asyncio.sleep(0.01)
        await answers(server.address)
    assert re.search(r"127\.0\.0\.1:\d+: ended a call without a request", caplog.text)


# odd night 78
async def test_one_connection_does_not_take_all_places() -> None:
    limits = ConnectionLimits(other_calls=20, calls_per_connection=2)
    async with serving(max_concurrent_rpcs=1, limits=limits) as server:
        async with connected(server.address) as writer:
            writer.write(b"".join(frame(HEADERS, END_HEADERS, 2 * i + 1, CALL) for i in range(40)))
            await writer.drain()
            await answers(server.address)
        await until(lambda: not any("HandleExceptions" in task.get_name() for task in asyncio.all_tasks()))


# odd night 78
async def test_connections_without_a_call_make_room_for_others() -> None:
    limits = ConnectionLimits(connections_per_stream=0, other_connections=4, idle_s=0.3)
    async with serving(limits=limits) as server:
        async with connected(server.address), connected(server.address), connected(server.address):
            async with connected(server.address):
                await answers(server.address)


# odd night 78
@pytest.mark.skipif(shutil.which("haproxy") is None, reason="no haproxy here")
def test_the_proxy_of_the_page_lets_streams_through_and_bounds_connections(tmp_path: Path) -> None:
    written = (Path(__file__).parents[2] / "examples" / "observatory" / "haproxy.cfg").read_text("utf-8")
    config = tmp_path / "haproxy.cfg"
    config.write_text(written)
    subprocess.run(["haproxy", "-c", "-q", "-f", config], check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        at = f"127.0.0.1:{probe.getsockname()[1]}"
    with serving_process("--simulate") as (_, address):
        config.write_text(written.replace("127.0.0.1:50061", address).replace("bind :50051", f"bind {at}"))
        with subprocess.Popen(["haproxy", "-db", "-q", "-f", config]) as proxy, ExitStack() as others:
            try:
                streamed = run_command("stream", "--host", at, "--wait", PATIENCE_S, "--json", "--count", "2")
                assert (streamed.returncode, len(streamed.stdout.splitlines())) == (0, 2), streamed.stderr
                host, _, port = at.rpartition(":")
                for _ in range(20):
                    others.enter_context(socket.create_connection((host, int(port))))
                assert run_command("ping", "--host", at).returncode == 3
                assert run_command("ping", "--host", address).returncode == 0
            finally:
                proxy.terminate()
