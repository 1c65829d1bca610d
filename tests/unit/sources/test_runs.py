"""Which modules there are, and which run of each is active."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.run_files import (
    LATER_RUN,
    RUN,
)

from panoseti_daq.errors import DataDirError
from panoseti_daq.sources.runs import active_run, module_dirs


def make_runs(module_dir: Path, *names: str) -> None:
    for name in names:
        (module_dir / name).mkdir(parents=True)


def test_modules_are_found_by_number(tmp_path: Path) -> None:
    for name in ("module_10", "module_2", "module_256", "module_x", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "module_3").touch()
    assert list(module_dirs(tmp_path).items()) == [(2, tmp_path / "module_2"), (10, tmp_path / "module_10")]


def test_missing_data_dir_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataDirError, match=r"missing' does not exist"):
        module_dirs(tmp_path / "missing")


def test_data_dir_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataDirError, match="Not a directory"):
        module_dirs(tmp_path / "file")


def test_run_that_started_last_is_active(tmp_path: Path) -> None:
    make_runs(tmp_path, LATER_RUN, RUN)
    assert active_run(tmp_path, None) == tmp_path / LATER_RUN


def test_named_run_is_active(tmp_path: Path) -> None:
    make_runs(tmp_path, RUN, LATER_RUN)
    assert active_run(tmp_path, RUN) == tmp_path / RUN


@pytest.mark.parametrize("run_name", ["", "obs_Missing.start_2026-01-03T00:00:00Z.runtype_x.pffd"])
def test_name_of_a_run_that_is_not_there_does_not_count(tmp_path: Path, run_name: str) -> None:
    make_runs(tmp_path, RUN, LATER_RUN)
    assert active_run(tmp_path, run_name) == tmp_path / LATER_RUN


@pytest.mark.parametrize("mark", [":", "_", "-"])
def test_start_times_of_all_spellings_are_compared(tmp_path: Path, mark: str) -> None:
    later = f"obs_A.start_2026-01-01T00{mark}00{mark}01Z.runtype_x.pffd"
    make_runs(tmp_path, "obs_Z.start_2025-12-31T23:59:59Z.runtype_x.pffd", later, RUN)
    assert active_run(tmp_path, None) == tmp_path / later


def test_run_without_a_start_time_is_followed_when_it_is_the_only_one(tmp_path: Path) -> None:
    make_runs(tmp_path, "obs_A")
    assert active_run(tmp_path, None) == tmp_path / "obs_A"


def test_directories_and_files_that_are_no_runs_do_not_count(tmp_path: Path) -> None:
    make_runs(tmp_path, "lost+found", "obs_snapshot")
    (tmp_path / RUN).touch()
    assert active_run(tmp_path, None) is None
