"""From the writer's and the client's notes to numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.workload import Workload

_NAN: Final = float("nan")


@dataclass(frozen=True, slots=True)
class Measured:
    """One repetition; latencies from the writer's `write` returning to the client's having the image.

    Attributes
    ----------
    p50_ms, p99_ms
        Of the frames that arrived, each when it first came.
    delivered
        Fraction of the frames due that arrived.
    repeats
        Messages per frame that arrived, less one.
    age_ms
        Time since the newest image that the client has was written, mean over time and places.
    """

    p50_ms: float
    p99_ms: float
    delivered: float
    repeats: float
    age_ms: float

    @classmethod
    def join(cls, work: Workload, written: Path, arrived: Path) -> Measured:
        """Join the table of the writer with the arrivals at the client."""
        table = np.fromfile(written, np.int64).reshape(len(work.places), -1)
        rows = np.zeros(max(work.places) + 1, np.int64)
        rows[work.places] = range(len(work.places))
        arrivals = np.fromfile(arrived, np.int64).reshape(-1, 3)
        arrivals = arrivals[arrivals[:, 1] > work.n_warm_up]
        n_frames = table[:, 1 + work.n_warm_up :].size
        if not len(arrivals):
            return cls(_NAN, _NAN, 0.0, _NAN, _NAN)
        _, first = np.unique(arrivals[:, :2], axis=0, return_index=True)
        place, number, at_ns = arrivals[np.sort(first)].T
        written_ns = table[rows[place], number]
        p50, p99 = np.percentile((at_ns - written_ns) / 1e6, (50, 99))
        ages = [
            _mean_age_ms(at_ns[place == one], written_ns[place == one])
            for one in work.places
            if (place == one).sum() > 1
        ]
        return cls(
            p50_ms=float(p50),
            p99_ms=float(p99),
            delivered=len(first) / n_frames,
            repeats=len(arrivals) / len(first) - 1,
            age_ms=float(np.mean(ages)) if ages else _NAN,
        )


def _mean_age_ms(at_ns: npt.NDArray[np.int64], written_ns: npt.NDArray[np.int64]) -> float:
    """Mean over the time between the first and the last arrival, when the age grows from each arrival on."""
    order = np.argsort(at_ns, kind="stable")
    at_ns, written_ns = at_ns[order], np.maximum.accumulate(written_ns[order])
    gap = np.diff(at_ns).astype(np.float64)
    youngest = (at_ns - written_ns)[:-1]
    return float(((youngest + gap / 2) * gap).sum() / gap.sum() / 1e6)
