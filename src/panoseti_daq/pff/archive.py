"""Recorded files and runs as arrays, memory-mapped."""

from __future__ import annotations

import errno
import mmap
import stat
from pathlib import Path

from panoseti_daq.errors import PffError
from panoseti_daq.pff.block import FrameBlock
from panoseti_daq.pff.layout import MAX_HEADER_BYTES, Layout
from panoseti_daq.pff.names import FILE_SUFFIX, PffName
from panoseti_daq.pff.product import DataProduct
from panoseti_daq.pff.step import in_step


def open_file(path: str | Path) -> FrameBlock:
    """Open a recorded file as arrays.

    The file is memory-mapped: nothing is read before it is needed, and the mapping lives as long as the
    block or an array made from it. A partial frame at the end is left out. Of a file whose frames have several
    lengths (a number that needed more columns, a cut frame) a copy is made in memory, with frames of one length.
    When the file is truncated meanwhile, access to what is gone ends the process (SIGBUS): copy a file first that
    somebody may still cut.

    Parameters
    ----------
    path
        A file named as SPEC 1.4 says; the name gives product and module.

    Returns
    -------
    FrameBlock
        All whole frames of the file; never empty.

    Raises
    ------
    PffError
        The name or the content is not PFF, or there is no whole frame yet.
    OSError
        The file is missing or unreadable.

    Examples
    --------
    >>> from panoseti_daq.pff import open_file
    >>> recorded = open_file(path)              # doctest: +SKIP
    >>> recorded.images.mean(axis=(1, 2))       # doctest: +SKIP
    """
    path = Path(path)
    _check_regular(path)  # that it is missing is the better news than that its name is wrong
    name = PffName.parse(_name_of(path))
    with path.open("rb") as file:
        layout = _layout_of(path, file.read(MAX_HEADER_BYTES), name.product)
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return FrameBlock(*in_step(data, layout), name.module_id, path.name)


def _check_regular(path: Path) -> None:
    kind = path.stat().st_mode
    if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):  # a pipe would be waited for
        raise OSError(errno.EINVAL, "not a regular file", str(path))


def _layout_of(path: Path, head: bytes, product: DataProduct) -> Layout:
    """Return the layout of a file that begins with `head` and holds a whole frame."""
    try:
        layout = Layout.discover(head, product)
    except PffError as error:
        raise type(error)(f"{path}: {error}") from None
    size = path.stat().st_size
    if layout is None or size < layout.frame_size_bytes:
        raise PffError(f"{path}: no whole {product.token} frame in its {size} bytes")
    return layout


def _name_of(path: Path) -> str:
    """Return the base name that gives product and module: that of the file, or of the one that a link leads to."""
    if path.stem == "hk":
        raise PffError(f"{path} holds housekeeping, which is lines of JSON and no frames")
    return path.resolve().name if path.is_symlink() and not path.name.endswith(FILE_SUFFIX) else path.name


def run_files(run_dir: str | Path) -> list[Path]:
    """Return the PFF files below a run directory that hold data, ordered by product, module and seqno.

    Works for an archived run (flat), for one module's run directory and for a data directory.
    Files that are empty or whose names are not PFF are left out.

    Raises
    ------
    PffError
        There are none.
    OSError
        The directory is missing or unreadable.
    """
    run_dir = Path(run_dir)
    if not run_dir.is_dir():
        raise NotADirectoryError(f"run directory {str(run_dir)!r} does not exist")
    found: list[tuple[str, int, int, str, Path]] = []
    # One pattern per depth: unlike `rglob`, these follow a module_N that is a symlink to another disk (SPEC 1.4).
    paths = (path for depth in range(3) for path in run_dir.glob(f"{'*/' * depth}*{FILE_SUFFIX}"))
    for path in paths:
        try:
            name = PffName.parse(path.name)
        except PffError:
            continue
        if path.is_file() and path.stat().st_size:
            found.append((name.product.token, name.module_id, name.seqno, path.name, path))
    if not found:
        raise PffError(f"{run_dir} holds no PFF file with data")
    return [path for *_, path in sorted(found)]
