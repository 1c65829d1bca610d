"""A Zarr v3 store that grows and can be opened at any moment, also after a kill.

All arrays of a store have the same number of frames, and each keeps it in a ``zarr.json`` of its own. So that they
change together, these files are symbolic links while the store grows, and one rename changes what all of them
show::

    zarr.json            -> images/.committed/zarr.json
    images/zarr.json     -> .committed/images.json
    unix_t_ns/zarr.json  -> ../images/.committed/unix_t_ns.json
    images/.committed    -> .committed.x7a      the rename replaces this link
    images/.committed.x7a/                      all of them, with n frames each

Chunks are written before that, so no reader sees a chunk that is not whole; what a kill leaves behind the last
commit is written again. A reader that opens a store just as it grows may meet arrays of two sizes: it opens it
once more. When the store is complete, `seal` puts plain files in place of the links. zarr-python has no commit
over several arrays, therefore the store is written by what is here, which is little: a chunk is one compressed
file.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numcodecs
import numpy as np

from panoseti_daq.errors import ConfigError, PffError
from panoseti_daq.export.choices import Codec
from panoseti_daq.export.l0 import ArraySpec
from panoseti_daq.open_types import OpenDict
from panoseti_daq.pff.product import OpenArray

_METADATA: Final = "zarr.json"
_COMMITTED: Final = ".committed"
_NEW: Final = ".new"
_LEVEL: Final = 3


class Store:
    """One store on disk, for one writer; `put` may be called from several threads for different chunks.

    Parameters
    ----------
    path
        Directory of the store; made when it is not there.
    arrays
        Its arrays; the first holds the images.
    codec
        How they are compressed.
    attributes
        Of its root, all but ``total_frames``.

    Raises
    ------
    ConfigError
        It is there, and has other arrays, another codec or other chunks.
    PffError
        It is there and cannot be read.

    Attributes
    ----------
    n_frames
        Frames that readers see.
    """

    def __init__(self, path: Path, arrays: Iterable[ArraySpec], codec: Codec, attributes: OpenDict) -> None:
        self.path: Final = path
        self.arrays: Final = {spec.name: spec for spec in arrays}
        self._codec: Final = codec
        self._encoders: Final = {spec.name: _encoder(codec, spec) for spec in self.arrays.values()}
        self._home: Final = next(iter(self.arrays))
        self._attributes = attributes
        self.n_frames = 0
        if path.exists():
            self.n_frames = self._frames_there()
            self._tidy()
        else:
            self._make()
        self._is_linked = all(link.is_symlink() for link in self._metadata_paths())

    @property
    def is_sealed(self) -> bool:
        """Whether it was complete when it was last written."""
        return not any(path.is_symlink() for path in self._metadata_paths())

    def put(self, name: str, begin: int, values: OpenArray) -> None:
        """Write values of an array from frame `begin` on, all in one chunk; readers see them after `commit`."""
        spec = self.arrays[name]
        index, at = divmod(begin, spec.chunk)
        path = self._chunk_path(spec, index)
        # Frames of the chunk that are behind the end of the array are zero.
        chunk = np.zeros((spec.chunk, *spec.shape), spec.dtype) if at + len(values) < spec.chunk or at else None
        if chunk is None:
            chunk = np.ascontiguousarray(values, spec.dtype)
        else:
            if at:
                chunk[:at] = self._chunk(spec, index)[:at]
            chunk[at : at + len(values)] = values
        if not (chunk.flat[0] or chunk.any()):
            path.unlink(missing_ok=True)  # a chunk that is not there is zero
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, self._encoders[name].encode(chunk))

    def column(self, name: str) -> OpenArray:
        """Read a whole array."""
        spec = self.arrays[name]
        chunks = [self._chunk(spec, i) for i in range(-(-self.n_frames // spec.chunk))]
        empty = np.empty((0, *spec.shape), spec.dtype)
        return np.concatenate([empty, *chunks])[: self.n_frames]

    def commit(self, n_frames: int, attributes: OpenDict | None = None) -> None:
        """Let readers see this many frames in every array; all at once, whenever the process ends."""
        if attributes is not None:
            self._attributes = attributes
        if not self._is_linked:
            self._unseal()
        before = self._committed()
        self._point_to(self._write_metadata(self.path / self._home, n_frames))
        self._tidy(before)
        self.n_frames = n_frames

    def seal(self) -> None:
        """Put plain files in place of the links: the store is complete."""
        for path in self._metadata_paths():
            if path.is_symlink():
                _replace(path, path.read_bytes())
        self._is_linked = False
        self._tidy()

    def _make(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(dir=self.path.parent, prefix=f".{self.path.name}."))
        for name in self.arrays:
            (new / name).mkdir()
        made = self._write_metadata(new / self._home, 0)
        (new / self._home / _COMMITTED).symlink_to(made.name)
        for path, target in zip(self._metadata_paths(new), self._link_targets(), strict=True):
            path.symlink_to(target)
        new.chmod(0o755)  # mkdtemp lets nobody else look in
        new.rename(self.path)

    def _frames_there(self) -> int:
        try:
            found = {name: self._read_metadata(name) for name in self.arrays}
        except (OSError, ValueError) as error:
            raise PffError(f"{self.path} is there and is no whole Zarr store: {error}") from error
        for name, spec in self.arrays.items():
            expected = self._array_metadata(spec, found[name]["shape"][0])
            differing = [key for key in expected if found[name].get(key) != expected[key]]
            if differing:
                raise ConfigError(
                    f"{self.path} is there with another {', '.join(differing)} of {name};"
                    " convert to another directory, or remove it"
                )
        return int(found[self._home]["shape"][0])

    def _unseal(self) -> None:
        made = self._write_metadata(self.path / self._home, self.n_frames)
        self._point_to(made)
        for path, target in zip(self._metadata_paths(), self._link_targets(), strict=True):
            _link(path, target)
        self._is_linked = True

    def _committed(self) -> str | None:
        """Return the name of the directory that the link shows; None when there is no link."""
        link = self.path / self._home / _COMMITTED
        return os.readlink(link) if link.is_symlink() else None

    def _tidy(self, before: str | None = None) -> None:
        """Remove what a kill or a seal left; `before` may just be read by somebody."""
        home = self.path / self._home
        if self.is_sealed:
            (home / _COMMITTED).unlink(missing_ok=True)
        keep = {before, self._committed()}
        for path in home.glob(f"{_COMMITTED}.*"):
            if path.name not in keep:
                path.unlink() if path.is_symlink() else shutil.rmtree(path)

    def _write_metadata(self, home: Path, n_frames: int) -> Path:
        made = Path(tempfile.mkdtemp(dir=home, prefix=f"{_COMMITTED}."))
        made.chmod(0o755)
        root = {
            "attributes": self._attributes | {"total_frames": n_frames},
            "zarr_format": 3,
            "node_type": "group",
        }
        (made / _METADATA).write_text(json.dumps(root))
        for spec in self.arrays.values():
            (made / f"{spec.name}.json").write_text(json.dumps(self._array_metadata(spec, n_frames)))
        return made

    def _array_metadata(self, spec: ArraySpec, n_frames: int) -> OpenDict:
        return {
            "shape": [n_frames, *spec.shape],
            "data_type": spec.dtype.name,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [spec.chunk, *spec.shape]}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": 0,
            "codecs": _codecs(self._codec, spec),
            "attributes": {"_ARRAY_DIMENSIONS": spec.dimensions, **spec.attributes},
            "dimension_names": spec.dimensions,
            "zarr_format": 3,
            "node_type": "array",
            "storage_transformers": [],
        }

    def _read_metadata(self, name: str) -> OpenDict:
        content: OpenDict = json.loads((self.path / name / _METADATA).read_bytes())
        return content

    def _point_to(self, made: Path) -> None:
        _link(self.path / self._home / _COMMITTED, made.name)

    def _metadata_paths(self, store: Path | None = None) -> list[Path]:
        store = store or self.path
        return [store / _METADATA, *(store / name / _METADATA for name in self.arrays)]

    def _link_targets(self) -> list[str]:
        """Return where the links in `_metadata_paths` point to."""
        home = f"{self._home}/{_COMMITTED}"
        others = [f"../{home}/{name}.json" for name in self.arrays]
        return [f"{home}/{_METADATA}", *others]

    def _chunk_path(self, spec: ArraySpec, index: int) -> Path:
        return self.path.joinpath(spec.name, "c", str(index), *("0" for _ in spec.shape))

    def _chunk(self, spec: ArraySpec, index: int) -> OpenArray:
        shape = (spec.chunk, *spec.shape)
        try:
            encoded = self._chunk_path(spec, index).read_bytes()
        except FileNotFoundError:
            return np.zeros(shape, spec.dtype)
        chunk: OpenArray = np.frombuffer(self._encoders[spec.name].decode(encoded), spec.dtype).reshape(shape)
        return chunk


def _encoder(codec: Codec, spec: ArraySpec) -> Any:
    """Return what compresses an array; numcodecs knows no type."""
    if codec is Codec.ZSTD:
        return numcodecs.Zstd(level=_LEVEL)
    # Counters compress as well by bytes as by bits, in half the time.
    return numcodecs.Blosc("zstd", _LEVEL, numcodecs.Blosc.BITSHUFFLE if spec.shape else numcodecs.Blosc.SHUFFLE)


def _codecs(codec: Codec, spec: ArraySpec) -> list[OpenDict]:
    """Return the codecs of an array as its metadata have them."""
    to_bytes: OpenDict = {"name": "bytes"}
    if spec.dtype.itemsize > 1:
        to_bytes["configuration"] = {"endian": "little"}
    if codec is Codec.ZSTD:
        return [to_bytes, {"name": "zstd", "configuration": {"level": _LEVEL, "checksum": False}}]
    blosc = {
        "cname": "zstd",
        "clevel": _LEVEL,
        "shuffle": "bitshuffle" if spec.shape else "shuffle",
        "blocksize": 0,
    }
    return [to_bytes, {"name": "blosc", "configuration": {"typesize": spec.dtype.itemsize, **blosc}}]


def _replace(path: Path, content: bytes) -> None:
    new = path.with_name(path.name + _NEW)
    new.write_bytes(content)
    new.replace(path)


def _link(path: Path, target: str) -> None:
    """Make a link, in place of what is there."""
    new = path.with_name(path.name + _NEW)
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(path)
