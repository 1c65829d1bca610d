"""Socket file: a Unix socket that listens at a path, in the place of none but a stale one."""

from __future__ import annotations

import grp
import os
import socket
import stat
import struct
from pathlib import Path
from typing import Final

from panoseti_daq.errors import ConfigError, SourceError

MAX_PATH_BYTES: Final = 107  # of sockaddr_un.sun_path, without the NUL
BACKLOG: Final = 1024  # a full one gives Hashpipe EAGAIN, and costs it the frame
_CREDENTIALS: Final = struct.Struct("3i")  # pid, uid, gid of SO_PEERCRED


class SocketFile:
    """A socket that listens at `path` until it is closed; made by binding it.

    Readable and writable for the own user, and for `group` when there is one.

    Parameters
    ----------
    path
        Where; a socket at which nobody listens, or this process, is replaced.
    group
        Name of the group whose members may connect; empty for none.

    Attributes
    ----------
    socket
        Listens, and does not block.

    Raises
    ------
    SourceError
        Something else is at the path, or it cannot be bound.
    ConfigError
        There is no such group.
    """

    def __init__(self, path: Path, group: str = "") -> None:
        self.path = path
        self._identity: tuple[int, int] | None = None
        group_id = _group_id(group)
        _remove_stale(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.socket.setblocking(False)
            os.fchmod(self.socket.fileno(), 0o600)  # before it has a name: Linux takes the mode over
            self.socket.bind(str(path))
            self._identity = _identity(path)
            if group_id is not None:
                os.chown(path, -1, group_id)
                os.chmod(path, 0o660)
            self.socket.listen(BACKLOG)
        except OSError as error:
            self.close()
            raise SourceError(f"socket {path} cannot be bound: {error.strerror or error}") from error

    @property
    def is_there(self) -> bool:
        """Whether the path still leads to it."""
        return _identity(self.path) == self._identity

    def close(self) -> None:
        """Stop to listen, and remove the path if it still leads to this socket."""
        if self._identity is not None and self.is_there:
            self.path.unlink(missing_ok=True)
        self.socket.close()


def check_length(path: Path) -> None:
    """Check that a socket can have this path.

    Raises
    ------
    ConfigError
        It is too long.
    """
    if (size := len(os.fsencode(path))) > MAX_PATH_BYTES:
        raise ConfigError(f"invalid socket_template: {path} has {size} bytes; allowed: {MAX_PATH_BYTES}")


def why_unsafe(directory: Path) -> str:
    """Return why others could take the path of a socket in `directory` first; empty when they cannot."""
    try:
        found = directory.stat()
    except OSError:
        return ""  # binding says it
    if found.st_uid not in (0, os.geteuid()):
        return f"{directory} belongs to another user"
    return f"everyone may write to {directory}" if found.st_mode & stat.S_IWOTH else ""


def process_of(connection: socket.socket) -> int:
    """Return the process at the other end of a connection."""
    size = _CREDENTIALS.size
    pid: int = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[0]
    return pid


def _group_id(group: str) -> int | None:
    try:
        return grp.getgrnam(group).gr_gid if group else None
    except KeyError:
        raise ConfigError(f"invalid socket_group: {group} not found") from None


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _remove_stale(path: Path) -> None:
    """Remove a socket at which nobody else listens; refuse anything else."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise SourceError(f"socket {path} cannot be bound: {error.strerror}") from error
    if not stat.S_ISSOCK(mode):
        raise SourceError(f"socket {path} cannot be bound: something that is no socket is there; left as it is")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.setblocking(False)
        try:
            asking.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        except BlockingIOError:  # its backlog is full
            raise SourceError(f"socket {path} cannot be bound: another server listens there") from None
        except OSError as error:
            raise SourceError(f"socket {path} cannot be bound: {error.strerror}") from error
        else:
            if (process := process_of(asking)) != os.getpid():
                raise SourceError(f"socket {path} cannot be bound: process {process} listens there")
            path.unlink(missing_ok=True)  # of the source that this one follows, and which lets go of it next
