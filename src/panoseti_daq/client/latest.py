"""Inboxes of a consumer: the newest response of each key, or every response at its own pace."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from contextlib import suppress
from threading import Lock
from time import monotonic_ns
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.image_feed import StreamKey, key_of

_MAX_DROPPED: Final = 2**32 - 1  # of a fixed32

_Response = TypeVar("_Response")


class Arrival(NamedTuple, Generic[_Response]):
    """A response that a host sent.

    Attributes
    ----------
    host
        DAQ node it comes from.
    response
        What came.
    arrived_ns
        When it came, by `time.monotonic_ns`.
    """

    host: str
    response: _Response
    arrived_ns: int


class Inbox(Protocol[_Response]):
    """Responses between the readers of hosts, in the event loop, and one consumer, in any thread."""

    arrived: asyncio.Event

    def put(self, host: str, response: _Response) -> None:
        """Hand over a response of a host."""
        ...

    async def room(self) -> None:
        """Wait until there is room for more."""
        ...

    def take(self) -> Arrival[_Response] | None:
        """Return the next response; None when there is none."""
        ...

    def clear(self) -> None:
        """Drop all responses."""
        ...


class NewestInbox:
    """The newest response of each host and key, each in turn.

    **Holds** one response per host and key, so its size is bounded by the number of keys. One that was not taken
    is **replaced** by the next of its key, in the same place of the queue, so that every key comes round; what was
    replaced counts as dropped, beside what the server dropped, in the delivery of the responses of that host that
    follow. Readers never wait for the consumer, so nothing old waits in gRPC's buffers. Thread-safe.
    """

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self._newest: OrderedDict[tuple[str, StreamKey], Arrival[pb.StreamImagesResponse]] = OrderedDict()
        self._n_dropped: Counter[str] = Counter()
        self._lock = Lock()

    def put(self, host: str, response: pb.StreamImagesResponse) -> None:
        """Hand over a response of a host, instead of an older one of its key."""
        place = host, key_of(response.pano_image)
        with self._lock:
            if place in self._newest:
                self._n_dropped[host] += 1
            self._newest[place] = Arrival(host, response, monotonic_ns())
        self.arrived.set()

    async def room(self) -> None:
        """Return at once: there always is."""

    def take(self) -> Arrival[pb.StreamImagesResponse] | None:
        """Return the response whose key waited longest."""
        with self._lock:
            if not self._newest:
                return None
            _, arrival = self._newest.popitem(last=False)
            n_dropped = self._n_dropped[arrival.host]
        response = arrival.response
        if n_dropped and response.HasField("delivery"):  # the predecessor's message has none
            response.delivery.dropped = min(response.delivery.dropped + n_dropped, _MAX_DROPPED)
        return arrival

    def clear(self) -> None:
        """Drop all responses."""
        with self._lock:
            self._newest.clear()


class LosslessInbox(Generic[_Response]):
    """Every response, in the order in which they came.

    **Holds** less than `size` responses and one more per host. **When full**, the readers wait, gRPC's flow
    control stops their servers, and these read on from their files later. May be taken from in any thread.

    Parameters
    ----------
    size
        Number of waiting responses from which no more is read.
    """

    def __init__(self, size: int) -> None:
        self.arrived = asyncio.Event()
        self._responses: deque[Arrival[_Response]] = deque()
        self._size = size
        self._has_room = asyncio.Event()
        self._n_waiting = 0
        self._loop = asyncio.get_running_loop()

    def put(self, host: str, response: _Response) -> None:
        """Hand over a response of a host."""
        self._responses.append(Arrival(host, response, monotonic_ns()))
        self.arrived.set()

    async def room(self) -> None:
        """Wait until the consumer took enough."""
        self._n_waiting += 1
        try:
            while len(self._responses) >= self._size:
                self._has_room.clear()
                await self._has_room.wait()
        finally:
            self._n_waiting -= 1

    def take(self) -> Arrival[_Response] | None:
        """Return the oldest response."""
        try:
            response = self._responses.popleft()
        except IndexError:
            return None
        if self._n_waiting and len(self._responses) < self._size:
            with suppress(RuntimeError):  # the event loop ended, and with it those who wait
                self._loop.call_soon_threadsafe(self._has_room.set)
        return response

    def clear(self) -> None:
        """Drop all responses."""
        self._responses.clear()
