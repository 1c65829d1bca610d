"""Streams of a worker, for the process that follows: it answers Status and the metrics for all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from google.protobuf.message import DecodeError

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.service.acquisition import Acquisition
from panoseti_daq.service.monitor.status import add_streams

ANSWER_S: Final = 1.0  # a worker that does not answer for so long is left out


@asynccontextmanager
async def reporting(socket: Path, acquisition: Acquisition) -> AsyncIterator[None]:
    """Answer whoever connects to `socket` with the streams of this process while the block runs."""

    async def report(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        status = pb.StatusResponse()
        add_streams(status, acquisition.all_streams)
        writer.write(status.SerializeToString())
        writer.close()

    await asyncio.to_thread(socket.unlink, missing_ok=True)  # of one that was killed
    server = await asyncio.start_unix_server(report, socket)
    try:
        yield
    finally:
        server.close()


async def asked(sockets: Sequence[Path]) -> list[pb.StatusResponse]:
    """Return what the workers say; those that are dead, or slow, are left out."""
    answers = await asyncio.gather(*map(_ask, sockets))
    return [answer for answer in answers if answer is not None]


async def _ask(socket: Path) -> pb.StatusResponse | None:
    try:
        async with asyncio.timeout(ANSWER_S):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                return pb.StatusResponse.FromString(await reader.read())
            finally:
                writer.close()
    except (OSError, TimeoutError, DecodeError):
        return None
