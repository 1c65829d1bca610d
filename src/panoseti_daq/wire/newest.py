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
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import lru_cache
from struct import Struct
from typing import Final, NamedTuple
from weakref import ref

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.pff import Frame, TimeStatus
from panoseti_daq.wire.blocks import as_varint
from panoseti_daq.wire.image import as_raw, as_struct, read_image

MAX_BATCH: Final = 16  # frames; more gains little, and a slow client has them to work off before it gets new ones

_MAX: Final = 2**32 - 1  # of a fixed32


def _tag(field_number: int) -> bytes:
    """Before a message in a message: field number and wire type 2 as a varint."""
    return as_varint(field_number << 3 | 2)


_BATCH: Final = _tag(pb.StreamImagesResponse.BATCH_FIELD_NUMBER)
_TAG: Final = int.from_bytes(_tag(pb.StreamImagesResponse.DELIVERY_FIELD_NUMBER), "little")  # two bytes
# Before each value stands its tag: number << 3 | wire type (5: four bytes, 1: eight).
_UNDROPPED: Final = Struct("<HB BI BQ BI")
_DROPPED: Final = Struct("<HB BI BQ BI BI")


# Bytes of the frames that live, for all streams. A weak reference is a key like any other, and drops its entry
# when the frame is gone; a WeakKeyDictionary is the same in Python, and takes several times as long to look up.
_KNOWN_RAW: Final[dict[ref[Frame], bytes]] = {}
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
        self.n_most = MAX_BATCH if self._is_raw and request.batches else 1
        self._sequence = 0

    def __call__(self, frames: Sequence[Frame], n_dropped: int) -> bytes:
        """Return a message of `frames`; `n_dropped` counts all drops so far."""
        if not self._is_raw:
            return encoded(frames[0], _KNOWN_STRUCTS, as_struct)
        now_unix_ns = time.time_ns()
        parts = []
        for frame in frames:
            image = _KNOWN_RAW.get(ref(frame)) or encoded(frame, _KNOWN_RAW, as_raw)  # mostly known: no call
            end = delivery(self._sequence, n_dropped, frame.detected_unix_ns, now_unix_ns - frame.clock_shift_ns)
            self._sequence += 1
            if len(frames) > 1:
                parts.append(_begin(len(image) + len(end)))
            parts += image, end
        return b"".join(parts)


@lru_cache(64)
def _begin(n_bytes: int) -> bytes:
    """Return the prefix of a response of this size in a batch."""
    return _BATCH + as_varint(n_bytes)


def encoded(frame: Frame, known: dict[ref[Frame], bytes], encode: Callable[[Frame], pb.PanoImage]) -> bytes:
    """Return a StreamImagesResponse of nothing but `frame`, as bytes that `known` keeps as long as it lives."""
    data = known.get(ref(frame))
    if data is None:
        data = pb.StreamImagesResponse(pano_image=encode(frame)).SerializeToString()
        known[ref(frame, known.pop)] = data
    return data


def keep_raw(frame: Frame, data: bytes) -> None:
    """Keep bytes of another server as those of a StreamImagesResponse of nothing but `frame`."""
    _KNOWN_RAW[ref(frame, _KNOWN_RAW.pop)] = data


def delivery(sequence: int, dropped: int, detected_unix_ns: int, now_unix_ns: int) -> bytes:
    """Bytes of the StreamImagesResponse fields that say how a frame got here; to follow those of the frame.

    Made for each client and frame, so not by protobuf, which takes ten times as long.
    """
    queued_us = min(max(0, now_unix_ns - detected_unix_ns) // 1000, _MAX)
    sequence &= _MAX
    if dropped:
        dropped = min(dropped, _MAX)
        return _DROPPED.pack(_TAG, 24, 0x0D, sequence, 0x19, detected_unix_ns, 0x25, queued_us, 0x15, dropped)
    return _UNDROPPED.pack(_TAG, 19, 0x0D, sequence, 0x19, detected_unix_ns, 0x25, queued_us)


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
