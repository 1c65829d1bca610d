"""StreamImagesResponse, both ways: the newest frames and how each was delivered.

The image and header of a frame are encoded once per frame and encoding, whatever the number of clients. What
differs from client to client is a small message of its own: protobuf messages concatenate, so both parts one
after the other are one valid message.

gRPC takes far longer to send a message than we take to make it, so frames that are due at the same time go into
one message, for clients that accept this.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from functools import lru_cache
from struct import Struct
from typing import Final, NamedTuple
from weakref import ref

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.pff import Frame, TimeStatus
from panoseti_daq.varint import as_varint
from panoseti_daq.wire.image import as_raw, as_struct, read_image

MAX_BATCH: Final = 16  # frames; more gains little, and a slow client has them to work off before it gets new ones
MAX_SLOW_BATCH: Final = 112  # of img16 a quarter of a megabyte: all images of a wall of telescopes
SLOW_S: Final = 0.1  # a client with this interval has time to work off a message before the next

_MAX: Final = 2**32 - 1  # of a fixed32


def _tag(field_number: int) -> bytes:
    """Before a message in a message: field number and wire type 2 as a varint."""
    return as_varint(field_number << 3 | 2)


_PANO_IMAGE: Final = _tag(pb.StreamImagesResponse.PANO_IMAGE_FIELD_NUMBER)
_BATCH: Final = _tag(pb.StreamImagesResponse.BATCH_FIELD_NUMBER)
_HEAD_BYTES: Final = 3  # tag of a delivery and its length
_TAG: Final = int.from_bytes(_tag(pb.StreamImagesResponse.DELIVERY_FIELD_NUMBER), "little")
# Before each value stands its tag: number << 3 | wire type (5: four bytes, 1: eight).
_BEGIN: Final = Struct("<HB BQ")  # of a delivery: its tag and length, and when the frame was detected
_END: Final = Struct("<BI BI")  # place in the stream, time in the queue
_DELIVERY_BYTES: Final = _BEGIN.size - _HEAD_BYTES + _END.size  # where nothing was dropped
_END_DROPPED: Final = Struct("<BI BI BI")


class _Encoded(NamedTuple):
    """What is the same for all clients that dropped nothing."""

    prefix: bytes  # of the response in a batch
    begin: bytes  # of the response: the frame, and its delivery up to what differs
    detected_ns: int  # UTC since 1970 by the clock of this machine


# Of the frames that live, for all streams. A weak reference is a key like any other, and drops its entry
# when the frame is gone; a WeakKeyDictionary is the same in Python, and takes several times as long to look up.
_KNOWN_RAW: Final[dict[ref[Frame], _Encoded]] = {}
_KNOWN_STRUCTS: Final[dict[ref[Frame], bytes]] = {}


class StreamEncoder:
    """Makes the messages of one stream.

    Parameters
    ----------
    request
        Request of the client.

    Attributes
    ----------
    n_most
        Frames that one message may hold.
    """

    def __init__(self, request: pb.StreamImagesRequest) -> None:
        self._is_raw = request.encoding == pb.RAW
        most = MAX_SLOW_BATCH if request.update_interval_seconds >= SLOW_S else MAX_BATCH
        self.n_most = most if self._is_raw and request.batches else 1
        self._sequence = 0

    def __call__(self, frames: Sequence[Frame], n_dropped: int) -> bytes:
        """Return a message of `frames`; `n_dropped` counts all drops so far."""
        if not self._is_raw:
            return encoded_struct(frames[0])
        now_unix_ns = time.time_ns()
        parts: list[bytes] = []
        for sequence, frame in enumerate(frames, self._sequence):
            known = _KNOWN_RAW.get(ref(frame)) or _keep(frame)
            prefix, begin, detected_ns = known
            queued_ns = now_unix_ns - detected_ns
            if n_dropped:  # then the delivery is longer
                end = delivery(sequence, n_dropped, frame.detected_unix_ns, queued_ns)
                begin = begin[: -_BEGIN.size]
                prefix = _prefix(len(begin) + len(end))
            else:
                end = _END.pack(0x0D, sequence & _MAX, 0x25, min(max(0, queued_ns) // 1000, _MAX))
            parts += prefix, begin, end
        self._sequence += len(frames)
        return b"".join(parts if len(frames) > 1 else parts[1:])


@lru_cache(64)
def _prefix(n_bytes: int) -> bytes:
    """Return the prefix of a response of this size in a batch."""
    return _BATCH + as_varint(n_bytes)


def _keep(frame: Frame) -> _Encoded:
    image = as_raw(frame).SerializeToString()  # a message of this message takes as long again
    return keep_raw(frame, _PANO_IMAGE + as_varint(len(image)), image)


def keep_raw(frame: Frame, *parts: bytes) -> _Encoded:
    """Keep the bytes of a StreamImagesResponse of nothing but `frame`, in parts, as long as it lives."""
    begin = b"".join((*parts, _BEGIN.pack(_TAG, _DELIVERY_BYTES, 0x19, frame.detected_unix_ns)))
    known = _Encoded(_prefix(len(begin) + _END.size), begin, frame.detected_unix_ns + frame.clock_shift_ns)
    _KNOWN_RAW[ref(frame, _KNOWN_RAW.pop)] = known
    return known


def encoded_struct(frame: Frame) -> bytes:
    """Return a StreamImagesResponse of nothing but `frame` as the predecessor encodes it, made once."""
    data = _KNOWN_STRUCTS.get(ref(frame))
    if data is None:
        data = pb.StreamImagesResponse(pano_image=as_struct(frame)).SerializeToString()
        _KNOWN_STRUCTS[ref(frame, _KNOWN_STRUCTS.pop)] = data
    return data


def delivery(sequence: int, n_dropped: int, detected_unix_ns: int, queued_ns: int) -> bytes:
    """Bytes of the StreamImagesResponse fields that say how a frame got here; to follow those of the frame.

    Made for each client and frame, so not by protobuf, which takes ten times as long.
    """
    values = (0x0D, sequence & _MAX, 0x25, min(max(0, queued_ns) // 1000, _MAX))
    end = _END_DROPPED.pack(*values, 0x15, min(n_dropped, _MAX)) if n_dropped else _END.pack(*values)
    return _BEGIN.pack(_TAG, _BEGIN.size - _HEAD_BYTES + len(end), 0x19, detected_unix_ns) + end


def responses_in(message: pb.StreamImagesResponse) -> Sequence[pb.StreamImagesResponse]:
    """Return the responses of a message, one for each frame, whether it is a batch or not."""
    return message.batch or (message,)


class Delivery(NamedTuple):
    """How a frame got here.

    Attributes
    ----------
    host
        DAQ node it comes from.
    sequence
        Its place in the stream of that host, 0-based; 0 from servers that do not number their frames.
    n_dropped
        Frames of that host that server and client dropped so far because this client was slow.
    queued_ns
        From `Frame.detected_unix_ns` until the server handed it to gRPC.
    arrived_ns
        When it got here, by `time.monotonic_ns`.
    """

    host: str = ""
    sequence: int = 0
    n_dropped: int = 0
    queued_ns: int = 0
    arrived_ns: int = 0


_UNKNOWN: Final = Delivery()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReceivedFrame(Frame):
    """A frame as a server sent it.

    Attributes
    ----------
    delivery
        How it got here; its values are also attributes of the frame.
    """

    _: KW_ONLY
    delivery: Delivery = _UNKNOWN

    @property
    def _place(self) -> str:
        return f"{self.file}#{self.frame_number} from {self.host}"

    @property
    def host(self) -> str:
        """DAQ node it comes from."""
        return self.delivery.host

    @property
    def sequence(self) -> int:
        """Place in the stream of that host, 0-based; 0 from servers that do not number their frames."""
        return self.delivery.sequence

    @property
    def n_dropped(self) -> int:
        """Frames of that host that server and client dropped so far because this client was slow."""
        return self.delivery.n_dropped

    @property
    def queued_ns(self) -> int:
        """Time from `detected_unix_ns` until the server handed it to gRPC, ns."""
        return self.delivery.queued_ns

    @property
    def age_s(self) -> float:
        """How long ago the frame was taken, s, by the server's clock; NaN when no quabo reported a time.

        The age at which the server read the frame, the time in its queue, and the time since the frame got here.
        For servers of the predecessor, which do not say when they read it, by the clock of this machine.
        """
        unix_ns, status = self.time
        if status is TimeStatus.NO_TIME:
            return math.nan
        delivery = self.delivery
        if not (self.detected_unix_ns and delivery.arrived_ns):
            return (time.time_ns() - unix_ns) / 1e9
        since_detected_ns = delivery.queued_ns + time.monotonic_ns() - delivery.arrived_ns
        return (self.detected_unix_ns - unix_ns + since_detected_ns) / 1e9


def received_frame(response: pb.StreamImagesResponse, host: str, arrived_ns: int = 0) -> ReceivedFrame:
    """Frame of a response in either encoding.

    Parameters
    ----------
    response, host
        What came, and from where.
    arrived_ns
        When it came, by `time.monotonic_ns`; 0 for unknown.

    Raises
    ------
    PffError
        The message is not a frame of a known data product.
    """
    image, delivery = response.pano_image, response.delivery
    product, pixels, header, judged = read_image(image)
    return ReceivedFrame(
        product,
        image.module_id,
        image.file,
        image.frame_number,
        pixels,
        header,
        detected_unix_ns=delivery.detected_unix_ns,
        judged=judged,
        delivery=Delivery(host, delivery.sequence, delivery.dropped, delivery.queued_us * 1000, arrived_ns),
    )
