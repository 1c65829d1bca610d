"""Thresholds from the false rate that a user accepts.

A sum over w frames slides over white noise. In units of its standard deviation it rises above u in a fraction

    u phi(u) / w * nu(u sqrt(2 / w))

of the frames: Siegmund's approximation for the maximum of sliding sums (Sequential Analysis, 1985), right for
w = 1, where it is the Gaussian tail, and for wide sums, of which neighbors are nearly the same. The sums of
different widths pass u nearly independently, so their fractions add up.

The noise is not Gaussian: Poisson counts are skew. `gaussian` and `skewed` go between a value of a skew
distribution and the Gaussian one of the same tail (Wilson and Hilferty's cube root, the gamma distribution).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.floating[Any]]

_MAX_SIGMA = 40.0
_LEAST_SKEW = 1e-6


def _phi(x: float) -> float:
    return math.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


def _overshoot(x: float) -> float:
    """Siegmund's nu: what sampling at whole frames takes from the maximum of a continuous sum."""
    half = x / 2
    cumulative = 0.5 * math.erfc(-half / math.sqrt(2))
    return (2 / x) * (cumulative - 0.5) / (half * cumulative + _phi(half))


def false_per_frame(u: float, widths: Sequence[int]) -> float:
    """Return the rate per frame and pixel of sums over these widths that rise above `u` sigma."""
    return sum(u * _phi(u) / width * _overshoot(u * math.sqrt(2 / width)) for width in widths)


@functools.lru_cache(maxsize=256)
def threshold_sigma(false_rate: float, widths: tuple[int, ...]) -> float:
    """Threshold, sigma, that is crossed upward with this probability per frame and pixel.

    Parameters
    ----------
    false_rate
        Accepted false pulses per frame and pixel.
    widths
        Widths of the sums, frames.
    """
    low, high = 1.0, _MAX_SIGMA  # where false_per_frame falls
    while high - low > 1e-6:
        middle = (low + high) / 2
        if false_per_frame(middle, widths) > false_rate:
            low = middle
        else:
            high = middle
    return high


def skewed(u: float, skewness: Reals) -> Reals:
    """Return the value with the upper tail of `u` of a Gaussian, in sigma, for these skewnesses."""
    skewness = np.maximum(skewness, _LEAST_SKEW)
    return np.asarray(2 / skewness * ((1 + skewness * u / 6 - skewness**2 / 36) ** 3 - 1))


def gaussian(z: Reals, skewness: Reals) -> Reals:
    """The reverse of `skewed`."""
    skewness = np.maximum(skewness, _LEAST_SKEW)
    return np.asarray(6 / skewness * (np.cbrt(1 + skewness * z / 2) - 1 + skewness**2 / 36))
