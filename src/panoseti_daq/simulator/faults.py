"""Faults of real DAQ nodes, for the simulator to produce (SPEC 1.4, 1.5, 1.7 and 7.2)."""

from __future__ import annotations

import dataclasses
import enum
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from panoseti_daq.errors import ConfigError
from panoseti_daq.open_types import OpenDict
from panoseti_daq.pff import DataProduct, Header, Layout, encode_frame
from panoseti_daq.pff.names import SNAPSHOT_DIR
from panoseti_daq.pff.product import OpenArray
from panoseti_daq.pff.quabos import N_QUABOS, quadrant
from panoseti_daq.simulator.writer import RunWriter

if TYPE_CHECKING:
    from panoseti_daq.simulator.schedule import Due

_NS: Final = 1_000_000_000
COLLECTED_DIR: Final = "collected"  # in the data directory: where runs that ended are moved to


class End(enum.StrEnum):
    """Fate of a run directory when its run ends; first everything is flushed."""

    KEEP = "keep"
    RENAME = "rename"
    """It is moved out of the module's directory."""
    DELETE = "delete"
    """It is moved away, then deleted."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Faults to produce; by default none.

    Attributes
    ----------
    clock_desync_s
        Lead of the host clock over White Rabbit, s; more than 1 s is a fault.
    missing_quabos
        Quabos that send nothing: zeros in header and quadrant.
    zero_quadrants
        Quabos of which only the pixels are zero.
    zero_frame_every, cut_header_every, garbage_every, lost_frame_every, time_back_every
        Make every N-th frame of a product faulty, 0 for none: all zeros, header included; half its header cut; a
        block of garbage before it; not written, although the quabos counted it; dated 2 s before its time.
    garbage_bytes
        Length of the block of garbage.
    alternate_s
        Let the products take turns of this many seconds; 0 for all at once.
    late_product_s, late_module_s
        Delay of each further product, and of each further module's directory, s.
    run_change_s
        Interval at which a new run begins, s; 0 for never.
    unnamed_run
        Leave out ``daq_run_name``, which names the active run.
    snapshot_interval_s
        Interval at which the snapshot of img16 is rewritten, s; 0 for never.
    stray_files
        Put empty and foreign files beside those of the run.
    seqno_step
        Step of the seqno at each rotation.
    truncate_bytes
        Bytes cut off the last file of each product when the run ends.
    end
        Fate of the run directories.
    """

    clock_desync_s: int = 0
    missing_quabos: tuple[int, ...] = ()
    zero_quadrants: tuple[int, ...] = ()
    zero_frame_every: int = 0
    cut_header_every: int = 0
    garbage_every: int = 0
    lost_frame_every: int = 0
    time_back_every: int = 0
    garbage_bytes: int = 1000
    alternate_s: float = 0.0
    late_product_s: float = 0.0
    late_module_s: float = 0.0
    run_change_s: float = 0.0
    unnamed_run: bool = False
    snapshot_interval_s: float = 0.0
    stray_files: bool = False
    seqno_step: int = 1
    truncate_bytes: int = 0
    end: End = End.KEEP

    def __post_init__(self) -> None:
        for quabo in (*self.missing_quabos, *self.zero_quadrants):
            if not 0 <= quabo < N_QUABOS:
                raise ConfigError(f"quabo {quabo} is not within 0-{N_QUABOS - 1}")
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and field.name != "clock_desync_s" and not value >= 0:
                raise ConfigError(f"{field.name} {value:g} is negative")

    def is_due(self, due: Due, module_ids: Sequence[int], products: Sequence[DataProduct]) -> bool:
        """Return whether a frame is written at all."""
        at_s, turn = due.at_ns / _NS, products.index(due.product)
        if at_s < self.late_product_s * turn or at_s < self.late_module_s * module_ids.index(due.module_id):
            return False
        return not self.alternate_s or int(at_s / self.alternate_s) % len(products) == turn

    def written(self, frame: bytes, product: DataProduct, i: int) -> bytes:
        """Return what is written instead of a frame, the `i`-th of its key from 1; may be empty."""
        layout = Layout.discover(frame, product)
        assert layout is not None
        if product.one_quabo and layout.parse(frame[: layout.header_size_bytes]).quabo_num in self.missing_quabos:
            return b""
        if is_turn(i, self.lost_frame_every):
            return b""
        if self.zero_quadrants or is_turn(i, self.time_back_every):
            frame = self._wrong(frame, layout, 2 if is_turn(i, self.time_back_every) else 0)
        frame = self._otherwise(frame, layout, is_zero=is_turn(i, self.zero_frame_every))
        if is_turn(i, self.cut_header_every):
            frame = frame[: layout.header_size_bytes // 2] + frame[layout.image_offset_bytes :]
        if is_turn(i, self.garbage_every):
            frame = np.random.default_rng(i).bytes(self.garbage_bytes) + frame
        return frame

    def _wrong(self, frame: bytes, layout: Layout, back_s: int) -> bytes:
        """Return the frame with an older date and its zero quadrants."""
        header, image = _taken_apart(frame, layout)
        header = header._replace(
            tv_sec=tuple(s - back_s for s in header.tv_sec),
            pkt_tai=tuple((s - back_s) % 1024 for s in header.pkt_tai),
        )
        for quabo in self.zero_quadrants:
            if not layout.product.one_quabo:
                image[quadrant(quabo)] = 0
            elif header.quabo_num == quabo:
                image[:] = 0
        return encode_frame(header, image, layout.product)

    def _otherwise(self, frame: bytes, layout: Layout, is_zero: bool) -> bytes:
        product = layout.product
        if product.one_quabo or not (self.missing_quabos or is_zero):
            missing: tuple[int, ...] = (0,) if is_zero else ()
        else:
            missing = tuple(range(N_QUABOS)) if is_zero else self.missing_quabos
        if not missing and not self.clock_desync_s:
            return frame
        header, image = _taken_apart(frame, layout)
        if self.clock_desync_s:
            header = header._replace(tv_sec=tuple(s + self.clock_desync_s for s in header.tv_sec))
        for quabo in missing:
            header = _without(header, quabo)
            if product.one_quabo:
                image[:] = 0
            else:
                image[quadrant(quabo)] = 0
        return encode_frame(header, image, product)


def _taken_apart(frame: bytes, layout: Layout) -> tuple[Header, OpenArray]:
    product = layout.product
    image = np.frombuffer(frame, product.dtype, offset=layout.image_offset_bytes).reshape(product.shape).copy()
    return layout.parse(frame[: layout.header_size_bytes]), image


def is_turn(i: int, every: int) -> bool:
    """Return whether it is the turn of the `i`-th when every N-th is; never for 0."""
    return bool(every) and i % every == 0


def _without(header: Header, quabo: int) -> Header:
    names = ("pkt_num", "pkt_tai", "pkt_nsec", "tv_sec", "tv_usec")
    rows: OpenDict = {
        name: tuple(0 if i == quabo else v for i, v in enumerate(getattr(header, name))) for name in names
    }
    return header._replace(**rows)


NO_FAULTS: Final = Faults()


def add_stray_files(run_dir: Path) -> None:
    """Put foreign files into a run directory."""
    (run_dir / "daq_config.json").write_text("{}\n")
    (run_dir / "notes.pff").write_text("clouds from the west\n")
    (run_dir / "empty.dp_img16.pff").touch()


def write_snapshot(module_dir: Path, module_id: int, frame: bytes) -> Path:
    """Rewrite the snapshot of img16 of a module in place, at constant size."""
    path = module_dir / SNAPSHOT_DIR / f"module_{module_id}.{DataProduct.IMG16.token}.seqno_0.pff"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("r+b" if path.exists() else "wb") as file:
        file.write(frame)
    return path


def end_run(writer: RunWriter, faults: Faults) -> None:
    """Treat the files of a run as at its end; its writer is closed."""
    if faults.truncate_bytes:
        for path in writer.last_files:
            os.truncate(path, max(0, path.stat().st_size - faults.truncate_bytes))
    if faults.end is not End.KEEP:
        # out of the module's directory, into one that is no module
        collected = writer.run_dir.parent.parent / COLLECTED_DIR / writer.run_dir.parent.name
        collected.mkdir(parents=True, exist_ok=True)
        moved = writer.run_dir.rename(collected / writer.run_dir.name)
        if faults.end is End.DELETE:
            shutil.rmtree(moved)
            for path in (collected, collected.parent):
                if not any(path.iterdir()):
                    path.rmdir()
