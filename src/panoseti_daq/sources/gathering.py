"""How long changes are gathered before they are read, where many clients are to get every frame."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from typing import Final

_STEP_S: Final = 20e-6  # with each batch, once the limit is known: it is found again at little cost
_FIRST_STEP_S: Final = 200e-6  # before: the most is reached within half a second
_SHRINKS: Final = 0.8


class Gathering:
    """How long to wait after a change for more: a message to a client costs the same whatever it carries.

    Grows with every batch that has a single frame of each file, and shrinks as soon as two come together, because
    only the newer one would be sent. So a source loses a few frames in a thousand, and one that is faster than
    clients can be is not held up at all.

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
        self._has_shrunk = False

    def note(self, blocks: Iterable[Sized]) -> None:
        """Take note of what was read together: the new frames of each file."""
        if not all(len(block) == 1 for block in blocks):
            self._has_shrunk = True
            rest_s = self.rest_s * _SHRINKS
        else:
            rest_s = self.rest_s + (_STEP_S if self._has_shrunk else _FIRST_STEP_S)
        self.rest_s = min(self.most_s, rest_s)
        self._has_shrunk &= self.most_s > 0
