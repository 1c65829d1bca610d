"""A recorded run to Zarr: one store per product and module, its ancillary files beside them, and a manifest."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

from panoseti_daq.errors import ConfigError
from panoseti_daq.export.choices import Codec, TimeRule
from panoseti_daq.export.l0 import COLUMN_CHUNK, arrays_of, columns_of, image_chunk, root_attributes
from panoseti_daq.export.manifest import check_is_of_run, write_manifest
from panoseti_daq.export.recording import JudgedRecording, recordings_of
from panoseti_daq.export.sidecars import read_configs, write_sidecars
from panoseti_daq.export.store import Store
from panoseti_daq.pff.quality import QualityCheck

OnProgress = Callable[[str, int, int], None]
"""Called with the name of a store, frames that are done, and frames in all."""


def store_path(recording: JudgedRecording, out_dir: Path) -> Path:
    """Return where a recording goes: the names of its run, product and module, as pypff has it."""
    return out_dir / f"{recording.run}.{recording.name}.zarr"


class Conversion:
    """One recording on its way into its store; continues where an earlier one ended. For one thread.

    Parameters
    ----------
    recording
        What to convert.
    out_dir
        Where the store stands, or is made.
    codec, time
        How chunks are compressed, and whose times the frames get.
    chunk
        Frames in a chunk of images; None for the 8 MB of pypff.

    Raises
    ------
    ConfigError
        The store is there and was made otherwise, or holds more frames than the recording.
    """

    def __init__(
        self, recording: JudgedRecording, out_dir: Path, codec: Codec, time: TimeRule, chunk: int | None = None
    ) -> None:
        self._time = time
        self.chunk: Final = chunk or image_chunk(recording.product)
        self._column_chunk: Final = max(self.chunk, COLUMN_CHUNK)
        self._configs = read_configs(recording)
        arrays = arrays_of(recording.product, recording.module_id, self.chunk, time)
        self.store: Final = Store(
            store_path(recording, out_dir), arrays, codec, root_attributes(recording, self._configs)
        )
        if self.store.n_frames > len(recording):
            raise ConfigError(
                f"{self.store.path} holds {self.store.n_frames} frames, and the run only {len(recording)};"
                " convert to another directory"
            )
        self._check: QualityCheck | None = None

    def advance(
        self,
        recording: JudgedRecording,
        end: int,
        pool: Executor,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Convert frames up to `end`; what is committed on the way ends at a chunk border.

        Parameters
        ----------
        recording
            The recording as it is now; it may have grown.
        end
            Frame to stop before.
        pool
            Where chunks are read and compressed.
        progress
            Called with the frames that readers of the store see.
        """
        begin = self.store.n_frames // self.chunk * self.chunk
        while self.store.n_frames < end:
            stop = min(end, (begin // self._column_chunk + 1) * self._column_chunk)
            self._convert(recording, begin, stop, pool)
            self.store.commit(stop, root_attributes(recording, self._configs))
            progress(stop)
            begin = stop

    def _convert(self, recording: JudgedRecording, begin: int, end: int, pool: Executor) -> None:
        firsts = range(begin, end, self.chunk)
        work = [partial(self._put_images, recording, first, min(first + self.chunk, end)) for first in firsts]
        waiting = [pool.submit(task) for task in work]
        self._check = self._check or recording.check_at(begin)
        headers = recording.headers(begin, end, self._check)
        for name, values in columns_of(headers, self._time).items():
            waiting.append(pool.submit(self.store.put, name, begin, values))
        for future in waiting:
            future.result()

    def _put_images(self, recording: JudgedRecording, begin: int, end: int) -> None:
        self.store.put("images", begin, recording[begin:end].images)


def convert_run(
    run_dir: str | Path,
    out_dir: str | Path,
    *,
    codec: Codec = Codec.BLOSC,
    time: TimeRule = TimeRule.HOST,
    workers: int | None = None,
    chunk: int | None = None,
    progress: OnProgress = lambda *_: None,
) -> list[Path]:
    """Convert a recorded run to the Zarr L0 stores that pypff defines; return them, one per product and module.

    Continues where an earlier call ended, also one that was killed; a store that is complete stays as it is.

    Parameters
    ----------
    run_dir
        A run: flat as it is archived, or of one module as it stands on a DAQ node.
    out_dir
        Where to put the stores, ``<run>.panoseti-meta`` and ``manifest.json``; made when it is not there.
    codec, chunk
        How chunks are compressed, and how many frames one of images has; None for the 8 MB of pypff.
    time, workers
        Whose times the frames get, and how many threads compress; None for one per processor.
    progress
        Called as frames are done.

    Raises
    ------
    PffError
        There is no frame, or ConfigError: `out_dir` holds stores that were made otherwise, or another run.
    """
    run_dir, out_dir = Path(run_dir), Path(out_dir)
    recordings = recordings_of(run_dir)
    check_is_of_run(recordings[0].run, out_dir)
    with contextlib.closing(_Pool(workers or len(os.sched_getaffinity(0)))) as pool:
        stores = [_convert(recording, out_dir, codec, time, chunk, pool, progress) for recording in recordings]
    write_sidecars(recordings, stores, out_dir)
    write_manifest(recordings, stores, out_dir)
    return [store.path for store in stores]


def _convert(
    recording: JudgedRecording,
    out_dir: Path,
    codec: Codec,
    time: TimeRule,
    chunk: int | None,
    pool: Executor,
    progress: OnProgress,
) -> Store:
    conversion = Conversion(recording, out_dir, codec, time, chunk)
    store, n_frames = conversion.store, len(recording)
    report = partial(progress, store.path.name)
    report(store.n_frames, n_frames)
    conversion.advance(recording, n_frames, pool, lambda done: report(done, n_frames))
    store.seal()
    return store


class _Pool(ThreadPoolExecutor):
    """Threads that drop what waits when the main one is interrupted."""

    def close(self) -> None:
        self.shutdown(cancel_futures=True)
