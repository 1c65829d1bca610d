"""Requests of the newest frames, both ways, and what requests of all frames have in common with them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.errors import ConfigError
from panoseti_daq.open_types import OpenDict
from panoseti_daq.pff import DataProduct, Kind, Selection
from panoseti_daq.pff.selection import kinds_of
from panoseti_daq.wire.image import NUMBERS, PRODUCTS

NO_KIND: Final = "invalid {0} and {1}: both false; at least one must be true"


def images_request(selection: Selection, encoding: pb.Encoding) -> pb.StreamImagesRequest:
    """Return the request for the newest frames, for a StreamImages call."""
    return pb.StreamImagesRequest(
        stream_movie_data=Kind.MOVIE in selection.kinds,
        stream_pulse_height_data=Kind.PULSE_HEIGHT in selection.kinds,
        update_interval_seconds=selection.update_interval_s,
        encoding=encoding,
        batches=encoding == pb.RAW,
        **which(selection),
    )


def selected_images(request: pb.StreamImagesRequest) -> Selection:
    """Return which newest frames a request asks for, and how often.

    Raises
    ------
    ConfigError
        A field is invalid; says which, its value and what is allowed.
    """
    if not (request.stream_movie_data or request.stream_pulse_height_data):
        raise ConfigError(NO_KIND.format("stream_movie_data", "stream_pulse_height_data"))
    kinds = kinds_of(request.stream_movie_data, request.stream_pulse_height_data)
    return selection_of(request, kinds, request.update_interval_seconds)


def which(selection: Selection) -> OpenDict:
    """Return the fields that both requests have under the same names."""
    return {
        "module_ids": sorted(selection.module_ids),
        "products": [NUMBERS[product] for product in DataProduct if product in selection.products],
        "quabos": sorted(selection.quabos),
    }


def selection_of(
    request: pb.StreamImagesRequest | pb.StreamFramesRequest, kinds: Collection[Kind], interval_s: float = 0.0
) -> Selection:
    """Return what a request of either kind selects, of kinds of data products."""
    return Selection(kinds, request.module_ids, _products(request.products), request.quabos, interval_s)


def _products(numbers: Iterable[int]) -> list[DataProduct]:
    try:
        return [PRODUCTS[number] for number in numbers]
    except KeyError as error:
        allowed = ", ".join(f"{number} ({product.token})" for number, product in PRODUCTS.items())
        raise ConfigError(f"invalid products: {error.args[0]}; allowed: {allowed}") from None
