"""Headers of a recorded run as Parquet: one row per frame, without pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from panoseti_daq.export.choices import TimeRule
from panoseti_daq.export.l0 import COLUMN_CHUNK, columns_of
from panoseti_daq.export.recording import JudgedRecording, recordings_of
from panoseti_daq.open_types import OpenDict
from panoseti_daq.pff.quality import QualityCheck

_ROWS: Final = COLUMN_CHUNK  # in a group; a reader may skip groups by time


def convert_headers(run_dir: str | Path, out_dir: str | Path, *, time: TimeRule = TimeRule.HOST) -> list[Path]:
    """Write the headers of a recorded run as Parquet, a file per product and module.

    The columns are those of the Zarr stores with one number per frame, and ``file`` and ``frame_number``, which
    say where the image stands; ``unix_t_ns`` is a timestamp in UTC, null where no quabo reported a time.

    Parameters
    ----------
    run_dir
        As for `convert_run`.
    out_dir
        Where to put ``<run>.<product>.parquet``; made when it is not there.
    time
        Whose times the frames get.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    PffError
        There is no frame.
    OSError
        A file cannot be read or written.
    """
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    return [_write(recording, out_dir, time) for recording in recordings_of(Path(run_dir))]


def _write(recording: JudgedRecording, out_dir: Path, time: TimeRule) -> Path:
    path = out_dir / f"{recording.run}.{recording.name}.parquet"
    new = path.with_name(f"{path.name}.new")
    check = QualityCheck()
    writer: pq.ParquetWriter | None = None
    for begin in range(0, len(recording), _ROWS):
        table = _table(recording, begin, min(begin + _ROWS, len(recording)), check, time)
        writer = writer or pq.ParquetWriter(new, table.schema, compression="zstd")
        writer.write_table(table)
    if writer is not None:
        writer.close()
    return new.replace(path)


def _table(recording: JudgedRecording, begin: int, end: int, check: QualityCheck, time: TimeRule) -> pa.Table:
    columns: OpenDict = dict(columns_of(recording.headers(begin, end, check), time))
    unix_ns = columns["unix_t_ns"]
    columns["unix_t_ns"] = pa.array(unix_ns, pa.timestamp("ns", "UTC"), mask=unix_ns == 0)
    parts = recording[begin:end].blocks
    names = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    files = pa.DictionaryArray.from_arrays(pa.array(names, pa.int32()), [part.file for part in parts])
    columns["file"] = files.cast(pa.string())
    columns["frame_number"] = np.concatenate([part.frame_numbers for part in parts])
    return pa.table(columns)
