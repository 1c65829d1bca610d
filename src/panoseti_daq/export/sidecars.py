"""Sidecars of a run: its configurations, logs and housekeeping, as pypff bundles them."""

from __future__ import annotations

import json
import logging
import shutil
import tomllib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from panoseti_daq.beside.housekeeping import find
from panoseti_daq.export.recording import JudgedRecording
from panoseti_daq.export.store import Store
from panoseti_daq.open_types import OpenDict

logger = logging.getLogger(__name__)

_BUNDLE_VERSION: Final = "1.0"
_FOLDERS: Final = {
    "configs": ("*.json", "*.toml"),
    "logs": ("*.log", "*.txt", "hp_stdout_*"),
    "manifests": ("dp_manifest*",),
    "sentinels": ("collect_complete", "run_complete", "recording_ended"),
}
"""Which files go to which folder of the bundle."""


def read_configs(recording: JudgedRecording) -> OpenDict:
    """Return the configurations beside a recording by their names, as they stand in the files."""
    configs: OpenDict = {}
    run_dir = recording.paths[0].parent
    for path in sorted([*run_dir.glob("*.json"), *run_dir.glob("*.toml")]):
        if path.name.startswith("dp_manifest"):
            continue
        try:
            text = path.read_text()
            configs[path.stem] = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        except (OSError, ValueError, RecursionError) as error:
            logger.warning("left out: %s: %s", path, error)
    return configs


def write_sidecars(recordings: Sequence[JudgedRecording], stores: Iterable[Store], out_dir: Path) -> None:
    """Copy what stands beside the images to ``<run>.panoseti-meta`` and list it there."""
    bundle = out_dir / f"{recordings[0].run}.panoseti-meta"
    run_dirs = sorted({path.parent for recording in recordings for path in recording.paths})
    housekeeping = {path for run_dir in run_dirs if (path := find(run_dir)) is not None}
    for folder, patterns in _FOLDERS.items():
        target = bundle / folder
        target.mkdir(parents=True, exist_ok=True)
        for path in (path for run_dir in run_dirs for pattern in patterns for path in run_dir.glob(pattern)):
            if path.is_file():
                shutil.copy2(path, target / path.name)
    for path in housekeeping:
        shutil.copy2(path, bundle / path.name)
    index = {
        "panoseti_meta_version": _BUNDLE_VERSION,
        "created_utc": datetime.now(UTC).isoformat(),
        "source_run_dir": str(run_dirs[0]),
        "zarr_stores": [store.path.name for store in stores],
    }
    (bundle / "manifest.json").write_text(json.dumps(index, indent=2))
