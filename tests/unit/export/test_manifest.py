from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field
from support.runs import PERIOD_NS, RUN_NAME, START_S, frames_of, write_run

from panoseti_daq.export import convert_run
from panoseti_daq.export.manifest import checksum, timestamp_qc
from panoseti_daq.pff import DataProduct

CADENCE_NS = 1_000_000
CLEAN = np.arange(1000) * CADENCE_NS + 10**18


def qc(*changes: tuple[int, int], cadence_ns: int | None = CADENCE_NS) -> dict[str, Any]:
    """Checks of times of which some are moved by a number of ns."""
    times = CLEAN.copy()
    for i, by_ns in changes:
        times[i] += by_ns
    return timestamp_qc(times, cadence_ns)


def test_times_in_order_are_clean() -> None:
    assert qc() == {
        "status": "clean", "monotonic": True, "n_frames": 1000, "n_nonmonotonic": 0, "n_duplicates": 0,
        "max_gap_ns": CADENCE_NS, "n_gaps_over_threshold": 0, "gap_threshold_ns": 4 * CADENCE_NS,
        "t_start_ns": 10**18, "t_end_ns": 10**18 + 999 * CADENCE_NS,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param([(500, -3 * CADENCE_NS // 2)], {"n_nonmonotonic": 1, "monotonic": False}, id="out of order"),
        pytest.param([(500, -CADENCE_NS)], {"n_duplicates": 1, "monotonic": True}, id="twice the same"),
        pytest.param(
            [(999, 5 * CADENCE_NS)], {"n_gaps_over_threshold": 1, "max_gap_ns": 6 * CADENCE_NS}, id="gap"
        ),
    ],
)
def test_what_is_odd_is_counted_and_flagged(changes: list[tuple[int, int]], expected: dict[str, int]) -> None:
    assert qc(*changes).items() >= {**expected, "status": "flagged"}.items()


def test_a_jump_back_that_no_buffering_explains_is_suspect() -> None:
    assert qc((500, -999 * CADENCE_NS))["status"] == "flagged"
    assert qc((500, -1002 * CADENCE_NS))["status"] == "suspect"
    assert qc((500, -1_500_000_000), cadence_ns=None)["status"] == "suspect"


def test_events_are_judged_by_their_own_median() -> None:
    result = qc((999, 50 * CADENCE_NS), cadence_ns=None)
    assert result["gap_threshold_ns"] == CADENCE_NS
    assert result["n_gaps_over_threshold"] == 1


@pytest.mark.parametrize("n_frames", [0, 1])
def test_too_few_times_are_clean(n_frames: int) -> None:
    assert timestamp_qc(CLEAN[:n_frames], None)["status"] == "clean"


def test_the_manifest_has_an_entry_for_every_store(tmp_path: Path) -> None:
    run = tmp_path / RUN_NAME
    for product in (DataProduct.IMG16, DataProduct.PH256):
        write_run(run, product, frames_of(product, 100))
    stores = convert_run(run, tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_bytes())
    assert (manifest["run_id"], manifest["level"]) == (RUN_NAME, "L0")
    movie, pulses = manifest["stores"]
    assert [entry["store"] for entry in manifest["stores"]] == [store.name for store in stores]
    assert [entry["checksum"] for entry in manifest["stores"]] == [checksum(store) for store in stores]
    assert movie["time_range"] == [START_S * 10**9, START_S * 10**9 + 99 * PERIOD_NS]
    assert (movie["dp"], movie["module"], movie["kind"], movie["n_frames"]) == ("img16", "1", "img", 100)
    assert (movie["cadence_ns"], pulses["cadence_ns"], pulses["kind"]) == (PERIOD_NS, None, "ph")
    assert movie["timestamp_qc"]["status"] == "clean"
    (tmp_path / "out" / stores[0].name / "images" / "c" / "0" / "0" / "0").write_bytes(b"")
    assert checksum(stores[0]) != movie["checksum"]


class TimeChecks(BaseModel):
    """Section 4 of the storage specification of panoseti_analysis, whose reader refuses any other key."""

    model_config = ConfigDict(extra="forbid", strict=True)

    status: Literal["clean", "repaired", "flagged", "suspect"]
    monotonic: bool
    n_frames: int
    n_nonmonotonic: int
    n_duplicates: int
    max_gap_ns: int
    n_gaps_over_threshold: int
    gap_threshold_ns: int
    t_start_ns: int
    t_end_ns: int


class Entry(BaseModel):
    """A store, of the keys that a store of level 0 may have."""

    model_config = ConfigDict(extra="forbid", strict=True)

    dp: Literal["img8", "img16", "ph256", "ph1024"]
    module: str
    level: Literal["L0"]
    kind: Literal["ph", "img"]
    store: str
    n_frames: int
    time_range: list[int] | None
    checksum: str = Field(pattern="^sha256:[0-9a-f]{64}$")
    timestamp_qc: TimeChecks
    cadence_ns: int | None


class RunManifest(BaseModel):
    """Section 7 of the same."""

    model_config = ConfigDict(extra="forbid", strict=True)

    panoseti_analysis_storage_version: str
    manifest_schema_version: str
    run_id: str
    level: Literal["L0"]
    created_utc: str
    stores: list[Entry]


def test_the_manifest_has_the_keys_and_types_of_the_storage_specification(tmp_path: Path) -> None:
    run = tmp_path / RUN_NAME
    for product in DataProduct:
        write_run(run, product, frames_of(product, 60, n_flawed=10), n_files=2)
    convert_run(run, tmp_path / "out")
    manifest = RunManifest.model_validate_json((tmp_path / "out" / "manifest.json").read_bytes())
    assert [entry.dp for entry in manifest.stores] == sorted(product.token for product in DataProduct)
    assert all(entry.n_frames == entry.timestamp_qc.n_frames == 60 for entry in manifest.stores)
    assert datetime.fromisoformat(manifest.created_utc).utcoffset() == timedelta(0)
