"""Panel: the pulse heights or the movie of one module as one image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from panoseti_daq.pff import DataProduct, Key, Kind, quabos
from panoseti_daq.viewers.host.times import age_text
from panoseti_daq.viewers.images import quadrants, titles
from panoseti_daq.viewers.images.history import History
from panoseti_daq.viewers.images.levels import Levels, RollingLevels, color_indices
from panoseti_daq.viewers.images.pedestal import Pedestals
from panoseti_daq.viewers.images.titles import Line, Span, Stamp, Tone

_SHORT: Final = {Tone.WARNING: Span("clock", Tone.WARNING), Tone.BAD: Span("time", Tone.BAD)}


class Panel:
    """Takes the frames of one kind of one module and makes one image of 32x32 pixels of them.

    A ph256 frame goes into its quadrant and the other three stay; a frame of another data product replaces all.

    Parameters
    ----------
    module_id
        Telescope module.
    stamp
        The first frame.

    Attributes
    ----------
    product
        Data product of what is shown.
    newest
        The frame that was taken last.
    status
        The worst of the times that are shown.
    stamps
        The newest frame by quabo; by None for products that hold all four.
    image
        What is shown, less the pedestal: shape (32, 32), ADC counts, as stored.
    valid
        Where there is data; None for everywhere.
    levels
        Of the colors in `indices`.
    indices
        Color of each pixel: shape (32, 32), as stored.
    is_new
        Whether a frame came since `compose`.
    """

    def __init__(self, stamp: Stamp) -> None:
        self.module_id = stamp.frame.module_id
        self.stamps: dict[int | None, Stamp] = {}
        self.image: npt.NDArray[Any] = np.zeros((quabos.MODULE_SIZE,) * 2)
        self.valid: npt.NDArray[np.bool_] | None = np.zeros(self.image.shape, np.bool_)
        self.levels = Levels(0.0, 1.0)
        self.is_new = False
        self.color()
        self._silent: tuple[int, ...] = ()
        self._start(stamp.frame.product)
        self.put(stamp)

    def _start(self, product: DataProduct) -> None:
        self.product = product
        self.stamps.clear()
        self.rolling = RollingLevels()

    @property
    def kind(self) -> Kind:
        """Pulse height or movie."""
        return self.product.kind

    def put(self, stamp: Stamp) -> None:
        """Take a frame of this kind and module."""
        frame = stamp.frame
        if frame.product is not self.product:
            self._start(frame.product)
        self.stamps[frame.key.quabo] = stamp
        self.newest = max(self.stamps.values(), key=lambda stamp: stamp.unix_s)
        self.status = max(stamp.frame.time.status for stamp in self.stamps.values())
        self.is_new = True

    def compose(self, pedestals: Pedestals, histories: Mapping[Key, History]) -> None:
        """Make `image` and `valid` of the frames, and let the rolling levels see it."""
        images = {
            quabo: pedestals.subtracted(stamp.frame.key, stamp.frame.image, histories[stamp.frame.key])
            for quabo, stamp in self.stamps.items()
        }
        if None in images:
            self.image, self.valid = images[None], None
            self._silent = quadrants.silent_quabos(
                self.stamps[None].frame.image, self.stamps[None].frame.header.tv_sec
            )
            if self._silent:
                self.valid = np.ones(self.image.shape, np.bool_)
                for quabo in self._silent:
                    self.valid[quabos.quadrant(quabo)] = False
        else:
            self.image, self.valid = quadrants.assemble({q: image for q, image in images.items() if q is not None})
            self._silent = ()
        self.rolling.add(self.measured)
        self.is_new = False

    @property
    def measured(self) -> npt.NDArray[Any]:
        """The pixels with data; all of them if none has."""
        return self.image if self.valid is None or not self.valid.any() else self.image[self.valid]

    def color(self) -> None:
        """Make `indices` of `image` and `levels`."""
        self.indices = color_indices(self.image, self.levels, self.valid)

    def lines(self, now_unix_s: float, refresh_period_s: float) -> list[Line]:
        """Everything about what is shown."""
        newest = self.newest
        lines = [titles.head_line(self.module_id, newest.frame)]
        if not self.product.one_quabo:
            return lines + titles.frame_lines(newest, self._silent, now_unix_s, refresh_period_s)
        tone = titles.tone_of(newest, now_unix_s, refresh_period_s)
        lines += [
            titles.quabo_line(quabo, self.stamps.get(quabo), now_unix_s, refresh_period_s)
            for quabo in range(quabos.N_QUABOS)
        ]
        said = titles.warning(self.status)
        return [*lines, (Span(titles.file_text(newest.frame.file), tone), *([said] if said else []))]

    def captions(self, now_unix_s: float, refresh_period_s: float, *, with_module: bool) -> list[Line]:
        """One line for a small cell, from the longest to the shortest.

        Module, product, age and what is wrong; without the product; and only what matters most.
        """
        newest = self.newest
        head = (Span(f"{self.module_id}", Tone.HEAD),) if with_module else ()
        tone = titles.tone_of(newest, now_unix_s, refresh_period_s)
        age = Span(age_text(newest.age_s(now_unix_s)), tone)
        said = titles.warning(self.status)
        full = (*head, Span(self.product.token, Tone.NORMAL), age)
        if said is None:
            return [full, (*head, age._replace(text=age.text.replace(" ", "")))]
        return [(*full, said), (*head, said), (*head, _SHORT[said.tone])]

    def stamp_at(self, row: int, column: int) -> tuple[Stamp, int, int] | None:
        """The frame that a stored pixel comes from, and its row and column there; None where there is none."""
        if not self.product.one_quabo:
            return self.stamps[None], row, column
        quabo = quabos.quabo_at(row, column)
        if quabo not in self.stamps:
            return None
        return self.stamps[quabo], row % quabos.QUABO_SIZE, column % quabos.QUABO_SIZE
