"""Ports of receivers: a serial device, a TCP socket, or a recorded file that plays at its own pace."""

from __future__ import annotations

import socket
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from panoseti_daq.errors import ConfigError
from panoseti_daq.gnss.messages import UbxSplitter, decoded
from panoseti_daq.installation import needing

READ_S: Final = 0.2  # a read gives up after this time, so that a thread can end
_CHUNK_BYTES: Final = 4096
_MOST_PAUSE_S: Final = 10.0  # of a recording with a gap
_WEEK_MS: Final = 7 * 86_400_000


class PortOf(Protocol):
    """An open port."""

    answers: bool

    def read(self) -> bytes:
        """Return what is there, nothing after `READ_S`; raises OSError or EOFError when it is gone."""
        ...

    def write(self, data: bytes) -> None:
        """Send."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class TcpPort:
    """A receiver at a TCP port."""

    answers = True

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), timeout=2.0)
        self._socket.settimeout(READ_S)

    def read(self) -> bytes:
        """See `PortOf`."""
        try:
            data = self._socket.recv(_CHUNK_BYTES)
        except TimeoutError:
            return b""
        if not data:
            raise EOFError("the connection was closed")
        return data

    def write(self, data: bytes) -> None:
        """See `PortOf`."""
        self._socket.sendall(data)

    def close(self) -> None:
        """See `PortOf`."""
        self._socket.close()


class SerialPort:
    """A receiver at a serial device, such as a USB one or a pseudo-terminal."""

    answers = True

    def __init__(self, path: str, baud: int) -> None:
        with needing("pyserial", "gnss"):
            import serial
        self._serial: Any = serial.Serial(path, baud, timeout=READ_S, write_timeout=2.0)

    def read(self) -> bytes:
        """See `PortOf`."""
        data: bytes = self._serial.read(max(1, self._serial.in_waiting))  # SerialException is an OSError
        return data

    def write(self, data: bytes) -> None:
        """See `PortOf`."""
        try:
            self._serial.write(data)
        except TypeError as error:  # its thread has just closed it
            raise OSError("the device went away") from error

    def close(self) -> None:
        """See `PortOf`."""
        self._serial.close()


class RecordedPort:
    """A recorded file: each message comes when it came, and the first again after the last."""

    answers = False

    def __init__(self, path: Path, stop: threading.Event) -> None:
        self._data = path.read_bytes()
        self._stop = stop
        self._messages = self._play()

    def read(self) -> bytes:
        """See `PortOf`."""
        return next(self._messages)

    def _play(self) -> Generator[bytes]:
        while True:
            tow_ms: int | None = None
            n_messages = 0
            for data in UbxSplitter().feed(self._data):
                n_messages += 1
                message = decoded(data, 0, "")
                at_ms = message.fields.get("iTOW") if message is not None else None
                if isinstance(at_ms, int):
                    if tow_ms is not None:
                        pause_s = ((at_ms - tow_ms) % _WEEK_MS) / 1000
                        self._stop.wait(min(pause_s, _MOST_PAUSE_S))
                    tow_ms = at_ms
                yield data
            if not n_messages:
                raise EOFError("the file holds no UBX message")
            self._stop.wait(1.0)

    def write(self, data: bytes) -> None:
        """See `PortOf`."""
        raise OSError("a recording answers nothing")

    def close(self) -> None:
        """See `PortOf`."""
        self._messages.close()


def open_port(source: str, baud: int, stop: threading.Event) -> PortOf:
    """Open ``tcp://HOST:PORT``, a device, or a recorded file.

    Raises
    ------
    OSError
        It is not there, or not to be opened.
    ConfigError
        It is none of these.
    """
    if source.startswith("tcp://"):
        parts = urlsplit(source)
        if parts.hostname is None or parts.port is None:
            raise ConfigError(f"invalid receiver: {source}; allowed: tcp://HOST:PORT, a device, a recorded file")
        return TcpPort(parts.hostname, parts.port)
    path = Path(source)
    return RecordedPort(path, stop) if path.is_file() else SerialPort(source, baud)
