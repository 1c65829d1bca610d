from __future__ import annotations

import errno
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn, cast

import pytest
from support.frames import append
from support.patience import PATIENCE_S
from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

from panoseti_daq.errors import DataDirError
from panoseti_daq.sources.bell import Bell
from panoseti_daq.sources.changes import Changes, WatchIntervals
from panoseti_daq.sources.watch import SILENT_AFTER_S, DirectoryWatch


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[DirectoryWatch]:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "a.pff").touch()
    with closing(DirectoryWatch(tmp_path, intervals=WatchIntervals(rescan_s=60))) as watch:
        watch.watch([str(tmp_path), str(tmp_path / "run")])
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


def test_what_comes_during_a_rest_is_reported_together(watch: DirectoryWatch, tmp_path: Path) -> None:
    paths = {str(tmp_path / "run" / name) for name in "ab"}
    (tmp_path / "run" / "b.pff").touch()
    wait_for(watch, lambda changes: changes.rescan)
    a, b = (Path(f"{path}.pff") for path in sorted(paths))
    append(a, b"x")
    assert wait_for(watch, lambda changes: bool(changes.modified)).modified == {str(a)}
    adding = threading.Timer(0.05, append, (a, b"x"))
    adding.start()
    append(b, b"x")
    watch.rest(0.2)
    assert wait_for(watch, lambda changes: bool(changes.modified)).modified == {str(a), str(b)}
    adding.join()


def test_stop_ends_a_rest(watch: DirectoryWatch, tmp_path: Path) -> None:
    append(tmp_path / "run" / "a.pff", b"x")
    wait_for(watch, lambda changes: bool(changes.modified))
    threading.Timer(0.05, watch.stop).start()
    watch.rest(1e6)  # the test's timeout ends the wait
    assert watch.wait() is None


def test_directory_filled_at_once_asks_for_a_rescan(watch: DirectoryWatch, tmp_path: Path) -> None:
    append(tmp_path / "run2" / "deeper" / "b.pff", b"x")
    assert wait_for(watch, lambda changes: changes.rescan)


def test_new_directory_is_watched_when_it_is_named(watch: DirectoryWatch, tmp_path: Path) -> None:
    append(tmp_path / "run2" / "b.pff", b"x")
    wait_for(watch, lambda changes: changes.rescan)
    watch.watch([str(tmp_path), str(tmp_path / "run2"), str(tmp_path / "missing")])
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
    with closing(DirectoryWatch(root, intervals=WatchIntervals(rescan_s=60))) as watch:
        watch.watch([str(root / "module_1")])
        append(disk / "a.pff", b"x")
        wait_for(watch, lambda changes: str(root / "module_1" / "a.pff") in changes.modified)


def test_rescan_is_asked_for_when_nothing_happens(tmp_path: Path) -> None:
    with closing(DirectoryWatch(tmp_path, intervals=WatchIntervals(rescan_s=0.02))) as watch:
        assert wait_for(watch, lambda changes: changes.rescan).modified == frozenset()


def test_look_is_asked_for_when_nothing_happens(tmp_path: Path) -> None:
    with closing(DirectoryWatch(tmp_path, intervals=WatchIntervals(look_s=0.02))) as watch:
        assert watch.wait() == Changes(frozenset(), rescan=False, look=True)


def test_look_is_asked_for_while_events_never_end(tmp_path: Path) -> None:
    append(tmp_path / "a.pff", b"x")
    with closing(DirectoryWatch(tmp_path, intervals=WatchIntervals(look_s=0.05))) as watch:
        while True:
            append(tmp_path / "a.pff", b"x")
            if wait_for(watch, lambda _: True).look:
                break


@pytest.mark.parametrize("polling_interval_s", [None, 60.0], ids=["inotify", "polling"])
def test_stop_ends_a_wait_promptly(tmp_path: Path, polling_interval_s: float | None) -> None:
    with closing(
        DirectoryWatch(tmp_path, intervals=WatchIntervals(rescan_s=60), polling_interval_s=polling_interval_s)
    ) as watch:
        found: list[Changes | None] = []
        waiting = threading.Thread(target=lambda: found.append(watch.wait()))
        waiting.start()
        watch.stop()
        waiting.join(PATIENCE_S)
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


def test_replaced_root_is_watched_when_it_is_named_again(watch: DirectoryWatch, tmp_path: Path) -> None:
    (tmp_path / "run").rename(tmp_path.parent / f"{tmp_path.name}-run")
    tmp_path.rename(tmp_path.parent / f"{tmp_path.name}-old")
    append(tmp_path / "a.pff", b"x")
    watch.watch([str(tmp_path)])
    append(tmp_path / "a.pff", b"x")
    wait_for(watch, lambda changes: str(tmp_path / "a.pff") in changes.modified)


def test_mode_tells_that_inotify_is_used(watch: DirectoryWatch) -> None:
    assert watch.mode == "inotify"
    assert watch.uses_events


def test_unreadable_directory_does_not_keep_others_from_being_watched(
    watch: DirectoryWatch, tmp_path: Path
) -> None:
    (tmp_path / "loop").symlink_to("loop")  # not even root can read it
    watch.watch([str(tmp_path / "loop"), str(tmp_path / "run")])
    assert watch.mode == "inotify"
    append(tmp_path / "run" / "a.pff", b"x")
    assert wait_for(watch, lambda changes: bool(changes.modified))


# Without events


def test_polling_asks_for_a_look_every_interval_and_seldom_for_a_rescan(tmp_path: Path) -> None:
    with closing(
        DirectoryWatch(tmp_path, polling_interval_s=0.01, intervals=WatchIntervals(rescan_s=0.045))
    ) as watch:
        begin = time.monotonic()
        found = [watch.wait() for _ in range(6)]
        assert time.monotonic() - begin >= 0.05
        assert sum(changes is not None and changes.look for changes in found) >= 4
        assert 1 <= sum(changes is not None and changes.rescan for changes in found) <= 3
        assert watch.mode == "polling every 0.01 s, as configured"


def test_polling_does_not_touch_inotify(tmp_path: Path) -> None:
    def never(*_: object) -> NoReturn:
        raise AssertionError("inotify was opened")

    with closing(DirectoryWatch(tmp_path, polling_interval_s=0.01, open_notify=never)) as watch:
        watch.watch([str(tmp_path)])
        assert watch.wait() is not None
        assert not watch.uses_events


@pytest.mark.parametrize(
    "error",
    [
        OSError("OS file watch limit reached."),
        WatchfilesRustInternalError("Too many open files"),
        PermissionError("no"),
    ],
)
def test_failing_inotify_leads_to_polling_and_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def fail(*_: object) -> NoReturn:
        raise error

    with closing(DirectoryWatch(tmp_path, open_notify=fail)) as watch:
        assert watch.mode.startswith(f"polling every 0.1 s, because inotify failed: {error}")
        watch.watch([str(tmp_path)])
        assert caplog.text.count("max_user_watches") == 1
        assert watch.wait() == Changes(frozenset(), rescan=False, look=True)


def test_inotify_is_tried_again_after_a_while(tmp_path: Path) -> None:
    n_tries = 0

    def fail_twice(*args: Any) -> RustNotify:
        nonlocal n_tries
        n_tries += 1
        if n_tries <= 2:
            raise OSError(errno.EMFILE, "Too many open files")
        return RustNotify(*args)

    intervals = WatchIntervals(distrust_s=0.05)
    with closing(DirectoryWatch(tmp_path, intervals=intervals, open_notify=fail_twice)) as watch:
        assert "Too many open files" in watch.mode
        wait_for(watch, lambda changes: changes.rescan and watch.uses_events)
        assert (watch.mode, n_tries) == ("inotify", 3)


def test_events_that_did_not_come_lead_to_polling_for_a_while(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    intervals = WatchIntervals(polling_s=0.01, distrust_s=0.1)
    with closing(DirectoryWatch(tmp_path, intervals=intervals)) as watch:
        watch.distrust("a change of a.pff")
        assert not watch.uses_events
        assert watch.mode.startswith("polling every 0.01 s, because inotify did not report a change of a.pff")
        assert "max_queued_events" in caplog.text
        watch.watch([str(tmp_path)])  # is no reason to trust it
        assert not watch.uses_events
        wait_for(watch, lambda changes: changes.rescan)  # for what came before it is watched again
        assert watch.mode == "inotify"
        append(tmp_path / "b.pff", b"x")
        wait_for(watch, lambda changes: changes.rescan)


_UNDER_A_LIMIT = """
import pathlib, sys
from panoseti_daq.sources.watch import DirectoryWatch

root, limit, before, later = sys.argv[1:]
pathlib.Path("/proc/sys/user", limit).write_text(before)
watch = DirectoryWatch(pathlib.Path(root))
print(watch.mode)
pathlib.Path("/proc/sys/user", limit).write_text(later)
watch.watch([root, root + "/run"])
print(watch.mode)
"""


def modes_under_a_limit(root: Path, name: str, before: int, later: int) -> list[str]:
    """Modes of a watch in a user namespace of its own, whose limit changes; nobody else feels it."""
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-Ur", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no user namespace can be made here")
    code = [sys.executable, "-c", _UNDER_A_LIMIT, str(root), name, str(before), str(later)]
    done = subprocess.run([unshare, "-Ur", *code], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("name", ["max_inotify_watches", "max_inotify_instances"])
def test_limit_of_inotify_leads_to_polling(tmp_path: Path, name: str) -> None:
    (tmp_path / "run").mkdir()
    at_once, later = modes_under_a_limit(tmp_path, name, 0, 100)
    assert at_once.startswith("polling every 0.1 s, because inotify failed")
    assert later == "inotify"


def test_limit_of_watches_that_is_reached_later_leads_to_polling(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    at_once, later = modes_under_a_limit(tmp_path, "max_inotify_watches", 1, 1)
    assert at_once == "inotify"
    assert later.startswith("polling every 0.1 s, because inotify failed: OS file watch limit reached")


def test_in_a_quiet_spell_watchfiles_is_not_asked_and_the_next_append_is_reported(tmp_path: Path) -> None:
    asked: list[object] = []

    class Counted:
        def __init__(self, *arguments: Any) -> None:
            self._notify = RustNotify(*arguments)
            self.close = self._notify.close

        def watch(self, *arguments: Any) -> Any:
            asked.append(arguments)
            return self._notify.watch(*arguments)

    intervals = WatchIntervals(look_s=0.4, rescan_s=60)
    with closing(DirectoryWatch(tmp_path, intervals=intervals, open_notify=cast(Any, Counted))) as watch:
        for _ in range(3):
            assert watch.wait() == Changes(frozenset(), rescan=False, look=True)
        n_before = len(asked)
        assert watch.wait() == Changes(frozenset(), rescan=False, look=True)
        assert len(asked) == n_before
        path = tmp_path / "a.pff"
        append(path, b"x")
        assert wait_for(watch, lambda changes: changes.rescan)
        append(path, b"x")
        assert wait_for(watch, lambda changes: bool(changes.modified)).modified == {str(path)}


def test_a_ring_after_a_quiet_spell_comes_before_watchfiles_says_what_changed(
    watch: DirectoryWatch, tmp_path: Path
) -> None:
    path = tmp_path / "run" / "a.pff"
    append(path, b"x")
    wait_for(watch, lambda changes: bool(changes.modified))
    time.sleep(SILENT_AFTER_S)
    threading.Timer(0.1, append, (path, b"x")).start()
    first, second = watch.wait(), watch.wait()
    assert first == Changes(frozenset(), rescan=False, rang=True)
    assert second is not None
    assert second.modified == {str(path)}


def test_without_a_bell_appends_after_a_quiet_spell_are_reported(
    watch: DirectoryWatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> NoReturn:
        raise OSError(errno.EMFILE, "too many instances")

    monkeypatch.setattr(watch._bell, "hang", fail)
    watch._bell.take_down()
    watch.watch([str(tmp_path), str(tmp_path / "run")])
    path = tmp_path / "run" / "a.pff"
    append(path, b"x")
    assert wait_for(watch, lambda changes: bool(changes.modified)).modified == {str(path)}


def test_a_bell_that_is_closed_rings_no_more(tmp_path: Path) -> None:
    bell = Bell()
    bell.ring()
    assert bell.wait(0)
    bell.close()
    with (tmp_path / "another's").open("wb") as file:  # has the number of the closed descriptor
        bell.ring()
        assert file.tell() == 0
