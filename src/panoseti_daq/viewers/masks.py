"""Masks of hot and dead pixels: found in the stream, edited with the mouse, kept in a file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import numpy.typing as npt
import typer

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.errors import ViewerError
from panoseti_daq.pff import Quality
from panoseti_daq.pff.quabos import MODULE_SIZE, N_QUABOS, quadrant
from panoseti_daq.viewers.modules import ByHost, Module

LEAST_IMAGES: Final = 8  # fewer say nothing about a pixel
MAD_TO_SIGMA: Final = 1.4826  # of a normal distribution
_HOT_SIGMAS: Final = 8.0  # of the spread over the pixels; stars of a telescope move on, hot pixels do not

Mask = npt.NDArray[np.bool_]
_NO_PIXEL: Final[Mask] = np.zeros((MODULE_SIZE, MODULE_SIZE), np.bool_)
MaskOption = Annotated[Path | None, typer.Option(help="Hot and dead pixels, as Shift+M in view saved them.")]
"""Option of the viewers that leave masked pixels out."""


def bad_quabos(quality: Quality, quabo: int | None) -> dict[int, str]:
    """Return what is wrong with the pixels of quabos, ``zeros`` or ``missing``; empty when all have light.

    `quality`: of a frame. `quabo`: of a ph256 frame; None for a frame of all four.
    """
    if not quality:
        return {}
    of_frame = range(N_QUABOS) if quabo is None else (quabo,)
    found = {q: "missing" for q in of_frame if quality & (Quality.MISSING_QUABO_0 << q)}
    zero = [q for q in of_frame if quality & (Quality.ZERO_IMAGE | Quality.ZERO_QUADRANT_0 << q)]
    return {**dict.fromkeys(zero, "zeros"), **found}


class PixelMasks(ByHost[Module, Mask]):
    """Masked pixels of each module, as stored: shape (32, 32), true where a pixel is left out.

    The viewers of a window share them: what one masks is left out by all.
    """

    @property
    def n_pixels(self) -> int:
        """Masked pixels of all modules."""
        return sum(int(mask.sum()) for mask in self.values())

    def toggle(self, module: Module, row: int, column: int) -> bool:
        """Mask a pixel, or no longer; return whether it is masked now."""
        mask = self[module] = np.array(_NO_PIXEL if (before := self.of(module)) is None else before)
        mask[row, column] = not mask[row, column]
        return bool(mask[row, column])

    def add(self, module: Module, mask: Mask) -> None:
        """Mask more pixels of a module."""
        self[module] = mask if (before := self.of(module)) is None else before | mask

    def lit(self, frame: ReceivedFrame) -> Mask | None:
        """Return the pixels of a frame, of its shape, that are light that was measured; None for all of them.

        A masked pixel is none, nor are those of a quabo that is missing or all zeros.
        """
        key, mask = frame.key, self.of(Module.of(frame))
        if not (bad := bad_quabos(frame.quality, key.quabo)) and mask is None:
            return None
        lit = np.ones((MODULE_SIZE, MODULE_SIZE), np.bool_) if mask is None else ~mask
        for quabo in bad:
            lit[quadrant(quabo)] = False
        return lit if key.quabo is None else lit[quadrant(key.quabo)]

    def take(self, others: PixelMasks) -> None:
        """Mask the pixels that others mask, and only these."""
        self.clear()
        self.update(others)

    def as_lists(self) -> dict[str, list[list[int]]]:
        """Return rows and columns by the text of a module, as JSON has them."""
        masks = ((module, self[module]) for module in sorted(self))
        return {str(m): np.argwhere(mask).tolist() for m, mask in masks if m.host or mask.any()}

    @classmethod
    def of_lists(cls, lists: Mapping[str, Iterable[Any]]) -> PixelMasks:
        """Return the masks that `as_lists` gave.

        Raises ValueError, TypeError, IndexError: they are none.
        """
        masks = cls()
        for module, pixels in lists.items():
            mask = masks[Module.parse(module)] = np.array(_NO_PIXEL)
            for row, column in pixels:
                if not (0 <= row < MODULE_SIZE and 0 <= column < MODULE_SIZE):
                    raise ValueError(f"invalid pixel: {row}, {column}; allowed: 0 to {MODULE_SIZE - 1}")
                mask[int(row), int(column)] = True
        return masks

    def save(self, file: Path) -> None:
        """Write them as JSON.

        Raises OSError: it cannot be written.
        """
        file.write_text(json.dumps(self.as_lists()))


def load_masks(file: Path) -> PixelMasks:
    """Read what `PixelMasks.save` wrote.

    Raises ViewerError: there is no such file, or it holds no masks.
    """
    try:
        return PixelMasks.of_lists(json.loads(file.read_text()))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ViewerError(f"{file} holds no masks: {error}") from error


def odd_pixels(images: npt.NDArray[Any]) -> Mask:
    """Return the hot and the dead pixels of images, shape (n, rows, columns): shape (rows, columns).

    A dead pixel never changes while most do. A hot one is brighter than its neighbors by 8 sigma all the time:
    compared with the median of the 5x5 pixels around it, in units of the spread of that difference.
    """
    images = images.astype(np.float32)
    never_changes = np.ptp(images, axis=0) == 0
    dead = never_changes if never_changes.mean() < 0.5 else np.zeros_like(never_changes)
    typical = np.median(images, axis=0)
    padded = np.pad(typical, 2, mode="reflect")
    around = np.median(np.lib.stride_tricks.sliding_window_view(padded, (5, 5)), axis=(2, 3))
    above = typical - around
    sigma = max(float(np.median(np.abs(above - np.median(above)))) * MAD_TO_SIGMA, 0.5)
    found: Mask = dead | (above > _HOT_SIGMAS * sigma)
    return found
