"""The client for scripts without asyncio: the async client in a thread of its own, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractContextManager, ExitStack, suppress
from itertools import chain
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeVar, overload

from anyio.from_thread import BlockingPortal

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.aio import SIMULATION_CONFIG, AioDaqDataClient
from panoseti_daq.client.blocks import ReceivedBlock, Since
from panoseti_daq.client.credentials import Credentials
from panoseti_daq.client.images import ReceivedFrame
from panoseti_daq.client.merge import HostChange
from panoseti_daq.client.nodes import PING_TIMEOUT_S, Hosts
from panoseti_daq.client.portal import PORTALS
from panoseti_daq.client.stream import BlockStream, ImageStream, Iteration
from panoseti_daq.client.upload import Images
from panoseti_daq.config.files import ConfigSource
from panoseti_daq.errors import ConfigError
from panoseti_daq.pff import Frame, Gap

_T = TypeVar("_T")
_A = TypeVar("_A")


class BlockingStream(Generic[_T]):
    """Iterator over an `ImageStream`; leaving the loop, also by ``break``, ends the calls. For one thread.

    Ends when its client is left.
    """

    def __init__(self, portal: BlockingPortal, stream: ImageStream[_T]) -> None:
        self._portal = portal
        self._stream = stream

    def __iter__(self) -> Iterator[_T]:
        iterator = self._stream.__aiter__()
        try:
            while images := self._call(_some_of, iterator):
                yield from images
        finally:
            self._soon(iterator.close)

    def __next__(self) -> _T:
        images = self._call(_next_of, self._stream)
        if not images:
            raise StopIteration
        return images[0]

    @property
    def resume_token(self) -> str:
        """Of a stream of all frames: see `BlockStream.resume_token`."""
        assert isinstance(self._stream, BlockStream)
        return self._stream.resume_token

    def close(self) -> None:
        """End the calls, if it is not a ``for`` loop that holds them."""
        self._soon(self._stream.aclose)

    def __del__(self) -> None:
        self.close()  # in the thread of the event loop, where the calls belong

    def _call(self, function: Callable[[_A], Awaitable[list[_T]]], argument: _A) -> list[_T]:
        """Run `function` in the event loop; nothing when the client was left."""
        try:
            future = self._portal.start_task_soon(function, argument)
        except RuntimeError:
            return []
        try:
            return future.result()
        finally:
            future.cancel()  # nothing happens unless the wait was interrupted

    def _soon(self, function: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the client was left, and the calls ended with it
            self._portal.start_task_soon(function)


async def _some_of(iterator: Iteration[_T]) -> list[_T]:
    """What is there, at least one image; nothing at the end. One crossing of threads serves them all."""
    try:
        return [await anext(iterator), *iterator.arrived()]
    except StopAsyncIteration:
        return []


async def _next_of(stream: ImageStream[_T]) -> list[_T]:
    try:
        return [await stream.__anext__()]
    except StopAsyncIteration:  # cannot cross into a Future
        return []


class DaqDataClient:
    """Blocking client of the DaqData servers of one or more DAQ nodes; the same as `AioDaqDataClient`.

    A context manager: leaving it ends every stream and connection. May be used from several threads. All clients
    of a process share one thread that runs the event loop. Ctrl-C ends a call that waits.

    Parameters
    ----------
    daq_config, network_config, log_level, credentials
        As for `AioDaqDataClient`.
    """

    def __init__(
        self,
        daq_config: ConfigSource | None,
        network_config: ConfigSource | None = None,
        log_level: int | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        self._set_up(AioDaqDataClient(daq_config, network_config, log_level, credentials))

    def _set_up(self, client: AioDaqDataClient) -> None:
        self._client = client
        self._portal: BlockingPortal | None = None
        self._exits = ExitStack()

    @classmethod
    def connect(cls, *hosts: str, credentials: Credentials | None = None) -> Self:
        """Client of these hosts, without configuration files; see `AioDaqDataClient.connect`."""
        client = cls.__new__(cls)
        client._set_up(AioDaqDataClient.connect(*hosts, credentials=credentials))
        return client

    def __enter__(self) -> Self:
        with ExitStack() as exits:
            self._portal = exits.enter_context(PORTALS)
            entered: AbstractContextManager[Any] = self._portal.wrap_async_context_manager(self._client)
            exits.enter_context(entered)
            self._exits = exits.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exits.close()
        self._portal = None

    def _call(self, method: Callable[..., Any], *arguments: Any) -> Any:
        if self._portal is None:
            raise ConfigError(f"{type(self).__name__} is not open; use it as 'with ... as client'")
        future = self._portal.start_task_soon(method, *arguments)
        try:
            return future.result()
        finally:
            future.cancel()  # nothing happens unless Ctrl-C ended the wait

    @property
    def hosts(self) -> list[str]:
        """Every configured host, whether it answers or not."""
        return self._client.hosts

    def get_valid_daq_hosts(self) -> set[str]:
        """Hosts that answered when they were last asked."""
        return set(self._client.get_valid_daq_hosts())

    def get_daq_host_status(self) -> dict[str, bool]:
        """Ping every node; whether it answers, by address (``host:port``)."""
        status: dict[str, bool] = self._call(self._client.get_daq_host_status)
        return status

    def ping(self, host: str, timeout: float = PING_TIMEOUT_S) -> bool:
        """Whether the server of `host` answers within `timeout` s; False for a host that is not configured."""
        return bool(self._call(self._client.ping, host, timeout))

    def is_daq_host_valid(self, host: str) -> bool:
        """Whether `host` is configured and answers now."""
        return bool(self._call(self._client.is_daq_host_valid, host))

    def validate_daq_hosts(self, hosts: Hosts = None) -> list[str]:
        """Hosts that an argument stands for; see `AioDaqDataClient.validate_daq_hosts`."""
        chosen: list[str] = self._call(self._client.validate_daq_hosts, hosts)
        return chosen

    def reflect_services(self, hosts: Hosts = None) -> str:
        """What services the servers of `hosts` have, as text."""
        return str(self._call(self._client.reflect_services, hosts))

    def get_status(self, host: str, timeout: float = 5.0) -> pb.StatusResponse:
        """What the server of `host` is doing."""
        status: pb.StatusResponse = self._call(self._client.get_status, host, timeout)
        return status

    def init_hp_io(
        self, hosts: Hosts = None, hp_io_cfg: ConfigSource | None = None, timeout: float = 10.0
    ) -> bool:
        """Choose what the servers of `hosts` follow; see `AioDaqDataClient.init_hp_io`."""
        return bool(self._call(self._client.init_hp_io, hosts, hp_io_cfg, timeout))

    def init_sim(
        self, hosts: Hosts = None, hp_io_sim_cfg_path: ConfigSource = SIMULATION_CONFIG, timeout: float = 5.0
    ) -> bool:
        """Let the servers of `hosts` follow their own simulation."""
        return bool(self._call(self._client.init_sim, hosts, hp_io_sim_cfg_path, timeout))

    def stream_images(
        self,
        hosts: Hosts = None,
        stream_movie_data: bool = True,
        stream_pulse_height_data: bool = True,
        update_interval_seconds: float = 0.0,
        module_ids: Iterable[int] = (),
        wait_for_ready: bool = False,
        parse_pano_images: bool = True,
        timeout: float | None = None,
        on_host_change: Callable[[HostChange], object] | None = None,
    ) -> BlockingStream[Any]:
        """Newest images as they come, of all hosts merged; see `AioDaqDataClient.stream_images`.

        `on_host_change` is called in the thread of the event loop. A host that is unknown or does not answer is an
        error of this call, one that refuses is an error of the first image.
        """

        async def begin() -> ImageStream[Any]:
            return await self._client.stream_images(
                hosts,
                stream_movie_data,
                stream_pulse_height_data,
                update_interval_seconds,
                module_ids,
                wait_for_ready,
                parse_pano_images,
                timeout,
                on_host_change,
            )

        return self._stream(begin)

    @overload
    def stream_frames(
        self,
        hosts: Hosts = None,
        *,
        mode: Literal["newest"] = "newest",
        movie: bool = True,
        pulse_height: bool = True,
        interval_s: float = 0.0,
        module_ids: Iterable[int] = (),
        wait_for_ready: bool = False,
        on_host_change: Callable[[HostChange], object] | None = None,
    ) -> BlockingStream[ReceivedFrame]: ...

    @overload
    def stream_frames(
        self,
        hosts: Hosts = None,
        *,
        mode: Literal["all"],
        movie: bool = True,
        pulse_height: bool = True,
        module_ids: Iterable[int] = (),
        since: Since = None,
        resume: str | None = None,
        wait_for_ready: bool = False,
        on_host_change: Callable[[HostChange], object] | None = None,
    ) -> BlockingStream[ReceivedBlock | Gap]: ...

    def stream_frames(self, hosts: Hosts = None, **options: Any) -> BlockingStream[Any]:
        """Frames with types, the newest of each key or all of them; see `AioDaqDataClient.stream_frames`."""

        async def begin() -> ImageStream[Any]:
            stream: ImageStream[Any] = self._client.stream_frames(hosts, **options)
            return await stream

        return self._stream(begin)

    def _stream(self, begin: Callable[[], Any]) -> BlockingStream[Any]:
        stream = self._call(begin)
        assert self._portal is not None
        return BlockingStream(self._portal, stream)

    def upload_images(self, hosts: Hosts, image_iterator: Images) -> None:
        """Send frames to the servers of `hosts`; see `AioDaqDataClient.upload_images`."""
        if isinstance(image_iterator, AsyncIterable):
            self._call(self._client.upload_images, hosts, image_iterator)
            return
        self._call(self._client.validate_daq_hosts, hosts)
        assert self._portal is not None
        start = self._portal.start_task_soon
        images: asyncio.Queue[pb.PanoImage | Frame | None] = asyncio.Queue(1)
        calls: list[Future[Any]] = [start(self._client.upload_images, hosts, _taken_from(images))]
        try:
            for image in chain(image_iterator, [None]):  # here, so that it may block and use this client
                calls[1:] = [start(images.put, image)]
                wait(calls, return_when=FIRST_COMPLETED)
                if calls[0].done():
                    break
            calls[0].result()
        finally:
            for call in calls:
                call.cancel()  # nothing happens unless the server refused or the iterable failed


async def _taken_from(
    images: asyncio.Queue[pb.PanoImage | Frame | None],
) -> AsyncIterator[pb.PanoImage | Frame]:
    while (image := await images.get()) is not None:
        yield image
