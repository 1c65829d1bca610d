"""Options of a closed set that a key cycles through."""

from __future__ import annotations

import enum
from typing import Self


class Choice(enum.StrEnum):
    """Base of the options; the value is what one types on the command line."""

    @property
    def next(self) -> Self:
        """The next one; after the last, the first."""
        members = list(type(self))
        return members[(members.index(self) + 1) % len(members)]
