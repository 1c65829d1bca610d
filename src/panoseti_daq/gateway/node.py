"""One node of a gateway: whether it answers, what its server says, and when it is asked again."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Final
from urllib.parse import unquote

from grpc import StatusCode

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.credentials import LoadedCredentials
from panoseti_daq.client.errors import RpcError, reason_of
from panoseti_daq.client.nodes import open_node
from panoseti_daq.client.predecessor import predecessor
from panoseti_daq.client.retry import retry_delay_s
from panoseti_daq.config.nodes import Target

_log = logging.getLogger(__name__)

LOOK_INTERVAL_S: Final = 5.0  # a node that answers is asked so often how it is, when nobody else asks
ANSWER_S: Final = 5.0  # a node that does not answer for so long is lost
LAST_RETRY_S: Final = 2.0  # a node that is lost is asked again at least this often
FRESH_S: Final = 1.0  # an answer is good for so long: a hundred who ask cost a node one call a second
CLOCKS_DIFFER_S: Final = 1.0

_LAST: Final = re.compile(".*last error: [A-Z_]+: ")  # what gRPC says before the reason

OnNodeChange = Callable[["UpstreamNode"], None]


class UpstreamNode:
    """One server behind a gateway, from `open` to `close`; for one event loop.

    Parameters
    ----------
    name, target
        Its name here, and where it is: an address or a Unix socket.
    credentials
        Credentials for it.
    path
        Metadata of the calls of the gateway itself.
    on_change
        Called when it is reached or lost.
    look_interval_s
        Interval of checks when nobody else asks, s.

    Attributes
    ----------
    calls
        Channels and calls.
    connected
        Whether it answered when it was asked last.
    reason
        Why it did not; or what is wrong although it did.
    status
        What it answered last; None before, and of servers that have no Status.
    foreign
        What server of panoseti-grpc it is, for people; empty when it is none, or not known yet.
    """

    def __init__(
        self,
        name: str,
        target: Target,
        credentials: LoadedCredentials,
        path: tuple[str, str],
        on_change: OnNodeChange,
        look_interval_s: float = LOOK_INTERVAL_S,
    ) -> None:
        self.name, self.target = name, target
        self.calls = open_node(target, credentials)
        self._own = self.calls.with_metadata(path)
        self.connected = False
        self.reason = "not asked yet"
        self.status: pb.StatusResponse | None = None
        self.foreign = ""
        self.clock_offset_s: float | None = None
        self._on_change, self._look_interval_s = on_change, look_interval_s
        self._loop = asyncio.get_running_loop()
        self._since = self._asked_at = self._next_at = self._loop.time()
        self._n_failures = 0
        self._look_now = asyncio.Event()
        self._asking: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Ask it again and again, at once after `look`, less often the longer it is lost; until cancelled."""
        while True:
            self._look_now.clear()
            await self._ask()
            delay_s = (
                self._look_interval_s if self.connected else min(retry_delay_s(self._n_failures), LAST_RETRY_S)
            )
            self._next_at = self._loop.time() + delay_s
            with suppress(TimeoutError):
                async with asyncio.timeout(delay_s):
                    await self._look_now.wait()

    def look(self) -> None:
        """Ask it now: a call to it failed."""
        if self.connected:
            self._look_now.set()

    async def refresh(self) -> None:
        """Ask it if its last answer is not fresh; wait no longer than one is, and not when it is lost."""
        if not self.connected or self._loop.time() - self._asked_at < FRESH_S:
            return
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask(), name=f"ask {self.name} for its status")
            self._asking.add_done_callback(lambda _: setattr(self, "_asking", None))
        await asyncio.wait([self._asking], timeout=FRESH_S)

    async def _ask(self) -> None:
        before = time.time_ns()
        try:
            answer = await self._own.status(ANSWER_S)
        except RpcError as error:
            if not (old := predecessor(error)):
                self._note(connected=False, reason=_why(error))
                return
            self.status, self.foreign = None, old
        else:
            self.status, self.foreign = answer, predecessor(answer)
            if answer.now_unix_ns:
                self.clock_offset_s = (answer.now_unix_ns - (before + time.time_ns()) / 2) / 1e9
        self._asked_at = self._loop.time()
        self._note(connected=True, reason="")

    def _note(self, *, connected: bool, reason: str) -> None:
        self._n_failures = 0 if connected else self._n_failures + 1
        is_news = connected != self.connected or (not connected and self._n_failures == 1)
        self.reason = reason
        if connected != self.connected:
            self.connected, self._since = connected, self._loop.time()
        if not is_news:
            return
        if connected:
            _log.info("node %s (%s) answers", self.name, self.target.shown)
            if abs(self.clock_offset_s or 0) > CLOCKS_DIFFER_S:
                _log.warning("the clock of node %s is %+.1f s from ours", self.name, self.clock_offset_s)
        else:
            _log.warning("node %s (%s) is lost, asking again: %s", self.name, self.target.shown, reason)
        self._on_change(self)

    @property
    def modules(self) -> Collection[int]:
        """Modules that it said it follows when it was asked last."""
        return self.status.followed.modules if self.status else ()

    @property
    def has_receivers(self) -> bool:
        """Whether it said that it reads a GNSS receiver when it was asked last."""
        return self.connected and self.status is not None and bool(self.status.receivers)

    def report(self) -> pb.NodeStatus:
        """Return its state for Status, but for its modules."""
        now = self._loop.time()
        version = self.foreign or (self.status.version if self.status else "")
        return pb.NodeStatus(
            name=self.name,
            address=self.target.shown,
            connected=self.connected,
            reason=self.reason,
            since_seconds=now - self._since,
            retry_seconds=0 if self.connected else max(0.0, self._next_at - now),
            version=version,
            clock_offset_seconds=self.clock_offset_s,
        )

    async def close(self) -> None:
        """Close its channels."""
        if self._asking is not None:
            self._asking.cancel()
        await self.calls.close()


def _why(error: RpcError) -> str:
    if error.code() in (StatusCode.UNAUTHENTICATED, StatusCode.PERMISSION_DENIED):
        return f"it refuses our token: {error.details()}"
    if error.code() is StatusCode.DEADLINE_EXCEEDED:
        return f"no answer within {ANSWER_S:g} s"
    details = error.details() or error.code().name
    return f"{unquote(_LAST.sub('', details))}{reason_of(error)}"
