"""The Zarr L0 store that pypff 1.0.4 defines (its ``docs/zarr_v3_spec.md``): names, types, chunks and attributes.

One store per product and module, with all arrays in its root. Ours has two arrays more, which that specification
allows: ``time_status`` and ``quality``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from panoseti_daq import __version__
from panoseti_daq.export.choices import TimeRule
from panoseti_daq.export.recording import HeaderTable, JudgedRecording
from panoseti_daq.open_types import OpenDict
from panoseti_daq.pff import DataProduct, Quality, TimeStatus
from panoseti_daq.pff.header import QUABO_FIELDS
from panoseti_daq.pff.product import OpenArray

STORE_VERSION: Final = "1.1"  # what pypff 1.0.4 writes
IMAGE_CHUNK_BYTES: Final = 8 << 20  # before compression
COLUMN_CHUNK: Final = 65536  # frames
_NS: Final = 1_000_000_000
_HALF_A_SECOND_NS: Final = 500_000_000
_TAI_PERIOD_S: Final = 1024
_TAI_MINUS_UTC_S: Final = 37
_FIELD_TYPES: Final = {
    "quabo_num": "u1", "pkt_num": "u4", "pkt_tai": "u2", "pkt_nsec": "u4", "tv_sec": "i8", "tv_usec": "u4",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """One array of a store; its first dimension is time.

    Attributes
    ----------
    name
        Its place in the store.
    dtype
        Type of the elements.
    chunk
        Frames in a chunk.
    shape
        Rows and columns; empty for one number per frame.
    attributes
        What it says about itself.
    """

    name: str
    dtype: np.dtype[Any]
    chunk: int
    shape: tuple[int, ...] = ()
    attributes: OpenDict = field(default_factory=dict)

    @property
    def dimensions(self) -> list[str]:
        """Names of the dimensions."""
        return ["time", "y", "x"][: 1 + len(self.shape)]


def image_chunk(product: DataProduct) -> int:
    """Frames in a chunk of images: 4096 of img16 and ph1024, 8192 of img8, 16384 of ph256."""
    return IMAGE_CHUNK_BYTES // product.image_size_bytes


def fields_of(product: DataProduct) -> list[str]:
    """Header fields of a product by their dotted names, in the order of the header."""
    if product.one_quabo:
        return ["quabo_num", *QUABO_FIELDS]
    return [f"quabo_{i}.{name}" for i in range(4) for name in QUABO_FIELDS]


def arrays_of(product: DataProduct, module_id: int, chunk: int, time: TimeRule) -> list[ArraySpec]:
    """Return the arrays of a store; `chunk` is that of the images in frames."""
    column = max(chunk, COLUMN_CHUNK)
    what = {"data_product": product.token, "module": str(module_id)}
    times = {
        "ns_since_epoch": "1970-01-01T00:00:00Z",  # not CF's "units", at which xarray would decode it
        "long_name": "UNIX timestamp in nanoseconds",
        "time_rule": time.value,
    }
    status = {"long_name": "where the time comes from", **meanings(TimeStatus)}
    quality = {"long_name": "what is wrong with the frame", **meanings(Quality)}
    fields = [
        ArraySpec(
            name.replace(".", "_"),
            np.dtype(_FIELD_TYPES[name.rpartition(".")[2]]),
            column,
            attributes={"pff_header_field": name},
        )
        for name in fields_of(product)
    ]
    return [
        ArraySpec("images", product.dtype, chunk, product.shape, what),
        ArraySpec("unix_t_ns", np.dtype("i8"), column, attributes=times),
        *fields,
        ArraySpec("time_status", np.dtype("u1"), column, attributes=status),
        ArraySpec("quality", np.dtype("u2"), column, attributes=quality),
    ]


def meanings(flags: type[TimeStatus] | type[Quality]) -> OpenDict:
    """Return the names of numbers, as the CF conventions have them."""
    key = "flag_values" if flags is TimeStatus else "flag_masks"
    return {key: [int(flag) for flag in flags], "flag_meanings": " ".join(str(f.name).lower() for f in flags)}


def root_attributes(recording: JudgedRecording, configs: OpenDict) -> OpenDict:
    """Return the attributes of a store, all but ``total_frames``."""
    product, layout = recording.product, recording.blocks[0].layout
    names = sorted(name.replace(".", "_") for name in fields_of(product))
    attributes: OpenDict = {
        "panoseti_pff_zarr_version": STORE_VERSION,
        "data_product": product.token,
        "bytes_per_pixel": product.bytes_per_pixel,
        "module": str(recording.module_id),
        "source_pff_files": [path.name for path in recording.paths],
        "header_format": "single" if product.one_quabo else "module",
        "header_fields": names if product.one_quabo else [],
        "quabo_fields": [] if product.one_quabo else names,
        "frame_config": {
            "header_size": layout.image_offset_bytes - 1,  # without the star
            "payload_size": product.image_size_bytes,
            "frame_size": layout.frame_size_bytes,
            "image_shape": list(product.shape),
            "dtype_str": product.dtype.name,
            "bytes_per_pixel": product.bytes_per_pixel,
            "format_name": product.token,
        },
        "written_by": f"panoseti-daq {__version__}",
    }
    return attributes | ({"run_configs": configs} if configs else {})


def columns_of(headers: HeaderTable, time: TimeRule) -> dict[str, OpenArray]:
    """Return the arrays with one number per frame by their names."""
    unix_ns = headers.unix_ns if time is TimeRule.HOST else pypff_times(headers)
    columns: dict[str, OpenArray] = {"unix_t_ns": unix_ns}
    for name, values in headers.fields.items():
        columns[name.replace(".", "_")] = values.astype(_FIELD_TYPES[name.rpartition(".")[2]])
    return columns | {"time_status": headers.time_status, "quality": headers.quality}


def pypff_times(headers: HeaderTable) -> npt.NDArray[np.int64]:
    """Times in UTC ns by the rule of pypff, shape (n,).

    Differs from ours where the clocks differ by more than a second (``time_status`` 1), where quabo 0 is missing,
    and where White Rabbit reports zero seconds: then it decides by the fractions of the second.
    """
    prefix = "" if "tv_sec" in headers.fields else "quabo_0."
    tai, nsec, sec, usec = (headers.fields[f"{prefix}{name}"] for name in QUABO_FIELDS[1:])
    offset = (sec - tai + _TAI_MINUS_UTC_S) % _TAI_PERIOD_S
    by_tai = (offset == _TAI_PERIOD_S - 1).astype(np.int64) - (offset == 1)
    ahead_ns = usec * 1000 - nsec
    by_fraction = (ahead_ns > _HALF_A_SECOND_NS).astype(np.int64) - (ahead_ns < -_HALF_A_SECOND_NS)
    return np.asarray((sec + np.where(tai != 0, by_tai, by_fraction)) * _NS + nsec, np.int64)
