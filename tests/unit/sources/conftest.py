"""Fixtures of the sources: a file and its tail, the files of a data directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.run_files import IMG16

from panoseti_daq.pff import PffName
from panoseti_daq.sources.files import RunFiles
from panoseti_daq.sources.tail import Tail


@pytest.fixture
def files(tmp_path: Path) -> Iterator[RunFiles]:
    """The files of a data directory."""
    with closing(RunFiles(tmp_path)) as files:
        yield files


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[RunFiles]:
    """It closes a replaced file once it was read."""
    with closing(RunFiles(tmp_path, settled_after_s=0.0)) as files:
        yield files


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of img16 of module 7."""
    return tmp_path / PffName(IMG16, 7).format()


@pytest.fixture
def tail(path: Path) -> Iterator[Tail]:
    """The tail of that file, which is empty."""
    path.touch()
    with closing(Tail(path, PffName(IMG16, 7))) as tail:
        yield tail
