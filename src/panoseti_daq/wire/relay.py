"""Frames of another server's messages, which keep their bytes: a gateway encodes no image again."""

from __future__ import annotations

import logging

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.errors import PffError
from panoseti_daq.pff import Frame
from panoseti_daq.pff.product import MAX_MODULE_ID
from panoseti_daq.wire.image import read_image
from panoseti_daq.wire.newest import keep_raw, responses_in

_log = logging.getLogger(__name__)


def relayed_frames(message: bytes, now_unix_ns: int) -> list[Frame]:
    """Return the frames of a message of the newest frames, in either encoding; what is no frame is left out.

    Parameters
    ----------
    message
        Bytes of a StreamImagesResponse.
    now_unix_ns
        When it came, by the clock of this machine, UTC ns since 1970.

    Raises
    ------
    DecodeError
        The bytes are no such message.
    """
    frames = []
    for response in responses_in(pb.StreamImagesResponse.FromString(message)):
        try:
            frames.append(_frame(response, now_unix_ns))
        except PffError as error:
            _log.warning("left out what is no frame: %s", error)
    return frames


def _frame(response: pb.StreamImagesResponse, now_unix_ns: int) -> Frame:
    image, delivery = response.pano_image, response.delivery
    product, pixels, header, judged = read_image(image)
    if image.module_id > MAX_MODULE_ID:
        raise PffError(f"module {image.module_id} is not within 0-{MAX_MODULE_ID}")
    # The predecessor does not say when it found a frame: then it is when we did.
    detected_unix_ns = delivery.detected_unix_ns or now_unix_ns
    frame = Frame(
        product,
        image.module_id,
        image.file,
        image.frame_number,
        pixels,
        header,
        detected_unix_ns=detected_unix_ns,
        judged=judged,
        clock_shift_ns=now_unix_ns - detected_unix_ns - delivery.queued_us * 1000,
    )
    if judged is not None:  # our encoding: what is left without the delivery is what every client gets
        response.ClearField("delivery")
        keep_raw(frame, response.SerializeToString())
    return frame
