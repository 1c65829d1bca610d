"""Pedestals, which are subtracted from images; the last minutes they are made of; darks and images as files."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

import numpy as np
import numpy.typing as npt

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.errors import PffError, ViewerError
from panoseti_daq.pff import DataProduct, Key
from panoseti_daq.pff.product import MAX_MODULE_ID
from panoseti_daq.viewers.choice import Choice
from panoseti_daq.viewers.clock import time_text
from panoseti_daq.viewers.modules import ByHost, Source

LENGTH_S: Final = 300.0
SPACING_S: Final = 1.0  # 64 modules with five keys each then hold 80 MB


class History:
    """Images of one key that were taken at least `SPACING_S` apart.

    **Holds** the pixels of at most `LENGTH_S` / `SPACING_S` images, as they came; the oldest go.
    """

    def __init__(self, product: DataProduct) -> None:
        self.n_added = 0  # Images that were taken so far
        self._product = product
        self._images: deque[tuple[float, bytes]] = deque(maxlen=round(LENGTH_S / SPACING_S))

    def add(self, unix_s: float, pixels: bytes) -> None:
        """Take an image unless the last one was taken too recently, or later: a replay that steps back knows it.

        One from before all that is known begins again.

        `unix_s`: when it was taken, UTC s since 1970. `pixels`: as `Frame.pixels`.
        """
        if self._images and unix_s < self._images[-1][0] - LENGTH_S:
            self._images.clear()
        if not self._images or unix_s >= self._images[-1][0] + 0.95 * SPACING_S:  # a source is sometimes early
            self._images.append((unix_s, pixels))
            self.n_added += 1

    def __len__(self) -> int:
        return len(self._images)

    def images(self, n_last: int) -> npt.NDArray[Any]:
        """The last images, oldest first: shape (n, rows, columns)."""
        last = list(self._images)[-n_last:]
        return np.frombuffer(b"".join(pixels for _, pixels in last), self._product.dtype).reshape(
            len(last), *self._product.shape
        )

    def curve(self, region: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        """Time (UTC s since 1970) and mean (ADC counts) of the pixels of a region, oldest first: shape (n, 2)."""
        means = self.images(len(self))[:, region].mean(axis=1)
        return np.column_stack(([unix_s for unix_s, _ in self._images], means))


N_MEDIAN: Final = 30  # images; one comes into the history each second
FloatImage = npt.NDArray[np.float32]
NO_POINTS: Final = np.empty((0, 2))


class PedestalMode(Choice):
    """What is subtracted."""

    NONE = "none"
    MEDIAN = "median"
    """The median of each pixel over the last half minute: what stays disappears."""
    DARK = "dark"
    """An image that was saved as the dark."""


class Pedestals:
    """The pedestal of each key of each host."""

    def __init__(
        self, mode: PedestalMode = PedestalMode.NONE, darks: Mapping[Source, FloatImage] | None = None
    ) -> None:
        self.mode = mode  # What is subtracted
        # The darks there are, in ADC counts, of the shape of the product
        self.darks: ByHost[Source, FloatImage] = ByHost(darks or {})
        self._medians: dict[Source, tuple[int, FloatImage]] = {}

    def subtracted(self, source: Source, image: npt.NDArray[Any], history: History) -> npt.NDArray[Any]:
        """An image less its pedestal; the image itself when there is none."""
        match self.mode:
            case PedestalMode.MEDIAN if len(history):
                return image - self.median(source, history)
            case PedestalMode.DARK if (dark := self.darks.of(source)) is not None:
                return image - dark
        return image

    def median(self, source: Source, history: History) -> FloatImage:
        """Median of each pixel over the last `N_MEDIAN` images; computed when there is a new one."""
        n_added, median = self._medians.get(source, (-1, None))
        if median is None or n_added != history.n_added:
            median = np.median(history.images(N_MEDIAN), axis=0).astype(np.float32)
            self._medians[source] = history.n_added, median
        return median


def key_name(key: Key) -> str:
    """How a key is written in a file name: ``module_224.ph256.Q3``."""
    quabo = "" if key.quabo is None else f".Q{key.quabo}"
    return f"module_{key.module_id}.{key.product.token}{quabo}"


def parse_key_name(name: str) -> Key:
    """The key of a file name that `key_name` made.

    Raises ValueError: it did not.
    """
    module, token, *quabo = name.split(".")
    product, module_id = DataProduct.from_token(token), int(module.removeprefix("module_"))
    key = Key(module_id, product, int(quabo[0].removeprefix("Q")) if quabo else None)
    if not 0 <= module_id <= MAX_MODULE_ID or (key.quabo in range(4)) is not product.one_quabo:
        raise ValueError(name)
    return key


def save_images(directory: Path, frames: Mapping[Source, ReceivedFrame]) -> None:
    """Write the image of each frame as ``KEY.TIME.npy``, as it came, into a directory, which is made.

    What has a host goes into a directory of this name in it.

    Raises OSError: it cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for (host, key), frame in frames.items():
        taken = time_text(frame.time.unix_ns).replace(" ", "T").replace(":", "-")
        np.save(_place(directory, host) / f"{key_name(key)}.{taken}.npy", frame.image)


def save_darks(directory: Path, darks: Mapping[Source, FloatImage]) -> None:
    """Write each dark as ``KEY.npy``, else as `save_images`.

    Raises OSError: it cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for (host, key), dark in darks.items():
        np.save(_place(directory, host) / f"{key_name(key)}.npy", dark)


def _place(directory: Path, host: str) -> Path:
    place = directory / quote(host, safe="") if host else directory
    place.mkdir(exist_ok=True)
    return place


def load_darks(directory: Path) -> dict[Source, FloatImage]:
    """Read what `save_darks` wrote.

    Raises ViewerError: there is none, or a file is not the dark that its name says.
    """
    darks = {}
    for file in sorted([*directory.glob("module_*.npy"), *directory.glob("*/module_*.npy")]):
        try:
            key = parse_key_name(file.stem)
            dark = np.load(file, allow_pickle=False).astype(np.float32)
        except (OSError, ValueError, PffError) as error:
            raise ViewerError(f"{file} is not a dark: {error}") from error
        if dark.shape != key.product.shape:
            raise ViewerError(f"{file} is not a dark of {key}: its shape is {dark.shape}")
        host = "" if file.parent == directory else unquote(file.parent.name)
        darks[Source(host, key)] = dark
    if not darks:
        raise ViewerError(f"{directory} holds no darks: no module_*.npy")
    return darks
