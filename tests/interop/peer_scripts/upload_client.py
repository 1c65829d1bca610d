"""UploadImages by the peer's clients: upload_client.py PORT OPTIONS. The last line is a report in JSON."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

from google.protobuf.json_format import ParseDict
from panoseti_grpc.generated.daq_data_pb2 import PanoImage
from peer import CONFIG, HOST, AioDaqDataClient, DaqDataClient, arguments, write_report


def images(messages: list[dict[str, Any]]) -> Iterator[PanoImage]:
    return (ParseDict(message, PanoImage()) for message in messages)


async def one_by_one(messages: list[dict[str, Any]]) -> AsyncIterator[PanoImage]:
    for image in images(messages):
        yield image


async def upload_async(messages: list[dict[str, Any]]) -> None:
    async with AioDaqDataClient(CONFIG, None) as client:
        await client.upload_images(HOST, one_by_one(messages))


def upload_sync(messages: list[dict[str, Any]]) -> None:
    with DaqDataClient(CONFIG, None) as client:
        client.upload_images(HOST, images(messages))


def main() -> None:
    do = arguments()
    error = ""
    try:
        if do["client"] == "async":
            asyncio.run(upload_async(do["upload"]))
        else:
            upload_sync(do["upload"])
    except Exception as raised:
        error = f"{type(raised).__name__}: {raised}"
    write_report({"error": error})


main()
