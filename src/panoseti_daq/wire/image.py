"""PanoImage: frames as protobuf messages, and back (proto/daq_data.proto)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.errors import PffError
from panoseti_daq.open_types import OpenDict
from panoseti_daq.pff import DataProduct, Frame, Header, Key, Kind, Quality, Selection, TimeStatus
from panoseti_daq.pff.flags import quality_of
from panoseti_daq.pff.header import QUABO_FIELDS
from panoseti_daq.pff.quabos import N_QUABOS
from panoseti_daq.printable import sendable
from panoseti_daq.wire.header import pack, unpack
from panoseti_daq.wire.header import quabo_of as quabo_of_packed
from panoseti_daq.wire.names import check_name

if TYPE_CHECKING:
    from google.protobuf.struct_pb2 import Struct, Value

_TYPES: Final = {Kind.MOVIE: pb.PanoImage.MOVIE, Kind.PULSE_HEIGHT: pb.PanoImage.PULSE_HEIGHT}
_KINDS: Final = {number: kind for kind, number in _TYPES.items()}
NUMBERS: Final = {product: getattr(pb, product.name) for product in DataProduct}
"""Number of each data product."""
_STATUSES: Final = {status: getattr(pb, status.name) for status in TimeStatus}
PRODUCTS: Final = {number: product for product, number in NUMBERS.items()}
"""Data product of each number of the enum of the wire."""
_BY_SHAPE: Final = {(p.kind, p.shape, p.bytes_per_pixel): p for p in DataProduct}


def as_struct(frame: Frame) -> pb.PanoImage:
    """Return the predecessor's message: exactly its fields."""
    product = frame.product
    unsigned = np.frombuffer(frame.pixels, f"<u{product.bytes_per_pixel}")  # pulse heights: never sign-extended
    image = pb.PanoImage(
        type=_TYPES[product.kind],
        image_array=unsigned.tolist(),
        shape=product.shape,
        bytes_per_pixel=product.bytes_per_pixel,
        file=sendable(frame.file),
        frame_number=frame.frame_number,
        module_id=frame.module_id,
    )
    image.header.update(frame.header.as_dict())
    return image


def as_raw(frame: Frame) -> pb.PanoImage:
    """Our message: pixels as in the file and a header of some 50 bytes."""
    product, header = frame.product, frame.header
    packed = pack(header) if header.other is None else b""
    return pb.PanoImage(
        product=NUMBERS[product],
        file=sendable(frame.file),
        frame_number=frame.frame_number,
        module_id=frame.module_id,
        pixels=frame.pixels,
        packed_header=packed,
        header_json="" if packed else _text_of(header),
        time_status=_STATUSES[frame.time.status],
        quality=frame.quality,
    )


def _text_of(header: Header) -> str:
    from panoseti_daq.pff.layout import format_header  # for headers of files: a client reads none

    return format_header(header).decode()


def _product_of(image: pb.PanoImage) -> DataProduct:
    kind, shape = _KINDS.get(image.type), tuple(image.shape)
    product = _BY_SHAPE.get((kind, shape, image.bytes_per_pixel))  # type: ignore[arg-type]
    if product is None:
        raise PffError(f"no data product is {kind}, {shape}, {image.bytes_per_pixel} bytes per pixel")
    return product


def read_image(image: pb.PanoImage) -> tuple[DataProduct, bytes, Header, Quality | None]:
    """Read a message in either encoding.

    Returns
    -------
    product
        Data product.
    pixels
        The image as it stands in a file.
    header
        The header.
    judged
        Quality as found by the server, which saw the frames before it; None in the predecessor's encoding.

    Raises
    ------
    PffError
        It is not an image of a data product, or its header does not parse.
    """
    product = PRODUCTS.get(image.product) or _product_of(image)
    judged = None
    try:
        pixels = image.pixels
        if pixels:
            packed, judged = image.packed_header, quality_of(image.quality)
            header = unpack(packed) if packed else _header_in(image.header_json)
        else:
            # values of unsigned pixels; pulse heights become signed by wrapping
            unsigned = np.array(image.image_array, np.uint32).astype(f"<u{product.bytes_per_pixel}")
            pixels, header = unsigned.tobytes(), Header.from_dict(_as_dict(image.header))
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise PffError(f"header of a {product.token} message does not parse: {error}") from error
    if len(pixels) != product.image_size_bytes:
        raise PffError(f"{product.token} images have {product.image_size_bytes} bytes, this one {len(pixels)}")
    if len(header.tv_sec) != product.n_quabos:
        raise PffError(f"not a header of {product.token}: it has {len(header.tv_sec)} quabos")
    return product, pixels, header, judged


def _header_in(text: str) -> Header:
    import json  # most headers are packed

    return Header.from_dict(json.loads(text))


def frame_of(image: pb.PanoImage) -> Frame:
    """Frame of a message in either encoding, from anybody: what cannot stand in a file is refused.

    Raises
    ------
    PffError
        The message is not a frame of a data product.
    """
    import json

    from panoseti_daq.pff.layout import MAX_HEADER_BYTES

    product, pixels, header, _ = read_image(image)
    for name in QUABO_FIELDS:
        column = getattr(header, name)
        if len(column) != len(header.tv_sec) or not all(0 <= value < 2**32 for value in column):
            raise PffError(f"{name} of a {product.token} header is {list(column)}; it has 32 bits for each quabo")
    if product.one_quabo and header.quabo_num not in range(N_QUABOS):
        raise PffError(
            f"quabo_num of a {product.token} header is {header.quabo_num}; it is within 0-{N_QUABOS - 1}"
        )
    check_name(image.file)
    if len(image.header_json) > MAX_HEADER_BYTES:
        raise PffError(f"a header has up to {MAX_HEADER_BYTES} characters, this one {len(image.header_json)}")
    frame = Frame(product, image.module_id, image.file, image.frame_number, pixels, header)
    try:
        as_struct(frame)
        json.dumps(header.other, allow_nan=False)  # as the predecessor's clients read it
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise PffError(
            f"the header of a {product.token} message cannot be sent to every client: {error}"
        ) from error
    return frame


def key_of(image: pb.PanoImage) -> Key:
    """Return the key of a frame in either encoding.

    Raises
    ------
    PffError
        It is of no known data product.
    """
    product = PRODUCTS.get(image.product) or _product_of(image)
    quabo = quabo_of(image)
    return Key(image.module_id, product, None if quabo is None else int(quabo))


def is_selected(image: pb.PanoImage, selection: Selection) -> bool:
    """Return whether a message is one of a frame that is selected, or of none, which reading it shows."""
    try:
        return key_of(image) in selection
    except PffError:
        return True


def quabo_of(image: pb.PanoImage) -> float | None:
    """Quabo of a ph256 message in either encoding; None of the others. Does not check anything."""
    if packed := image.packed_header:
        return quabo_of_packed(packed)
    fields = image.header.fields
    return fields["quabo_num"].number_value if "quabo_num" in fields else None


def _as_dict(struct: Struct) -> OpenDict:
    """Return a Struct as Python values; numbers, which it holds as float64, become whole where they are."""
    return {name: _as_value(value) for name, value in struct.fields.items()}


def _as_value(value: Value) -> object:
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
