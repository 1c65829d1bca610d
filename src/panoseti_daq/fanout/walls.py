"""Wall of a site: its newest images in one message of 8 bits a pixel, encoded once for all who look."""

from __future__ import annotations

import math
import time

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.errors import PffError
from panoseti_daq.pff import Key
from panoseti_daq.wire.image import key_of
from panoseti_daq.wire.newest import received_frame
from panoseti_daq.wire.subjects import name_of_key
from panoseti_daq.wire.wall import UNKNOWN_AGE_MS, WallHead, WallTile, encode_wall, scaled


class WallMaker:
    """The newest frame of each key, and walls of them; a frame is read when a wall is made, not when it comes."""

    def __init__(self) -> None:
        self._newest: dict[Key, tuple[pb.StreamImagesResponse, int]] = {}  # in the order of the numbers of walls
        self._is_new = False
        self._n_made = 0

    def note(self, response: pb.StreamImagesResponse) -> None:
        """Take a frame, instead of the one before it of its key."""
        self._newest[key_of(response.pano_image)] = response, time.monotonic_ns()
        self._is_new = True

    def wall(self) -> tuple[bytes, str] | None:
        """Return a wall and the names of its keys; None when no frame came since the last one."""
        if not self._is_new:
            return None
        self._is_new = False
        names: list[str] = []
        tiles: list[WallTile] = []
        for key, (response, arrived_ns) in self._newest.items():
            try:
                tiles.append(_tile(len(tiles), response, arrived_ns))
            except PffError:  # readers of the newest frames see the error
                continue
            names.append(name_of_key(key))
        self._n_made += 1
        return encode_wall(WallHead(self._n_made, time.time_ns() // 1000), tiles), ",".join(names)


def _tile(number: int, response: pb.StreamImagesResponse, arrived_ns: int) -> WallTile:
    """Return a frame as a tile of 8 bits, with its age of now."""
    frame = received_frame(response, "", arrived_ns)
    unix_ns, status = frame.time
    age_s = frame.age_s
    age_ms = UNKNOWN_AGE_MS if math.isnan(age_s) else min(max(round(age_s * 1000), 0), UNKNOWN_AGE_MS - 1)
    return scaled(WallTile(number, frame.image, unix_ns, status, frame.quality, frame.frame_number, age_ms))
