"""Feed of the newest frames of one host: the call, and the frames that are new after a break."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.pff import Selection
from panoseti_daq.pff.frame import SNAPSHOT_FILE
from panoseti_daq.wire.image import is_selected, quabo_of
from panoseti_daq.wire.newest import responses_in

if TYPE_CHECKING:
    from panoseti_daq.client.call import StreamCall

    ImageCall = StreamCall[pb.StreamImagesResponse]

StreamKey = tuple[int, int, int, float | None]


def key_of(image: pb.PanoImage) -> StreamKey:
    """Return module, product (or kind and bytes per pixel) and quabo, each in order at the server."""
    return image.module_id, image.product or image.type, image.bytes_per_pixel, quabo_of(image)


class ImageFeed:
    """The newest frames of one host.

    Parameters
    ----------
    make_call
        Makes the call, given whether the host was lost.
    selection
        Selection of the stream: a server of the predecessor knows neither products nor quabos, and sends them all.
    """

    def __init__(self, make_call: Callable[[bool], ImageCall], selection: Selection | None = None) -> None:
        self._make_call = make_call
        self._selection = selection if selection and (selection.products or selection.quabos) else None
        self._seen = Seen()

    def call(self, *, again: bool) -> ImageCall:
        """Make the call."""
        return self._make_call(again)

    def new_in(self, message: pb.StreamImagesResponse) -> Iterable[pb.StreamImagesResponse]:
        """Return its frames, one response each, but those that came before the host was lost."""
        responses = responses_in(message)
        if (selection := self._selection) is not None:
            responses = [response for response in responses if is_selected(response.pano_image, selection)]
        return [response for response in responses if not self._seen.before(response.pano_image)]

    def lost(self) -> None:
        """Take note of a break."""
        self._seen.break_off()


class Seen:
    """Frames of a host that came before its connection broke: a new stream begins with the newest known ones."""

    def __init__(self) -> None:
        self._last: dict[Hashable, tuple[str, int]] = {}
        self._before_break: dict[Hashable, tuple[str, int]] = {}

    def before(self, image: pb.PanoImage) -> bool:
        """Return whether a frame came before the last break; takes note of it."""
        return self.came_before(key_of(image), image.file, image.frame_number)

    def came_before(self, key: Hashable, file: str, frame_number: int) -> bool:
        """Return whether a frame, by its key, file and number, came before the last break; takes note of it."""
        if (last := self._before_break.get(key)) is not None:
            # Numbers of snapshots begin again with each connection of Hashpipe: a lower one may be newer.
            if file == last[0] and frame_number < last[1] and not file.startswith(SNAPSHOT_FILE):
                return True
            del self._before_break[key]  # what comes after the frame that was the last is new
            if (file, frame_number) == last:
                return True
        self._last[key] = file, frame_number
        return False

    def break_off(self) -> None:
        """Take note of a break."""
        self._before_break |= self._last
        self._last.clear()
