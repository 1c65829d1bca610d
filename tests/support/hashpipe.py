"""Hashpipe's side of its sockets, for tests: whole records, or any bytes."""

from __future__ import annotations

import socket
from pathlib import Path

from panoseti_daq.pff import DataProduct
from panoseti_daq.simulator.sockets import format_record
from panoseti_daq.sources.sockets import path_of
from support.frames import frame_bytes


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
