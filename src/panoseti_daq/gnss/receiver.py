"""Receiver: one thread that reads a port, and the newest message of each name, for the event loop."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final, Self

from panoseti_daq.errors import ConfigError, DaqError
from panoseti_daq.gnss.messages import UbxMessage, UbxSplitter, decoded, poll, require_pyubx2
from panoseti_daq.gnss.ports import PortOf, open_port

_log = logging.getLogger(__name__)

QUEUE_SIZE: Final = 200  # messages of one subscriber: 20 s of ten messages a second
_FIRST_RETRY_S: Final = 0.2
_LAST_RETRY_S: Final = 5.0
HandOn = Callable[[UbxMessage], None]
IsWanted = Callable[[UbxMessage], bool]


@dataclass(frozen=True, slots=True)
class GnssSource:
    """A receiver and where it is.

    Attributes
    ----------
    name
        Of the receiver.
    source
        ``tcp://HOST:PORT``, a device or a recorded file.
    baud
        Of a serial device.
    """

    name: str
    source: str
    baud: int = 115200

    @classmethod
    def parse(cls, text: str, baud: int) -> Self:
        """Read ``NAME=SOURCE``.

        Raises
        ------
        ConfigError
            It is not that.
        """
        name, equals, source = text.partition("=")
        if not (name and equals and source):
            raise ConfigError(f"invalid receiver: {text}; allowed: NAME=DEVICE, NAME=tcp://HOST:PORT, NAME=FILE")
        return cls(name, source, baud)


class GnssReceiver:
    """Reads one receiver as long as the ``async with`` block; for one event loop.

    Holds the newest message of each name. A subscriber has a queue, of `QUEUE_SIZE` messages for each receiver;
    when it is full, what comes is dropped and counted. A port that is lost is opened again, after 0.2 s at first
    and 5 s at last.

    Parameters
    ----------
    source
        Where it is.

    Attributes
    ----------
    newest
        By name.
    reason
        Why it is not connected; empty when it is.
    n_messages, n_other_bytes, n_dropped
        Counts of messages, of bytes that are in none, and of those that slow subscribers missed.
    configuring
        Held by who configures it.
    """

    def __init__(self, source: GnssSource) -> None:
        require_pyubx2()
        self.source = source
        self.newest: dict[str, UbxMessage] = {}
        self.reason = "not opened yet"
        self.n_messages = self.n_other_bytes = self.n_dropped = 0
        self._puts: set[HandOn] = set()
        self._asked: dict[asyncio.Future[UbxMessage], IsWanted] = {}
        self.configuring = asyncio.Lock()
        self._stop = threading.Event()
        self._port: PortOf | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name=f"gnss {self.source.name}")
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await asyncio.to_thread(self._thread.join)

    @contextmanager
    def subscribed(self, put: HandOn) -> Iterator[None]:
        """Hand on the messages to come while the block runs; `put` raises QueueFull for one that is dropped."""
        self._puts.add(put)
        try:
            yield
        finally:
            self._puts.discard(put)

    @property
    def answers(self) -> bool:
        """Whether it is connected and can be asked."""
        return self._port is not None and self._port.answers

    @property
    def is_captured(self) -> bool:
        """Whether somebody subscribed."""
        return bool(self._puts)

    async def poll(self, name: str, timeout_s: float) -> UbxMessage:
        """Ask for a message and return it; errors as `ask`, and ConfigError for what may not be asked for."""
        return await self.ask(poll(name), lambda message: message.name == name, timeout_s)

    async def ask(self, data: bytes, wanted: IsWanted, timeout_s: float) -> UbxMessage:
        """Send a message and return the next one that is wanted.

        Raises
        ------
        TimeoutError
            None came.
        OSError
            It is not connected, is lost before it answers, or is a recording.
        """
        port = self._port
        if port is None or not port.answers:
            raise OSError(self.reason or "a recording answers nothing")
        answer: asyncio.Future[UbxMessage] = self._loop.create_future()
        self._asked[answer] = wanted
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.to_thread(port.write, data)
                return await answer
        finally:
            self._asked.pop(answer, None)

    def _run(self) -> None:
        retry_s = _FIRST_RETRY_S
        while not self._stop.is_set():
            try:
                self._port = open_port(self.source.source, self.source.baud, self._stop)
                self._note("")
                retry_s = _FIRST_RETRY_S
                self._read(self._port)
            except (OSError, EOFError, DaqError) as error:
                self._note(str(error) or type(error).__name__)
            finally:
                port, self._port = self._port, None
                if port is not None:
                    port.close()
            self._loop.call_soon_threadsafe(self._lose, self.reason)
            self._stop.wait(retry_s)
            retry_s = min(2 * retry_s, _LAST_RETRY_S)

    def _read(self, port: PortOf) -> None:
        splitter = UbxSplitter()
        before = self.n_other_bytes
        while not self._stop.is_set():
            for data in splitter.feed(port.read()):
                if self._stop.is_set():
                    return
                message = decoded(data, time.time_ns(), self.source.name)
                if message is not None:
                    self._loop.call_soon_threadsafe(self._take, message)
            self.n_other_bytes = before + splitter.n_other_bytes

    def _note(self, reason: str) -> None:
        if reason and reason != self.reason:
            _log.warning("gnss %s: %s: %s", self.source.name, self.source.source, reason)
        elif self.reason and not reason:
            _log.info("gnss %s: reading %s", self.source.name, self.source.source)
        self.reason = reason

    def _lose(self, reason: str) -> None:
        for answer in self._asked:
            if not answer.done():
                answer.set_exception(OSError(reason))

    def _take(self, message: UbxMessage) -> None:
        self.n_messages += 1
        self.newest[message.name] = message
        for answer, wanted in self._asked.items():
            if not answer.done() and wanted(message):
                answer.set_result(message)
        for put in self._puts:
            try:
                put(message)
            except asyncio.QueueFull:
                self.n_dropped += 1


@asynccontextmanager
async def reading(receivers: Iterable[str], baud: int) -> AsyncIterator[tuple[GnssReceiver, ...]]:
    """Read these receivers, ``NAME=SOURCE``, as long as the block; raises ConfigError for what is not that."""
    sources = [GnssSource.parse(text, baud) for text in receivers]
    async with AsyncExitStack() as stack:
        yield tuple([await stack.enter_async_context(GnssReceiver(source)) for source in sources])
