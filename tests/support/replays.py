"""Run of frames that lie a second apart, for replays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from panoseti_daq.pff import DataProduct, Header, PffName, encode_frame
from panoseti_daq.pff.timing import TAI_MINUS_UTC_S

BEGIN_S = 1_767_225_600  # 2026-01-01T00:00:00Z


def run_of_seconds(parent: Path, n_seconds: int, pattern: npt.ArrayLike = 0) -> Path:
    """Return a run directory with a movie image of module 7 per second: its number plus a pattern."""
    directory = parent / "obs_Test.start_2026-01-01T00:00:00Z.runtype_sci-data.pffd"
    directory.mkdir()
    with (directory / PffName(DataProduct.IMG16, 7, 0).format()).open("wb") as file:
        for i in range(n_seconds):
            second = BEGIN_S + i
            clocks = (((second + TAI_MINUS_UTC_S) % 1024,) * 4, (0,) * 4, (second,) * 4, (0,) * 4)
            file.write(encode_frame(Header((i,) * 4, *clocks), np.full((32, 32), i) + pattern, DataProduct.IMG16))
    return directory
