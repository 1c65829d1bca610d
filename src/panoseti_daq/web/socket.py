"""One page's WebSocket: control messages in, walls out as fast as the page paints them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import WSMsgType, web

from panoseti_daq.errors import ConfigError
from panoseti_daq.web.doors import Doors, Visitor
from panoseti_daq.web.live import LiveWall
from panoseti_daq.web.views import ViewChoice, Views, WallView, text_of

MAX_MESSAGE_BYTES: Final = 16_384
"""Of a control message; the page sends some hundred bytes."""
MAX_MESSAGES_PER_S: Final = 100
_PAINTED: Final = '{"op":"painted"'
HOSTS_EVERY_S: Final = 5.0
"""A page that hears nothing for twice this long knows that the server is gone."""


@dataclass(slots=True)
class SocketCounts:
    """What a server sent, for its metrics."""

    n_walls: int = 0
    n_bytes: int = 0
    n_skipped: int = 0
    n_stalled: int = 0
    n_refused: int = 0


class PageSocket:
    """Sends walls to one page.

    **Credit**: the next wall goes out when the page says that it painted the last one, so a page that is hidden
    takes none, and a slow one gets the newest there is then. Holds no wall: it asks its view when it may send.

    Parameters
    ----------
    socket
        The WebSocket, prepared.
    transport
        Its connection.
    visitor
        Who looks; its modules limit every view.
    live, views, doors, counts
        Of the server.

    Attributes
    ----------
    sending_since
        When the message began that goes out now, loop time in s; None while nothing does.
    hosts_at
        When the page last got the states of the hosts, likewise.
    """

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport,
        visitor: Visitor,
        live: LiveWall,
        views: Views,
        doors: Doors,
        counts: SocketCounts,
    ) -> None:
        self._visitor = visitor
        self._socket, self._live, self._views, self._doors, self._counts = socket, live, views, doors, counts
        self._transport = transport
        self._view: WallView | None = None
        self._sent = 0
        self._painted = True
        self._sent_hosts = -1
        self.hosts_at = 0.0
        self.sending_since: float | None = None
        self._sent_keys = self._sent_beside = ""
        self._error = ""
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """Serve the page until it leaves, is dropped, or may stay no longer."""
        sending = self._loop.create_task(self._send(), name="send to a page")
        # Reading waits for the page, which may never speak again: the end of sending must end it.
        sending.add_done_callback(self._end)
        try:
            await self._receive()
        finally:
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await sending
            if self._view is not None:
                self._views.leave(self._view, self.wake)

    def _end(self, sending: asyncio.Task[None]) -> None:
        """Wake the receiver when nothing can be sent any more."""
        if not sending.cancelled():
            self._transport.abort()

    def wake(self) -> None:
        """Look whether there is something to send."""
        self._wake.set()

    async def _receive(self) -> None:
        second, n_messages = 0, 0
        async for message in self._socket:
            if message.type is not WSMsgType.TEXT:
                await self._socket.close(code=1003, message=b"only text is understood")
                return
            n_messages = n_messages + 1 if second == int(self._loop.time()) else 1
            second = int(self._loop.time())
            if n_messages > MAX_MESSAGES_PER_S:
                await self._socket.close(code=1008, message=b"too many messages")
                return
            try:
                self._obey(message.data)
            except ConfigError as error:
                self._error = str(error)
            self._wake.set()

    def _obey(self, text: str) -> None:
        """Do what a control message says.

        Raises
        ------
        ConfigError
            It is none.
        """
        if text.startswith(_PAINTED):  # nearly all are
            self._painted = True
            return
        try:
            message: Any = json.loads(text)
        except (ValueError, RecursionError):
            raise ConfigError("invalid message; allowed: JSON") from None
        match message:
            case {"op": "view"}:
                choice = ViewChoice.read(message, self._visitor.modules)
                view = self._views.enter(choice, self.wake)
                if self._view is not None and self._view is not view:
                    self._views.leave(self._view, self.wake)
                # What was sent of the view before may never be painted; the credit is for the new one.
                self._view, self._sent, self._painted = view, 0, True
            case {"op": "painted"}:
                self._painted = True
            case _:
                raise ConfigError("invalid op; allowed: view, painted")

    async def _send(self) -> None:
        while True:
            self._wake.clear()
            # Each wall asks: a token that is revoked ends what it opened, and not only what it would open.
            if not self._doors.still(self._visitor):
                await self._socket.close(code=4401, message=b"the session is over")
                return
            # One thing a turn: while it goes out, the page may ask for another view, and keys may come.
            if text := self._text():
                self.sending_since = self._loop.time()
                await self._socket.send_str(text)
            elif self._view is not None and self._painted and self._sent != self._view.sequence:
                self.sending_since = self._loop.time()
                await self._send_wall(self._view)
            else:
                self.sending_since = None
                await self._wake.wait()

    def _text(self) -> str:
        """Return what the page must learn before the next wall; empty for nothing."""
        if self._error:
            error, self._error = self._error, ""
            return text_of(op="error", text=error)
        now = self._loop.time()
        if now - self.hosts_at >= HOSTS_EVERY_S or self._sent_hosts != self._live.host_changes:
            self.hosts_at, self._sent_hosts = now, self._live.host_changes
            return text_of(op="hosts", hosts=self._live.describe_hosts())
        # The tiles of a wall name keys by numbers that the page must know.
        if self._view is not None and (keys := self._view.keys_text()) != self._sent_keys:
            self._sent_keys = keys
            return keys
        if self._view is not None and (beside := self._view.beside_text()) != self._sent_beside:
            self._sent_beside = beside
            return beside
        return ""

    async def _send_wall(self, view: WallView) -> None:
        wall = view.wall()
        self._counts.n_skipped += max(view.sequence - self._sent - 1, 0) if self._sent else 0
        self._sent, self._painted = view.sequence, False
        await self._socket.send_bytes(wall)
        self._counts.n_walls += 1
        self._counts.n_bytes += len(wall)

    def look_after(self, now: float, stalled_s: float) -> bool:
        """Wake the page for what it must hear; return whether it has taken nothing for too long, which ends it."""
        if self.sending_since is None:
            if now - self.hosts_at >= HOSTS_EVERY_S:
                self._wake.set()
            return False
        if now - self.sending_since <= stalled_s:
            return False
        self._transport.abort()
        return True
