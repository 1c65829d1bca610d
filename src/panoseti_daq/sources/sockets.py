"""Source of what Hashpipe sends to Unix sockets: live snapshots of each module, one socket per data product.

The server binds and listens; Hashpipe connects, sends whole records and closes when it has sent none for 15 s. It
drops a frame rather than wait, so a source that reads late shows old frames: this one reads always, and keeps the
newest of each key.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from panoseti_daq.errors import SourceError
from panoseti_daq.pff import DataProduct, FrameBlock
from panoseti_daq.pff.names import SNAPSHOT_FILE
from panoseti_daq.sources.records import BadRecordError, Record, RecordReader
from panoseti_daq.sources.socket_file import SocketFile, check_length, process_of, why_unsafe
from panoseti_daq.sources.source import ConnectionStatus, PublishesBlocks, SocketStatus, SourceStatus

_log = logging.getLogger(__name__)

LOOK_INTERVAL_S: Final = 5.0  # a look is one lstat per data product
_PLACEHOLDERS: Final = ("{product}", "{dp_name}")

_Waiting = dict[tuple[int, DataProduct, int | None], FrameBlock]


def path_of(template: str, product: DataProduct) -> Path:
    """Return the path of the socket of a data product; the predecessor's ``{dp_name}`` is its name, too."""
    for placeholder in _PLACEHOLDERS:
        template = template.replace(placeholder, product.token)
    return Path(template)


class SocketSource:
    """Source of the frames that Hashpipe sends to its sockets; a `FrameSource`.

    Reads all connections always, whether anybody iterates or not. Holds one frame per key, which a newer one
    replaces; none while it feeds a hub. For one event loop. A path that is lost, or that could not be bound, is
    looked at every few seconds.

    Parameters
    ----------
    template
        Path of a socket, with ``{product}`` in place of the data product.
    products
        Data products, one socket each.
    module_ids
        Modules to hand on; empty for all.
    group
        Group whose members may connect; empty for none but the own user.
    is_alone
        Whether there is no other source: then one of the sockets at least must be bound at the start.
    look_interval_s
        How often paths are looked at, s.
    """

    def __init__(
        self,
        template: str,
        products: Collection[DataProduct] = tuple(DataProduct),
        module_ids: Collection[int] = (),
        group: str = "",
        *,
        is_alone: bool = True,
        look_interval_s: float = LOOK_INTERVAL_S,
    ) -> None:
        self._template = template
        self._is_alone = is_alone
        self._look_interval_s = look_interval_s
        self._waiting: _Waiting = {}
        self._arrived = asyncio.Event()
        self._inlets = [
            _Inlet(product, path_of(template, product), group, frozenset(module_ids), self._take)
            for product in products
        ]
        self._timer: asyncio.TimerHandle | None = None
        self._is_time_to_look = False
        self._hub: PublishesBlocks | None = None

    async def __aenter__(self) -> Self:
        """Bind and listen.

        Raises
        ------
        ConfigError
            The template or the group is invalid.
        SourceError
            No socket could be bound, and there is no other source. Else `status` names those that could not, and
            they are tried again.
        """
        for inlet in self._inlets:
            check_length(inlet.path)
        for directory in {inlet.path.parent for inlet in self._inlets}:
            if why := why_unsafe(directory):
                _log.warning("%s: others could take the sockets' paths first; choose a directory of your own", why)
        try:
            for inlet in self._inlets:
                await inlet.listen()
            if self._is_alone and not any(inlet.is_listening for inlet in self._inlets):
                raise SourceError(self._inlets[0].reason)
        except BaseException:
            self._close()
            raise
        self._set_timer()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        await asyncio.sleep(0)  # transports close in the next round of the loop

    def _close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for inlet in self._inlets:
            inlet.close()

    def _take(self, quabo: int | None, block: FrameBlock) -> None:
        """Take a block of one frame; the last one of its key that waits is not needed any more."""
        if self._hub is not None:
            self._hub.publish(block)
            return
        key = block.module_id, block.product, quabo
        self._waiting.pop(key, None)  # behind those that came before
        self._waiting[key] = block
        self._arrived.set()

    async def feed(self, hub: PublishesBlocks) -> None:
        """Hand each frame to `hub` as soon as it is read, without a task between them, until cancelled."""
        self._hub = hub
        async for block in self:  # those that waited before; then it looks after the paths
            hub.publish(block)

    def _set_timer(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._look_interval_s, self._tell_to_look)

    def _tell_to_look(self) -> None:
        self._is_time_to_look = True
        self._arrived.set()

    async def __aiter__(self) -> AsyncIterator[FrameBlock]:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                yield self._waiting.pop(next(iter(self._waiting)))
            if self._is_time_to_look:
                self._is_time_to_look = False
                for inlet in self._inlets:
                    await inlet.look()
                self._set_timer()

    @property
    def directory(self) -> None:
        """None: what comes through sockets is in no file that is known."""
        return None

    def status(self) -> SourceStatus:
        """Return what listens, and who is connected; from any thread, as that of a lossless stream asks, too."""
        sockets = tuple(inlet.status() for inlet in self._inlets)
        modules = {module_id for inlet in self._inlets for module_id in tuple(inlet.modules)}
        return SourceStatus(
            f"sockets {self._template}", "connections of Hashpipe", tuple(sorted(modules)), 0, sockets=sockets
        )


class _Inlet:
    """The socket of one data product, and its connections."""

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
        return self._file is not None

    async def listen(self) -> None:
        """Bind the socket, or say in `reason` why that is impossible."""
        try:
            self._file = SocketFile(self.path, self._group)
        except SourceError as error:
            if str(error) != self.reason:
                _log.error("%s", error)
            self.reason = str(error)
            return
        if self.reason:
            _log.info("socket %s is bound now", self.path)
        self.reason = ""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: _Connection(self), sock=self._file.socket)

    async def look(self) -> None:
        """Bind the socket again when its path was removed or taken."""
        if self._file is not None:
            if self._file.is_there:
                return
            _log.warning("the path of socket %s was removed or replaced; binding it again", self.path)
            self._stop_listening()
        await self.listen()

    def _stop_listening(self) -> None:
        if self._file is not None:
            self._file.remove()
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
        for connection in tuple(self.connections):
            for module_id in tuple(connection.modules):
                if (other := seen.setdefault(module_id, connection.process)) != connection.process:
                    return f"module {module_id} comes from processes {other} and {connection.process}"
        return ""


class _Connection(asyncio.Protocol):
    """One connection of Hashpipe."""

    def __init__(self, inlet: _Inlet) -> None:
        self.reader = RecordReader(inlet.product)
        self.modules: set[int] = set()
        self.n_records = self.number = self.process = 0
        self.last_record_at: float | None = None
        self._inlet = inlet
        self._transport: asyncio.Transport | None = None
        self._is_bad = False
        self._since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
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
