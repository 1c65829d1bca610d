"""Blocking client: the async client in a thread of its own."""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from functools import partial, wraps
from itertools import chain
from types import TracebackType
from typing import ClassVar, Concatenate, Generic, ParamSpec, Self, TypeVar

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.aio import AioDaqDataClient
from panoseti_daq.client.base import ClientBase
from panoseti_daq.client.lifetime import Lifetime, check_process, works_here
from panoseti_daq.client.nodes import Hosts, Nodes
from panoseti_daq.client.portal import PORTALS, Call, Portal
from panoseti_daq.client.stream import BlockStream, ImageStream, Iteration
from panoseti_daq.client.upload import Images
from panoseti_daq.errors import ClientStateError
from panoseti_daq.open_types import OpenDict
from panoseti_daq.pff import Frame

_P = ParamSpec("_P")
_T = TypeVar("_T")
_A = TypeVar("_A")
_R = TypeVar("_R")


class BlockingStream(Generic[_T]):
    """Iterator over an `ImageStream`, and a context manager. For one thread.

    Leaving the loop, also by ``break``, ends the calls, and so does leaving the context. Ends with its client.
    """

    def __init__(self, portal: Portal, stream: ImageStream[_T]) -> None:
        self._portal = portal
        self._stream = stream

    def __iter__(self) -> Iterator[_T]:
        iteration = aiter(self._stream)
        try:
            while (image := self._next_of(iteration)) is not None:
                yield image
        finally:
            self._soon(iteration.close)

    def __next__(self) -> _T:
        image = self._next_of(self._stream)
        if image is None:
            raise StopIteration
        return image

    @property
    def resume_token(self) -> str:
        """See `BlockStream.resume_token`; for lossless streams only."""
        if not isinstance(self._stream, BlockStream):
            raise AttributeError("only a stream of blocks has a resume_token")
        return self._stream.resume_token

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the calls, and with them the loops."""
        self._soon(self._stream.close)

    def __del__(self) -> None:
        self.close()  # in the thread of the event loop, where the calls belong

    def open(self) -> None:
        """Open the calls, so that errors come here and not at the first image."""
        self._run(_open, self._stream)

    def _next_of(self, images: Iteration[_T] | ImageStream[_T]) -> _T | None:
        """Return the next image, None at the end; the event loop is asked only when none is there."""
        check_process()
        image = images.take()
        return self._run(_next_or_none, images) if image is None else image

    def _run(self, function: Callable[[_A], Awaitable[_R | None]], argument: _A) -> _R | None:
        """Run `function` in the event loop; return None when the client was left."""
        try:
            return self._portal.start(function, argument).result()
        except ClientStateError:
            return None

    def _soon(self, function: Callable[[], object]) -> None:
        # Never waits: when Python ends, the thread of the loop stands still already.
        with suppress(RuntimeError):  # the client was left, and the calls ended with it
            self._portal.loop.call_soon_threadsafe(function)


def _stop(portal: Portal) -> None:
    """End the event loop with all that runs in it, when Python ends."""
    if works_here():
        portal.stop()  # not later: once Python ends, its thread runs no more, and to wait for it would never end


async def _open(stream: ImageStream[_T]) -> None:
    await stream


async def _next_or_none(images: AsyncIterator[_T]) -> _T | None:
    try:
        return await images.__anext__()
    except StopAsyncIteration:  # cannot cross into a Future
        return None


def blocking(
    method: Callable[Concatenate[AioDaqDataClient, _P], Awaitable[_T]],
) -> Callable[Concatenate[DaqDataClient, _P], _T]:
    """Make the method that waits for one of the async client, with its parameters and its documentation."""

    @wraps(method)
    def call(client: DaqDataClient, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return client._wait_for(client._own(method), *args, **kwargs)

    return call


def streaming(
    method: Callable[Concatenate[AioDaqDataClient, _P], ImageStream[_T]],
) -> Callable[Concatenate[DaqDataClient, _P], BlockingStream[_T]]:
    """Make the method that opens a stream of the async client, with its parameters and its documentation."""

    @wraps(method)
    def call(client: DaqDataClient, /, *args: _P.args, **kwargs: _P.kwargs) -> BlockingStream[_T]:
        stream = BlockingStream(client._running(), client._own(method)(*args, **kwargs))
        stream.open()
        return stream

    return call


class DaqDataClient(ClientBase):
    """Blocking client of the DaqData servers of one or more DAQ nodes; the same as `AioDaqDataClient`.

    A context manager, for one ``with``: leaving it ends every stream, call and connection. May be used from
    several threads. All clients of a process share one thread that runs the event loop. Ctrl-C ends a call that
    waits.

    A stream begins when its method is called: a host that is unknown or does not answer is an error of that call,
    one that refuses is an error of the first image. `on_host_change` is called in the thread of the event loop.

    Parameters
    ----------
    daq_config, network_config, log_level, credentials, host, port, timeout
        As for `AioDaqDataClient`.
    """

    _STATEMENT = "with"
    _ASYNC_CLIENT: ClassVar[type[AioDaqDataClient]] = AioDaqDataClient

    def _share(self, nodes: Nodes, life: Lifetime) -> None:
        super()._share(nodes, life)
        self._client = self._ASYNC_CLIENT.__new__(self._ASYNC_CLIENT)
        self._client._share(nodes, life)
        self._portal: Portal | None = None
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        check_process()
        with ExitStack() as exits:
            portal = exits.enter_context(PORTALS)
            stop = partial(_stop, portal)
            atexit.register(stop)  # of a script that ends without leaving the client
            exits.callback(atexit.unregister, stop)
            exits.enter_context(portal.entered(self._client))
            self._portal = portal
            self._exits = exits.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if works_here():
            self._exits.close()

    def _running(self) -> Portal:
        self._life.check()
        if self._portal is None:  # being entered, by another thread
            raise ClientStateError(f"{type(self).__name__} is not open yet")
        return self._portal

    def _own(self, method: Callable[Concatenate[AioDaqDataClient, _P], _T]) -> Callable[_P, _T]:
        """Return the method of that name of the client inside, which may be of a subclass."""
        own: Callable[_P, _T] = getattr(self._client, method.__name__)
        return own

    def _wait_for(self, function: Callable[_P, Awaitable[_T]], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return self._running().start(function, *args, **kwargs).result()

    get_valid_daq_hosts = blocking(AioDaqDataClient.get_valid_daq_hosts)
    get_daq_host_status = blocking(AioDaqDataClient.get_daq_host_status)
    ping = blocking(AioDaqDataClient.ping)
    is_daq_host_valid = blocking(AioDaqDataClient.is_daq_host_valid)
    validate_daq_hosts = blocking(AioDaqDataClient.validate_daq_hosts)
    reflect_services = blocking(AioDaqDataClient.reflect_services)
    latest = blocking(AioDaqDataClient.latest)
    get_status = blocking(AioDaqDataClient.get_status)
    context = blocking(AioDaqDataClient.context)
    init_hp_io = blocking(AioDaqDataClient.init_hp_io)
    init_sim = blocking(AioDaqDataClient.init_sim)
    poll_gnss = blocking(AioDaqDataClient.poll_gnss)
    init_f9t = blocking(AioDaqDataClient.init_f9t)
    stream_images = streaming(AioDaqDataClient.stream_images)
    stream_frames = streaming(AioDaqDataClient.stream_frames)
    stream_blocks = streaming(AioDaqDataClient.stream_blocks)
    stream_walls = streaming(AioDaqDataClient.stream_walls)
    stream_responses = streaming(AioDaqDataClient.stream_responses)

    def capture_gnss(self, host: str, patterns: Iterable[str] = ()) -> Iterator[OpenDict]:
        """Yield the messages of the GNSS receivers of `host`; see `AioDaqDataClient.capture_gnss`."""
        self._running()
        messages = self._client.capture_gnss(host, patterns)
        with suppress(ClientStateError):  # the client was left, and the messages ended with it
            try:
                while (message := self._wait_for(_next_or_none, messages)) is not None:
                    yield message
            finally:
                self._wait_for(messages.aclose)

    def upload_images(self, hosts: Hosts, image_iterator: Images) -> None:
        """Send frames to the servers of `hosts`; see `AioDaqDataClient.upload_images`.

        An iterable that is not asynchronous is iterated in the calling thread: it may block and use this client.
        """
        if isinstance(image_iterator, AsyncIterable):
            self._wait_for(self._client.upload_images, hosts, image_iterator)
            return
        self._wait_for(self._client.validate_daq_hosts, hosts)
        images: asyncio.Queue[pb.PanoImage | Frame | None] = asyncio.Queue(1)
        upload = self._running().start(self._client.upload_images, hosts, _taken_from(images))
        try:
            for image in chain(image_iterator, [None]):
                if not self._wait_for(_put_unless_ended, images, image, upload):
                    break
            upload.result()
        finally:
            upload.cancel()  # nothing happens unless the iterable failed


async def _put_unless_ended(queue: asyncio.Queue[_T], item: _T, call: Call[None]) -> bool:
    """Put an item into a queue that a call empties; return False when the call ended, in this event loop."""
    putting = asyncio.create_task(queue.put(item), name="frame to upload")
    try:
        await asyncio.wait([putting, *filter(None, [call.task])], return_when=asyncio.FIRST_COMPLETED)
    finally:
        putting.cancel()
    return not call.is_done


async def _taken_from(
    images: asyncio.Queue[pb.PanoImage | Frame | None],
) -> AsyncIterator[pb.PanoImage | Frame]:
    while (image := await images.get()) is not None:
        yield image
