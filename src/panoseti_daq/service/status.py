"""What the server is doing, as the answer of the Status RPC."""

from __future__ import annotations

import asyncio

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq._version import __version__
from panoseti_daq.hub import Hub, KeyState
from panoseti_daq.pff import Key
from panoseti_daq.service.acquisition import Acquisition
from panoseti_daq.service.streams import Following, Stream
from panoseti_daq.sources.source import SourceStatus


def status_of(acquisition: Acquisition, started_at: float) -> pb.StatusResponse:
    """Status of a server that started at loop time `started_at`."""
    now = asyncio.get_running_loop().time()
    response = pb.StatusResponse(
        version=__version__,
        uptime_seconds=now - started_at,
        streams=[_stream(stream, now) for stream in acquisition.streams],
    )
    if acquisition.following is not None:
        source, hub = acquisition.following.source.status(), acquisition.following.hub
        response.followed.CopyFrom(_followed(acquisition.following, source, now))
        response.keys.extend(_keys(hub, now))
        response.bad_frames = hub.n_bad_frames + source.n_bad_frames
        response.skipped_bytes = source.n_skipped_bytes
    return response


def _followed(following: Following, source: SourceStatus, now: float) -> pb.Followed:
    return pb.Followed(
        description=source.description,
        watching=source.watching,
        update_interval_seconds=following.config.update_interval_s,
        module_ids=following.config.module_ids,
        modules=source.modules,
        files=source.n_files,
        set_by=following.set_by,
        since_seconds=now - following.since,
        missed_events=source.n_missed_events,
    )


def _keys(hub: Hub, now: float) -> list[pb.KeyStatus]:
    def in_order(item: tuple[Key, KeyState]) -> tuple[int, str, int]:
        key, _ = item
        return key.module_id, key.product.token, key.quabo or 0

    return [_key(key, state, now) for key, state in sorted(hub.keys.items(), key=in_order)]


def _key(key: Key, state: KeyState, now: float) -> pb.KeyStatus:
    frame, rate_hz = state.newest, state.rate.per_second(now)
    return pb.KeyStatus(
        module_id=key.module_id,
        product=key.product.token,
        quabo=key.quabo,
        frames=state.n_frames,
        frames_per_second=rate_hz,
        bytes_per_second=rate_hz * state.frame_size_bytes,
        file=frame.file,
        frame_number=frame.frame_number,
        unix_ns=frame.time.unix_ns,
        time_status=pb.TimeStatus.Name(frame.time.status),
        detected_unix_ns=frame.detected_unix_ns,
    )


def _stream(stream: Stream, now: float) -> pb.StreamStatus:
    subscription = stream.subscription
    return pb.StreamStatus(
        peer=stream.peer,
        sent=subscription.n_taken if subscription else stream.n_sent,
        dropped=subscription.n_dropped if subscription else 0,
        since_seconds=now - stream.since,
        idle_seconds=now - stream.last_frame_at,
    )
