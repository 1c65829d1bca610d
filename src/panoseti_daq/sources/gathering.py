"""How long changes are gathered before they are read, where many clients are to get every frame."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from typing import Final

_STEP_S: Final = 20e-6  # grows to its most within a second or two, and finds its limit at little cost
_SHRINKS: Final = 0.8


class Gathering:
    """How long to wait after a change for more: a message to a client costs the same whatever it carries.

    Grows with every batch that has a single frame of each file, and shrinks as soon as two come together, because
    only the newer one would be sent. So a source loses one frame in a thousand at most, and one that is
    faster than clients can be is not held up at all.

    Attributes
    ----------
    most_s
        At most so long, s; may be set at any time.
    rest_s
        So long now, s.
    """

    def __init__(self) -> None:
        self.most_s = 0.0
        self.rest_s = 0.0

    def note(self, blocks: Iterable[Sized]) -> None:
        """Take note of what was read together: the new frames of each file."""
        is_sparse = all(len(block) == 1 for block in blocks)
        self.rest_s = min(self.most_s, self.rest_s + _STEP_S if is_sparse else self.rest_s * _SHRINKS)
