"""Hashpipe's habits at its sockets, as the simulator has them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.frames import frame_bytes
from support.run_files import IMG16, PH256

from panoseti_daq.errors import ConfigError
from panoseti_daq.pff import DataProduct
from panoseti_daq.simulator.schedule import Output, Simulation
from panoseti_daq.simulator.sockets import SocketFaults, SocketWriter

SIZE = 2531


@pytest.fixture
def server(tmp_path: Path) -> Iterator[socket.socket]:
    """A socket for img16 that listens."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "img16"))
        listening.listen()
        listening.setblocking(False)
        yield listening


def writer(tmp_path: Path, **options: float) -> closing[SocketWriter]:
    return closing(SocketWriter(lambda product: tmp_path / product.token, **options))  # type: ignore[arg-type]


def received(connection: socket.socket) -> bytes:
    connection.setblocking(False)
    return connection.recv(1 << 20)


def test_one_record_per_module_product_and_interval(tmp_path: Path, server: socket.socket) -> None:
    with writer(tmp_path, interval_s=0.125) as sender:
        for i in range(128):  # in a second, of two modules
            sender.offer(i / 128, i % 2, IMG16, frame_bytes(IMG16, i))
        connection, _ = server.accept()
        with connection:
            assert len(received(connection)) == sender.n_sent * SIZE
    assert sender.n_sent == 16
    assert sender.n_connections == 1


def test_without_a_server_frames_are_dropped_and_each_tries_again(tmp_path: Path) -> None:
    with writer(tmp_path) as sender:
        for i in range(3):
            sender.offer(i / 100, 1, IMG16, frame_bytes(IMG16))
    assert (sender.n_sent, sender.n_dropped, sender.n_connections) == (0, 3, 0)


def test_a_server_that_reads_nothing_costs_frames_and_no_time(tmp_path: Path, server: socket.socket) -> None:
    with writer(tmp_path, interval_s=0.0) as sender:
        for i in range(300):
            sender.offer(1.0, 1, IMG16, frame_bytes(IMG16, i % 2))
        connection, _ = server.accept()
        with connection:
            assert len(received(connection)) % SIZE == 0
    assert sender.n_dropped > 0
    assert sender.n_connections == 1


def test_a_quiet_connection_is_closed_when_packets_come(tmp_path: Path, server: socket.socket) -> None:
    with writer(tmp_path) as sender:
        sender.offer(100.0, 1, IMG16, frame_bytes(IMG16))
        connection, _ = server.accept()
        with connection:
            received(connection)
            sender.offer(120.0, 1, PH256, frame_bytes(PH256))
            assert received(connection) == b""
        sender.offer(121.0, 1, IMG16, frame_bytes(IMG16))
    assert sender.n_connections == 2


def test_a_server_that_closes_costs_one_frame(tmp_path: Path, server: socket.socket) -> None:
    with writer(tmp_path) as sender:
        sender.offer(1.0, 1, IMG16, frame_bytes(IMG16))
        server.accept()[0].close()
        sender.offer(2.0, 1, IMG16, frame_bytes(IMG16))
        sender.offer(2.01, 1, IMG16, frame_bytes(IMG16))
    assert (sender.n_sent, sender.n_dropped, sender.n_connections) == (2, 1, 2)


@pytest.mark.parametrize(
    ("faults", "size"),
    [
        (SocketFaults(short_every=1), SIZE - 100),
        (SocketFaults(garbage_prefix_every=1), SIZE + 64),
        (SocketFaults(wrong_length_every=1), SIZE + 1),
        (SocketFaults(stall_every=1), SIZE // 2),
    ],
)
def test_faults(tmp_path: Path, server: socket.socket, faults: SocketFaults, size: int) -> None:
    with closing(SocketWriter(lambda product: tmp_path / product.token, faults)) as sender:
        sender.offer(1.0, 1, IMG16, frame_bytes(IMG16))
        connection, _ = server.accept()
        with connection:
            assert len(received(connection)) == size
            if faults.stall_every:
                sender.offer(2.0, 1, IMG16, frame_bytes(IMG16))
                with pytest.raises(BlockingIOError):
                    received(connection)


@pytest.mark.parametrize("output", Output)
def test_an_output_to_sockets_needs_their_paths_and_no_other_does(output: Output) -> None:
    template = "" if output is not Output.FILES else "/tmp/{product}"
    with pytest.raises(ConfigError, match="invalid output"):
        Simulation(products=(DataProduct.IMG16,), output=output, socket_template=template)
