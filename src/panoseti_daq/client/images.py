"""What comes back from the wire: frames, and the documented dict (SPEC 6.6)."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from itertools import accumulate
from typing import Any, Final

import numpy as np
from google.protobuf.struct_pb2 import Struct

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.errors import PffError
from panoseti_daq.pff import DataProduct, Frame, Header, Kind, TimeStatus
from panoseti_daq.pff.frame import QUABO_FIELDS

_KINDS: Final = {pb.PanoImage.MOVIE: Kind.MOVIE, pb.PanoImage.PULSE_HEIGHT: Kind.PULSE_HEIGHT}
_QUABO_NAMES: Final = ("quabo_0", "quabo_1", "quabo_2", "quabo_3")
_PRODUCTS: Final = {(p.kind, p.shape, p.bytes_per_pixel): p for p in DataProduct}


class ReceivedFrame(Frame):
    """A frame as a server sent it.

    Attributes
    ----------
    host
        DAQ node it comes from.
    sequence
        Its place in the stream of that host, 0-based; 0 from servers that do not tell.
    n_dropped
        Frames that the server dropped so far because this client was slow.
    queued_ns
        From `detected_unix_ns` until the server handed it to gRPC.
    """

    __slots__ = ("host", "n_dropped", "queued_ns", "sequence")

    host: str
    sequence: int
    n_dropped: int
    queued_ns: int


def received_frame(response: pb.StreamImagesResponse, host: str) -> ReceivedFrame:
    """Frame of a response in either encoding.

    Raises
    ------
    PffError
        The message is not a frame of a known data product.
    """
    image, delivery = response.pano_image, response.delivery
    product = _product_of(image)
    if image.pixels:
        pixels, header = image.pixels, _header_of(image.raw_header)
    else:
        # values of unsigned pixels; pulse heights become signed by wrapping
        unsigned = np.array(image.image_array, np.uint32).astype(f"<u{product.bytes_per_pixel}")
        pixels, header = unsigned.tobytes(), Header.from_dict(_as_dict(image.header))
    if len(pixels) != product.image_size_bytes:
        raise PffError(f"{host}: a {product.token} image has {product.image_size_bytes} bytes, this {len(pixels)}")
    frame = ReceivedFrame(
        product,
        image.module_id,
        image.file,
        image.frame_number,
        pixels,
        header,
        detected_unix_ns=delivery.detected_unix_ns,
    )
    frame.host = host
    frame.sequence = delivery.sequence
    frame.n_dropped = delivery.dropped
    frame.queued_ns = delivery.queued_ns
    return frame


def _product_of(image: pb.PanoImage) -> DataProduct:
    kind, shape = _KINDS.get(image.type), tuple(image.shape)
    product = _PRODUCTS.get((kind, shape, image.bytes_per_pixel))  # type: ignore[arg-type]
    if product is None:
        raise PffError(f"no data product is {kind}, {shape}, {image.bytes_per_pixel} bytes per pixel")
    return product


def _header_of(raw: pb.Header) -> Header:
    if raw.json:
        return Header.from_dict(json.loads(raw.json))
    columns = {name: tuple(accumulate(getattr(raw, name))) for name in QUABO_FIELDS}
    return Header(**columns, quabo_num=raw.quabo_num if raw.HasField("quabo_num") else None, other=None)


def _as_dict(struct: Struct) -> dict[str, Any]:
    """A Struct as Python values; numbers, which it holds as float64, become whole where they are."""
    return {name: _as_value(value) for name, value in struct.fields.items()}


def _as_value(value: Any) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            return _as_dict(value.struct_value)
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "list_value":
            return [_as_value(item) for item in value.list_value.values]
        case "null_value" | None:
            return None
        case kind:
            return getattr(value, kind)


def image_dict(frame: Frame, make_timestamp: Callable[[int], Any] | None = None) -> dict[str, Any]:
    """The documented dict of a frame.

    Parameters
    ----------
    frame
        Any frame.
    make_timestamp
        Makes ``pandas_unix_timestamp`` from UTC ns since 1970, or 0 when there is no time; None for the documented
        pandas.Timestamp, or NaT.

    Returns
    -------
    dict
        ``type`` ('MOVIE' or 'PULSE_HEIGHT'), ``header``, ``shape`` ([rows, columns]), ``bytes_per_pixel``,
        ``image_array`` (2-D, read-only, dtype of the product, ADC counts), ``file``, ``frame_number`` and
        ``module_id``.
        The header has the quabo fields as floats, and the time of the frame: ``wr_unix_timestamp`` (Decimal,
        UTC s, exact to the nanosecond), ``pandas_unix_timestamp`` (the same, naive UTC), ``pkt_unix_timestamp``
        (Decimal, UTC s, of the host clock) and ``time_status`` ('WHITE_RABBIT', 'HOST_CLOCK': the two clocks
        disagree and both times are the host's, 'NO_TIME': there is none, and the times are NaN and NaT).
    """
    return {
        "type": frame.product.kind.value,
        "header": _header_dict(frame, make_timestamp or _pandas_timestamp),
        "shape": list(frame.product.shape),
        "bytes_per_pixel": frame.product.bytes_per_pixel,
        "image_array": frame.image,
        "file": frame.file,
        "frame_number": frame.frame_number,
        "module_id": frame.module_id,
    }


def _pandas_timestamp(unix_ns: int) -> Any:
    import pandas as pd

    return pd.Timestamp(unix_ns) if unix_ns else pd.NaT


def _header_dict(frame: Frame, make_timestamp: Callable[[int], Any]) -> dict[str, Any]:
    fields = _with_floats(frame.header)
    quabo, time = frame.header.time_quabo, frame.time
    host_us = 0 if quabo is None else frame.header.tv_sec[quabo] * 1_000_000 + frame.header.tv_usec[quabo]
    known = time.status is not TimeStatus.NO_TIME
    fields["wr_unix_timestamp"] = Decimal(time.unix_ns).scaleb(-9) if known else Decimal("NaN")
    fields["pkt_unix_timestamp"] = Decimal(host_us).scaleb(-6) if known else Decimal("NaN")
    fields["pandas_unix_timestamp"] = make_timestamp(time.unix_ns)
    fields["time_status"] = time.status.name
    return fields


def _with_floats(header: Header) -> dict[str, Any]:
    if header.other is not None:
        return _floats_in(header.other)
    rows = zip(header.pkt_num, header.pkt_tai, header.pkt_nsec, header.tv_sec, header.tv_usec, strict=True)
    quabos = [dict(zip(QUABO_FIELDS, map(float, row), strict=True)) for row in rows]
    if header.quabo_num is not None:
        return {"quabo_num": float(header.quabo_num), **quabos[0]}
    return dict(zip(_QUABO_NAMES, quabos, strict=True))


def _floats_in(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _floats_in(value) if isinstance(value, dict) else float(value) if isinstance(value, int) else value
        for name, value in fields.items()
    }
