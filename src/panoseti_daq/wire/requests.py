"""Requests: a `Selection` as StreamImagesRequest and StreamFramesRequest, and back."""

from __future__ import annotations

from typing import Final

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.errors import ConfigError
from panoseti_daq.pff import Kind, Selection
from panoseti_daq.pff.selection import kinds_of

_NO_KIND: Final = "invalid {0} and {1}: both false; at least one must be true"


def images_request(selection: Selection, encoding: pb.Encoding) -> pb.StreamImagesRequest:
    """Return the request for the newest frames."""
    return pb.StreamImagesRequest(
        stream_movie_data=Kind.MOVIE in selection.kinds,
        stream_pulse_height_data=Kind.PULSE_HEIGHT in selection.kinds,
        update_interval_seconds=selection.interval_s,
        module_ids=sorted(selection.modules),
        encoding=encoding,
        batches=encoding == pb.RAW,
    )


def frames_request(selection: Selection, begin: pb.StreamFramesRequest) -> pb.StreamFramesRequest:
    """Return the request for all frames; `begin` says from where on."""
    request = pb.StreamFramesRequest(
        movie=Kind.MOVIE in selection.kinds,
        pulse_height=Kind.PULSE_HEIGHT in selection.kinds,
        module_ids=sorted(selection.modules),
    )
    request.MergeFrom(begin)
    return request


def selected_images(request: pb.StreamImagesRequest) -> Selection:
    """Return which newest frames a request asks for, and how often.

    Raises
    ------
    ConfigError
        A field is invalid; says which, its value and what is allowed.
    """
    if not (request.stream_movie_data or request.stream_pulse_height_data):
        raise ConfigError(_NO_KIND.format("stream_movie_data", "stream_pulse_height_data"))
    kinds = kinds_of(request.stream_movie_data, request.stream_pulse_height_data)
    return Selection(kinds, request.module_ids, interval_s=request.update_interval_seconds)


def selected_frames(request: pb.StreamFramesRequest) -> Selection:
    """Return which of all frames a request asks for; errors as for `selected_images`."""
    if not (request.movie or request.pulse_height):
        raise ConfigError(_NO_KIND.format("movie", "pulse_height"))
    return Selection(kinds_of(request.movie, request.pulse_height), request.module_ids)
