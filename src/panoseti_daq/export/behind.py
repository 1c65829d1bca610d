"""Conversion behind a recording: PFF files come first, and their store follows by whole chunks."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from panoseti_daq.errors import DaqError
from panoseti_daq.export.choices import Codec, TimeRule
from panoseti_daq.export.convert import Conversion
from panoseti_daq.export.l0 import image_chunk
from panoseti_daq.export.manifest import write_manifest
from panoseti_daq.export.recording import JudgedRecording, name_of
from panoseti_daq.export.sidecars import write_sidecars
from panoseti_daq.pff import DataProduct

logger = logging.getLogger(__name__)

LEVEL_DIR: Final = "L0"  # of a run's directory; the storage specification of panoseti_analysis names it

_Series = tuple[Path, str]
"""Run directory, and what the names of the files of a product and module have in common."""


class ConvertBehind:
    """Converts what a recording has written, in a thread that lives from construction to `close`.

    A store ends at a chunk border as long as its recording grows, and `close` adds the rest. It is at most one
    chunk late (4096 frames of img16) unless the processor cannot keep up; then it falls behind, which costs no
    memory: what waits stands in the files, and a kill loses nothing that `convert_run` does not add. An error of a
    conversion is logged and ends that conversion only. `note` is for one thread.

    Parameters
    ----------
    out_dir
        Stores go to ``OUT_DIR/RUN/L0``.
    codec, time, chunk
        As for `convert_run`.
    """

    def __init__(
        self,
        out_dir: Path,
        codec: Codec = Codec.BLOSC,
        time: TimeRule = TimeRule.HOST,
        chunk: int | None = None,
    ) -> None:
        self._out_dir = out_dir
        self._codec, self._time, self._chunk = codec, time, chunk
        self._fresh: dict[_Series, int] = {}
        self._conversions: dict[_Series, Conversion] = {}
        self._failed: set[_Series] = set()
        self._due: set[_Series] = set()
        self._wake = threading.Condition()
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="convert-behind")
        self._thread.start()

    @property
    def n_frames(self) -> int:
        """Frames in the stores."""
        return sum(conversion.store.n_frames for conversion in self._conversions.copy().values())

    def note(self, path: Path, product: DataProduct, n_frames: int) -> None:
        """Take note that a file has grown by `n_frames`."""
        series = path.parent, name_of(path)
        fresh = self._fresh.get(series, 0) + n_frames
        # The first frames may continue what an earlier recording left, whose store may be behind.
        is_due = series not in self._fresh or fresh >= (self._chunk or image_chunk(product))
        self._fresh[series] = 0 if is_due else fresh
        if is_due:
            with self._wake:
                self._due.add(series)
                self._wake.notify()

    def close(self) -> None:
        """Convert the rest, and wait for it."""
        with self._wake:
            self._is_closing = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        with ThreadPoolExecutor(1, thread_name_prefix="compress") as pool:
            while series := self._next():
                self._convert(series, pool)
            for series in self._fresh:
                self._convert(series, pool, is_over=True)
        for run_dir in sorted({run_dir for run_dir, _ in self._conversions}):
            self._finish(run_dir)

    def _next(self) -> _Series | None:
        with self._wake:
            self._wake.wait_for(lambda: self._due or self._is_closing)
            return None if self._is_closing else self._due.pop()

    def _convert(self, series: _Series, pool: ThreadPoolExecutor, *, is_over: bool = False) -> None:
        if series in self._failed:
            return
        try:
            recording = self._recording(series)
            conversion = self._conversions.get(series)
            if conversion is None:
                stores = self._out_dir / recording.run / LEVEL_DIR
                conversion = Conversion(recording, stores, self._codec, self._time, self._chunk)
                self._conversions[series] = conversion
            n_frames = len(recording) if is_over else len(recording) // conversion.chunk * conversion.chunk
            conversion.advance(recording, n_frames, pool)
            if is_over:
                conversion.store.seal()
        except (DaqError, OSError) as error:
            self._failed.add(series)
            logger.error("no longer converted: %s: %s", series[1], error)

    def _recording(self, series: _Series) -> JudgedRecording:
        run_dir, name = series
        return JudgedRecording.of(path for path in run_dir.glob("*.pff") if name_of(path) == name)

    def _finish(self, run_dir: Path) -> None:
        """Write what stands beside the stores of a run."""
        done = {s: c for s, c in self._conversions.items() if s not in self._failed}
        run = run_dir.name
        pairs = [(self._recording(s), c.store) for s, c in sorted(done.items()) if s[0].name == run]
        if not pairs:
            return
        recordings, stores = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        try:
            write_sidecars(recordings, stores, self._out_dir / run / LEVEL_DIR)
            write_manifest(recordings, stores, self._out_dir / run / LEVEL_DIR)
        except OSError as error:
            logger.error("no manifest of %s: %s", run, error)
