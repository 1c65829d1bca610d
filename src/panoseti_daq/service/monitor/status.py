"""Status of the server: the answer of the Status RPC."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq._version import __version__
from panoseti_daq.errors import PffError
from panoseti_daq.hub import Hub, KeyState
from panoseti_daq.pff import Key, PffName
from panoseti_daq.pff.flags import NAMES
from panoseti_daq.printable import sendable
from panoseti_daq.service.acquisition import Acquisition
from panoseti_daq.service.among import ALONE, Among
from panoseti_daq.service.elsewhere import Elsewhere, Metadata
from panoseti_daq.service.monitor.beside import Beside
from panoseti_daq.service.monitor.disks import Disk, Disks
from panoseti_daq.service.monitor.receivers import receiver_status
from panoseti_daq.service.monitor.run_health import RunHealth
from panoseti_daq.service.streams import Following, Stream, Streams
from panoseti_daq.sources.resync import Damage
from panoseti_daq.sources.source import SocketStatus, SourceStatus

if TYPE_CHECKING:
    from panoseti_daq.gnss import GnssReceiver


class StatusReport:
    """Makes the status of a server, which started when this was made; for the Status RPC and the metrics.

    Parameters
    ----------
    acquisition
        What the server follows.
    run_health
        Whether that is what is recorded.
    elsewhere
        Where all frames come from, of a gateway; None when they are here.
    beside
        What stands beside the images; None for nothing.
    receivers
        Of GNSS.
    among
        The other processes of the service.
    """

    def __init__(
        self,
        acquisition: Acquisition,
        run_health: RunHealth,
        elsewhere: Elsewhere | None = None,
        beside: Beside | None = None,
        receivers: Sequence[GnssReceiver] = (),
        among: Among = ALONE,
    ) -> None:
        self._among = among
        self._receivers = receivers
        self._beside = beside
        self._acquisition = acquisition
        self._elsewhere = elsewhere
        self._run_health = run_health
        self._started_at = asyncio.get_running_loop().time()
        self._disks = Disks()

    async def __call__(self, metadata: Metadata = ()) -> pb.StatusResponse:
        """Status now; waits for nothing but a short look at the disks, and for the nodes of a gateway.

        Parameters
        ----------
        metadata
            Of the call that asks.
        """
        following, stalled = self._acquisition.following, self._run_health.stalled
        source = following.source.status() if following else None
        disks: list[Disk] = []
        if following and source and following.config.data_dir:
            disks = await self._disks.look(Path(following.config.data_dir), source.modules)
        now, now_ns = asyncio.get_running_loop().time(), time.time_ns()
        response = pb.StatusResponse(
            hp_io_initialized=following is not None,
            message=sendable(stalled or (source.description if source else "follows nothing yet")),
            version=__version__,
            uptime_seconds=now - self._started_at,
            now_unix_ns=now_ns,
            stalled=sendable(stalled),
        )
        add_streams(response, self._acquisition.all_streams)
        if following is not None and source is not None:
            hub = following.hub
            response.followed.CopyFrom(_followed(following, source, now))
            response.keys.extend(_keys(hub, source, now, now_ns))
            response.sockets.extend(map(_socket, source.sockets))
            response.disks.extend(_disk(disk, response.keys) for disk in disks)
            response.bad_frames = hub.n_bad_frames + source.n_bad_frames
            response.skipped_bytes = source.n_skipped_bytes
        response.receivers.extend(map(receiver_status, self._receivers))
        if self._beside is not None and (surroundings := await self._beside.look()) is not None:
            from panoseti_daq.wire.context import write_context  # as in `Beside`

            response.context.CopyFrom(write_context(surroundings))
        await self._among.add_streams(response)
        if self._elsewhere is not None:
            await self._elsewhere.add_status(response, metadata)
        return response


def add_streams(response: pb.StatusResponse, streams: Streams) -> None:
    """Add the streams of this process to a status."""
    now = asyncio.get_running_loop().time()
    response.streams.extend(_stream(stream, now) for stream in streams.open)
    response.sent, response.dropped, response.max_streams = streams.n_sent, streams.n_dropped, streams.limit


def _followed(following: Following, source: SourceStatus, now: float) -> pb.Followed:
    return pb.Followed(
        description=sendable(source.description),
        watching=sendable(source.watching),
        update_interval_seconds=following.config.update_interval_s,
        module_ids=following.config.module_ids,
        modules=source.modules,
        files=source.n_files,
        set_by=following.set_by,
        since_seconds=now - following.since,
        missed_events=source.n_missed_events,
    )


def _keys(hub: Hub, source: SourceStatus, now: float, now_ns: int) -> list[pb.KeyStatus]:
    def in_order(item: tuple[Key, KeyState]) -> tuple[int, str, int]:
        key, _ = item
        return key.module_id, key.product.token, key.quabo or 0

    found = []
    for key, state in sorted(hub.keys.items(), key=in_order):
        damage = source.damage.get((key.module_id, key.product), Damage())
        status = _key(key, state, now, now_ns)
        status.bad_frames = damage.n_frames + hub.bad_frames[key.module_id, key.product]
        status.skipped_bytes = damage.n_bytes
        found.append(status)
    return found


def _key(key: Key, state: KeyState, now: float, now_ns: int) -> pb.KeyStatus:
    frame, rate_hz = state.newest, state.rate.per_second(now)
    unix_ns = frame.time.unix_ns
    return pb.KeyStatus(
        module_id=key.module_id,
        product=key.product.token,
        quabo=key.quabo,
        frames=state.n_frames,
        frames_per_second=rate_hz,
        bytes_per_second=rate_hz * state.frame_size_bytes,
        file=sendable(frame.file),
        frame_number=frame.frame_number,
        unix_ns=unix_ns,
        time_status=pb.TimeStatus.Name(frame.time.status),
        detected_unix_ns=frame.detected_unix_ns,
        seqno=_seqno(frame.file),
        age_seconds=(now_ns - frame.clock_shift_ns - unix_ns) / 1e9 if unix_ns else None,
        frame_size_bytes=state.frame_size_bytes,
        flawed_frames=state.n_flawed,
        snapshots=state.snapshots.n_frames,
        snapshots_per_second=state.snapshots.per_second(now) if state.snapshots.n_frames else 0.0,
        quality={NAMES[flag]: n_frames for flag, n_frames in sorted(state.quality.items())},
    )


def _socket(socket: SocketStatus) -> pb.SocketStatus:
    return pb.SocketStatus(
        product=socket.product.token,
        path=sendable(str(socket.path)),
        listening=socket.is_listening,
        reason=sendable(socket.reason),
        connected=socket.n_connections,
        records=socket.n_records,
        bad_records=socket.n_bad,
        skipped_bytes=socket.n_skipped_bytes,
        last_fault=socket.last_fault,
        age_seconds=socket.age_s,
        connections=[
            pb.SocketConnection(
                number=connection.number,
                process=connection.process,
                modules=connection.modules,
                records=connection.n_records,
                since_seconds=connection.since_s,
                age_seconds=connection.age_s,
            )
            for connection in socket.connections
        ],
    )


def _seqno(file: str) -> int | None:
    try:
        return PffName.parse(file).seqno
    except PffError:
        return None


def _disk(disk: Disk, keys: Iterable[pb.KeyStatus]) -> pb.Disk:
    # A disk may hold some of the modules only.
    rate = sum(key.bytes_per_second for key in keys if key.module_id in disk.modules)
    return pb.Disk(
        path=sendable(str(disk.path)),
        modules=disk.modules,
        free_bytes=disk.free_bytes,
        total_bytes=disk.total_bytes,
        bytes_per_second=rate,
        hours_left=disk.free_bytes / rate / 3600 if rate >= 1 else None,
    )


def _stream(stream: Stream, now: float) -> pb.StreamStatus:
    subscription = stream.subscription
    return pb.StreamStatus(
        peer=stream.peer,
        kind="newest" if subscription else "all",
        sent=subscription.n_taken if subscription else stream.n_sent,
        dropped=stream.n_dropped,
        since_seconds=now - stream.since,
        idle_seconds=now - stream.last_frame_at,
        messages_per_second=stream.rate.per_second(now),
    )
