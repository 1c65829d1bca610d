"""Hashpipe's side of its sockets, played: who connects, what it sends, and when (its ``snapshot.c``, ce70e500)."""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from panoseti_daq.pff import DataProduct, Header, Layout
from panoseti_daq.pff.layout import END_OF_HEADER, format_header
from panoseti_daq.simulator.faults import is_turn

INTERVAL_S: Final = 0.1  # SSINT
IDLE_S: Final = 15.0  # without a record a connection is closed
SWEEP_S: Final = 5.0  # how often that is looked at, when packets come
_LOST: Final = select.POLLERR | select.POLLHUP


@dataclass(frozen=True, slots=True)
class SocketFaults:
    """What to do wrong with every N-th record of a product, 0 for nothing.

    Attributes
    ----------
    short_every
        Leave out its last 100 bytes, as a short write does.
    garbage_prefix_every
        Send 64 other bytes before it.
    wrong_length_every
        Give it a header that is one character longer.
    stall_every
        Send half of it, and nothing more through this connection.
    reconnect_every
        Close the connection after it.
    n_writers
        Programs that send the same.
    """

    short_every: int = 0
    garbage_prefix_every: int = 0
    wrong_length_every: int = 0
    stall_every: int = 0
    reconnect_every: int = 0
    n_writers: int = 1

    def sent(self, record: bytes, i: int) -> bytes:
        """Return what is sent instead of the `i`-th record, from 1."""
        if is_turn(i, self.wrong_length_every):
            record = record.replace(b"}", b" }", 1)
        if is_turn(i, self.garbage_prefix_every):
            record = b"\xff" * 64 + record
        if is_turn(i, self.stall_every):
            record = record[: len(record) // 2]
        return record[:-100] if is_turn(i, self.short_every) else record


NO_SOCKET_FAULTS: Final = SocketFaults()


def format_record(module_id: int, frame: bytes, product: DataProduct) -> bytes:
    """Return a frame of a file as Hashpipe sends it.

    Parameters
    ----------
    module_id
        Telescope module.
    frame
        Header, blank line, ``*`` and pixels, as in a file.
    product
        Data product.
    """
    layout = Layout.discover(frame, product)
    assert layout is not None
    text = _format_socket_header(layout.parse(frame[: layout.header_size_bytes]))
    return b"".join((module_id.to_bytes(2, "big"), text, END_OF_HEADER, frame[layout.image_offset_bytes :]))


def _format_socket_header(header: Header) -> bytes:
    """Return the text of a header: one blank before a quabo, where files have three, and none behind the comma."""
    return format_header(header).replace(b'\n   "', b'\n "').replace(b", \n", b",\n")


class SocketWriter:
    """Sender of the newest frames to the sockets of a server, as Hashpipe does it. For one thread.

    Never waits: a frame that finds no room is dropped. Owns its connections until `close`.

    Parameters
    ----------
    path_of
        Path of the socket of each data product.
    faults
        What to do wrong.
    interval_s
        Least time between two records of one module and product, s.
    idle_s, sweep_s
        When connections without records are closed, s.

    Attributes
    ----------
    n_sent, n_dropped, n_connections
        Records sent and frames dropped that were due, and connections made.
    """

    def __init__(
        self,
        path_of: Callable[[DataProduct], Path],
        faults: SocketFaults = NO_SOCKET_FAULTS,
        *,
        interval_s: float = INTERVAL_S,
        idle_s: float = IDLE_S,
        sweep_s: float = SWEEP_S,
    ) -> None:
        self.n_sent = self.n_dropped = self.n_connections = 0
        self._path_of = path_of
        self._faults = faults
        self._interval_s, self._idle_s, self._sweep_s = interval_s, idle_s, sweep_s
        self._open: dict[DataProduct, _Line] = {}
        self._last_s: dict[tuple[int, DataProduct], float] = {}
        self._n_of_product = dict.fromkeys(DataProduct, 0)
        self._swept_s = 0.0

    def offer(self, now_s: float, module_id: int, product: DataProduct, frame: bytes) -> None:
        """Send a frame if the last one of its module and product is long enough ago.

        Parameters
        ----------
        now_s
            Monotonic time, s.
        module_id, product
            Where it comes from.
        frame
            As in a file. Without one of the four quabos there is no record of a 32x32 image.
        """
        self._sweep(now_s)
        key = module_id, product
        if now_s - self._last_s.get(key, -self._interval_s) < self._interval_s:
            return
        record = format_record(module_id, frame, product)
        self._n_of_product[product] += 1
        i = self._n_of_product[product]
        if self._send(now_s, product, self._faults.sent(record, i), is_last=is_turn(i, self._faults.stall_every)):
            self._last_s[key] = now_s
            self.n_sent += 1
        else:
            self.n_dropped += 1
        if is_turn(i, self._faults.reconnect_every):
            self._close(product)

    def _send(self, now_s: float, product: DataProduct, record: bytes, *, is_last: bool) -> bool:
        line = self._open.get(product)
        if line is None:
            if (line := self._connect(now_s, product)) is None:
                return False
            self._open[product] = line
        if line.is_stalled:
            return False
        try:
            if line.is_lost:
                raise ConnectionResetError(errno.ECONNRESET, "the server closed the connection")
            line.socket.send(record)  # a short write counts as one, there as here
        except BlockingIOError:
            return False
        except OSError:
            self._close(product)
            return False
        line.last_s, line.is_stalled = now_s, is_last
        return True

    def _connect(self, now_s: float, product: DataProduct) -> _Line | None:
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        opened.setblocking(False)
        try:
            opened.connect(str(self._path_of(product)))
        except OSError:  # nobody listens, or its backlog is full
            opened.close()
            return None
        self.n_connections += 1
        return _Line(opened, now_s)

    def _sweep(self, now_s: float) -> None:
        if now_s - self._swept_s < self._sweep_s:
            return
        self._swept_s = now_s
        for product in [p for p, line in self._open.items() if now_s - line.last_s >= self._idle_s]:
            self._close(product)

    def _close(self, product: DataProduct) -> None:
        if (line := self._open.pop(product, None)) is not None:
            line.socket.close()

    def close(self) -> None:
        """Close all connections."""
        for product in list(self._open):
            self._close(product)


@dataclass(slots=True)
class _Line:
    """One connection, and when its last record was sent."""

    socket: socket.socket
    last_s: float
    is_stalled: bool = False

    @property
    def is_lost(self) -> bool:
        poll = select.poll()
        poll.register(self.socket, 0)
        return any(events & _LOST for _, events in poll.poll(0))
