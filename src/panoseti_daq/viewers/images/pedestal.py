"""Pedestals: what is subtracted from an image before it is shown (nothing, a rolling median, or a dark)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from panoseti_daq.viewers.choice import Choice
from panoseti_daq.viewers.images.history import History
from panoseti_daq.viewers.modules import ByHost, Source

N_MEDIAN: Final = 30  # images; one comes into the history each second
FloatImage = npt.NDArray[np.float32]


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
