"""The manifest of a run's stores, with the checks of their times.

As the storage specification of panoseti_analysis has it (its ``docs/storage_spec.md``, sections 4 and 7).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from panoseti_daq.errors import ConfigError
from panoseti_daq.export.recording import JudgedRecording
from panoseti_daq.export.store import Store
from panoseti_daq.open_types import OpenDict
from panoseti_daq.pff import Kind

MANIFEST: Final = "manifest.json"
_VERSION: Final = "1.0"
_READ_BYTES: Final = 1 << 20
# What that specification takes for a gap, and for a jump back that no buffering explains.
_GAP_CADENCES: Final = 4
_GAP_DEVIATIONS: Final = 10
_SUSPECT_CADENCES: Final = 1000
_SUSPECT_NS: Final = 1_000_000_000


def write_manifest(recordings: Sequence[JudgedRecording], stores: Iterable[Store], out_dir: Path) -> None:
    """Write ``manifest.json`` of the recordings of a run and their stores, which are sealed."""
    manifest = {
        "panoseti_analysis_storage_version": _VERSION,
        "manifest_schema_version": _VERSION,
        "run_id": recordings[0].run,
        "level": "L0",
        "created_utc": datetime.now(UTC).isoformat(),
        "stores": [_entry(*pair) for pair in zip(recordings, stores, strict=True)],
    }
    (out_dir / MANIFEST).write_text(json.dumps(manifest, indent=2))


def check_is_of_run(run: str, out_dir: Path) -> None:
    """Check that a directory does not hold the stores of another run.

    Raises
    ------
    ConfigError
        It does.
    """
    try:
        other = json.loads((out_dir / MANIFEST).read_bytes()).get("run_id")
    except (OSError, ValueError, AttributeError):
        return
    if other != run:
        raise ConfigError(f"{out_dir} holds the run {other}; convert {run} to a directory of its own")


def _entry(recording: JudgedRecording, store: Store) -> OpenDict:
    product = recording.product
    unix_ns = store.column("unix_t_ns")
    cadence_ns = _cadence_ns(unix_ns) if product.kind is Kind.MOVIE else None
    return {
        "dp": product.token,
        "module": str(recording.module_id),
        "level": "L0",
        "kind": "img" if product.kind is Kind.MOVIE else "ph",
        "store": store.path.name,
        "n_frames": len(unix_ns),
        "time_range": [int(unix_ns.min()), int(unix_ns.max())] if len(unix_ns) else None,
        "checksum": checksum(store.path),
        "timestamp_qc": timestamp_qc(unix_ns, cadence_ns),
        "cadence_ns": cadence_ns,
    }


def timestamp_qc(unix_ns: npt.NDArray[np.int64], cadence_ns: int | None) -> OpenDict:
    """Check the times of a store, in the order of its frames.

    Parameters
    ----------
    unix_ns
        UTC ns since 1970, shape (n,).
    cadence_ns
        Time from frame to frame of a movie; None for pulse heights.

    Returns
    -------
    dict
        ``status`` is ``suspect`` when time jumps back farther than buffering explains, ``flagged`` when anything
        is out of order, twice there or missing, else ``clean``; the counts are those of the specification.
    """
    steps, in_order = np.diff(unix_ns), np.sort(unix_ns)
    gaps = np.diff(in_order)
    back = steps[steps < 0]
    n_duplicates = int(np.count_nonzero(gaps == 0))
    threshold_ns = _GAP_CADENCES * cadence_ns if cadence_ns else _unusual_ns(gaps)
    n_gaps = int(np.count_nonzero(gaps > threshold_ns)) if threshold_ns else 0
    suspect_ns = _SUSPECT_CADENCES * cadence_ns if cadence_ns else _SUSPECT_NS
    if len(back) and -int(back.min()) > suspect_ns:
        status = "suspect"
    else:
        status = "flagged" if len(back) or n_duplicates or n_gaps else "clean"
    return {
        "status": status,
        "monotonic": not len(back),
        "n_frames": len(unix_ns),
        "n_nonmonotonic": len(back),
        "n_duplicates": n_duplicates,
        "max_gap_ns": int(gaps.max()) if len(gaps) else 0,
        "n_gaps_over_threshold": n_gaps,
        "gap_threshold_ns": threshold_ns,
        "t_start_ns": int(in_order[0]) if len(in_order) else 0,
        "t_end_ns": int(in_order[-1]) if len(in_order) else 0,
    }


def _cadence_ns(unix_ns: npt.NDArray[np.int64]) -> int | None:
    steps = np.diff(np.sort(unix_ns))
    steps = steps[steps > 0]
    return int(np.median(steps)) if len(steps) else None


def _unusual_ns(gaps: npt.NDArray[np.int64]) -> int:
    """Return what is a gap between events: the median and ten times the median deviation from it."""
    gaps = gaps[gaps > 0]
    if not len(gaps):
        return 0
    median = float(np.median(gaps))
    return int(median + _GAP_DEVIATIONS * float(np.median(np.abs(gaps - median))))


def checksum(store: Path) -> str:
    """SHA-256 of all files of a store and of their names, in the order of the names."""
    digest = hashlib.sha256()
    for path in sorted(path for path in store.rglob("*") if path.is_file()):
        digest.update(path.relative_to(store).as_posix().encode() + b"\0")
        with path.open("rb") as file:
            while content := file.read(_READ_BYTES):
                digest.update(content)
    return f"sha256:{digest.hexdigest()}"
