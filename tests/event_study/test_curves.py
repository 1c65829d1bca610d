"""Efficiency, false rates and accidentals, at length; `nox -s events` draws them into the documentation."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from event_study.curves import WIDTHS, Noise, accidentals, efficiency, false_rate

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

N_SAMPLES = float(os.environ.get("EVENTS_SAMPLES", "1e9"))
N_PULSES = int(os.environ.get("EVENTS_PULSES", "400"))
SNRS = (5.0, 6.0, 7.0, 8.0, 9.0, 10.0)

pytestmark = pytest.mark.timeout(3600)


def note(what: str, measured: DataclassInstance) -> None:
    """Append what was measured to the file that EVENTS_MEASURED names, as a line of JSON."""
    if path := os.environ.get("EVENTS_MEASURED"):
        with Path(path).open("a") as file:
            file.write(json.dumps({"what": what, **asdict(measured)}) + "\n")


@pytest.mark.parametrize("width", WIDTHS)
def test_at_10_sigma_99_of_100_pulses_are_found(width: int) -> None:
    curve = [efficiency(width, snr, N_PULSES) for snr in SNRS]
    for point in curve:
        note("efficiency", point)
    assert curve[-1].value >= 0.99
    assert curve[0].value < 0.2


@pytest.mark.parametrize("kind", ["poisson", "gaussian"])
def test_pure_noise_gives_as_many_pulses_as_accepted_within_a_factor_of_two(
    kind: Noise,
) -> None:
    rate = false_rate(kind, N_SAMPLES, expected=100)
    note("false_rate", rate)
    assert rate.n_samples >= 0.99 * N_SAMPLES
    assert rate.expected / 2 < rate.n_found < 2 * rate.expected


@pytest.mark.parametrize("window_ns", [10_000, 30_000, 100_000, 300_000])
def test_accidentals_are_those_of_the_rates_within_the_poisson_error(
    window_ns: int,
) -> None:
    found = accidentals(window_ns)
    note("accidentals", found)
    assert abs(found.n_found - found.expected) < 3 * found.expected**0.5
    # Ten shifts: their error is a third, and they overlap a little less.
    assert abs(found.shifted - found.expected) < 1.5 * found.expected**0.5 + 0.02 * found.expected
