"""Bytes of any kind at the port of the web server: it answers or hangs up, logs no error, and serves the next."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
from typing import Final

import aiohttp
import pytest
from support.received import frame_of
from support.rig import until

from panoseti_daq.service.access.tokens import Role, make_token
from panoseti_daq.web.doors import COOKIE, Doors
from panoseti_daq.web.live import LiveWall
from panoseti_daq.web.server import WebAddress, web_server

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

N_INPUTS: Final = int(os.environ.get("FUZZ_EXAMPLES", "25")) * 8
UPGRADE: Final = (
    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Protocol: panoseti.v1\r\nOrigin: http://127.0.0.1\r\nCookie: "
    + COOKIE.encode()
    + b"=abc\r\n\r\n"
)
POST: Final = b'POST /session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 17\r\n\r\n{"token": "share_"}'
PAST: Final = b"GET /api/frames?t=1&modules=1,2&kinds=movie HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
WORDS: Final = (
    b"\0",
    b"\r\n",
    b"; ",
    b"=",
    b"\xff\xfe",
    b"%00",
    b"Host: ",
    b"Cookie: ",
    b"A" * 9000,
    b"-1",
    b"share_",
    b"[",
)


def changed(data: bytes, dice: random.Random) -> bytes:
    """The request with some bytes gone, and others in their place."""
    for _ in range(dice.randrange(4)):
        at = dice.randrange(len(data))
        put = dice.choice(WORDS) if dice.random() < 0.7 else dice.randbytes(dice.randrange(8))
        data = data[:at] + put + data[at + dice.randrange(6) :]
    return data


@pytest.mark.parametrize("with_tokens", [False, True], ids=["open", "tokens"])
async def test_any_request_is_answered_or_ended(with_tokens: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    dice, live = random.Random(1), LiveWall()
    live.add(frame_of(1))
    _, line = make_token("ada", Role.READ)
    doors = Doors(lambda: (line,)) if with_tokens else Doors()
    async with web_server(live, doors, WebAddress(port=0)) as (server, url):
        port = int(url.rpartition(":")[2])
        for _ in range(N_INPUTS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            data = changed(dice.choice((UPGRADE, UPGRADE, POST, PAST)), dice)
            writer.write(data + dice.randbytes(dice.randrange(40)))
            writer.write_eof()
            async with asyncio.timeout(60):
                answer = await reader.read(64)
            assert not answer or answer.startswith(b"HTTP/1."), answer
            assert b" 500 " not in answer.partition(b"\r\n")[0], (data, answer)
            if with_tokens:
                assert b" 101 " not in answer
            writer.close()
        async with aiohttp.ClientSession() as session, session.get(url) as page:
            assert page.status == 200
        await until(lambda: not doors.sockets)
        assert len(server.views) == 0
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_any_message_of_a_page_is_answered_or_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    dice, live = random.Random(2), LiveWall()
    live.add(frame_of(1))
    good = json.dumps({"op": "view", "modules": [7], "kinds": ["movie"], "hz": 20, "depth": 8}).encode()
    async with web_server(live, Doors(), WebAddress(port=0)) as (_, url), aiohttp.ClientSession() as session:
        for _ in range(N_INPUTS // 4):
            async with session.ws_connect(f"{url}/ws") as socket:
                for _ in range(3):
                    text = changed(good, dice).decode("latin-1")
                    await (socket.send_str(text) if dice.random() < 0.9 else socket.send_bytes(text.encode()))
                await socket.send_str(good.decode())
                async with asyncio.timeout(60):
                    while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                        pass
                if message.type is not aiohttp.WSMsgType.BINARY:
                    assert socket.close_code in (1003, 1007, 1008, 1009), (text, socket.close_code)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
