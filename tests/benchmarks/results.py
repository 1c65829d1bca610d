"""From the writer's and the client's notes to numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.workload import Workload


@dataclass(frozen=True, slots=True)
class Measured:
    """One repetition; latencies from the writer's `write` returning to the client's having the image.

    Attributes
    ----------
    p50_ms, p99_ms, max_ms
        Of the frames that arrived, each when it first came.
    delivered
        Fraction of the frames written that arrived.
    repeats
        Messages per frame that arrived, less one.
    age_ms
        Time since the newest image that the client has was written, mean over time and modules.
    server_cpu, client_cpu
        Fraction of a core.
    """

    p50_ms: float
    p99_ms: float
    max_ms: float
    delivered: float
    repeats: float
    age_ms: float
    server_cpu: float
    client_cpu: float

    @classmethod
    def join(cls, work: Workload, written: Path, arrived: Path, server_cpu: float, client_cpu: float) -> Measured:
        """Join the table of the writer with the arrivals at the client."""
        table = np.fromfile(written, np.int64).reshape(work.n_modules, -1)
        arrivals = np.fromfile(arrived, np.int64).reshape(-1, 3)
        arrivals = arrivals[arrivals[:, 1] > work.n_warm_up]
        nothing = float("nan")
        n_frames = table[:, 1 + work.n_warm_up :].size
        if not len(arrivals):
            return cls(nothing, nothing, nothing, 0.0, nothing, nothing, server_cpu, client_cpu)
        _, first = np.unique(arrivals[:, :2], axis=0, return_index=True)
        module, number, at_ns = arrivals[np.sort(first)].T
        written_ns = table[module - 1, number]
        latency_ms = (at_ns - written_ns) / 1e6
        p50, p99, most = np.percentile(latency_ms, (50, 99, 100))
        ages = [
            _mean_age_ms(at_ns[module == m], written_ns[module == m])
            for m in work.module_ids
            if (module == m).sum() > 1
        ]
        return cls(
            p50_ms=float(p50),
            p99_ms=float(p99),
            max_ms=float(most),
            delivered=len(first) / n_frames,
            repeats=len(arrivals) / len(first) - 1,
            age_ms=float(np.mean(ages)) if ages else nothing,
            server_cpu=server_cpu,
            client_cpu=client_cpu,
        )


def _mean_age_ms(at_ns: npt.NDArray[np.int64], written_ns: npt.NDArray[np.int64]) -> float:
    """Mean over the time between the first and the last arrival, when the age grows from each arrival on."""
    order = np.argsort(at_ns, kind="stable")
    at_ns, written_ns = at_ns[order], np.maximum.accumulate(written_ns[order])
    gap = np.diff(at_ns).astype(np.float64)
    youngest = (at_ns - written_ns)[:-1]
    return float(((youngest + gap / 2) * gap).sum() / gap.sum() / 1e6)


def summary(repetitions: Sequence[Measured]) -> dict[str, Any]:
    """Median and range of each quantity."""
    values = {field.name: [getattr(one, field.name) for one in repetitions] for field in fields(Measured)}
    return {
        "median": {name: median(column) for name, column in values.items()},
        "range": {name: [min(column), max(column)] for name, column in values.items()},
        "repetitions": [asdict(one) for one in repetitions],
    }
