from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from frames import append

from panoseti_daq.errors import DataDirError
from panoseti_daq.sources import watch as watch_module
from panoseti_daq.sources.watch import Changes, DirectoryWatch


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[DirectoryWatch]:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "a.pff").touch()
    with closing(DirectoryWatch(tmp_path, rescan_interval_s=60)) as watch:
        yield watch


def wait_for(watch: DirectoryWatch, wanted: Callable[[Changes], bool]) -> Changes:
    """The first changes that are wanted; the test's timeout ends the wait."""
    while (changes := watch.wait()) is not None:
        if wanted(changes):
            return changes
    raise AssertionError("the watch was stopped")


def test_append_is_reported_with_its_path(watch: DirectoryWatch, tmp_path: Path) -> None:
    path = tmp_path / "run" / "a.pff"
    append(path, b"x")
    assert wait_for(watch, lambda changes: bool(changes.modified)).modified == {str(path)}


def test_appends_while_nobody_waits_are_reported(watch: DirectoryWatch, tmp_path: Path) -> None:
    append(tmp_path / "run" / "a.pff", b"x")
    append(tmp_path / "run" / "b.pff", b"x")
    assert wait_for(watch, lambda changes: changes.rescan)


def test_directory_filled_at_once_asks_for_a_rescan(watch: DirectoryWatch, tmp_path: Path) -> None:
    append(tmp_path / "run2" / "deeper" / "b.pff", b"x")
    assert wait_for(watch, lambda changes: changes.rescan)


def test_new_directory_is_watched(watch: DirectoryWatch, tmp_path: Path) -> None:
    append(tmp_path / "run2" / "b.pff", b"x")
    wait_for(watch, lambda changes: changes.rescan)
    append(tmp_path / "run2" / "b.pff", b"x")
    wait_for(watch, lambda changes: str(tmp_path / "run2" / "b.pff") in changes.modified)


def test_deletion_asks_for_a_rescan(watch: DirectoryWatch, tmp_path: Path) -> None:
    (tmp_path / "run" / "a.pff").unlink()
    assert wait_for(watch, lambda changes: changes.rescan)


def test_symlinked_directory_is_watched(tmp_path: Path) -> None:
    disk, root = tmp_path / "disk", tmp_path / "data"
    append(disk / "a.pff", b"x")
    root.mkdir()
    (root / "module_1").symlink_to(disk)
    with closing(DirectoryWatch(root, rescan_interval_s=60)) as watch:
        append(disk / "a.pff", b"x")
        wait_for(watch, lambda changes: str(root / "module_1" / "a.pff") in changes.modified)


def test_rescan_is_asked_for_when_nothing_happens(tmp_path: Path) -> None:
    with closing(DirectoryWatch(tmp_path, rescan_interval_s=0.02)) as watch:
        assert watch.wait() == Changes(frozenset(), rescan=True)


@pytest.mark.parametrize("polling_interval_s", [None, 60.0], ids=["inotify", "polling"])
def test_stop_ends_a_wait_promptly(tmp_path: Path, polling_interval_s: float | None) -> None:
    with closing(DirectoryWatch(tmp_path, rescan_interval_s=60, polling_interval_s=polling_interval_s)) as watch:
        found: list[Changes | None] = []
        waiting = threading.Thread(target=lambda: found.append(watch.wait()))
        waiting.start()
        watch.stop()
        waiting.join(2)
        assert not waiting.is_alive()
        assert found == [None]


def test_wait_after_stop_ends_at_once(watch: DirectoryWatch, tmp_path: Path) -> None:
    watch.stop()
    append(tmp_path / "run" / "a.pff", b"x")
    assert watch.wait() is None
    assert watch.wait() is None


def test_missing_directory_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(DataDirError, match=str(tmp_path / "missing")):
        DirectoryWatch(tmp_path / "missing")


def test_replaced_root_is_watched_after_reopen(watch: DirectoryWatch, tmp_path: Path) -> None:
    (tmp_path / "run").rename(tmp_path.parent / f"{tmp_path.name}-run")
    tmp_path.rename(tmp_path.parent / f"{tmp_path.name}-old")
    append(tmp_path / "a.pff", b"x")
    watch.reopen()
    append(tmp_path / "a.pff", b"x")
    wait_for(watch, lambda changes: str(tmp_path / "a.pff") in changes.modified)


def test_mode_tells_that_inotify_is_used(watch: DirectoryWatch) -> None:
    assert watch.mode == "inotify"


def test_polling_asks_for_a_rescan_every_interval(tmp_path: Path) -> None:
    with closing(DirectoryWatch(tmp_path, polling_interval_s=0.01)) as watch:
        begin = time.monotonic()
        assert [watch.wait() for _ in range(3)] == [Changes(frozenset(), rescan=True)] * 3
        assert time.monotonic() - begin >= 0.03
        assert watch.mode == "looking every 0.01 s, as configured"


def test_polling_does_not_touch_inotify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "RustNotify", None)
    with closing(DirectoryWatch(tmp_path, polling_interval_s=0.01)) as watch:
        watch.reopen()
        assert watch.wait() is not None


def test_failing_inotify_leads_to_polling_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OSError("OS file watch limit reached.")

    monkeypatch.setattr(watch_module, "RustNotify", fail)
    with closing(DirectoryWatch(tmp_path, rescan_interval_s=60)) as watch:
        assert watch.mode == "looking every 0.1 s, because inotify failed: OS file watch limit reached."
        assert "max_user_watches" in caplog.text
        assert watch.wait() == Changes(frozenset(), rescan=True)
