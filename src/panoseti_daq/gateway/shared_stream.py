"""Shared stream of one node: the newest frames for all clients of a gateway, by one call at a time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError
from grpc.aio import AioRpcError

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.image_feed import Seen
from panoseti_daq.client.nodes import AnyNode
from panoseti_daq.client.retry import retry_delay_s
from panoseti_daq.gateway.demand import Demand
from panoseti_daq.pff import Frame
from panoseti_daq.wire.relay import relayed_frames
from panoseti_daq.wire.requests import images_request

if TYPE_CHECKING:
    from panoseti_daq.client.node import MessageCall

_log = logging.getLogger(__name__)

SWITCH_S: Final = 5.0  # the old call continues for this time while the new one brings nothing


class SharedStream:
    """The one stream of newest frames that a gateway has from a node, open while somebody wants some.

    When the demand changes, the call for the new one is opened first; the old one ends when the node has answered
    the new one, which begins with the newest frames: so nothing is missed between them. Nothing is queued: a
    message is handed on as it comes.

    Parameters
    ----------
    name
        Of the node, for the log.
    calls
        Makes the calls to it.
    hand_on
        Gets each frame that is new; must not wait.
    broken
        Called when the call broke.

    Attributes
    ----------
    is_open
        Whether a call is open.
    reason
        Why the last call broke; empty while frames come.
    """

    def __init__(
        self,
        name: str,
        calls: Callable[[Demand], AnyNode],
        hand_on: Callable[[Frame], object],
        broken: Callable[[], None],
    ) -> None:
        self.is_open = False
        self.reason = ""
        self._name, self._calls, self._hand_on, self._broken = name, calls, hand_on, broken
        self._demand: Demand | None = None
        self._is_reachable = False
        self._changed = asyncio.Event()
        self._again = asyncio.Event()
        self._settled = asyncio.Event()  # the demand changed, or the call ended
        self._came = False  # a message, since the last break
        self._seen = Seen()
        self._reading: _Reading | None = None

    def want(self, demand: Demand | None) -> None:
        """Stream `demand` from now on; None for nothing."""
        self._demand = demand
        self._changed.set()
        self._settled.set()

    async def until_ended(self) -> None:
        """Wait until no call is open, unless one is wanted.

        Both go through one connection, so the node learns of the end before it gets a call that is made now.
        """
        while self._demand is None and self._reading is not None:
            self._settled.clear()
            await self._settled.wait()

    def reach(self, is_reachable: bool) -> None:
        """Take note of whether the node can be called now."""
        self._is_reachable = is_reachable
        self._changed.set()

    def ask_again(self) -> None:
        """Call the node at once, if the next call would come later."""
        self._again.set()

    async def run(self) -> None:
        """Stream what is wanted; run until cancelled."""
        n_failures = 0
        while True:
            if self._demand is None or not self._is_reachable:
                self._changed.clear()
                await self._changed.wait()
                continue
            try:
                await self._follow()
                n_failures = 0
                continue
            except AioRpcError as error:
                reason = f"{error.details() or 'no details'} ({error.code().name})"
            except DecodeError as error:
                reason = f"an unreadable message: {error}"
            n_failures = 1 if self._came else n_failures + 1
            level = logging.DEBUG if reason == self.reason else logging.WARNING
            _log.log(level, "stream from %s broke: %s", self._name, reason)
            self.reason, self._came = reason, False
            self._broken()
            self._again.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(retry_delay_s(n_failures)):
                    await self._again.wait()

    async def _follow(self) -> None:
        """Stream until nothing is wanted any more; raise what a call ends with."""
        try:
            while (demand := self._demand) is not None:
                self._changed.clear()
                if self._reading is None or self._reading.demand != demand:
                    await self._switch(demand)
                elif self._reading.task.done():
                    self._reading.task.result()  # raises, unless the node ended it on purpose
                    return
                else:
                    await _first_of(self._changed, self._reading.task)
        finally:
            self._end()
            self._seen.break_off()

    async def _switch(self, demand: Demand) -> None:
        call = self._calls(demand).stream_image_messages(images_request(demand.selection, pb.RAW))
        new = _Reading(demand, call)
        new.task = asyncio.create_task(self._read(new), name=f"stream from {self._name}")
        if self._reading is None:
            self._reading = new
            return
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(SWITCH_S):
                    await _first_of(new.began, new.task)
        finally:
            if self._reading is not new:
                self._take_over(new)

    def _take_over(self, new: _Reading) -> None:
        if self._reading is not None:
            self._reading.end()
            self._seen.break_off()
        self._reading = new

    def _end(self) -> None:
        if self._reading is not None:
            self._reading.end()
        self._reading = None
        self.is_open = False
        self._settled.set()

    async def _read(self, reading: _Reading) -> None:
        await reading.call.wait_for_connection()  # the node has subscribed us; the predecessor: its first message
        reading.began.set()
        if self._reading is not reading:
            self._take_over(reading)
        self.is_open, self._came, self.reason = True, True, ""
        async for message in reading.call:
            for frame in relayed_frames(message, time.time_ns()):
                if not self._seen.came_before(frame.key, frame.file, frame.frame_number):
                    self._hand_on(frame)


class _Reading:
    """One call, and the task that reads it."""

    task: asyncio.Task[None]

    def __init__(self, demand: Demand, call: MessageCall) -> None:
        self.demand, self.call = demand, call
        self.began = asyncio.Event()

    def end(self) -> None:
        self.task.add_done_callback(lambda task: task.cancelled() or task.exception())  # nobody asks for it
        self.task.cancel()
        self.call.cancel()


async def _first_of(event: asyncio.Event, task: asyncio.Task[None]) -> None:
    """Wait until `event` is set or `task` is done."""
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait([waiting, task], return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
