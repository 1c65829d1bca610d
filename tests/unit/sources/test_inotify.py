from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.frames import append

from panoseti_daq.sources.inotify import Found, Inotify

NOTHING = Found(frozenset(), appeared=False)


@pytest.fixture
def inotify(tmp_path: Path) -> Iterator[Inotify]:
    append(tmp_path / "a", b"x")
    with closing(Inotify()) as inotify:
        inotify.watch([str(tmp_path)])
        yield inotify


def test_modified_files_are_named_once_until_the_next_read(inotify: Inotify, tmp_path: Path) -> None:
    append(tmp_path / "b", b"x")
    assert inotify.read().appeared
    for _ in range(3):
        append(tmp_path / "a", b"x")
        append(tmp_path / "b", b"x")
    assert inotify.wait(0)
    assert inotify.read() == Found(frozenset({str(tmp_path / "a"), str(tmp_path / "b")}), appeared=False)
    assert not inotify.wait(0)
    assert inotify.read() == NOTHING


@pytest.mark.parametrize("change", ["created", "deleted", "moved", "moved in", "directory deleted"])
def test_what_appears_or_vanishes_is_reported(inotify: Inotify, tmp_path: Path, change: str) -> None:
    if change == "created":
        (tmp_path / "new").mkdir()
    elif change == "moved":
        (tmp_path / "a").rename(tmp_path / "b")
    elif change == "moved in":
        other = tmp_path.parent / f"{tmp_path.name}-other"
        other.touch()
        other.rename(tmp_path / "b")
    else:
        (tmp_path / "a").unlink()
        if change == "directory deleted":
            inotify.read()
            tmp_path.rmdir()
    assert inotify.read().appeared


def test_permissions_are_a_modification(inotify: Inotify, tmp_path: Path) -> None:
    (tmp_path / "a").chmod(0o400)
    assert inotify.read() == Found(frozenset({str(tmp_path / "a")}), appeared=False)


def test_names_that_are_no_text_are_those_that_python_gives_them(inotify: Inotify, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"\xff.pff")
    odd.touch()
    inotify.read()
    append(odd, b"x")
    assert inotify.read().modified == {str(odd)}


def test_every_path_of_a_directory_is_reported(tmp_path: Path) -> None:
    append(tmp_path / "disk" / "a", b"x")
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    with closing(Inotify()) as inotify:
        inotify.watch([str(tmp_path / "disk"), str(tmp_path / "link"), str(tmp_path / "missing")])
        append(tmp_path / "disk" / "a", b"x")
        assert inotify.read().modified == {str(tmp_path / "disk" / "a"), str(tmp_path / "link" / "a")}


def test_overflow_of_the_queue_is_reported(inotify: Inotify, tmp_path: Path) -> None:
    n_most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if n_most > 100_000:
        pytest.skip(f"the queue holds {n_most} events")
    append(tmp_path / "b", b"x")
    inotify.read()
    with (tmp_path / "a").open("ab", buffering=0) as a, (tmp_path / "b").open("ab", buffering=0) as b:
        for _ in range(n_most // 2 + 1):
            a.write(b"x")
            b.write(b"x")
    assert inotify.read() == Found(frozenset({str(tmp_path / "a"), str(tmp_path / "b")}), appeared=True)
    assert inotify.read() == NOTHING


def test_only_the_directories_named_last_are_watched(inotify: Inotify, tmp_path: Path) -> None:
    append(tmp_path / "a", b"x")
    append(tmp_path / "run" / "b", b"x")
    inotify.watch([str(tmp_path / "run")])
    append(tmp_path / "a", b"x")
    append(tmp_path / "run" / "b", b"x")
    assert inotify.read().modified == {str(tmp_path / "run" / "b")}
    inotify.forget()
    append(tmp_path / "run" / "b", b"x")
    assert not inotify.is_watching
    assert inotify.read() == NOTHING


def test_ring_ends_every_wait_until_it_is_closed(tmp_path: Path) -> None:
    inotify = Inotify()
    inotify.ring()
    assert inotify.wait(60)
    assert inotify.wait(60)
    inotify.close()
    with (tmp_path / "another's").open("wb") as file:  # has the number of the closed descriptor
        inotify.ring()
        assert file.tell() == 0
