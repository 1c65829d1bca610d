"""Pictures of docs/events.md: ``nox -s events`` runs it after the measurements.

``python docs/make_event_pictures.py MEASURED.jsonl RUN_DIR`` draws efficiency and false rates from what the study
measured, and the events of the recorded night from its run directory.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from panoseti_daq.events import Candidate, Engine, find_trigger
from panoseti_daq.events.scan import scan, stream_files
from panoseti_daq.events.thresholds import threshold_sigma

IMAGES = Path(__file__).parent / "images"
WIDTHS = (1, 2, 4, 8, 16, 32, 64)
STYLE: Any = {"font.size": 9, "axes.grid": True, "grid.alpha": 0.3, "figure.dpi": 130}


def draw_curves(measured: list[dict[str, Any]], path: Path) -> None:
    """Draw efficiency, false pulses and accidentals."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained")
    u = threshold_sigma(1 / 3.6e6 / 1024, WIDTHS)
    points = [one for one in measured if one["what"] == "efficiency"]
    for width in sorted({one["width"] for one in points}):
        curve = sorted((one["snr"], one["n_found"] / one["n"]) for one in points if one["width"] == width)
        left.plot(*zip(*curve, strict=True), "o-", ms=3, label=f"{width} frame{'s' if width > 1 else ''}")
    snr = np.linspace(5, 10, 200)
    best = [0.5 * math.erfc((u - s) / math.sqrt(2)) for s in snr]
    left.plot(snr, best, "k:", lw=1, label="best possible")
    left.set(xlabel="S/N of the pulse", ylabel="found", title=f"efficiency, threshold {u:.2f} sigma (1/h)")
    left.legend(fontsize=7)
    _draw_counts(middle, [o for o in measured if o["what"] == "false_rate"], "kind", "false pulses in noise")
    _draw_counts(right, [o for o in measured if o["what"] == "accidentals"], "window_ns", "accidental pairs")
    figure.savefig(path)
    plt.close(figure)


def _draw_counts(axes: Any, points: list[dict[str, Any]], label: str, title: str) -> None:
    points = sorted(points, key=lambda one: one[label])
    at = range(len(points))
    found = [one["n_found"] for one in points]
    axes.errorbar(at, found, [n**0.5 for n in found], fmt="o", ms=4, label="found")
    axes.plot(at, [one["expected"] for one in points], "_k", ms=22, label="expected")
    if points and "shifted" in points[0]:
        axes.plot(at, [one["shifted"] for one in points], "x", label="time shifts")
        axes.set_yscale("log")
    names = [f"±{one[label] / 1000:g} µs" if label == "window_ns" else one[label] for one in points]
    axes.set_xticks(list(at), names)
    axes.set(title=title, ylim=None if "shifted" in points[0] else (0, None), xlim=(-0.5, len(points) - 0.5))
    axes.legend(fontsize=7)


def draw_night(found: list[Candidate], path: Path) -> None:
    """Draw every image of every event: a row for each event."""
    columns = max(len(candidate.members) for candidate in found)
    figure, rows = plt.subplots(
        len(found), columns, figsize=(2.4 * columns, 2.6 * len(found)), layout="constrained"
    )
    for axes, candidate in zip(rows, found, strict=True):
        for one in axes:
            one.axis("off")
        for one, member in zip(axes, candidate.members, strict=False):
            one.imshow(member.image, cmap="plasma")
            delay = member.unix_ns - candidate.unix_ns
            flags = " (zero)" if member.flags else ""
            one.set_title(
                f"module {member.module_id} Q{member.quabo} #{member.frame_number}\n+{delay} ns{flags}", fontsize=8
            )
    figure.savefig(path)
    plt.close(figure)


def main(measured: Path, run_dir: Path) -> None:
    """Draw all pictures."""
    plt.rcParams.update(STYLE)
    draw_curves([json.loads(line) for line in measured.read_text().splitlines()], IMAGES / "events_curves.png")
    spec = find_trigger("coincidence")
    engine = Engine([(spec, spec.make_with({}))])
    draw_night(list(scan(engine, stream_files(run_dir))), IMAGES / "events_lick.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
