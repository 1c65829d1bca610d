"""Page of ``status`` about one server: lines and tables."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from rich.table import Table

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.cli.tables import fitted
from panoseti_daq.client.predecessor import predecessor
from panoseti_daq.errors import DaqError, HostError
from panoseti_daq.viewers.clock import age_text

Answer = pb.StatusResponse | DaqError
"""Status of a server, or why there is none."""


DROP_FIRST: Final = (
    "file",
    "time",
    "number",
    "seqno",
    "bad",
    "flawed",
    "frames",
    "open for",
    "last",
    "snaps",
    "path",
    "skipped",
    "kB/s",
)
"""Columns in the order in which they make room; module, product, rate and age stay."""


def fit(part: str | Table, columns: int) -> str | Table:
    """Return a part of a page as it fits a terminal."""
    return part if isinstance(part, str) else fitted(part, columns, DROP_FIRST)


def why_none(host: str, error: DaqError) -> str:
    """Return that a host does not answer, and why as far as that is known."""
    why = error.reason if isinstance(error, HostError) else str(error)
    return ": ".join(filter(None, (host, "no answer", why)))


def page(host: str, answer: Answer) -> Iterator[str | Table]:
    """Return the lines and tables about a server."""
    if foreign := predecessor(answer):
        yield f"{host}: {foreign}"
        return
    if isinstance(answer, DaqError):
        yield why_none(host, answer)
        return
    yield f"{host}: panoseti-daq {answer.version}, up {age_text(answer.uptime_seconds)}"
    if not answer.HasField("followed"):
        yield "follows nothing yet: see panoseti-daq init"
        return
    yield from _lines(answer)
    if answer.nodes:
        yield _nodes(answer)
        yield from _troubles(answer)
    if answer.sockets:
        yield _sockets(answer)
        yield from _socket_troubles(answer)
    if answer.keys:
        yield _keys(answer)
    for receiver in answer.receivers:
        yield f"GNSS {receiver.name}: {receiver.text}"
    if answer.HasField("context"):
        yield from _context(answer.context)
    if answer.streams:
        yield _streams(answer)
    yield from _flaws(answer)


def _lines(answer: pb.StatusResponse) -> Iterator[str]:
    followed = answer.followed
    modules = ", ".join(map(str, followed.modules)) or "none yet"
    yield f"follows {followed.description}, modules {modules}, {followed.files} files"
    yield f"changes noticed by: {followed.watching}"
    wanted = f"modules {', '.join(map(str, followed.module_ids))}" if followed.module_ids else "all modules"
    limits = f"{wanted}, at most one frame per key and {followed.update_interval_seconds:g} s"
    yield f"set by {followed.set_by} {age_text(followed.since_seconds)} ago: {limits}"
    if answer.stalled:
        yield f"STALLED: {answer.stalled}"
    if answer.skipped_bytes or answer.bad_frames:
        skipped, bad = _count(answer.skipped_bytes, "byte"), _count(answer.bad_frames, "bad frame")
        yield f"skipped in files: {skipped} that are not a frame, {bad}"
    if followed.missed_events:
        yield f"missed by inotify, found by looking: {_count(followed.missed_events, 'change')}"
    for disk in answer.disks:
        room = f"{disk.free_bytes / 1e9:.1f} of {disk.total_bytes / 1e9:.1f} GB free"
        left = f", {_hours(disk.hours_left)} at {disk.bytes_per_second / 1e6:.1f} MB/s"
        yield f"disk of {disk.path}: {room}{left if disk.HasField('hours_left') else ''}"


def _nodes(answer: pb.StatusResponse) -> Table:
    table = Table("node", "address", "state", box=None, pad_edge=False)
    for name in ("for", "clock"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("modules", no_wrap=True)
    table.add_column("server", no_wrap=True)
    for node in answer.nodes:
        state = ("streaming" if node.streaming else "connected") if node.connected else "LOST"
        offset = f"{node.clock_offset_seconds:+.3f} s" if node.HasField("clock_offset_seconds") else "?"
        modules = ", ".join(map(str, node.modules)) or "none"
        table.add_row(node.name, node.address, state, age_text(node.since_seconds), offset, modules, node.version)
    return table


def _troubles(answer: pb.StatusResponse) -> Iterator[str]:
    for node in answer.nodes:
        if not node.connected:
            yield f"{node.name}: lost: {node.reason}; asked again in {node.retry_seconds:.1f} s"
        elif node.reason:
            yield f"{node.name}: {node.reason}"
        if node.modules_elsewhere:
            modules = ", ".join(map(str, node.modules_elsewhere))
            yield f"{node.name}: modules {modules} are left out: they come from another node"


def _sockets(answer: pb.StatusResponse) -> Table:
    table = Table("socket", "path", "state", box=None, pad_edge=False)
    for name in ("records", "bad", "skipped", "opened", "last"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("modules", no_wrap=True)
    table.add_column("process", no_wrap=True)
    for socket in answer.sockets:
        open_now = socket.connections
        state = f"{len(open_now)} connected" if open_now else "listening" if socket.listening else "NOT BOUND"
        last = f"{age_text(socket.age_seconds)} ago" if socket.HasField("age_seconds") else "never"
        modules = sorted({module for connection in open_now for module in connection.modules})
        table.add_row(
            socket.product,
            socket.path,
            state,
            *(str(n) for n in (socket.records, socket.bad_records, socket.skipped_bytes, socket.connected)),
            last,
            ", ".join(map(str, modules)),
            ", ".join(str(connection.process) for connection in open_now),
        )
    return table


def _socket_troubles(answer: pb.StatusResponse) -> Iterator[str]:
    for socket in answer.sockets:
        if socket.reason:
            yield f"{socket.product}: {socket.reason}"
        if socket.bad_records:
            bad = _count(socket.bad_records, "bad record")
            yield f"{socket.product}: {bad}, {_count(socket.skipped_bytes, 'byte')} skipped; {socket.last_fault}"


def _context(context: pb.Context) -> Iterator[str]:
    trouble = f": NOT READ: {context.trouble}" if context.trouble else ""
    yield f"beside the images, from {context.source}{trouble}"
    for line in context.modules:
        yield f"  module {line.module_id}: {line.text}"
    for one in context.instruments:
        # Those of quabos stand in the lines of their modules.
        if not one.name.startswith("QUABO_"):
            age = f"{age_text(one.age_seconds)} ago" if one.HasField("age_seconds") else "no time"
            yield f"  {one.name}: {'OLD, ' if one.old else ''}{age}: {one.text}"


def _flaws(answer: pb.StatusResponse) -> Iterator[str]:
    for key in answer.keys:
        if key.flawed_frames:
            flags = ", ".join(f"{name} {n}" for name, n in sorted(key.quality.items()))
            yield f"flawed: module {key.module_id} {_product(key)}: {key.flawed_frames} of {key.frames} ({flags})"


def _keys(answer: pb.StatusResponse) -> Table:
    # Columns that say nothing take no room: only a gateway has hosts, only sockets have snapshots.
    hosts = any(key.host for key in answer.keys)
    snapshots = any(key.snapshots for key in answer.keys)
    table = Table(*(("node",) if hosts else ()), "module", "product", box=None, pad_edge=False)
    for name in ("frames", "per s", *(("snaps", "snaps/s") if snapshots else ()), "kB/s"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("age s", "seqno", "number", "bad", "flawed"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("time", no_wrap=True)
    table.add_column("file", no_wrap=True)
    for key in answer.keys:
        table.add_row(
            *((key.host,) if hosts else ()),
            str(key.module_id),
            _product(key),
            str(key.frames),
            f"{key.frames_per_second:.1f}",
            *((str(key.snapshots), f"{key.snapshots_per_second:.1f}") if snapshots else ()),
            f"{key.bytes_per_second / 1e3:.1f}",
            f"{key.age_seconds:.3f}" if key.HasField("age_seconds") else "?",
            str(key.seqno) if key.HasField("seqno") else "",
            str(key.frame_number),
            str(key.bad_frames),
            str(key.flawed_frames),
            _time_status(key.time_status),
            key.file,
        )
    return table


def _time_status(number: int) -> str:
    known = pb.TimeStatus.DESCRIPTOR.values_by_number.get(number)  # a newer server may have more
    return str(number) if known is None else known.name.lower().replace("_", " ")


def _product(key: pb.KeyStatus) -> str:
    return f"{key.product} Q{key.quabo}" if key.HasField("quabo") else key.product


def _streams(answer: pb.StatusResponse) -> Table:
    table = Table("stream to", "frames", box=None, pad_edge=False)
    for name in ("sent", "per s", "drops", "open for", "last"):
        table.add_column(name, justify="right", no_wrap=True)
    for stream in answer.streams:
        opened, idle = age_text(stream.since_seconds), f"{age_text(stream.idle_seconds)} ago"
        rate = f"{stream.messages_per_second:.1f}"
        table.add_row(stream.peer, stream.kind, str(stream.sent), rate, str(stream.dropped), opened, idle)
    return table


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _hours(hours: float) -> str:
    return f"{math.floor(hours / 24)} days left" if 100 <= hours < math.inf else f"{hours:.1f} hours left"
