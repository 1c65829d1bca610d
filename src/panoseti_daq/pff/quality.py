"""Quality of the frames of one module and product, judged block after block as they are published."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from panoseti_daq.pff.block import FrameBlock
from panoseti_daq.pff.flaws import Previous

_FILES: Final = 2  # of a module and product, that grow at the same time: at a rotation the old one gets its rest


@dataclass(slots=True)
class _File:
    generation: int
    next_frame_number: int = -1
    previous: Previous = field(default_factory=Previous)


class QualityCheck:
    """Judge of the frames of one module and product; for one thread.

    Remembers the last frame of each key in the two newest files.
    """

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}

    def __call__(self, block: FrameBlock) -> list[int] | npt.NDArray[np.uint16]:
        """Return the flags of each frame, length n; 0 where a header does not parse."""
        return block.judge(self.before(block))

    def before(self, block: FrameBlock) -> Previous:
        """Return the frames before a block that is judged next: none, unless they were those of the last block."""
        file = self._files.get(block.file)
        is_next = file is not None and file.next_frame_number == block.first_frame_number
        if file is None or file.generation != block._generation or not is_next:
            file = self._files[block.file] = _File(block._generation)
            if len(self._files) > _FILES:
                del self._files[min(self._files, key=lambda name: self._files[name].generation)]
        file.next_frame_number = block.first_frame_number + len(block)
        return file.previous
