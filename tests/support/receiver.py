"""A receiver of u-blox: messages as it sends them, and one that can be asked and configured."""

from __future__ import annotations

import asyncio
import os
import pty
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from pyubx2 import GET, UBX_CONFIG_DATABASE, UBXMessage

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.gnss.messages import UbxSplitter
from support.patience import PATIENCE_S
from support.rig import serving

_NMEA = b"$GNRMC,in,between,and,all,over*00\r\n"
UNIQUE_ID = "DF03A241BC"
MON_VER = b"EXT CORE 1.00 (3fda8e)".ljust(30, b"\0") + b"00190000".ljust(10, b"\0")


def ubx(name: str, **fields: Any) -> bytes:
    """A message of these fields; the others are 0."""
    data: bytes = UBXMessage(name.partition("-")[0], name, GET, **fields).serialize()
    return data


def second(i: int) -> bytes:
    """What a fixed receiver of timing sends at second `i` of the week, with NMEA between."""
    return (
        ubx("NAV-PVT", iTOW=1000 * i, fixType=5, gnssFixOk=1, numSV=21)
        + b"$GNRMC,no,ubx*00\r\n"
        + ubx("NAV-TIMEUTC", iTOW=1000 * i, tAcc=5, validUTC=1)
        + ubx("NAV-TIMELS", iTOW=1000 * i, currLs=18, validCurrLs=1, validTimeToLsEvent=1, timeToLsEvent=-10)
        + ubx("TIM-TP", towMS=1000 * (i + 1), qErr=-123 + i, week=2300, utc=1)
    )


class FakeF9t:
    """A ZED-F9T that answers what it is asked and holds what is written to it.

    Parameters
    ----------
    model
        What it says that it is.
    unknown
        Keys that its firmware does not have: it refuses the whole message.
    stuck
        Keys whose value stays as it is, although it says that it took the message.

    Attributes
    ----------
    held
        Bytes of each key, by its number.
    sets
        Keys of each message that it took, and the number of its transaction.
    """

    def __init__(
        self, model: str = "ZED-F9T", unknown: frozenset[str] = frozenset(), stuck: frozenset[str] = frozenset()
    ) -> None:
        self._model = model
        ids = {name: number for name, (number, _) in UBX_CONFIG_DATABASE.items()}
        self._unknown, self._stuck = ({ids[name] for name in names} for names in (unknown, stuck))
        self.held: dict[int, bytes] = {}
        self.sets: list[tuple[list[int], int]] = []
        self._splitter = UbxSplitter()

    def answers(self, data: bytes) -> Iterator[bytes]:
        """Yield what it sends for what it got: pieces of messages, with others between them."""
        for message in self._splitter.feed(data):
            for answer in self._answer(message[2], message[3], message[6:-2]):
                half = len(answer) // 2
                yield from (_NMEA + answer[:half], answer[half:] + ubx("TIM-TP", qErr=1)[:12] + _NMEA)

    def _answer(self, ubx_class: int, ubx_id: int, payload: bytes) -> Iterator[bytes]:
        if (ubx_class, ubx_id) == (0x0A, 0x04):
            extension = f"MOD={self._model}".encode().ljust(30, b"\0")
            yield UBXMessage("MON", "MON-VER", GET, payload=MON_VER + extension).serialize()
        elif (ubx_class, ubx_id) == (0x27, 0x03):
            yield ubx("SEC-UNIQID", version=1, uniqueId=int(UNIQUE_ID, 16))
        elif ubx_class == 0x06:
            yield from self._configure(ubx_id, payload)

    def _configure(self, ubx_id: int, payload: bytes) -> Iterator[bytes]:
        sizes = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8}
        found: dict[int, bytes] = {}
        at = 4
        while at < len(payload):
            key = int.from_bytes(payload[at : at + 4], "little")
            size = sizes[key >> 28 & 7] if ubx_id == 0x8A else 0
            found[key] = payload[at + 4 : at + 4 + size]
            at += 4 + size
        if found.keys() & self._unknown:
            yield ubx("ACK-NAK", clsID=6, msgID=ubx_id)
            return
        if ubx_id == 0x8A:
            self.sets.append((list(found), payload[3] & 3))
            self.held |= {key: value for key, value in found.items() if key not in self._stuck}
        else:
            body = b"".join(key.to_bytes(4, "little") + self.held.get(key, bytes(_size(key))) for key in found)
            yield UBXMessage("CFG", "CFG-VALGET", GET, payload=b"\1" + payload[1:4] + body).serialize()
        yield ubx("ACK-ACK", clsID=6, msgID=ubx_id)


def _size(key: int) -> int:
    return {1: 1, 2: 1, 3: 2, 4: 4, 5: 8}[key >> 28 & 7]


class Plug:
    """A pseudo-terminal with a fake receiver behind it, which may be pulled out; in the event loop.

    Attributes
    ----------
    n_left
        Messages after which it is pulled out; None for never.
    """

    def __init__(self, device: Path, fake: FakeF9t, n_left: int | None = None) -> None:
        self._fake, self.n_left = fake, n_left
        self.ours, self._theirs = pty.openpty()
        tty.setraw(self._theirs)
        device.unlink(missing_ok=True)
        device.symlink_to(os.ttyname(self._theirs))
        asyncio.get_running_loop().add_reader(self.ours, self._read)

    def _read(self) -> None:
        for answer in self._fake.answers(os.read(self.ours, 4096)):
            if self.n_left == 0:
                self.pull()
                return
            if self.n_left is not None:
                self.n_left -= 1
            os.write(self.ours, answer)

    def pull(self) -> None:
        """Unplug it."""
        if self.ours >= 0:
            asyncio.get_running_loop().remove_reader(self.ours)
            os.close(self._theirs)
            os.close(self.ours)
            self.ours = -1


@contextmanager
def plugged(device: Path, fake: FakeF9t, n_left: int | None = None) -> Iterator[Plug]:
    """A fake receiver at a device while the block runs."""
    plug = Plug(device, fake, n_left)
    try:
        yield plug
    finally:
        plug.pull()


@asynccontextmanager
async def at_port(fake: FakeF9t) -> AsyncIterator[str]:
    """Source of a fake receiver at a TCP port while the block runs."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(second(1))
        while data := await reader.read(100):
            for answer in fake.answers(data):
                writer.write(answer)
                await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield f"tcp://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def asked(source: str, **settings: Any) -> AsyncIterator[tuple[str, AioDaqDataClient]]:
    """Address of a server that reads a receiver, and a client of it."""
    async with (
        serving(gnss={"receivers": [f"roof={source}"]} | settings) as server,
        AioDaqDataClient.connect(server.address) as client,
    ):
        yield server.address, client


async def connected(client: AioDaqDataClient, address: str, *, wanted: bool = True) -> None:
    """Wait until the receiver is connected, or is not."""
    async with asyncio.timeout(PATIENCE_S):
        while (await client.get_status(address)).receivers[0].connected is not wanted:
            await asyncio.sleep(0.02)
