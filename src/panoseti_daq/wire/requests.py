"""Requests of streams, both ways: what is selected, and where to begin."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.errors import ConfigError, PffError
from panoseti_daq.open_types import OpenDict
from panoseti_daq.pff import Begin, DataProduct, Kind, Selection
from panoseti_daq.pff.selection import kinds_of
from panoseti_daq.wire.image import NUMBERS, PRODUCTS
from panoseti_daq.wire.position import position_message, position_of

_NO_KIND: Final = "invalid {0} and {1}: both false; at least one must be true"


def images_request(selection: Selection, encoding: pb.Encoding) -> pb.StreamImagesRequest:
    """Return the request for the newest frames, for a StreamImages call."""
    return pb.StreamImagesRequest(
        stream_movie_data=Kind.MOVIE in selection.kinds,
        stream_pulse_height_data=Kind.PULSE_HEIGHT in selection.kinds,
        update_interval_seconds=selection.update_interval_s,
        encoding=encoding,
        batches=encoding == pb.RAW,
        **_which(selection),
    )


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
    return _selection(request, kinds, request.update_interval_seconds)


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
        **_which(selection),
    )


def selected_frames(request: pb.StreamFramesRequest) -> tuple[Selection, Begin]:
    """Return which of all frames a request asks for, and where they begin.

    Raises
    ------
    ConfigError
        A field is invalid; says which, its value and what is allowed.
    """
    if not (request.movie or request.pulse_height):
        raise ConfigError(_NO_KIND.format("movie", "pulse_height"))
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
    return _selection(request, kinds_of(request.movie, request.pulse_height)), begin


def _which(selection: Selection) -> OpenDict:
    """Return the fields that both requests have under the same names."""
    return {
        "module_ids": sorted(selection.module_ids),
        "products": [NUMBERS[product] for product in DataProduct if product in selection.products],
        "quabos": sorted(selection.quabos),
    }


def _selection(
    request: pb.StreamImagesRequest | pb.StreamFramesRequest, kinds: Collection[Kind], interval_s: float = 0.0
) -> Selection:
    return Selection(kinds, request.module_ids, _products(request.products), request.quabos, interval_s)


def _products(numbers: Iterable[int]) -> list[DataProduct]:
    try:
        return [PRODUCTS[number] for number in numbers]
    except KeyError as error:
        allowed = ", ".join(f"{number} ({product.token})" for number, product in PRODUCTS.items())
        raise ConfigError(f"invalid products: {error.args[0]}; allowed: {allowed}") from None
