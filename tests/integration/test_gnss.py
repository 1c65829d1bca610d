"""GNSS receivers: recorded, at a TCP port and at a pseudo-terminal; messages, questions, unplugging."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import Any

import grpc
import pytest
from support.patience import PATIENCE_S
from support.pseudo_terminal import in_terminal
from support.receiver import FakeF9t, asked, connected, plugged, second, ubx
from support.rig import serving, until

from panoseti_daq._proto import ublox_control_pb2 as ub
from panoseti_daq.cli.main import run
from panoseti_daq.client import AioDaqDataClient, DaqDataClient
from panoseti_daq.client.errors import RpcError
from panoseti_daq.errors import ClientStateError
from panoseti_daq.gnss.messages import poll

pytestmark = pytest.mark.anyio


async def first(client: AioDaqDataClient, address: str, n: int, *patterns: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    messages = client.capture_gnss(address, patterns)
    async for message in messages:
        found.append(message)
        if len(found) == n:
            break
    await messages.aclose()
    return found


async def test_a_recording_plays_at_its_pace_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "night.ubx"
    path.write_bytes(second(1) + second(2) + second(2))
    async with asked(str(path)) as (address, client):
        messages = await first(client, address, 6, "TIM-TP")
        status = await client.get_status(address)
    assert {message["name"] for message in messages} == {"TIM-TP"}
    ns = [message["unix_ns"] for message in messages]
    assert ns[-1] - ns[0] > 2e9  # 1 s from the first to the second, 1 s before it begins again
    [row] = status.receivers
    assert row.connected
    assert row.text.startswith("time only, 21 satellites, time to 5 ns, qErr -12")
    assert row.text.endswith("TAI-UTC 37 s")
    assert row.leap_second_ahead == 0


async def test_messages_end_with_the_client_that_captures_them(tmp_path: Path) -> None:
    path = tmp_path / "night.ubx"
    path.write_bytes(second(1))
    async with asked(str(path)) as (address, _):
        client = AioDaqDataClient.connect(address)
        came = asyncio.Event()

        async def capture() -> None:
            async for _ in client.capture_gnss(address):
                came.set()

        async with client:
            capturing = asyncio.create_task(capture())
            await came.wait()
        await asyncio.wait_for(capturing, PATIENCE_S)
        with pytest.raises(ClientStateError, match="closed"):
            await anext(client.capture_gnss(address))


async def test_messages_end_with_the_client_that_is_left_before_the_server_answers() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        client = AioDaqDataClient.connect(f"127.0.0.1:{mute.getsockname()[1]}")
        async with client:
            capturing = asyncio.create_task(anext(client.capture_gnss(client.hosts[0]), None))
            await until(lambda: bool(client._life._calls))
        assert await capturing is None


async def test_messages_of_a_task_that_is_cancelled_end_with_its_cancellation(tmp_path: Path) -> None:
    path = tmp_path / "night.ubx"
    path.write_bytes(second(1))
    async with asked(str(path)) as (address, client):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                async for _ in client.capture_gnss(address, ["NOTHING"]):
                    pass


async def test_messages_of_a_blocking_client_end_with_it(tmp_path: Path) -> None:
    path = tmp_path / "night.ubx"
    path.write_bytes(second(1))

    def capture(address: str) -> list[dict[str, Any]]:
        with DaqDataClient.connect(address) as client:
            messages = client.capture_gnss(address)
            next(messages)
        return list(messages)

    async with asked(str(path)) as (address, _):
        assert await asyncio.to_thread(capture, address) == []


async def test_a_receiver_at_a_port_is_asked_and_comes_back() -> None:
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        writer.write(second(1)[:-5])  # the last one is cut
        while data := await reader.read(100):
            if data == poll("MON-VER"):
                writer.write(ubx("MON-VER", swVersion=b"EXT CORE", hwVersion=b"00190000"))
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with asked(f"tcp://127.0.0.1:{port}") as (address, client):
        assert [one["name"] for one in await first(client, address, 3)] == ["NAV-PVT", "NAV-TIMEUTC", "NAV-TIMELS"]
        async with grpc.aio.insecure_channel(address) as channel:
            method: Any = channel.unary_unary(
                "/ubloxcontrol.UbloxControl/PollMessage",
                request_serializer=ub.PollRequest.SerializeToString,
                response_deserializer=ub.PollResponse.FromString,
            )
            answer = await method(ub.PollRequest(cfg_key_patterns=["MON-VER"]))
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await method(ub.PollRequest(cfg_key_patterns=["CFG-RST"]))
        assert answer.parsed_data["MON-VER"]["swVersion"]
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        writers[0].close()
        await until(lambda: len(writers) == 2)
        writers[1].write(second(9))
        assert (await first(client, address, 1, "TIM-TP"))[0]["fields"]["qErr"] == -114
        for writer in writers:
            writer.close()
    listening.close()


async def test_a_device_that_is_unplugged_is_opened_again(tmp_path: Path) -> None:
    device = tmp_path / "ttyACM0"
    with plugged(device, FakeF9t()) as plug:
        async with asked(str(device)) as (address, client):
            await connected(client, address)  # opening a device throws away what it held
            os.write(plug.ours, b"half" + second(1))
            assert len(await first(client, address, 4)) == 4
            plug.pull()
            await connected(client, address, wanted=False)
            with plugged(device, FakeF9t()) as plug:
                await connected(client, address)
                os.write(plug.ours, ubx("NAV-PVT", iTOW=5, fixType=3, gnssFixOk=1, numSV=4))
                async with asyncio.timeout(PATIENCE_S):
                    while (await client.get_status(address)).receivers[0].satellites != 4:
                        await asyncio.sleep(0.02)


async def test_a_receiver_is_not_configured(tmp_path: Path) -> None:
    async with (
        asked(str(tmp_path / "missing")) as (address, client),
        grpc.aio.insecure_channel(address) as channel,
    ):
        method: Any = channel.unary_unary(
            "/ubloxcontrol.UbloxControl/InitF9t",
            request_serializer=ub.InitF9tRequest.SerializeToString,
            response_deserializer=ub.InitF9tResponse.FromString,
        )
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await method(ub.InitF9tRequest())
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
        [row] = (await client.get_status(address)).receivers
        assert row.text.startswith("NOT READ")


async def test_a_server_without_receivers_has_no_such_service() -> None:
    async with serving() as server, AioDaqDataClient.connect(server.address) as client:
        with pytest.raises(RpcError, match="UNIMPLEMENTED|not found"):
            await first(client, server.address, 1)


async def test_the_command_writes_json_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "night.ubx"
    path.write_bytes(second(1))
    async with asked(str(path)) as (address, _):
        arguments = ["gnss", "TIM-", "--host", address, "--json", "--count", "1"]
        assert await asyncio.to_thread(run, arguments) == 0
    assert '"name": "TIM-TP"' in capsys.readouterr().out


async def test_the_command_shows_a_table_in_a_terminal(tmp_path: Path) -> None:
    path = tmp_path / "night.ubx"
    path.write_bytes(second(1))

    def shown(address: str) -> str:
        with in_terminal("gnss", "--host", address) as terminal:
            terminal.read_until_text("receiver", "NAV-PVT", "TIM-TP", "qErr -122")
            terminal.press("\x03")
            terminal.wait()
            return terminal.text

    async with asked(str(path)) as (address, _):
        assert "Traceback" not in await asyncio.to_thread(shown, address)
