"""Frames as bytes of StreamImagesResponse.

The image and header of a frame are encoded once per frame and encoding, whatever the number of clients. What
differs from client to client is a small message of its own: protobuf messages concatenate, so both parts one
after the other are one valid message.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from struct import Struct
from typing import Final

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.pff import Frame
from panoseti_daq.wire import as_raw, as_struct


class Encoding(enum.Enum):
    """How a client asked for its frames."""

    STRUCT = pb.STRUCT
    RAW = pb.RAW


_MAX: Final = 2**32 - 1  # of a fixed32
_FIELD: Final = pb.StreamImagesResponse.DELIVERY_FIELD_NUMBER << 3 | 2
_TAG: Final = _FIELD & 0x7F | 0x80 | _FIELD >> 7 << 8  # as a varint of two bytes
# Before each value stands its tag: number << 3 | wire type (5: four bytes, 1: eight).
_UNDROPPED: Final = Struct("<HB BI BQ BI")
_DROPPED: Final = Struct("<HB BI BQ BI BI")


class FrameEncoder:
    """Encodes frames in one encoding; the bytes are kept with the frame as long as it lives."""

    def __init__(self, encoding: Encoding) -> None:
        self._encode: Callable[[Frame], pb.PanoImage] = as_raw if encoding is Encoding.RAW else as_struct

    def __call__(self, frame: Frame) -> bytes:
        """Bytes of a StreamImagesResponse that holds `frame` and nothing else."""
        data = frame.memo.get(self._encode)
        if data is None:
            response = pb.StreamImagesResponse(pano_image=self._encode(frame))
            data = frame.memo[self._encode] = response.SerializeToString()
        return data


def delivery(sequence: int, dropped: int, detected_unix_ns: int, now_unix_ns: int) -> bytes:
    """Bytes of a StreamImagesResponse that tells how a frame got here; to follow those of the frame.

    Made for each client and frame, so not by protobuf, which takes ten times as long.
    """
    queued_us = min(max(0, now_unix_ns - detected_unix_ns) // 1000, _MAX)
    sequence &= _MAX
    if dropped:
        dropped = min(dropped, _MAX)
        return _DROPPED.pack(_TAG, 24, 0x0D, sequence, 0x19, detected_unix_ns, 0x25, queued_us, 0x15, dropped)
    return _UNDROPPED.pack(_TAG, 19, 0x0D, sequence, 0x19, detected_unix_ns, 0x25, queued_us)
