"""Panel: the pulse heights or the movie of one module as one image."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from panoseti_daq.pff import DataProduct, Kind, quabos
from panoseti_daq.viewers.clock import age_text, short_age_text, time_text
from panoseti_daq.viewers.images import titles
from panoseti_daq.viewers.images.colors import (
    N_ROLLING,
    N_ROLLING_PULSES,
    Levels,
    RollingLevels,
    Scale,
    color_indices,
)
from panoseti_daq.viewers.images.pedestal import History, PedestalMode, Pedestals
from panoseti_daq.viewers.images.pixels import assemble
from panoseti_daq.viewers.images.titles import Caption, Span, Stamp, Tone
from panoseti_daq.viewers.masks import Mask, PixelMasks, bad_quabos
from panoseti_daq.viewers.modules import Module, Source

_N_GAPS: Final = 4  # between frames of a quabo, that its period is known by
_LONGEST_PERIOD_S: Final = 60.0  # what comes less often counts as silent all the same


class Panel:
    """Takes the frames of one kind of one module and makes one image of 32x32 pixels of them.

    A ph256 frame goes into its quadrant and the other three stay; a frame of another data product, or of another
    run, replaces all. What is said of the image (`stamps`, `raw`) is of the one that was composed last, whatever
    came since.

    `stamp`: the first frame. `period_s`: time between two frames that were asked for, s. `product`: data product
    of what is shown. `indices`: color of each pixel: shape (32, 32), as stored.
    """

    def __init__(self, stamp: Stamp, period_s: float = 1.0) -> None:
        self.module = Module.of(stamp.frame)
        # The frame that is shown by quabo; by None for products that hold all four
        self.stamps: dict[int | None, Stamp] = {}
        # What is shown, as it came: shape (32, 32), ADC counts, as stored
        self.raw: npt.NDArray[Any] = np.zeros((quabos.MODULE_SIZE,) * 2)
        self.image = self.raw  # The same less the pedestal
        # Where there is light that was measured; None for everywhere
        self.valid: Mask | None = np.zeros(self.image.shape, np.bool_)
        self.levels = Levels(0.0, 1.0)  # Of the colors in `indices`
        self.bad: dict[int, str] = {}  # What is wrong with the pixels of a quabo, ``zeros`` or ``missing``
        self.is_new = False  # Whether a frame came since `compose`
        self.color(Scale.LINEAR)
        self._period_s = period_s
        self._start(stamp.frame.product)
        self.put(stamp)

    def _start(self, product: DataProduct) -> None:
        self.product = product
        self._taken: dict[int | None, Stamp] = {}
        self._gaps: dict[int | None, deque[float]] = {}
        self.rolling = RollingLevels(N_ROLLING_PULSES if product.kind is Kind.PULSE_HEIGHT else N_ROLLING)

    @property
    def kind(self) -> Kind:
        """Pulse height or movie."""
        return self.product.kind

    def put(self, stamp: Stamp) -> None:
        """Take a frame of this kind and module."""
        frame, quabo = stamp.frame, stamp.frame.key.quabo
        if frame.product is not self.product:
            self._start(frame.product)
        elif any(titles.is_later_run(frame.file, before.frame.file) for before in self._taken.values()):
            self.forget()
        if quabo in self._taken:
            gap_s = min(abs(stamp.unix_s - self._taken[quabo].unix_s), _LONGEST_PERIOD_S)
            self._gaps.setdefault(quabo, deque(maxlen=_N_GAPS)).append(gap_s)
        self._taken[quabo] = stamp
        self.is_new = True

    def forget(self) -> None:
        """Show nothing until the next frame."""
        self._taken.clear()
        self._gaps.clear()
        self.is_new = True

    def compose(self, pedestals: Pedestals, histories: Mapping[Source, History], masks: PixelMasks) -> None:
        """Make the image of the frames that came, and let the rolling levels see it."""
        self.is_new = False
        self.stamps = dict(self._taken)
        self.bad = {}
        if not self.stamps:
            self.valid = np.zeros(self.image.shape, np.bool_)
            return
        came = {quabo: stamp.frame.image for quabo, stamp in self.stamps.items()}
        self.raw, known = self._joined(came)
        self.image = self.raw
        if pedestals.mode is not PedestalMode.NONE:
            sources = {quabo: Source.of(stamp.frame) for quabo, stamp in self.stamps.items()}
            less = {q: pedestals.subtracted(sources[q], image, histories[sources[q]]) for q, image in came.items()}
            self.image, _ = self._joined(less)
        for quabo, stamp in self.stamps.items():
            self.bad.update(bad_quabos(stamp.frame.quality, quabo))
            lit = masks.lit(stamp.frame)
            if quabo is None:
                known = lit
            elif known is not None and lit is not None:
                known[quabos.quadrant(quabo)] &= lit
        self.valid = known
        if self.measured.size:
            self.rolling.add(self.measured)

    @staticmethod
    def _joined(images: Mapping[int | None, npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], Mask | None]:
        if None in images:
            return images[None], None
        return assemble({quabo: image for quabo, image in images.items() if quabo is not None})

    @property
    def newest(self) -> Stamp:
        """The newest frame that is shown."""
        return max(self.stamps.values(), key=lambda stamp: stamp.unix_s)

    @property
    def oldest(self) -> Stamp:
        """The oldest frame that is shown: its age is that of the image."""
        return min(self.stamps.values(), key=lambda stamp: stamp.taken_s)

    @property
    def status(self) -> Any:
        """The worst of the times that are shown."""
        return max(stamp.time.status for stamp in self.stamps.values())

    @property
    def measured(self) -> npt.NDArray[Any]:
        """The pixels with data; none if there are none."""
        return self.image if self.valid is None else self.image[self.valid]

    def color(self, scale: Scale) -> None:
        """Make `indices` of `image` and `levels`."""
        self.indices = color_indices(self.image, self.levels, self.valid, scale)

    def silent(self, now_s: float) -> dict[int | None, float]:
        """Ages of the quabos whose frame is too old for how often they come, s; by None for the whole image."""
        ages = {quabo: now_s - stamp.taken_s for quabo, stamp in self.stamps.items()}
        return {quabo: age_s for quabo, age_s in ages.items() if age_s > self._silent_after_s(quabo)}

    def _silent_after_s(self, quabo: int | None) -> float:
        """Of a source that is slower than what was asked for, its own period counts."""
        own_s = max(self._gaps.get(quabo, ()), default=0.0)
        return titles.silent_after_s(max(self._period_s, own_s))

    def is_silent(self, now_s: float) -> bool:
        """Whether nothing of the image is fresh."""
        return len(self.silent(now_s)) == len(self.stamps)

    def caption(self, now_s: float, host: str = "", name: str = "", *, short: bool = False) -> Caption:
        """Return what is said of the image.

        `host`: what to say of its host. `name`: that somebody gave the module.
        """
        tone = Tone.OLD if self.silent(now_s) else Tone.NORMAL
        named = Span(name or f"{'' if short else 'module '}{self.module.module_id}", Tone.HEAD)
        said = titles.warning(self.status)
        wrong = (Span(f"Q{quabo} {what}", Tone.WARNING) for quabo, what in sorted(self.bad.items()))
        return Caption(
            (named, Span(host, Tone.HEAD)) if host else (named,),
            Span(self.product.token, Tone.NORMAL),
            Span(age_text(now_s - self.oldest.taken_s), tone),
            (*([said] if said else []), *wrong),
            Span(time_text(self.newest.time.unix_ns, date=False)[: 8 if short else None], tone),
        )

    def details(self, now_s: float) -> list[str]:
        """Everything about what is shown, for a tip: a line for each quabo."""
        lines = [f"module {self.module.module_id}  {titles.KIND_NAMES[self.kind]} {self.product.token}"]
        for quabo, stamp in sorted(self.stamps.items(), key=lambda item: -1 if item[0] is None else item[0]):
            frame = stamp.frame
            parts = [] if quabo is None else [f"Q{quabo}"]
            parts += [f"{time_text(stamp.time.unix_ns)} UTC", f"frame {frame.frame_number}"]
            parts += [f"{age_text(now_s - stamp.taken_s)} old", titles.file_text(frame.file), frame.delivery.host]
            lines.append("  ".join(parts))
        lines += [f"Q{quabo} {what}" for quabo, what in sorted(self.bad.items())]
        return [*lines, *dict.fromkeys(stamp.frame.file for stamp in self.stamps.values())]

    def quabo_ages(self, now_s: float) -> list[Span]:
        """Age of each quabo in few characters."""
        silent = self.silent(now_s)
        spans = []
        for quabo in range(quabos.N_QUABOS):
            stamp = self.stamps.get(quabo)
            text = "-" if stamp is None else short_age_text(now_s - stamp.taken_s)
            is_old = stamp is None or quabo in silent
            spans.append(Span(f"Q{quabo} {text}", Tone.OLD if is_old else Tone.NORMAL))
        return spans

    def part_of(self, region: Mask) -> tuple[Stamp, Mask] | None:
        """The frame that the measured pixels of a region come from, and the region there; None if not one."""
        if self.valid is not None:
            region = region & self.valid
        if not region.any():
            return None
        if (stamp := self.stamps.get(None)) is not None:
            return stamp, region
        (first, *others) = [q for q in range(quabos.N_QUABOS) if region[quabos.quadrant(q)].any()]
        return None if others else (self.stamps[first], region[quabos.quadrant(first)])

    def stamp_at(self, row: int, column: int) -> tuple[Stamp, int, int] | None:
        """The frame that a stored pixel comes from, and its row and column there; None where there is none."""
        stamp = self.stamps.get(None)
        if stamp is not None:
            return stamp, row, column
        stamp = self.stamps.get(quabos.quabo_at(row, column))
        return None if stamp is None else (stamp, row % quabos.QUABO_SIZE, column % quabos.QUABO_SIZE)
