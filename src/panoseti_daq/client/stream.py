"""Streams: the objects that `stream_images`, `stream_frames` and `stream_blocks` return."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar
from weakref import WeakSet

from panoseti_daq.client.latest import Arrival
from panoseti_daq.client.merge import AnyMerged
from panoseti_daq.errors import PffError
from panoseti_daq.pff import ModuleProduct

if TYPE_CHECKING:
    from panoseti_daq.client.blocks import Progress

_T = TypeVar("_T")

_Begin = Callable[[], Awaitable[AnyMerged]]
_Convert = Callable[[Arrival[Any]], _T]


class Iteration(Generic[_T]):
    """One pass over a stream; dropping it, as ``break`` does, ends its calls."""

    def __init__(
        self,
        begin: _Begin,
        convert: _Convert[_T],
    ) -> None:
        self._begin = begin
        self._convert = convert
        self._merged: AnyMerged | None = None
        self._refused: tuple[str, PffError] | None = None  # a host whose last message is not what it should be

    def __aiter__(self) -> Self:
        return self

    async def begin(self) -> AnyMerged:
        """Open the calls, once."""
        if self._merged is None:
            self._merged = await self._begin()
        return self._merged

    async def __anext__(self) -> _T:
        merged = self._merged or await self.begin()
        while True:
            if self._refused is None:
                arrival = await merged.receive()
                try:
                    return self._convert(arrival)
                except PffError as error:
                    self._refused = arrival.host, error
            (host, why), self._refused = self._refused, None
            if not merged.give_up(host, str(why)):
                raise PffError(f"{host}: {why}") from why

    def take(self) -> _T | None:
        """Return the next image if it is there, without waiting; from any thread."""
        if self._merged is None or self._refused or (arrival := self._merged.take()) is None:
            return None
        try:
            return self._convert(arrival)
        except PffError as error:
            self._refused = arrival.host, error  # the event loop sees to it
            return None

    def close(self) -> None:
        """End the calls."""
        if self._merged is not None:
            self._merged.close()

    def __del__(self) -> None:
        self.close()


class ImageStream(Generic[_T]):
    """A stream of images from one or more hosts.

    ::

        async with client.stream_images() as stream:
            async for image in stream:
                ...

    Entering it opens the calls; leaving it ends them. Without ``async with``, the first image opens them, or
    ``await stream``, which gives the stream back; they end when the loop is left, ``break`` and exceptions
    included. They end with the client in any case. Each new ``async for`` begins a new stream. For one task at a
    time.

    Raises
    ------
    HostError
        On entering or awaiting, else at the first image: a host is unknown or does not answer.
    RpcError
        At an image: the server refused, or the last host is lost.
    """

    def __init__(
        self,
        begin: _Begin,
        convert: _Convert[_T],
    ) -> None:
        self._begin = begin
        self._convert = convert
        self._opened: Iteration[_T] | None = None
        self._given: WeakSet[Iteration[_T]] = WeakSet()  # to loops

    def __await__(self) -> Generator[object, None, Self]:
        return self._open().__await__()

    async def _open(self) -> Self:
        if self._opened is None:
            self._opened = Iteration(self._begin, self._convert)
        await self._opened.begin()
        return self

    def __aiter__(self) -> Iteration[_T]:
        iteration, self._opened = self._opened or Iteration(self._begin, self._convert), None
        self._given.add(iteration)
        return iteration

    async def __anext__(self) -> _T:
        if self._opened is None:
            self._opened = Iteration(self._begin, self._convert)
        return await self._opened.__anext__()

    def take(self) -> _T | None:
        """Return the next image if it is there, without waiting; from any thread."""
        return None if self._opened is None else self._opened.take()

    def close(self) -> None:
        """End the calls, and with them the loops; in the event loop of the client."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None
        for iteration in self._given:
            iteration.close()

    async def aclose(self) -> None:
        """End the calls, and with them the loops."""
        self.close()

    async def __aenter__(self) -> Self:
        return await self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class BlockStream(ImageStream[_T]):
    """A lossless stream.

    Parameters
    ----------
    begin, convert
        As for `ImageStream`.
    progress
        Progress of the consumer.
    """

    def __init__(
        self,
        begin: _Begin,
        convert: _Convert[_T],
        progress: Progress,
    ) -> None:
        super().__init__(begin, convert)
        self._progress = progress

    @property
    def resume_token(self) -> str:
        """Token for ``resume=``, in any process, to continue after the last block of this stream."""
        return self._progress.token

    @property
    def streams(self) -> set[ModuleProduct]:
        """Modules and products that the servers have listed, which they do before the first block."""
        return self._progress.streams
