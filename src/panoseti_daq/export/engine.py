"""The xarray engine ``pff``: ``xr.open_dataset("....pff", engine="pff")``, and a whole run by `open_run`.

Nothing is read before it is asked for: images are views of the memory-mapped file, headers are parsed when the
first time or header field is wanted, and the index over time is built when something is selected by time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr
from xarray.backends import BackendArray, BackendEntrypoint
from xarray.core import indexing

from panoseti_daq.errors import PffError
from panoseti_daq.export.l0 import image_chunk, meanings
from panoseti_daq.export.recording import HeaderTable, JudgedRecording, recordings_of
from panoseti_daq.export.time_index import LazyTimeIndex
from panoseti_daq.open_types import OpenDict
from panoseti_daq.pff import Kind, PffName, Quality, TimeStatus
from panoseti_daq.pff.product import OpenArray

_FIELDS: Final = {
    "pkt_num": ("packet counter of a quabo", "1"),
    "pkt_tai": ("White Rabbit time: TAI seconds modulo 1024", "s"),
    "pkt_nsec": ("White Rabbit time: nanoseconds", "ns"),
    "tv_sec": ("host clock: seconds since 1970 UTC", "s"),
    "tv_usec": ("host clock: microseconds", "us"),
}
"""Long name and unit of each header field."""
_LONG_NAMES: Final = {Kind.MOVIE: "counts of each pixel", Kind.PULSE_HEIGHT: "pulse height of each pixel"}


class PffBackend(BackendEntrypoint):
    """What xarray calls to open a PFF file."""

    description = "Recorded files of the PANOSETI telescopes (PFF)"
    open_dataset_parameters = ("filename_or_obj", "drop_variables")

    def guess_can_open(self, filename_or_obj: object) -> bool:
        """Return whether the name is that of a PFF file."""
        if not isinstance(filename_or_obj, str | os.PathLike):
            return False
        try:
            PffName.parse(Path(filename_or_obj).name)
        except PffError:
            return False
        return True

    def open_dataset(
        self, filename_or_obj: Any, *, drop_variables: str | Iterable[str] | None = None
    ) -> xr.Dataset:
        """Open one file; `open_run` and `xarray.open_mfdataset` join several."""
        drop = [drop_variables] if isinstance(drop_variables, str) else drop_variables or []
        dataset = dataset_of(JudgedRecording.of([Path(filename_or_obj)])).drop_vars(drop)
        dataset.set_close(_nothing_to_close)
        return dataset


def _nothing_to_close() -> None:
    """The mapping of a file ends with the last array that shows it."""


def open_run(run_dir: str | Path) -> xr.DataTree:
    """Open a recorded run: a dataset per module and product, each joined over all files of the run.

    Parameters
    ----------
    run_dir
        A run: flat as it is archived, or of one module as it stands on a DAQ node.

    Returns
    -------
    xarray.DataTree
        The dataset of img16 of module 1 is ``run["module_1/img16"]``. Nothing is read before it is asked for.

    Raises
    ------
    PffError
        There is no frame.
    OSError
        The directory is missing or unreadable.

    Examples
    --------
    >>> from panoseti_daq.export import open_run
    >>> run = open_run(path)                                       # doctest: +SKIP
    >>> run["module_1/img16"].images.mean(["y", "x"]).plot()       # doctest: +SKIP
    """
    recordings = recordings_of(Path(run_dir))
    datasets = {f"module_{r.module_id}/{r.product.token}": dataset_of(r) for r in recordings}
    return xr.DataTree.from_dict(datasets, name=recordings[0].run)


def dataset_of(recording: JudgedRecording) -> xr.Dataset:
    """Return a recording as a dataset.

    Dimensions ``time``, ``y``, ``x`` and, but for ph256, ``quabo``. Coordinates: ``time`` (UTC, NaT where no quabo
    reported one), ``module``, ``quabo`` (in ph256 the quabo of each frame). Variables: ``images``, the header
    fields, ``time_status`` and ``quality``.
    """
    is_flat = recording.product.one_quabo
    time = _variable(recording, _times, "M8[ns]", {"long_name": "time, UTC"})
    quabo = {"long_name": "quabo of the module"}
    dataset = xr.Dataset(
        _variables(recording),
        xr.Coordinates({"time": time}, {"time": LazyTimeIndex(time)}),
        _attributes(recording),
    )
    return dataset.assign_coords(
        module=((), recording.module_id, {"long_name": "telescope module"}),
        quabo=_variable(recording, _Field("quabo_num"), "i8", quabo)
        if is_flat
        else (("quabo",), np.arange(4), quabo),
    )


def _attributes(recording: JudgedRecording) -> OpenDict:
    return {
        "run": recording.run,
        "data_product": recording.product.token,
        "source_pff_files": [path.name for path in recording.paths],
    }


def _variables(recording: JudgedRecording) -> dict[str, xr.Variable]:
    product = recording.product
    images = xr.Variable(
        ("time", "y", "x"),
        indexing.LazilyIndexedArray(_Images(recording)),
        {"long_name": _LONG_NAMES[product.kind], "units": "ADC"},
        {"preferred_chunks": {"time": image_chunk(product)}},
    )
    n_quabos = 0 if product.one_quabo else 4
    fields = {
        name: _variable(recording, _Field(name), "i8", {"long_name": long_name, "units": units}, n_quabos)
        for name, (long_name, units) in _FIELDS.items()
    }
    status = _variable(recording, _time_status, "u1", meanings(TimeStatus))
    quality = _variable(recording, _quality, "u2", meanings(Quality))
    return {"images": images, **fields, "time_status": status, "quality": quality}


def _variable(
    recording: JudgedRecording, read: ReadColumn, dtype: str, attributes: OpenDict, n_quabos: int = 0
) -> xr.Variable:
    column = _Column(recording, read, np.dtype(dtype), n_quabos)
    dimensions = ("time", "quabo") if n_quabos else ("time",)
    return xr.Variable(dimensions, indexing.LazilyIndexedArray(column), attributes)


ReadColumn = Callable[[HeaderTable], OpenArray]
"""Makes one column of a table of headers; a function of this module, or `_Field`, so that it can be pickled."""


def _times(headers: HeaderTable) -> npt.NDArray[np.datetime64]:
    times = headers.unix_ns.astype("M8[ns]")
    times[headers.time_status == TimeStatus.NO_TIME] = np.datetime64("NaT", "ns")
    return times


def _time_status(headers: HeaderTable) -> npt.NDArray[np.uint8]:
    return headers.time_status


def _quality(headers: HeaderTable) -> npt.NDArray[np.uint16]:
    return headers.quality


class _Field:
    """Reads one header field: shape (n,), or (n, quabos)."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, headers: HeaderTable) -> npt.NDArray[np.int64]:
        if (column := headers.fields.get(self._name)) is not None:
            return column
        return np.stack([headers.fields[f"quabo_{i}.{self._name}"] for i in range(4)], axis=1)


class _Images(BackendArray):
    """The images of a recording, as xarray indexes them."""

    def __init__(self, recording: JudgedRecording) -> None:
        self._recording = recording
        self.shape = (len(recording), *recording.product.shape)
        self.dtype = recording.product.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> OpenArray:
        support = indexing.IndexingSupport.OUTER
        found: OpenArray = indexing.explicit_indexing_adapter(key, self.shape, support, self._read)
        return found

    def _read(self, key: tuple[Any, ...]) -> OpenArray:
        time, y, x = key
        recording = self._recording
        if isinstance(time, slice) and (rows := range(len(recording))[time]).step == 1:
            images = recording[rows.start : rows.stop].images
        else:
            images = recording.images_at(np.atleast_1d(np.arange(len(recording))[time]))
        images = images[:, :, x][:, y]
        return images if isinstance(time, slice | np.ndarray) else images[0]


class _Column(BackendArray):
    """One column of the headers of a recording, as xarray indexes it."""

    def __init__(self, recording: JudgedRecording, read: ReadColumn, dtype: np.dtype[Any], n_quabos: int) -> None:
        self._recording = recording
        self._column = read
        self.shape = (len(recording), n_quabos) if n_quabos else (len(recording),)
        self.dtype = dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> OpenArray:
        support = indexing.IndexingSupport.BASIC
        found: OpenArray = indexing.explicit_indexing_adapter(key, self.shape, support, self._read)
        return found

    def _read(self, key: tuple[Any, ...]) -> OpenArray:
        time, *quabo = key
        chosen = range(len(self._recording))[time]
        if isinstance(chosen, int):
            return np.asarray(self._recording.column_at(self._column, range(chosen, chosen + 1))[(0, *quabo)])
        if not chosen:
            return np.empty((0, *self.shape[1:]), self.dtype)[(slice(None), *quabo)]
        begin, end = min(chosen[0], chosen[-1]), max(chosen[0], chosen[-1]) + 1
        column = self._recording.column_at(self._column, range(begin, end))
        return column[:: chosen.step][(slice(None), *quabo)]
