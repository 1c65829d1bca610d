"""Upload of frames to servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from typing import Final

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.nodes import AnyNode
from panoseti_daq.pff import Frame
from panoseti_daq.wire.image import as_struct

READ_AHEAD: Final = 16  # frames that are taken from the caller before the slowest server took them

Images = AsyncIterable[pb.PanoImage | Frame] | Iterable[pb.PanoImage | Frame]
"""Frames, or PanoImage messages, from an iterable of either kind."""


async def upload(nodes: Sequence[AnyNode], images: Images) -> None:
    """Send the same frames to all nodes, at the pace of the slowest.

    Raises
    ------
    RpcError
        The first server that refuses; the others are ended too.
    """
    queues = [asyncio.Queue[pb.UploadImageRequest | None](READ_AHEAD) for _ in nodes]
    try:
        async with asyncio.TaskGroup() as tasks:
            for node, queue in zip(nodes, queues, strict=True):
                tasks.create_task(_upload_one(node, queue), name=f"upload to {node.target.host}")
            async for request in _requests(images):
                for queue in queues:
                    await queue.put(request)
            for queue in queues:
                await queue.put(None)
    except ExceptionGroup as group:
        raise group.exceptions[0] from None


async def _upload_one(node: AnyNode, queue: asyncio.Queue[pb.UploadImageRequest | None]) -> None:
    async def requests() -> AsyncGenerator[pb.UploadImageRequest, None]:
        while (request := await queue.get()) is not None:
            yield request

    async with aclosing(requests()) as frames:
        await node.upload_images(frames)


async def _requests(images: Images) -> AsyncIterator[pb.UploadImageRequest]:
    if isinstance(images, AsyncIterable):
        async for image in images:
            yield _request(image)
    else:
        for image in images:
            yield _request(image)


def _request(image: pb.PanoImage | Frame) -> pb.UploadImageRequest:
    # A server of the predecessor passes our own encoding on to clients that cannot read it.
    return pb.UploadImageRequest(pano_image=as_struct(image) if isinstance(image, Frame) else image)
