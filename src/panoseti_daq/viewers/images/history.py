"""History of one key over the last minutes, thinned out: for light curves and rolling medians."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from panoseti_daq.pff import DataProduct

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

    def curve(self, region: npt.NDArray[np.bool_]) -> list[tuple[float, float]]:
        """Time (UTC s since 1970) and mean (ADC counts) of the pixels of a region, oldest first."""
        means = self.images(len(self))[:, region].mean(axis=1)
        return [(unix_s, float(value)) for (unix_s, _), value in zip(self._images, means, strict=True)]
