"""Modules of a data directory, and the active run of each."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from support.frames import append
from support.run_files import FRAME, LATER_RUN, LONG_AGO_NS, RUN

from panoseti_daq.errors import DataDirError
from panoseti_daq.pff import DataProduct, PffName
from panoseti_daq.sources.past import N_IN_TURN
from panoseti_daq.sources.runs import (
    RUN_NAME_FILE,
    ModuleRuns,
    active_run_name,
    active_runs,
    choose_runs,
    module_dirs,
)

FILE = PffName(DataProduct.IMG16, 1).format()
MODULE = "module_1"


def make_runs(module_dir: Path, *names: str) -> None:
    """Runs that were written long ago."""
    for name in names:
        append(module_dir / name / FILE, FRAME)
        os.utime(module_dir / name / FILE, ns=(LONG_AGO_NS, LONG_AGO_NS))


def active_run(module_dir: Path, run_name: str | None) -> Path | None:
    runs = ModuleRuns(module_dir, 1)
    runs.list(everything=True)
    choose_runs([runs], run_name)
    return runs.active.path if runs.active else None


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
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "obs_Empty").mkdir()
    make_runs(tmp_path, "obs_snapshot", f".{RUN}")
    (tmp_path / RUN).touch()
    assert active_run(tmp_path, None) is None


# odd night 3
@pytest.mark.parametrize("name", ["test", "ci_run_x.pffd", "start_2026-01-01T00:00:00Z.pffd", "a b", "run\udce9"])
def test_any_directory_with_files_of_the_writer_is_a_run(tmp_path: Path, name: str) -> None:
    make_runs(tmp_path, name)
    assert active_run(tmp_path, None) == tmp_path / name
    assert active_run(tmp_path, name) == tmp_path / name


class Module:
    """A module and what is known of its runs."""

    def __init__(self, data_dir: Path, module_id: int = 1) -> None:
        self.path = data_dir / f"module_{module_id}"
        self.runs = ModuleRuns(self.path, module_id)

    def grow(self, run: str, age_s: float = 0.0) -> None:
        """Append to the run, so long ago."""
        path = self.path / run / PffName(DataProduct.IMG16, self.runs.module_id).format()
        append(path, FRAME)
        now_ns = path.stat().st_mtime_ns - round(age_s * 1e9)
        os.utime(path, ns=(now_ns, now_ns))

    def look(self) -> str:
        """Look, and name the active run."""
        self.runs.list(everything=False)
        choose_runs([self.runs], active_run_name(self.path.parent))
        return self.runs.active.path.name if self.runs.active else ""


@pytest.fixture
def module(tmp_path: Path) -> Module:
    return Module(tmp_path)


# odd night 2
def test_named_run_that_stands_still_gives_way_to_one_that_grows(tmp_path: Path, module: Module) -> None:
    (tmp_path / RUN_NAME_FILE).write_text(RUN)
    module.grow(RUN, age_s=2 * 86400)
    module.grow(LATER_RUN, age_s=86400)
    assert (module.look(), module.runs.why) == (RUN, "")
    module.grow(LATER_RUN)
    assert module.look() == LATER_RUN
    assert module.runs.why == f"module 1: {LATER_RUN} grows and is followed instead of {RUN}, which stands still"


def test_newest_run_by_name_that_stands_still_gives_way_to_an_older_one_that_grows(module: Module) -> None:
    module.grow(RUN, age_s=7200)
    module.grow(LATER_RUN, age_s=5000)
    assert module.look() == LATER_RUN
    module.grow(RUN)
    assert module.look() == RUN
    assert LATER_RUN in module.runs.why


def test_run_that_grows_when_following_begins_is_active_at_once(tmp_path: Path, module: Module) -> None:
    (tmp_path / RUN_NAME_FILE).write_text(RUN)
    module.grow(RUN, age_s=2 * 86400)
    module.grow(LATER_RUN, age_s=10)
    assert module.look() == LATER_RUN


def test_named_run_that_grows_again_is_active_again(tmp_path: Path, module: Module) -> None:
    (tmp_path / RUN_NAME_FILE).write_text(RUN)
    module.grow(RUN, age_s=86400)
    module.grow(LATER_RUN, age_s=10)
    assert module.look() == LATER_RUN
    module.grow(RUN)
    assert (module.look(), module.runs.why) == (RUN, "")


def test_run_between_two_bursts_does_not_stand_still(tmp_path: Path, module: Module) -> None:
    (tmp_path / RUN_NAME_FILE).write_text(RUN)
    for age_s in (90, 60, 30):  # a burst each 30 s
        module.grow(RUN, age_s)
        module.look()
    module.grow(LATER_RUN)
    assert module.look() == RUN


def test_new_run_without_data_leaves_the_one_before_it_active(module: Module) -> None:
    module.grow(RUN, age_s=60)
    assert module.look() == RUN
    append(module.path / LATER_RUN / FILE, b"")
    module.grow(RUN)  # its last bytes
    assert (module.look(), module.runs.why) == (RUN, "")
    module.grow(LATER_RUN)
    assert module.look() == LATER_RUN


# odd night 2
def test_module_without_the_named_run_has_none_until_one_grows(tmp_path: Path) -> None:
    (tmp_path / RUN_NAME_FILE).write_text(LATER_RUN)
    first, second = Module(tmp_path, 1), Module(tmp_path, 2)
    first.grow(LATER_RUN)
    second.grow(RUN, age_s=30 * 86400)
    assert active_runs(tmp_path) == {1: LATER_RUN}
    second.grow(RUN)
    assert active_runs(tmp_path) == {1: LATER_RUN, 2: RUN}


# odd night 71
def test_run_name_in_a_pipe_is_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / RUN_NAME_FILE)
    assert active_run_name(tmp_path) is None


_NO_FILES = [f".{FILE}", f"copy of {FILE}", FILE.replace(".pff", ".part.pff"), FILE.replace("_1.", "_2.")]


# odd night 6, 9 and 81
@pytest.mark.parametrize(
    "name",
    [f".{FILE}", f"copy of {FILE}", FILE.replace(".pff", ".part.pff"), FILE.replace("module_1", "module_2")],
)
def test_files_with_names_that_are_not_the_writers_do_not_make_a_run(tmp_path: Path, name: str) -> None:
    append(tmp_path / "test" / name, FRAME)
    os.mkfifo(tmp_path / "test" / FILE)
    assert active_run(tmp_path, None) is None


# odd night 16
def test_old_runs_are_not_looked_into_again(tmp_path: Path) -> None:
    make_runs(tmp_path, *(f"obs_A.start_2025-01-01T00:00:{i:02}Z.runtype_x.pffd" for i in range(60)))
    runs = ModuleRuns(tmp_path, 1)
    runs.list(everything=True)
    assert len(runs.near) <= 6


def many_runs(module_dir: Path, n: int = 200) -> list[str]:
    names = [f"obs_A.start_2025-01-01T00:{i // 60:02}:{i % 60:02}Z.runtype_x.pffd" for i in range(n)]
    make_runs(module_dir, *names)
    return names


def forget_when_made(*paths: Path) -> None:
    """Directories as of long ago, before any file."""
    for path in paths:
        os.utime(path, ns=(LONG_AGO_NS - 1, LONG_AGO_NS - 1))


@pytest.fixture
def names(module: Module) -> list[str]:
    """Runs of the past, more than are remembered with their files."""
    names = many_runs(module.path)
    forget_when_made(*(module.path / name for name in names))
    assert module.look() == names[-1]
    return names


def test_run_of_the_past_that_is_named_is_active(tmp_path: Path, module: Module, names: list[str]) -> None:
    (tmp_path / RUN_NAME_FILE).write_text(names[3])
    assert module.look() == names[3]


def test_run_of_the_past_in_which_a_file_appears_is_active(module: Module, names: list[str]) -> None:
    other = PffName(DataProduct.IMG8, 1).format()
    append(module.path / names[3] / other, bytes(2000))
    module.runs.list(everything=True)
    assert module.look() == names[3]


def test_run_of_the_past_that_grows_is_active_when_it_was_its_turn(module: Module, names: list[str]) -> None:
    module.grow(names[150])
    forget_when_made(module.path / names[150])
    for _ in range(1 + len(names) // N_IN_TURN):
        module.runs.list(everything=True)
    assert module.look() == names[150]


def test_when_the_newest_runs_are_deleted_the_one_before_them_is_active(module: Module, names: list[str]) -> None:
    for name in names[2:]:
        shutil.rmtree(module.path / name)
    assert module.look() == names[1]


def test_newest_runs_without_files_do_not_count(module: Module) -> None:
    names = many_runs(module.path)
    for name in names[100:]:
        (module.path / name / FILE).unlink()
    forget_when_made(*(module.path / name for name in names))
    assert module.look() == names[99]
    append(module.path / names[120] / FILE, FRAME)
    module.runs.list(everything=True)
    assert module.look() == names[120]


def test_new_run_beside_many_old_ones_is_active_at_once(module: Module, names: list[str]) -> None:
    module.grow(RUN.replace("2024", "2026"))
    assert module.look() == RUN.replace("2024", "2026")


def test_a_link_that_appears_while_the_directory_is_looked_up_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir, outside = tmp_path / "root" / "data", tmp_path / "outside"
    (outside / "module_2").mkdir(parents=True)
    data_dir.parent.mkdir()
    find = os.path.realpath

    def find_and_link(path: os.PathLike[str]) -> str:
        found = find(path)
        if not data_dir.exists():
            data_dir.symlink_to(outside)
        return found

    with monkeypatch.context() as patched, pytest.raises(DataDirError):
        patched.setattr(os.path, "realpath", find_and_link)
        module_dirs(data_dir, [data_dir.parent])
    if not data_dir.exists():
        data_dir.symlink_to(outside)
    with pytest.raises(DataDirError, match="not below"):
        module_dirs(data_dir, [data_dir.parent])
