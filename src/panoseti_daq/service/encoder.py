"""Frames as bytes of StreamImagesResponse.

The image and header of a frame are encoded once per frame and encoding, whatever the number of clients. What
differs from client to client is a small message of its own: protobuf messages concatenate, so both parts one
after the other are one valid message.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from weakref import WeakKeyDictionary

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.pff import Frame
from panoseti_daq.wire import as_raw, as_struct


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
