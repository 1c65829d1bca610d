"""What is written: so many modules at such a rate, one img16 file each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

RUN_DIR: Final = "obs_bench.start_2024-07-25T04:34:06Z.runtype_sci-data.pffd"
FRAME_SIZE_BYTES: Final = 2540  # img16, SPEC 1.3
WARM_UP_S: Final = 1.0  # written first and not counted


@dataclass(frozen=True, slots=True)
class Workload:
    """Modules that append frame by frame, their phases spread evenly over a frame's time.

    Attributes
    ----------
    n_modules
        Modules; their ids begin at 1.
    rate_hz
        Frames per second of each module.
    """

    n_modules: int
    rate_hz: float

    def __str__(self) -> str:
        return f"{self.n_modules} module{'s' if self.n_modules > 1 else ''} x {self.rate_hz:g} frames/s"

    @property
    def module_ids(self) -> range:
        return range(1, self.n_modules + 1)

    @property
    def n_warm_up(self) -> int:
        """Frames per module that are not counted, besides the one that `prepare` writes."""
        return max(1, round(WARM_UP_S * self.rate_hz))

    def n_frames(self, duration_s: float) -> int:
        """Frames per module in `duration_s`, warm-up included."""
        return self.n_warm_up + max(1, round(duration_s * self.rate_hz))

    def prepare(self, data_dir: Path) -> None:
        """Make the files, with one frame each: the peer does not take up files that are empty."""
        frame = encoded_frame()
        for module_id in self.module_ids:
            path = file_of(data_dir, module_id)
            path.parent.mkdir(parents=True)
            path.write_bytes(frame)


def file_of(data_dir: Path, module_id: int) -> Path:
    name = f"start_2024-07-25T04:34:46Z.dp_img16.bpp_2.module_{module_id}.seqno_0.pff"
    return data_dir / f"module_{module_id}" / RUN_DIR / name


def module_id_of(path: str) -> int:
    """Module of a file that `file_of` named."""
    return int(path.rpartition(".module_")[2].partition(".")[0])


def encoded_frame() -> bytes:
    """A frame like those of a night: sky of some 200 counts, real clock values."""
    import numpy as np

    from panoseti_daq.pff import DataProduct, Header
    from panoseti_daq.pff.codec import encode_frame

    tv_sec = 1721882092
    header = Header(
        pkt_num=(51024, 51023, 51026, 51024),
        pkt_tai=((tv_sec + 37) % 1024,) * 4,
        pkt_nsec=(779007488, 779007488, 779007489, 779007488),
        tv_sec=(tv_sec,) * 4,
        tv_usec=(779121, 779122, 779121, 779123),
    )
    sky = np.random.default_rng(1).poisson(200, (32, 32))
    frame = encode_frame(header, sky, DataProduct.IMG16)
    assert len(frame) == FRAME_SIZE_BYTES
    return frame
