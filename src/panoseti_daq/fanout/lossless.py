"""Publishing of all frames: each once, in order, whatever is killed.

A message names the one before it in its stream (``Nats-Expected-Last-Msg-Id``): the server takes a chain or
nothing, so that a message that was lost, or a second bridge, leaves no hole and no copy. What went wrong ends the
session; the next one reads the last message of each subject and continues behind it, from the files.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Iterator
from typing import TYPE_CHECKING, Final

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.blocks import Progress
from panoseti_daq.client.nats_link import ANSWER_S, NatsError, send, too_large
from panoseti_daq.client.nats_places import last_of
from panoseti_daq.pff import Gap, Position, Stretch
from panoseti_daq.wire.blocks import BlockMessage, ReceivedBlock, write_item
from panoseti_daq.wire.subjects import Site

if TYPE_CHECKING:
    from nats.aio.client import Client

MAX_FRAMES: Final = 256  # 650 kB of img16, below `DEFAULT_MAX_PAYLOAD`
HOST: Final = "Panoseti-Host"  # header: where the frames of a message come from
N_IN_FLIGHT: Final = 16  # more only wait


def messages_of(item: ReceivedBlock | Gap) -> Iterator[BlockMessage]:
    """Yield the messages of what a lossless stream gives."""
    if isinstance(item, Gap):
        yield write_item(item, 0)
        return
    for begin in range(0, len(item), MAX_FRAMES):
        part = item[begin : begin + MAX_FRAMES]
        first = Position(part.module_id, part.product, part.run, part.file, part.first_frame_number)
        yield write_item(Stretch(first, part), 0)


def id_of(head: pb.StreamFramesResponse) -> str:
    """Return the id by which a message is known: its place, and how far it reaches."""
    first = head.first
    what = f"gap{head.frames}" if head.gap else str(head.frames)
    return f"{first.module_id}/{first.product}/{first.run}/{first.file}/{first.frame_number}+{what}"


class Chain:
    """Messages on their way into one stream.

    At most `N_IN_FLIGHT` wait for the server; then the next waits, and with it the reading of the files.

    Parameters
    ----------
    client, stream
        Where they go.
    tasks
        Gets a task for each message, which raises NatsError when it was not taken.
    """

    def __init__(self, client: Client, stream: str, tasks: asyncio.TaskGroup) -> None:
        self._client = client
        self._js = client.jetstream(timeout=ANSWER_S)
        self._stream = stream
        self._tasks = tasks
        self._free = asyncio.Semaphore(N_IN_FLIGHT)
        self._last_id = ""

    async def publish(self, subject: str, message: BlockMessage, host: str) -> None:
        """Send a message, the first of all alone."""
        headers = {"Nats-Msg-Id": id_of(message.head), "Nats-Expected-Stream": self._stream, HOST: host}
        if self._last_id:
            headers["Nats-Expected-Last-Msg-Id"] = self._last_id
        is_first, self._last_id = not self._last_id, headers["Nats-Msg-Id"]
        await self._free.acquire()
        sending = self._tasks.create_task(self._send(subject, message.serialize(), headers))
        if is_first:
            await sending
        else:
            await asyncio.sleep(0)  # it is sent in the order of these tasks

    async def _send(self, subject: str, data: bytes, headers: dict[str, str]) -> None:
        import nats.errors
        from nats.js.errors import APIError

        try:
            ack = await self._js.publish(subject, data, headers=headers)
        except nats.errors.MaxPayloadError:
            raise too_large(self._client, data) from None
        except APIError as error:
            raise NatsError(f"{self._stream} does not take frames: {error.description}") from error
        except (TimeoutError, nats.errors.TimeoutError) as error:
            why = f"no answer within {ANSWER_S:g} s; is the disk of the NATS server full?"
            raise NatsError(f"{self._stream} does not take frames: {why}") from error
        except (nats.errors.Error, OSError) as error:
            raise NatsError(f"{self._stream} does not take frames: {error}") from error
        finally:
            self._free.release()
        if ack.duplicate:
            raise NatsError(f"{self._stream} has this message already; another bridge may publish this site")


async def resume_token(client: Client, stream: str) -> str | None:
    """Return the token to continue behind what is published in a stream; None for nothing yet."""
    progress = Progress()
    for message, headers in await last_of(client, stream):
        progress.note(message.head, headers.get(HOST, ""))
    return progress.token if progress.streams else None


async def publish_all(
    client: Client,
    site: Site,
    stream: str,
    items: AsyncIterable[ReceivedBlock | Gap],
    note: Callable[[pb.StreamFramesResponse], None],
) -> None:
    """Publish what a lossless stream gives, until it ends.

    Parameters
    ----------
    client, site, stream
        Where to.
    items
        What to publish.
    note
        Called with the head of each message that is on its way.

    Raises
    ------
    NatsError
        A message was not taken.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            chain = Chain(client, stream, tasks)
            async for item in items:
                first = item.first if isinstance(item, Gap) else item
                subject = site.all_of(first.module_id, first.product.token)
                for message in messages_of(item):
                    await chain.publish(subject, message, item.host)
                    if message.head.gap:
                        await send(client, site.gap(first.module_id, first.product), message.serialize())
                    note(message.head)
    except ExceptionGroup as errors:  # a message that was not taken ends all, at once
        raise errors.exceptions[0] from None
