"""Images of a stream: frames, and the documented dict (SPEC 6.6)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final, NotRequired, TypedDict, cast

import numpy as np

from panoseti_daq.errors import PffError
from panoseti_daq.open_types import OpenDict, OpenMapping
from panoseti_daq.pff import DataProduct, Frame, Header, TimeStatus
from panoseti_daq.pff.flags import NAMES, names_of, quality_of
from panoseti_daq.pff.product import ImageArray, OpenArray
from panoseti_daq.wire.newest import Delivery, ReceivedFrame, received_frame

if TYPE_CHECKING:
    from decimal import Decimal

    import pandas as pd
    from pandas._libs.tslibs.nattype import NaTType

_QUABO_NAMES: Final = ("quabo_0", "quabo_1", "quabo_2", "quabo_3")
_TIME_NAMES: Final = ("wr_unix_timestamp", "pandas_unix_timestamp", "pkt_unix_timestamp", "time_status")


__all__ = [
    "Delivery",
    "HeaderDict",
    "ImageDict",
    "QuaboDict",
    "ReceivedFrame",
    "frame_of_dict",
    "image_dict",
    "received_frame",
    "to_json",
]


def frame_of_dict(image: OpenMapping) -> ReceivedFrame:
    """Frame of a documented dict: of `image_dict`, or of other clients of the server.

    Parameters
    ----------
    image
        ``type``, ``header`` and ``image_array`` as in `image_dict`; the other keys may be missing. Times in the
        header are not read: the quabo fields have them.

    Raises
    ------
    PffError
        It is not a frame of a known data product.
    """
    try:
        array = np.asarray(image["image_array"])
        product = _product_of(image["type"], array, image.get("bytes_per_pixel"))
        fields = {name: value for name, value in image["header"].items() if name not in _TIME_NAMES}
        header = Header.from_dict(fields)
        # unsigned pulse heights become signed by wrapping
        pixels = array.astype(product.dtype).tobytes()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PffError(f"this dict is not an image: {type(error).__name__}: {error}") from error
    judged = None
    if "quality" in image:  # found by a judge that saw the frames before it
        judged = quality_of(sum(flag for flag, name in NAMES.items() if name in image["quality"]))
    return ReceivedFrame(
        product,
        int(image.get("module_id", 0)),
        image.get("file", ""),
        int(image.get("frame_number", 0)),
        pixels,
        header,
        judged=judged,
    )


def _product_of(kind: str, array: OpenArray, bytes_per_pixel: int | None) -> DataProduct:
    size_bytes = bytes_per_pixel or array.itemsize
    for product in DataProduct:
        if (product.kind.value, product.shape, product.bytes_per_pixel) == (kind, array.shape, size_bytes):
            return product
    raise PffError(f"no data product is {kind}, {array.shape}, {size_bytes} bytes per pixel")


class QuaboDict(TypedDict):
    """Header fields of one quabo, as floats; see `Header`."""

    pkt_num: float
    pkt_tai: float
    pkt_nsec: float
    tv_sec: float
    tv_usec: float


class HeaderDict(TypedDict):
    """Header of an image dict: the time, and the fields of four quabos or, of ph256, of one."""

    wr_unix_timestamp: Decimal
    pandas_unix_timestamp: pd.Timestamp | NaTType
    pkt_unix_timestamp: Decimal
    time_status: str
    quabo_0: NotRequired[QuaboDict]
    quabo_1: NotRequired[QuaboDict]
    quabo_2: NotRequired[QuaboDict]
    quabo_3: NotRequired[QuaboDict]
    quabo_num: NotRequired[float]
    pkt_num: NotRequired[float]
    pkt_tai: NotRequired[float]
    pkt_nsec: NotRequired[float]
    tv_sec: NotRequired[float]
    tv_usec: NotRequired[float]


class ImageDict(TypedDict):
    """The documented dict of a frame, see `image_dict`."""

    type: str
    header: HeaderDict
    shape: list[int]
    bytes_per_pixel: int
    image_array: ImageArray
    file: str
    frame_number: int
    module_id: int
    quality: tuple[str, ...]
    host: str


def image_dict(frame: Frame, make_timestamp: Callable[[int], object] | None = None) -> ImageDict:
    """Return the documented dict of a frame.

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
        ``image_array`` (2-D, dtype of the product, ADC counts; a copy of its own, writable), ``file``,
        ``frame_number``, ``module_id``, ``quality``: a tuple with the names of `Quality` that hold, in lower case,
        such as ``('missing_quabo_2', 'host_clock')``, empty when nothing is wrong; and ``host``: the DAQ node that
        sent it, empty for a frame of a file.
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
        "image_array": frame.image.copy(),
        "file": frame.file,
        "frame_number": frame.frame_number,
        "module_id": frame.module_id,
        "quality": names_of(frame.quality),
        "host": frame.host if isinstance(frame, ReceivedFrame) else "",
    }


def _pandas_timestamp(unix_ns: int) -> object:
    import pandas as pd

    return pd.Timestamp(unix_ns) if unix_ns else pd.NaT


@functools.cache  # an import that was made before takes as long as what is made with it
def _decimal() -> type[Decimal]:
    from decimal import Decimal

    return Decimal


def _header_dict(frame: Frame, make_timestamp: Callable[[int], object]) -> HeaderDict:
    header, decimal = frame.header, _decimal()
    fields, quabo, (unix_ns, status) = _with_floats(header), header.time_quabo, header.time
    host_us = 0 if quabo is None else header.tv_sec[quabo] * 1_000_000 + header.tv_usec[quabo]
    known = status is not TimeStatus.NO_TIME
    fields["wr_unix_timestamp"] = decimal(unix_ns).scaleb(-9) if known else decimal("NaN")
    fields["pkt_unix_timestamp"] = decimal(host_us).scaleb(-6) if known else decimal("NaN")
    fields["pandas_unix_timestamp"] = make_timestamp(unix_ns)
    fields["time_status"] = status.name
    return cast(HeaderDict, fields)


def _with_floats(header: Header) -> OpenDict:
    if header.other is not None:
        return _floats_in(header.other)
    rows = zip(header.pkt_num, header.pkt_tai, header.pkt_nsec, header.tv_sec, header.tv_usec, strict=True)
    quabos: list[OpenDict] = [
        {
            "pkt_num": float(pkt_num),
            "pkt_tai": float(pkt_tai),
            "pkt_nsec": float(pkt_nsec),
            "tv_sec": float(tv_sec),
            "tv_usec": float(tv_usec),
        }
        for pkt_num, pkt_tai, pkt_nsec, tv_sec, tv_usec in rows
    ]
    if header.quabo_num is not None:
        return {"quabo_num": float(header.quabo_num), **quabos[0]}
    return dict(zip(_QUABO_NAMES, quabos, strict=True))


def _floats_in(fields: OpenDict) -> OpenDict:
    return {
        name: _floats_in(value) if isinstance(value, dict) else float(value) if isinstance(value, int) else value
        for name, value in fields.items()
    }


def to_json(image: ImageDict) -> str:
    """Return an image dict as one line of JSON.

    Parameters
    ----------
    image
        As `image_dict` makes it and `stream_images` yields it.

    Returns
    -------
    str
        The same keys: ``image_array`` as a list of rows, the exact seconds as text, ``pandas_unix_timestamp`` in
        ISO 8601; null for a time that is not known.
    """
    import json

    return json.dumps(image, default=_plain)


def _plain(value: object) -> object:
    from decimal import Decimal

    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Decimal):
        return str(value) if value.is_finite() else None
    # NaT, which is a datetime, too, is not equal to itself.
    return value.isoformat() if isinstance(value, datetime) and value == value else None
