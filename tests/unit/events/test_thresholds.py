from __future__ import annotations

import math

import numpy as np
import pytest

from panoseti_daq.events.thresholds import false_per_frame, gaussian, skewed, threshold_sigma

WIDTHS = (1, 2, 4, 8, 16, 32, 64)


def tail(u: float) -> float:
    return 0.5 * math.erfc(u / math.sqrt(2))


@pytest.mark.parametrize("u", [4.0, 5.0, 6.5])
def test_single_frames_have_the_gaussian_tail(u: float) -> None:
    assert false_per_frame(u, (1,)) == pytest.approx(tail(u), rel=0.06)


@pytest.mark.parametrize("width", [4, 64])
def test_sliding_sums_of_noise_pass_the_threshold_again_as_often_as_computed(width: int) -> None:
    noise = np.random.default_rng(width).standard_normal(4_000_000)
    sums = np.convolve(noise, np.full(width, width**-0.5), "valid")
    over = np.flatnonzero(sums > 3.5)
    n_again = 1 + np.count_nonzero(np.diff(over) > width)
    assert n_again == pytest.approx(len(sums) * false_per_frame(3.5, (width,)), rel=0.2)


def test_the_threshold_is_that_of_the_false_rate() -> None:
    u = threshold_sigma(1e-10, WIDTHS)
    assert false_per_frame(u, WIDTHS) == pytest.approx(1e-10, rel=1e-4)
    assert 6.3 < u < 6.8


@pytest.mark.parametrize("mean", [50, 200, 1000])
def test_counts_of_a_poisson_process_pass_the_skewed_threshold_as_rarely_as_gaussian_noise_its_own(
    mean: int,
) -> None:
    u = 6.0
    z = float(skewed(u, np.array(mean**-0.5)))
    first = math.ceil(mean + z * mean**0.5)
    counts = range(first, first + 400)
    exact = sum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in counts)
    assert tail(u) / 2.5 < exact < 1.5 * tail(u)


def test_one_goes_back_from_a_skewed_value_to_the_gaussian_one() -> None:
    skewness = np.array([0.0, 0.07, 0.5])
    there = skewed(6.0, skewness)
    assert there[0] == pytest.approx(6.0, abs=1e-3)
    assert gaussian(there, skewness) == pytest.approx([6.0] * 3, abs=1e-3)
