"""Streams of all frames: from the files to messages. Imported by the first of them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import Executor
from typing import Final

from grpc import StatusCode

from panoseti_daq.hub import Growth
from panoseti_daq.pff import Begin, Selection
from panoseti_daq.pff.position import Grown
from panoseti_daq.service.acquisition import Acquisition
from panoseti_daq.service.hp_io import Refused
from panoseti_daq.service.streams import Stream
from panoseti_daq.sources.reader import FrameReader, Item
from panoseti_daq.wire.blocks import write_item

RESCAN_INTERVAL_S: Final = 5.0  # a stream of all frames looks at the directories at least this often


async def messages_from_files(
    stream: Stream, selection: Selection, begin: Begin, acquisition: Acquisition, threads: Executor
) -> AsyncGenerator[bytes]:
    """Yield the messages of every frame that is in a file; `threads` read them.

    Raises
    ------
    Refused
        What is followed is in no file.
    """
    source = stream.following.source
    if (directory := source.directory) is None:
        raise Refused(
            StatusCode.FAILED_PRECONDITION,
            "what is followed is in no file: only the newest frames are available",
        )
    selection = selection.within(stream.following.config.module_ids, acquisition.valid_products)
    roots = acquisition.data_roots if stream.following.config.is_data_dir else ()
    reader = FrameReader(directory, selection, begin, lambda: source.status().active_runs, roots)
    try:
        with stream.following.hub.growth() as growth:
            async for message in _messages(reader, growth, threads):
                yield message
    finally:
        threads.submit(reader.close)  # nobody waits for it: a read may hang


async def _messages(reader: FrameReader, growth: Growth, threads: Executor) -> AsyncIterator[bytes]:
    """Yield the messages of a reader, without end.

    A thread reads files and makes messages, one batch ahead. What is in memory is read here: that takes less
    processor time, because nothing goes from one core to another.
    """
    loop = asyncio.get_running_loop()
    sequence = itertools.count()

    def write(items: list[Item]) -> list[bytes]:
        return [write_item(item, next(sequence)).serialize() for item in items]

    def read(grown: Grown | None) -> asyncio.Future[list[bytes]]:
        return loop.run_in_executor(threads, lambda: write(reader.read(grown)))

    messages = await read(None)
    while True:
        grown: Grown | None = growth.take()
        if not messages and not grown:
            try:
                async with asyncio.timeout(RESCAN_INTERVAL_S):
                    grown = await growth.wait()
            except TimeoutError:
                grown = None
        is_cached = grown == {} and reader.is_cached()
        ahead = None if is_cached else read(grown)  # while the client takes what is there
        messages.reverse()
        while messages:
            yield messages.pop()  # what was sent is not kept
        if is_cached:
            messages = write(reader.read_cached())
        messages = messages or await (ahead or read({}))
