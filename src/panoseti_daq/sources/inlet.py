"""Inlet: the socket of one data product, and the connections of Hashpipe to it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

from panoseti_daq.errors import SourceError
from panoseti_daq.pff import DataProduct, FrameBlock
from panoseti_daq.pff.frame import SNAPSHOT_FILE
from panoseti_daq.sources.records import BadRecordError, Record, RecordReader
from panoseti_daq.sources.socket_file import BACKLOG, SocketFile, process_of
from panoseti_daq.sources.source import ConnectionStatus, SocketStatus

_log = logging.getLogger(__name__)


class Inlet:
    """The socket of one data product, and its connections.

    Parameters
    ----------
    product
        Data product.
    path
        Where it listens.
    group
        Group whose members may connect; empty for none.
    module_ids
        Modules to hand on; empty for all.
    take
        Called with the quabo, or None, and the frame of each record.

    Attributes
    ----------
    connections
        Those that are open, oldest first.
    modules
        Modules that were handed on.
    reason
        Why it does not listen; empty when it does.
    """

    def __init__(
        self,
        product: DataProduct,
        path: Path,
        group: str,
        module_ids: frozenset[int],
        take: Callable[[int | None, FrameBlock], None],
    ) -> None:
        self.product, self.path = product, path
        self.module_ids = module_ids
        self.connections: dict[_Connection, None] = {}  # a set that keeps its order
        self.modules: set[int] = set()
        self.n_connections = self.n_records = self.n_bad = self.n_skipped_bytes = 0
        self.last_fault = ""
        self.last_record_at: float | None = None
        self.reason = ""
        self._group = group
        self._take = take
        self._file: SocketFile | None = None
        self._server: asyncio.Server | None = None

    @property
    def is_listening(self) -> bool:
        """Whether the socket is bound."""
        return self._file is not None

    async def listen(self) -> None:
        """Bind the socket, or say in `reason` why that is impossible."""
        try:
            self._file = SocketFile(self.path, self._group)
        except SourceError as error:
            # Tried once a second: the same reason is logged once.
            if str(error) != self.reason:
                _log.error("%s", error)
            self.reason = str(error)
            return
        if self.reason:
            _log.info("socket %s is bound now", self.path)
        self.reason = ""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(
            lambda: _Connection(self), sock=self._file.socket, backlog=BACKLOG
        )

    async def look(self) -> None:
        """Bind the socket again when its path was removed or taken."""
        if self._file is not None:
            if self._file.is_there:
                return
            _log.warning("the path of socket %s was removed or replaced; binding it again", self.path)
            self._stop_listening()
        await self.listen()

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
        if self._file is not None:
            self._file.close()
        self._file = self._server = None

    def close(self) -> None:
        """Stop to listen, and end all connections."""
        self._stop_listening()
        for connection in list(self.connections):
            connection.end()

    def hand_on(self, record: Record, connection: _Connection) -> None:
        """Hand on a record, if it is of a module that is wanted."""
        self.n_records += 1
        self.last_record_at = connection.last_record_at
        # Counted above: that nothing of a module is wanted is no fault of the socket.
        if self.module_ids and record.module_id not in self.module_ids:
            return
        self.modules.add(record.module_id)
        assert connection.reader.layout is not None
        block = FrameBlock(
            record.frame,
            connection.reader.layout,
            record.module_id,
            f"{SNAPSHOT_FILE}{self.product.token}",
            connection.n_records - 1,
            connection.number,
            time.time_ns(),
        )
        self._take(record.quabo, block)

    def skip(self, connection: _Connection, why: str) -> None:
        """Count what is held of a record that is broken."""
        self.n_bad += 1
        self.n_skipped_bytes += connection.reader.n_held_bytes
        self.last_fault = f"connection {connection.number}: {why}"

    def status(self) -> SocketStatus:
        """Return the state; from any thread."""
        now = time.monotonic()
        return SocketStatus(
            self.product,
            self.path,
            self.reason or self._shared_modules(),
            is_listening=self.is_listening,
            n_connections=self.n_connections,
            n_records=self.n_records,
            n_bad=self.n_bad,
            n_skipped_bytes=self.n_skipped_bytes,
            last_fault=self.last_fault,
            age_s=None if self.last_record_at is None else now - self.last_record_at,
            connections=tuple(connection.status(now) for connection in tuple(self.connections)),
        )

    def _shared_modules(self) -> str:
        seen: dict[int, int] = {}
        # Called from other threads: copies, which the event loop cannot change meanwhile.
        for connection in tuple(self.connections):
            for module_id in tuple(connection.modules):
                if (other := seen.setdefault(module_id, connection.process)) != connection.process:
                    return f"module {module_id} comes from processes {other} and {connection.process}"
        return ""


class _Connection(asyncio.Protocol):
    """One connection of Hashpipe."""

    def __init__(self, inlet: Inlet) -> None:
        self.reader = RecordReader(inlet.product)
        self.modules: set[int] = set()
        self.n_records = self.number = self.process = 0
        self.last_record_at: float | None = None
        self._inlet = inlet
        self._transport: asyncio.Transport | None = None
        self._is_bad = False
        self._since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # of uvloop it is no instance
        self.process = process_of(transport.get_extra_info("socket"))
        self._inlet.n_connections += 1
        self.number = self._inlet.n_connections
        self._inlet.connections[self] = None
        self._since = time.monotonic()
        _log.debug("%s: process %d connected", self._inlet.path, self.process)

    def data_received(self, data: bytes) -> None:
        if self._is_bad:
            return
        try:
            for record in self.reader.feed(data):
                self.n_records += 1
                self.last_record_at = time.monotonic()
                self.modules.add(record.module_id)
                self._inlet.hand_on(record, self)
        except BadRecordError as error:
            self._is_bad = True
            self._inlet.skip(self, str(error))
            _log.warning(
                "%s: process %d sent what is no record, after %d that are; its connection is closed: %s",
                self._inlet.path,
                self.process,
                self.n_records,
                error,
            )
            self.end()

    def connection_lost(self, error: Exception | None) -> None:
        self._inlet.connections.pop(self, None)
        if self.reader.n_held_bytes and not self._is_bad:
            self._inlet.skip(self, "it ended within a record")
        _log.debug("%s: process %d left after %d records", self._inlet.path, self.process, self.n_records)

    def end(self) -> None:
        """Close the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def status(self, now: float) -> ConnectionStatus:
        return ConnectionStatus(
            self.number,
            self.process,
            tuple(sorted(tuple(self.modules))),
            self.n_records,
            since_s=now - self._since,
            age_s=None if self.last_record_at is None else now - self.last_record_at,
        )
