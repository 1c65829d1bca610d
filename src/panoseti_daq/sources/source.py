"""Interface of a source of frames."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from panoseti_daq.pff import DataProduct, FrameBlock, ModuleProduct
from panoseti_daq.sources.resync import Damage


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """State of one connection of Hashpipe.

    Attributes
    ----------
    number
        Its place among all connections of its socket, from 1.
    process
        Process id of Hashpipe.
    modules
        Modules that it sent.
    n_records
        Records read.
    since_s
        How long ago it was opened, s.
    age_s
        How long ago the last record came, s; None before the first.
    """

    number: int
    process: int
    modules: tuple[int, ...]
    n_records: int
    since_s: float
    age_s: float | None


@dataclass(frozen=True, slots=True)
class SocketStatus:
    """State of the socket of one data product; counts hold since it was bound first, for all its connections.

    Attributes
    ----------
    product
        Data product.
    path
        Where it listens.
    reason
        Why it does not, or what is wrong although it does; empty when all is well.
    is_listening
        Whether it listens.
    n_connections, n_records
        Connections accepted, and records read.
    n_bad, n_skipped_bytes
        Records that were broken, and the bytes held of them.
    last_fault
        What was wrong with the last one; empty when there was none.
    age_s
        How long ago the last record came, s; None before the first.
    connections
        Those that are open.
    """

    product: DataProduct
    path: Path
    reason: str
    is_listening: bool
    n_connections: int
    n_records: int
    n_bad: int
    n_skipped_bytes: int
    last_fault: str
    age_s: float | None
    connections: tuple[ConnectionStatus, ...]


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """State of a source, for an observer.

    Attributes
    ----------
    description
        What is followed, e.g. the data directory; and why, when it is another run than the names propose.
    watching
        How changes are noticed, and why not by events when they are not.
    modules
        Modules that are there now.
    n_files
        Files followed now.
    n_bad_frames, n_skipped_bytes
        Skipped in files because it is not a frame; frames in blocks that do not parse are counted elsewhere.
    n_missed_events
        Changes that no event reported although events were in use.
    damage
        The same, by module and product.
    active_runs
        Base name of the run of each module that is followed now.
    sockets
        Sockets of Hashpipe, one for each data product.
    """

    description: str
    watching: str
    modules: tuple[int, ...]
    n_files: int
    n_bad_frames: int = 0
    n_skipped_bytes: int = 0
    n_missed_events: int = 0
    damage: Mapping[ModuleProduct, Damage] = field(default_factory=dict)
    active_runs: Mapping[int, str] = field(default_factory=dict)
    sockets: tuple[SocketStatus, ...] = ()


class PublishesBlocks(Protocol):
    """What blocks are handed to: the hub."""

    def publish(self, block: FrameBlock) -> None:
        """Take a block; never wait."""
        ...


class FrameSource(Protocol):
    """A source of frames.

    Entering raises `SourceError` if it cannot work; leaving ends its threads and closes its files. Iterating gives
    blocks: the frames of one file in order, each once and complete. A source never waits for a client, only for
    the task that iterates over it, and holds at most two batches of blocks.
    """

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def __aiter__(self) -> AsyncIterator[FrameBlock]: ...

    @property
    def directory(self) -> Path | None:
        """Data directory that holds the files of its frames; None when there is none."""
        ...

    def status(self) -> SourceStatus:
        """Return the present state."""
        ...


class NoSource:
    """A source without frames, for a server that only takes uploads."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    async def __aiter__(self) -> AsyncIterator[FrameBlock]:
        await asyncio.get_running_loop().create_future()  # until cancelled
        yield  # type: ignore[misc] # makes it an iterator

    @property
    def directory(self) -> None:
        """None: uploads are in no file."""
        return None

    def status(self) -> SourceStatus:
        """Return the state: nothing is followed."""
        return SourceStatus("uploads of clients", "nothing to watch", (), 0)
