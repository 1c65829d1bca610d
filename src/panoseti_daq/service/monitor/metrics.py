"""Metrics for Prometheus: the status of the server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from prometheus_client.core import Metric

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.config.nodes import is_local
from panoseti_daq.errors import ConfigError
from panoseti_daq.service.monitor.families import counter as _counter
from panoseti_daq.service.monitor.families import gauge as _gauge
from panoseti_daq.service.monitor.families import of_context, of_receivers, page_of

_log = logging.getLogger(__name__)

PATH: Final = "/metrics"
MAX_CONNECTIONS: Final = 20  # at once; a Prometheus server needs one
REQUEST_WITHIN_S: Final = 5.0
_MAX_HEAD_BYTES: Final = 1 << 14
_Report = Callable[[], Awaitable[pb.StatusResponse]]
_Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]

_KEY: Final = ("module", "product", "quabo")
_KEY_COUNTERS: Final[tuple[tuple[str, str, Callable[[pb.KeyStatus], float]], ...]] = (
    ("frames", "Frames found.", lambda key: key.frames),
    ("frame_bytes", "Bytes of these frames in their files.", lambda key: key.frames * key.frame_size_bytes),
    ("flawed_frames", "Of the frames, those with a flag of quality.", lambda key: key.flawed_frames),
    ("snapshots", "Frames that came through a socket; no other number counts them.", lambda key: key.snapshots),
)
_KEY_GAUGES: Final[tuple[tuple[str, str, Callable[[pb.KeyStatus], float]], ...]] = (
    ("frames_per_second", "Frames per second, averaged over about 10 s.", lambda key: key.frames_per_second),
    ("bytes_per_second", "Bytes per second, averaged over about 10 s.", lambda key: key.bytes_per_second),
    (
        "frame_age_seconds",
        "Since the newest frame was taken; NaN when it has no time.",
        lambda key: key.age_seconds if key.HasField("age_seconds") else float("nan"),
    ),
    (
        "time_status",
        "Of the newest frame: 0 White Rabbit, 1 host clock, 2 no time.",
        lambda key: key.time_status,
    ),
    ("file_seqno", "File of the newest frame in its run.", lambda key: key.seqno),
    ("frame_number", "Place of the newest frame in its file.", lambda key: key.frame_number),
)

_SOCKET_COUNTERS: Final[tuple[tuple[str, str, Callable[[pb.SocketStatus], float]], ...]] = (
    ("socket_records", "Snapshots read from the socket.", lambda socket: socket.records),
    (
        "socket_bad_records",
        "Records that were broken, each of which ended its connection.",
        lambda s: s.bad_records,
    ),
    ("socket_skipped_bytes", "Bytes held of broken records.", lambda socket: socket.skipped_bytes),
    ("socket_connected", "Connections accepted.", lambda socket: socket.connected),
)
_SOCKET_GAUGES: Final[tuple[tuple[str, str, Callable[[pb.SocketStatus], float]], ...]] = (
    ("socket_listening", "1 while the socket listens.", lambda socket: socket.listening),
    ("socket_connections", "Open connections.", lambda socket: len(socket.connections)),
    (
        "socket_age_seconds",
        "Since the last snapshot came; NaN before the first.",
        lambda socket: socket.age_seconds if socket.HasField("age_seconds") else float("nan"),
    ),
)


def families(status: pb.StatusResponse) -> Iterator[Metric]:
    """Metrics of a status: labels are modules, products, quabos, flags and file systems, never clients."""
    followed = status.followed
    yield _gauge("info", "Version of the server.", [((status.version,), 1)], ("version",))
    yield _gauge("uptime_seconds", "Since the server started.", [((), status.uptime_seconds)])
    yield _gauge("following", "1 when a configuration is in force.", [((), status.HasField("followed"))])
    yield _gauge("stalled", "1 when a run is active but no frame arrives.", [((), bool(status.stalled))])
    yield _gauge("configured_seconds", "Since the configuration came into force.", [((), followed.since_seconds)])
    yield _gauge("modules", "Modules present.", [((), len(followed.modules))])
    yield _gauge("files", "Files that are followed.", [((), followed.files)])
    mode = followed.watching.split(maxsplit=1)[:1] or ["nothing"]
    yield _gauge("watching", "How changes are noticed.", [((mode[0],), 1)], ("mode",))
    yield _counter("missed_events", "Changes that inotify did not report.", [((), followed.missed_events)])
    if status.nodes:
        answers = [((node.name,), node.connected) for node in status.nodes]
        yield _gauge("node_connected", "1 while a node of this gateway answers.", answers, ("node",))
    yield from _of_sockets(status.sockets)
    yield from _of_keys(status.keys)
    yield from _of_disks(status.disks)
    yield from _of_streams(status)
    if status.receivers:
        yield from of_receivers(status.receivers)
    if status.HasField("context"):
        yield from of_context(status.context)


def _of_keys(keys: Iterable[pb.KeyStatus]) -> Iterator[Metric]:
    labelled = {_labels(key): key for key in keys}
    for name, text, value in _KEY_COUNTERS:
        yield _counter(name, text, ((labels, value(key)) for labels, key in labelled.items()), _KEY)
    for name, text, value in _KEY_GAUGES:
        yield _gauge(name, text, ((labels, value(key)) for labels, key in labelled.items()), _KEY)
    flags = [((*labels, flag), n) for labels, key in labelled.items() for flag, n in sorted(key.quality.items())]
    yield _counter("quality_frames", "Frames with a flag of quality.", flags, (*_KEY, "flag"))
    by_product = {labels[:2]: key for labels, key in labelled.items()}  # of ph256 each quabo has the same
    bad = [(labels, key.bad_frames) for labels, key in by_product.items()]
    yield _counter("bad_frames", "Frames skipped because they are damaged.", bad, _KEY[:2])
    skipped = [(labels, key.skipped_bytes) for labels, key in by_product.items()]
    yield _counter("skipped_bytes", "Bytes in files that are not a frame.", skipped, _KEY[:2])


def _of_sockets(sockets: Iterable[pb.SocketStatus]) -> Iterator[Metric]:
    if not (by_product := {(socket.product,): socket for socket in sockets}):
        return
    for name, text, value in _SOCKET_COUNTERS:
        yield _counter(name, text, ((at, value(socket)) for at, socket in by_product.items()), ("product",))
    for name, text, value in _SOCKET_GAUGES:
        yield _gauge(name, text, ((at, value(socket)) for at, socket in by_product.items()), ("product",))


def _of_disks(disks: Iterable[pb.Disk]) -> Iterator[Metric]:
    found = {(disk.path,): disk for disk in disks}
    for name, text, value in (
        ("disk_free_bytes", "Room left for frames.", {path: disk.free_bytes for path, disk in found.items()}),
        ("disk_size_bytes", "Size of the file system.", {path: disk.total_bytes for path, disk in found.items()}),
        (
            "disk_left_seconds",
            "Until it is full at the present rate; infinite when nothing is written.",
            {p: 3600 * d.hours_left if d.HasField("hours_left") else float("inf") for p, d in found.items()},
        ),
    ):
        yield _gauge(name, text, value.items(), ("path",))


def _of_streams(status: pb.StatusResponse) -> Iterator[Metric]:
    n_streams = dict.fromkeys(("newest", "all"), 0)
    rates = dict.fromkeys(n_streams, 0.0)
    for stream in status.streams:
        n_streams[stream.kind] += 1
        rates[stream.kind] += stream.messages_per_second
    counts = [((kind,), n) for kind, n in n_streams.items()]
    yield _gauge("streams", "Open streams: of the newest frames, or of all.", counts, ("kind",))
    of_kinds = [((kind,), rate) for kind, rate in rates.items()]
    yield _gauge("stream_messages_per_second", "Frames (newest) or blocks (all) sent.", of_kinds, ("kind",))
    yield _gauge("max_streams", "Limit of open streams.", [((), status.max_streams)])
    yield _counter("stream_messages", "Frames (newest) and blocks (all) sent.", [((), status.sent)])
    yield _counter("stream_drops", "Frames replaced because a client was slow.", [((), status.dropped)])


def _labels(key: pb.KeyStatus) -> tuple[str, str, str]:
    return str(key.module_id), key.product, str(key.quabo) if key.HasField("quabo") else "all"


def page(status: pb.StatusResponse, accept: str = "") -> tuple[bytes, str]:
    """Return body and content type of an answer; see `page_of`."""
    return page_of(families(status), accept)


@asynccontextmanager
async def serving_metrics(
    report: _Report, host: str, port: int, request_within_s: float = REQUEST_WITHIN_S
) -> AsyncIterator[str]:
    """Answer GET /metrics as long as the ``async with`` block; gives the URL.

    The status is read when it is asked for. HTTP/1.1, one request per connection, without TLS or authentication.

    Parameters
    ----------
    report
        Gives the status.
    host, port
        Where to listen; port 0 for any that is free.
    request_within_s
        Close a connection that takes longer.

    Raises
    ------
    ConfigError
        The address cannot be used.
    """
    connections: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(connections) >= MAX_CONNECTIONS:
            writer.close()
            return
        serving = _serve(reader, writer, report, request_within_s)
        task = asyncio.create_task(serving, name="answer a request for metrics")
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await _listen(connected, host, port)
    try:
        yield _report_url(server, host)
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


def _report_url(server: asyncio.Server, host: str) -> str:
    """Log and return where the metrics are."""
    bound_host, bound_port = server.sockets[0].getsockname()[:2]
    url = f"http://{f'[{bound_host}]' if ':' in bound_host else bound_host}:{bound_port}{PATH}"
    _log.info("metrics at %s", url)
    if not is_local(host):
        _log.warning(
            "metrics at %s have no TLS and no authentication: everyone who reaches the address can read them", url
        )
    return url


async def _listen(connected: _Connected, host: str, port: int) -> asyncio.Server:
    try:
        return await asyncio.start_server(connected, host, port, limit=_MAX_HEAD_BYTES)
    except OSError as error:
        text = f"cannot serve metrics at {host}:{port}: {error.strerror or error}"
        raise ConfigError(text) from error


async def _serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, report: _Report, within_s: float
) -> None:
    """Answer the one request of a connection and close it."""
    try:
        async with asyncio.timeout(within_s):
            writer.write(await _answer(reader, report))
            await writer.drain()
    except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass  # it left, or talks something else
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader, report: _Report) -> bytes:
    """Bytes of the response to the request that is read."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    request, *lines = head.split("\r\n")
    method, _, rest = request.partition(" ")
    path = urlsplit(rest.partition(" ")[0]).path
    if path != PATH:
        return _response("404 Not Found", f"only {PATH} is here\n".encode())
    if method not in ("GET", "HEAD"):
        return _response("405 Method Not Allowed", b"GET or HEAD\n", "text/plain", "Allow: GET, HEAD\r\n")
    headers = dict((name.strip().lower(), value.strip()) for name, _, value in (x.partition(":") for x in lines))
    body, content_type = await asyncio.to_thread(page, await report(), headers.get("accept", ""))
    return _response("200 OK", body, content_type, with_body=method == "GET")


def _response(
    status: str, body: bytes, content_type: str = "text/plain", more: str = "", *, with_body: bool = True
) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{more}"
    return f"{head}Connection: close\r\n\r\n".encode("latin-1") + (body if with_body else b"")
