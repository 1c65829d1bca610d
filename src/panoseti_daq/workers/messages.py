"""Messages between the supervisor and its processes, through the standard input and output of each."""

from __future__ import annotations

import asyncio
import pickle
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.config.settings import ServerSettings

_LENGTH: Final = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class ProcessPlan:
    """What a process is to be; the first message to it.

    Attributes
    ----------
    settings
        Of the whole service.
    number
        Of the worker, from 0; None for the process that follows.
    directory
        Holds the sockets and the counts that the processes share.
    follow
        What is followed now; None for nothing.
    address
        Where clients connect: host and port.
    log
        Level and format of its log.
    """

    settings: ServerSettings
    number: int | None
    directory: Path
    follow: HpIoConfig | None
    address: tuple[str, int]
    log: tuple[str, str]

    @property
    def name(self) -> str:
        """Name of the process, for people."""
        return "follower" if self.number is None else f"worker {self.number + 1}"

    @property
    def follower(self) -> str:
        """Where the process that follows listens."""
        return f"unix://{self.directory / 'follower'}"

    def status_socket(self, number: int) -> Path:
        """Return where a worker says what streams it has."""
        return self.directory / f"status{number}"


@dataclass(frozen=True, slots=True)
class Ready:
    """A process accepts calls, and what is followed then."""

    follow: HpIoConfig | None


@dataclass(frozen=True, slots=True)
class Configured:
    """Something else is followed, because a client asked for it."""

    follow: HpIoConfig


@dataclass(frozen=True, slots=True)
class Health:
    """Whether frames come."""

    is_well: bool


@dataclass(frozen=True, slots=True)
class FollowerIsBack:
    """The process that follows was started again."""


Message = ProcessPlan | Ready | Configured | Health | FollowerIsBack


def packed(message: Message) -> bytes:
    """Return a message as it is sent."""
    content = pickle.dumps(message)
    return _LENGTH.pack(len(content)) + content


async def received(reader: asyncio.StreamReader) -> Message | None:
    """Return the next message; None when the other end is gone."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        message: Message = pickle.loads(await reader.readexactly(length))  # of ourselves, through a pipe
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return message
