"""Files and sockets together: what is recorded, and live snapshots of the same modules beside it."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from panoseti_daq.hub import Hub
from panoseti_daq.pff import FrameBlock
from panoseti_daq.service.carry import carry
from panoseti_daq.sources.sockets import SocketSource
from panoseti_daq.sources.source import FrameSource, SourceStatus


class FilesAndSockets:
    """Source of files and one of sockets that feed one hub; a `FrameSource` that feeds the hub itself.

    Neither waits for the other: a directory that is read slowly does not make a snapshot old.

    Parameters
    ----------
    files
        What is recorded; lossless streams get nothing else.
    sockets
        Snapshots.
    """

    def __init__(self, files: FrameSource, sockets: SocketSource) -> None:
        self._files, self._sockets = files, sockets
        self._entered = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for source in (self._files, self._sockets):
                await stack.enter_async_context(source)
            self._entered = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._entered.aclose()

    async def feed(self, hub: Hub) -> None:
        """Hand the frames of both to `hub` until cancelled, or until the files have no more."""
        async with asyncio.TaskGroup() as tasks:
            snapshots = tasks.create_task(self._sockets.feed(hub), name="carry snapshots")
            await carry(self._files, hub)
            snapshots.cancel()

    def __aiter__(self) -> AsyncIterator[FrameBlock]:
        return self._files.__aiter__()

    @property
    def directory(self) -> Path | None:
        """That of the files."""
        return self._files.directory

    def status(self) -> SourceStatus:
        """Return the state of the files, with that of the sockets."""
        files, sockets = self._files.status(), self._sockets.status()
        return dataclasses.replace(
            files,
            description=f"{files.description}; {sockets.description}",
            watching=f"{files.watching}; {sockets.watching}",
            modules=tuple(sorted({*files.modules, *sockets.modules})),
            sockets=sockets.sockets,
        )
