"""Housekeeping files: ``hk.pff`` of recorded runs, JSON documents with blank lines between them."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from panoseti_daq.beside.instrument import Instrument, written_unix_s
from panoseti_daq.beside.surroundings import Hashes, Surroundings, chosen

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger(__name__)

FILE_NAME: Final = "hk.pff"
_MAX_DOCUMENT_BYTES: Final = 1 << 22  # a document of all hashes of an observatory has 200 kB


class HousekeepingFile:
    """Housekeeping of a run, played: what the hashes said at a moment.

    Reads forward and keeps only the newest values of each hash; a moment before the last one asked for begins
    again at the start. Lives while open; not thread-safe, and reading may take long: call it in a thread.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    OSError
        It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO = path.open("rb")
        self._begin()

    def _begin(self) -> None:
        self._file.seek(0)
        self._documents = documents(self._file)
        self._next: tuple[float, Hashes] | None = None
        self._hashes: dict[str, Mapping[str, str]] = {}
        self._asked_s = -math.inf

    def at(self, unix_s: float) -> Surroundings:
        """Return what the hashes said at a moment, UTC s since 1970."""
        if unix_s < self._asked_s:
            self._begin()
        self._asked_s = unix_s
        while True:
            if self._next is None:
                self._next = next(self._documents, None)
            if self._next is None or self._next[0] > unix_s:
                break
            self._hashes |= self._next[1]
            self._next = None
        return Surroundings.at(self._hashes, unix_s, str(self.path), read_age_s=0.0)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def documents(file: BinaryIO) -> Iterator[tuple[float, Hashes]]:
    """Yield the documents of a housekeeping file: the time of the newest hash, UTC s, and the hashes.

    A hash without a time counts as written with its document. What does not parse, as the end of a file that is
    being written, is left out with one warning.
    """
    newest_s, n_bad = -math.inf, 0
    for text in _texts(file):
        try:
            found = hashes_of(json.loads(text))
        except ValueError as error:
            n_bad += 1
            _log.log(logging.WARNING if n_bad == 1 else logging.DEBUG, "housekeeping left out: %s", error)
            continue
        times = [unix_s for values in found.values() if math.isfinite(unix_s := written_unix_s(values))]
        newest_s = max([newest_s, *times])
        yield newest_s, found


def hashes_of(document: object) -> Hashes:
    """Return the hashes of a document that are read.

    Raises
    ------
    ValueError
        It is no object of objects.
    """
    if not isinstance(document, dict) or not all(isinstance(values, dict) for values in document.values()):
        raise ValueError("a document is not an object of objects")
    found = {}
    for name, values in document.items():
        fields = chosen(name, {key: str(value) for key, value in values.items()})
        if fields is not None:
            found[name] = fields
    return found


def _texts(file: BinaryIO) -> Iterator[bytes]:
    """Yield the texts between blank lines."""
    lines: list[bytes] = []
    n_bytes = 0
    for line in file:
        if line.strip():
            n_bytes += len(line)
            if n_bytes <= _MAX_DOCUMENT_BYTES:
                lines.append(line)
            continue
        if lines:
            yield b"".join(lines)
        lines, n_bytes = [], 0
    if lines:
        yield b"".join(lines)


def find(run_dir: Path) -> Path | None:
    """Return the housekeeping of a run, in its directory or where ``record`` writes it; None without any."""
    candidates = (run_dir, *run_dir.absolute().parents[:2])
    return next((path for place in candidates if (path := place / FILE_NAME).is_file()), None)


def housekeeping(run_dir: str | Path) -> pd.DataFrame:
    """Return the housekeeping of a recorded run as columns: a row per hash and time that it was written.

    Numbers are checked as `Instrument.numbers`. The index is the time, UTC, and the name of the hash.

    Parameters
    ----------
    run_dir
        A run directory, what ``record`` wrote, or an ``hk.pff`` file.

    Raises
    ------
    FileNotFoundError
        It has no housekeeping.
    """
    import pandas as pd

    path = Path(run_dir) if Path(run_dir).is_file() else find(Path(run_dir))
    if path is None:
        raise FileNotFoundError(f"{FILE_NAME} not found in {run_dir}")
    rows, index = [], []
    with path.open("rb") as file:
        for document_s, hashes in documents(file):
            for name, values in hashes.items():
                one = Instrument(name, values)
                unix_s = written_unix_s(values)
                seen_s = document_s if math.isnan(unix_s) else unix_s
                if not math.isfinite(seen_s):
                    continue
                module_id, quabo = one.place or (None, None)
                rows.append({"module": module_id, "quabo": quabo, **one.numbers})
                index.append((pd.Timestamp(seen_s, unit="s", tz="UTC"), name))
    table = pd.DataFrame(rows, index=pd.MultiIndex.from_tuples(index, names=["time", "name"]) if index else None)
    if "module" in table:
        table = table.astype({"module": "Int64", "quabo": "Int64"})
    return table


class HousekeepingWriter:
    """Writes surroundings as ``hk.pff`` beside recorded frames: of each hash only what changed.

    Parameters
    ----------
    path
        The file, which is continued.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._written: dict[str, Mapping[str, str]] = {}

    def write(self, surroundings: Surroundings) -> int:
        """Write what changed since the last call; return the number of hashes."""
        changed = {
            name: dict(one.values)
            for name, one in surroundings.instruments.items()
            if self._written.get(name) != one.values
        }
        if changed:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(changed) + "\n\n")
            self._written |= changed
        return len(changed)
