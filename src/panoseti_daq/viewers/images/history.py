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
    """Images of one key that came at least `SPACING_S` apart.

    **Holds** the pixels of at most `LENGTH_S` / `SPACING_S` images, as they came; the oldest go.

    Parameters
    ----------
    product
        Data product of the key.

    Attributes
    ----------
    n_added
        Images that were taken so far.
    """

    def __init__(self, product: DataProduct) -> None:
        self.n_added = 0
        self._product = product
        self._images: deque[tuple[float, bytes]] = deque(maxlen=round(LENGTH_S / SPACING_S))
        self._next_s = -np.inf

    def add(self, now_s: float, unix_s: float, pixels: bytes) -> None:
        """Take an image unless the last one came too recently.

        Parameters
        ----------
        now_s
            When it came, s of a clock that never jumps.
        unix_s
            When it was taken, UTC s since 1970.
        pixels
            As `Frame.pixels`.
        """
        if now_s >= self._next_s:
            self._next_s = now_s + 0.95 * SPACING_S  # a timer of this period is sometimes early
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

    def curve(self, row: int, column: int) -> list[tuple[float, float]]:
        """Time (UTC s since 1970) and value (ADC counts) of one pixel, oldest first."""
        values = self.images(len(self))[:, row, column]
        return [(unix_s, float(value)) for (unix_s, _), value in zip(self._images, values, strict=True)]
