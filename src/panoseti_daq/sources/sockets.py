"""Source of what Hashpipe sends to Unix sockets: live snapshots of each module, one socket per data product.

The server binds and listens; Hashpipe connects, sends whole records and closes when it has sent none for 15 s. It
drops a frame rather than wait, so a source that reads late shows old frames: this one reads always, and keeps the
newest of each key.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from panoseti_daq.config.values import SOCKET_PLACEHOLDERS
from panoseti_daq.errors import SourceError
from panoseti_daq.pff import DataProduct, FrameBlock
from panoseti_daq.sources.inlet import Inlet
from panoseti_daq.sources.socket_file import check_length, why_unsafe
from panoseti_daq.sources.source import PublishesBlocks, SourceStatus

_log = logging.getLogger(__name__)

LOOK_INTERVAL_S: Final = 5.0  # a look is one lstat per data product

_Waiting = dict[tuple[int, DataProduct, int | None], FrameBlock]


def path_of(template: str, product: DataProduct) -> Path:
    """Return the path of the socket of a data product; the predecessor's ``{dp_name}`` is its name, too."""
    for placeholder in SOCKET_PLACEHOLDERS:
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
            Inlet(product, path_of(template, product), group, frozenset(module_ids), self._take)
            for product in products
        ]
        self._look_at = 0.0  # loop time
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
        self._look_at = asyncio.get_running_loop().time() + self._look_interval_s
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        await asyncio.sleep(0)  # transports close in the next round of the loop

    def _close(self) -> None:
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

    async def __aiter__(self) -> AsyncIterator[FrameBlock]:
        loop = asyncio.get_running_loop()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._look_at):
                    await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                yield self._waiting.pop(next(iter(self._waiting)))
            if loop.time() >= self._look_at:
                for inlet in self._inlets:
                    await inlet.look()
                self._look_at = loop.time() + self._look_interval_s

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
