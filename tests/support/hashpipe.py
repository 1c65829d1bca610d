"""Hashpipe's side of its sockets, for tests: whole records, or any bytes."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, closing, contextmanager
from functools import partial
from pathlib import Path

from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.pff import DataProduct
from panoseti_daq.service.server import Server
from panoseti_daq.simulator.sky import ModuleSky
from panoseti_daq.simulator.sockets import SocketWriter, format_record
from panoseti_daq.sources.sockets import path_of
from support.frames import frame_bytes
from support.rig import PERIOD_NS, START_NS, Recorder, recording, serving


def template_in(directory: Path) -> str:
    """Template of sockets in a directory."""
    return str(directory / "dp_{product}.sock")


class Hashpipe:
    """One connection to the socket of a data product, until it is closed."""

    def __init__(self, template: str, product: DataProduct = DataProduct.IMG16) -> None:
        self.product = product
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path_of(template, product)))

    def send(self, i: int = 0, module_id: int = 1, quabo: int = 0, tv_sec: int = 1_721_882_092) -> bytes:
        """Send a record of frame `i`; return the frame."""
        record = format_record(module_id, frame_bytes(self.product, i, quabo, tv_sec), self.product)
        self.socket.sendall(record)
        return record[2:]

    def is_closed(self) -> bool:
        """Whether the server closed the connection; waits for it, or for ever."""
        try:
            return not self.socket.recv(1)
        except ConnectionResetError:
            return True

    def close(self) -> None:
        """Close it."""
        self.socket.close()


class SocketRecorder:
    """Sends frames of one module and remembers them, as `support.rig.Recorder` writes them to files."""

    def __init__(self, template: str, module_id: int = 1) -> None:
        self.frames: dict[DataProduct, list[bytes]] = {p: [] for p in DataProduct}
        self._sky, self._module_id = ModuleSky(module_id), module_id
        self._sender = SocketWriter(partial(path_of, template), interval_s=0.0)

    def write(self, product: DataProduct, n_frames: int = 1) -> None:
        for _ in range(n_frames):
            n_before = len(self.frames[product])
            frame = self._sky.frame(product, START_NS + n_before * PERIOD_NS)
            self.frames[product].append(frame)
            self._sender.offer(time.monotonic(), self._module_id, product, frame)

    def close(self) -> None:
        self._sender.close()


class Feed:
    """Where the frames of a test go, and a server that follows it: files, or sockets."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self.is_files = name == "files"

    @contextmanager
    def recording(self, module_id: int = 1) -> Iterator[Recorder | SocketRecorder]:
        if self.is_files:
            with recording(self._directory, module_id) as recorder:
                yield recorder
        else:
            with closing(SocketRecorder(template_in(self._directory), module_id)) as sender:
                yield sender

    def serving(self, **settings: object) -> AbstractAsyncContextManager[Server]:
        if self.is_files:
            return serving(self._directory, **settings)
        return serving(HpIoConfig(sockets_only=True), socket_template=template_in(self._directory), **settings)
