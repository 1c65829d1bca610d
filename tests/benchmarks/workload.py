"""Workload: modules written at a rate, a file for each of their data products."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

RUN_DIR: Final = "obs_bench.start_2024-07-25T04:34:06Z.runtype_sci-data.pffd"
FRAME_SIZE_BYTES: Final = 2540  # img16, SPEC 1.3
WARM_UP_S: Final = 1.0  # written first and not counted
PIPE_NAME: Final = "read_status_2"  # by which the peer's 0.3.5 is told of an append: its server configuration

IMG16: Final = "img16"
BOTH: Final = ("img16", "ph256")


@dataclass(frozen=True, slots=True)
class Workload:
    """Modules that append frame by frame, their phases spread evenly over a frame's time.

    A *place* is 2 x module + (1 for pulse heights): what a frame is the newest of. Frames of a place are numbered
    from 0; the number stands in ``pkt_num`` of the first quabo, because not every server tells where in a file a
    frame was.

    Attributes
    ----------
    n_modules
        Modules; their ids begin at 1.
    rate_hz
        Frames per second of each module and data product.
    products
        Data products of each module: one movie, one pulse height or both.
    """

    n_modules: int
    rate_hz: float
    products: tuple[str, ...] = (IMG16,)

    def __str__(self) -> str:
        products = f" x {len(self.products)} products" if len(self.products) > 1 else ""
        return f"{self.n_modules} module{'s' if self.n_modules > 1 else ''}{products} x {self.rate_hz:g} frames/s"

    @property
    def module_ids(self) -> range:
        return range(1, self.n_modules + 1)

    @property
    def places(self) -> list[int]:
        """In the order in which they take turns."""
        return [place_of(m, p) for m in self.module_ids for p in self.products]

    @property
    def frames_per_s(self) -> float:
        return self.rate_hz * len(self.places)

    @property
    def n_warm_up(self) -> int:
        """Frames per place that are not counted, besides the one that `prepare` writes."""
        return max(1, round(WARM_UP_S * self.rate_hz))

    def n_frames(self, duration_s: float) -> int:
        """Frames per place in `duration_s`, warm-up included."""
        return self.n_warm_up + max(1, round(duration_s * self.rate_hz))

    def prepare(self, data_dir: Path) -> None:
        """Make the files, with one frame each: the peer does not take up files that are empty."""
        for place in self.places:
            path = file_of(data_dir, place)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes(Template(product_of(place))))


def place_of(module_id: int, product: str) -> int:
    return 2 * module_id + product.startswith("ph")


def product_of(place: int) -> str:
    return BOTH[place % 2]


def file_of(data_dir: Path, place: int) -> Path:
    module_id = place // 2
    name = f"start_2024-07-25T04:34:46Z.dp_{product_of(place)}.bpp_2.module_{module_id}.seqno_0.pff"
    return data_dir / f"module_{module_id}" / RUN_DIR / name


def places_in(data_dir: Path) -> Iterator[tuple[Path, int]]:
    """The files that `file_of` named."""
    for path in data_dir.glob("*/*/*.pff"):
        module_id = int(path.name.partition(".module_")[2].partition(".")[0])
        yield path, place_of(module_id, path.name.partition(".dp_")[2])


class Template:
    """A frame like those of a night, sky of some 200 counts, real clock values; only its number changes."""

    def __init__(self, product: str) -> None:
        self._frame = bytearray(encoded_frame(product))
        number = b'"pkt_num": '
        begins = [i + len(number) for i in range(len(self._frame)) if self._frame.startswith(number, i)]
        self._digits = [slice(begin, begin + 10) for begin in begins]  # "%10u" in both headers

    def __bytes__(self) -> bytes:
        return self.numbered(0)

    def numbered(self, number: int) -> bytes:
        digits = b"%10d" % number
        for where in self._digits:
            self._frame[where] = digits
        return bytes(self._frame)


def encoded_frame(product: str = IMG16) -> bytes:
    import numpy as np

    from panoseti_daq.pff import DataProduct, Header
    from panoseti_daq.pff.layout import encode_frame

    tv_sec = 1721882092
    one_quabo = product == "ph256"
    n = 1 if one_quabo else 4
    header = Header(
        pkt_num=(51024, 51023, 51026, 51024)[:n],
        pkt_tai=((tv_sec + 37) % 1024,) * n,
        pkt_nsec=(779007488, 779007488, 779007489, 779007488)[:n],
        tv_sec=(tv_sec,) * n,
        tv_usec=(779121, 779122, 779121, 779123)[:n],
        quabo_num=0 if one_quabo else None,
    )
    kind = DataProduct.from_token(product)
    frame = encode_frame(header, np.random.default_rng(1).poisson(200, kind.shape), kind)
    assert product != IMG16 or len(frame) == FRAME_SIZE_BYTES
    return frame
