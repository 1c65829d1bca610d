"""Many hosts, one stream: a task per host reads ahead a little, and one consumer takes what came first.

A host that is lost is tried again until the stream is closed, and its frames come back by themselves.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

import grpc
from grpc import StatusCode
from grpc.aio import AioRpcError

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.errors import RpcError
from panoseti_daq.wire.image import quabo_of

_log = logging.getLogger(__name__)

READ_AHEAD: Final = 8  # responses per host that wait for the consumer: no more is read then
FIRST_RETRY_S: Final = 0.2
LAST_RETRY_S: Final = 5.0
RETRY_FACTOR: Final = 1.6

# What asking again cannot change.
_FINAL: Final = frozenset(
    {
        StatusCode.INVALID_ARGUMENT,
        StatusCode.UNIMPLEMENTED,
        StatusCode.UNAUTHENTICATED,
        StatusCode.PERMISSION_DENIED,
        StatusCode.DEADLINE_EXCEEDED,
    }
)

StreamCall = grpc.aio.UnaryStreamCall[pb.StreamImagesRequest, pb.StreamImagesResponse]

_Response = TypeVar("_Response")


class HostFeed(Protocol[_Response]):
    """What is asked of one host, and asked again when it was lost.

    Attributes
    ----------
    outlives_server
        Ask again also when the server ended the stream on purpose, as one does that is restarted.
    """

    outlives_server: bool

    def call(self, *, again: bool) -> grpc.aio.UnaryStreamCall[Any, _Response]:
        """Make the call; `again` when the host was lost."""
        ...

    def new_in(self, message: _Response) -> Iterable[_Response]:
        """What of a message is to be handed on; takes note of it."""
        ...

    def lost(self) -> None:
        """Take note that the host was lost."""
        ...


class ImageFeed:
    """The newest frames of one host.

    Parameters
    ----------
    make_call
        Makes the call, given whether the host was lost.
    """

    outlives_server = False

    def __init__(self, make_call: Callable[[bool], StreamCall]) -> None:
        self._make_call = make_call
        self._seen = _Seen()

    def call(self, *, again: bool) -> StreamCall:
        """Make the call."""
        return self._make_call(again)

    def new_in(self, message: pb.StreamImagesResponse) -> Iterable[pb.StreamImagesResponse]:
        """Its frames, one response each, but those that came before the host was lost."""
        responses = message.batch or (message,)
        return [response for response in responses if not self._seen.before(response.pano_image)]

    def lost(self) -> None:
        """Take note of a break."""
        self._seen.break_off()


@dataclass(frozen=True, slots=True)
class HostChange:
    """A host was lost or came back.

    Attributes
    ----------
    host
        Which DAQ node.
    connected
        Whether it streams now.
    reason
        Why it was lost; empty when it came back.
    """

    host: str
    connected: bool
    reason: str = ""


def retry_delay_s(n_failures: int) -> float:
    """How long to wait after the n-th failure in a row: exponential, with jitter so that clients spread out."""
    n_longer = min(n_failures - 1, 100)  # more is past LAST_RETRY_S anyway, and in hours past what a float holds
    longest = min(LAST_RETRY_S, FIRST_RETRY_S * RETRY_FACTOR**n_longer)
    return longest * random.uniform(0.5, 1.0)


_StreamKey = tuple[int, int, int, float | None]


class _Seen:
    """Which frames of a host came before its connection broke: a new stream begins with the newest known ones."""

    def __init__(self) -> None:
        self._last: dict[_StreamKey, tuple[str, int]] = {}
        self._before_break: dict[_StreamKey, tuple[str, int]] = {}

    def before(self, image: pb.PanoImage) -> bool:
        """Whether a frame came before the last break; takes note of it."""
        key = _key_of(image)
        if (last := self._before_break.get(key)) is not None:
            file, number = last
            if image.file == file and image.frame_number < number:
                return True
            del self._before_break[key]  # what comes after the frame that was the last is new
            if (image.file, image.frame_number) == last:
                return True
        self._last[key] = image.file, image.frame_number
        return False

    def break_off(self) -> None:
        """Take note of a break."""
        self._before_break |= self._last
        self._last.clear()


def _key_of(image: pb.PanoImage) -> _StreamKey:
    """Module, product (or kind and bytes per pixel) and quabo: what the server keeps apart, and in order."""
    return image.module_id, image.product or image.type, image.bytes_per_pixel, quabo_of(image)


class MergedStream(Generic[_Response]):
    """Responses of several hosts in the order in which they came.

    **Holds** less than `READ_AHEAD` responses per host and one message more. **When full**, the hosts' tasks stop
    reading, gRPC's flow control stops their servers, and the servers conflate: nothing here grows while the
    consumer is busy.

    A host whose connection breaks is tried again, after delays that grow to `LAST_RETRY_S`. A host that ends its
    stream with a status is tried again while there are others, because it may only be restarting; of a single host
    that is the end, unless the feed outlives its server. What it cannot serve however often it is asked ends it at
    once. When the last host is gone, so is the stream, with that host's error.

    Parameters
    ----------
    tasks
        Owner of the reading tasks.
    feeds
        What is asked of each host.
    on_host_change
        Called when a host is lost or comes back; in the event loop, so it must not block.
    """

    def __init__(
        self,
        tasks: asyncio.TaskGroup,
        feeds: Mapping[str, HostFeed[_Response]],
        on_host_change: Callable[[HostChange], object] | None = None,
    ) -> None:
        self._responses: deque[tuple[str, _Response]] = deque()
        self._error: RpcError | None = None
        self._closed = False
        self._arrived = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._on_host_change = on_host_change
        self._size = READ_AHEAD * len(feeds)
        self._readers = {
            tasks.create_task(self._read(host, feed), name=f"stream from {host}") for host, feed in feeds.items()
        }
        for reader in self._readers:
            reader.add_done_callback(self._reader_done)

    async def _read(self, host: str, feed: HostFeed[_Response]) -> None:
        """Read from one host until it is gone for good."""
        n_failures = 0
        was_there = False
        while True:
            call = feed.call(again=n_failures > 0)
            try:
                await call.wait_for_connection()
                self._tell(HostChange(host, connected=True), again=n_failures > 0)
                n_failures, was_there = 0, True
                async for message in call:
                    for response in feed.new_in(message):
                        self._responses.append((host, response))
                        self._arrived.set()
                    if len(self._responses) >= self._size:
                        self._has_room.clear()
                        await self._has_room.wait()
                return  # the server has no more
            except AioRpcError as error:
                n_failures += 1
                lost = RpcError(host, error)
                if not self._may_come_back(lost, was_there, feed):
                    self._error = lost
                    if len(self._readers) > 1:  # else the consumer gets it, and may ask again every second
                        _log.warning("stream from %s ended: %s", host, lost)
                    return
                if n_failures == 1:
                    self._tell(HostChange(host, connected=False, reason=str(lost)))
            finally:
                call.cancel()
            feed.lost()
            await asyncio.sleep(retry_delay_s(n_failures))

    def _may_come_back(self, lost: RpcError, was_there: bool, feed: HostFeed[_Response]) -> bool:
        code = lost.code()
        if code is StatusCode.UNAVAILABLE:  # it answered a moment ago, or the caller said to wait for it
            return True
        if code is StatusCode.CANCELLED and feed.outlives_server:
            return True
        return code not in _FINAL and was_there and len(self._readers) > 1

    def _tell(self, change: HostChange, again: bool = True) -> None:
        if change.connected and again:
            _log.warning("stream from %s is back", change.host)
        elif not change.connected:
            _log.warning("stream from %s lost, trying again: %s", change.host, change.reason)
        if self._on_host_change is not None:
            self._on_host_change(change)

    def _reader_done(self, reader: asyncio.Task[None]) -> None:
        self._readers.discard(reader)
        self._arrived.set()

    async def receive(self) -> tuple[str, _Response]:
        """Next response and the host it comes from.

        Raises
        ------
        StopAsyncIteration
            All hosts ended their streams.
        RpcError
            The last host failed.
        """
        while not self._responses:
            if not self._readers:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        response = self._responses.popleft()
        if len(self._responses) < self._size:
            self._has_room.set()
        return response

    def receive_nowait(self) -> tuple[str, _Response] | None:
        """Next response if there is one."""
        if not self._responses:
            return None
        self._has_room.set()
        return self._responses.popleft()

    def close(self) -> None:
        """End all calls; may be called again, then from any thread."""
        if self._closed:
            return
        self._closed = True
        for reader in self._readers:
            reader.cancel()
