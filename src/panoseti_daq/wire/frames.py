"""Requests of all frames, both ways: what is selected, and where to begin."""

from __future__ import annotations

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.errors import ConfigError, PffError
from panoseti_daq.pff import Begin, Kind, Selection
from panoseti_daq.pff.selection import kinds_of
from panoseti_daq.wire.position import position_message, position_of
from panoseti_daq.wire.requests import NO_KIND, selection_of, which


def frames_request(selection: Selection, begin: Begin) -> pb.StreamFramesRequest:
    """Return the request for all frames, for a StreamFrames call; it has no interval."""
    since_unix_ns, begin_at = begin.since_unix_ns, pb.StreamFramesRequest.NOW
    if since_unix_ns is not None and begin.of_any_run:
        begin_at = pb.StreamFramesRequest.TIME_OF_ANY_RUN
    elif since_unix_ns is not None:
        begin_at = pb.StreamFramesRequest.TIME if since_unix_ns else pb.StreamFramesRequest.RUN
    return pb.StreamFramesRequest(
        movie=Kind.MOVIE in selection.kinds,
        pulse_height=Kind.PULSE_HEIGHT in selection.kinds,
        begin=begin_at,
        since_unix_ns=since_unix_ns or 0,
        resume=map(position_message, begin.resume),
        frames_before=begin.n_before,
        max_frames=begin.n_most,
        **which(selection),
    )


def selected_frames(request: pb.StreamFramesRequest) -> tuple[Selection, Begin]:
    """Return which of all frames a request asks for, and where they begin.

    Raises
    ------
    ConfigError
        A field is invalid; says which, its value and what is allowed.
    """
    if not (request.movie or request.pulse_height):
        raise ConfigError(NO_KIND.format("movie", "pulse_height"))
    of_any_run = request.begin == pb.StreamFramesRequest.TIME_OF_ANY_RUN
    has_time = of_any_run or request.begin == pb.StreamFramesRequest.TIME
    since_unix_ns = request.since_unix_ns if has_time else None
    if request.begin == pb.StreamFramesRequest.RUN:
        since_unix_ns = 0
    try:
        positions = tuple(map(position_of, request.resume))
        begin = Begin(since_unix_ns, positions, of_any_run, request.frames_before, request.max_frames)
    except PffError as error:
        raise ConfigError(f"invalid resume: {error}") from error
    return selection_of(request, kinds_of(request.movie, request.pulse_height)), begin
