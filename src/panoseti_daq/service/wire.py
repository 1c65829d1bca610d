"""Frames as bytes of StreamImagesResponse.

The image and header of a frame are encoded once per frame and encoding, whatever the number of clients. What
differs from client to client is a small message of its own: protobuf messages concatenate, so both parts one
after the other are one valid message.
"""

from __future__ import annotations

import enum
import operator
from collections.abc import Callable, Sequence
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.pff import Frame, Header, Kind
from panoseti_daq.pff.codec import format_header

_TYPES: Final = {Kind.MOVIE: pb.PanoImage.MOVIE, Kind.PULSE_HEIGHT: pb.PanoImage.PULSE_HEIGHT}


class Encoding(enum.Enum):
    """How a client asked for its frames."""

    STRUCT = pb.STRUCT
    RAW = pb.RAW


class FrameEncoder:
    """Encodes frames; remembers the bytes as long as the frame lives. For one event loop."""

    def __init__(self) -> None:
        self._encoders: dict[Encoding, Callable[[Frame], pb.PanoImage]] = {
            Encoding.STRUCT: as_struct,
            Encoding.RAW: as_raw,
        }
        self._encoded: dict[Encoding, WeakKeyDictionary[Frame, bytes]] = {
            encoding: WeakKeyDictionary() for encoding in Encoding
        }

    def __call__(self, frame: Frame, encoding: Encoding) -> bytes:
        """Bytes of a StreamImagesResponse that holds `frame` and nothing else."""
        encoded = self._encoded[encoding]
        data = encoded.get(frame)
        if data is None:
            pano_image = self._encoders[encoding](frame)
            data = encoded[frame] = pb.StreamImagesResponse(pano_image=pano_image).SerializeToString()
        return data


def delivery(sequence: int, dropped: int, detected_unix_ns: int, now_unix_ns: int) -> bytes:
    """Bytes of a StreamImagesResponse that tells how a frame got here; to follow those of the frame."""
    return pb.StreamImagesResponse(
        delivery=pb.Delivery(
            sequence=sequence,
            dropped=dropped,
            detected_unix_ns=detected_unix_ns,
            queued_ns=max(0, now_unix_ns - detected_unix_ns),
        )
    ).SerializeToString()


def as_struct(frame: Frame) -> pb.PanoImage:
    """The predecessor's message: exactly its fields."""
    product = frame.product
    unsigned = np.frombuffer(frame.pixels, f"<u{product.bytes_per_pixel}")  # pulse heights: never sign-extended
    image = pb.PanoImage(
        type=_TYPES[product.kind],
        image_array=unsigned.tolist(),
        shape=product.shape,
        bytes_per_pixel=product.bytes_per_pixel,
        file=frame.file,
        frame_number=frame.frame_number,
        module_id=frame.module_id,
    )
    image.header.update(frame.header.as_dict())
    return image


def as_raw(frame: Frame) -> pb.PanoImage:
    """Our message: pixels as in the file and a header of 50 bytes."""
    product, header = frame.product, frame.header
    missing = pb.MISSING_QUABO if header.has_missing_quabo else pb.GOOD
    empty = pb.GOOD if frame.pixels.lstrip(b"\0") else pb.ZERO_IMAGE
    return pb.PanoImage(
        type=_TYPES[product.kind],
        shape=product.shape,
        bytes_per_pixel=product.bytes_per_pixel,
        file=frame.file,
        frame_number=frame.frame_number,
        module_id=frame.module_id,
        pixels=frame.pixels,
        raw_header=_raw_header(header),
        time_status=pb.TimeStatus.Name(frame.time.status),
        quality=missing | empty,
    )


def _raw_header(header: Header) -> pb.Header:
    if header.other is not None:
        return pb.Header(json=format_header(header).decode())
    return pb.Header(
        pkt_num=_differences(header.pkt_num),
        pkt_tai=_differences(header.pkt_tai),
        pkt_nsec=_differences(header.pkt_nsec),
        tv_sec=_differences(header.tv_sec),
        tv_usec=_differences(header.tv_usec),
        quabo_num=header.quabo_num,
    )


def _differences(column: Sequence[int]) -> list[int]:
    return [column[0], *map(operator.sub, column[1:], column)]
