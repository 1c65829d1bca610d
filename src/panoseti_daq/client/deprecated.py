"""Deprecated forms of the clients, which work for one more version."""

from __future__ import annotations

import sys
import warnings
from typing import Final

_PACKAGE: Final = __name__.partition(".")[0]


def warn(message: str) -> None:
    """Warn of a deprecated form, at the line of the caller outside of this package."""
    depth = 1
    while sys._getframe(depth).f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        depth += 1
    warnings.warn(message, DeprecationWarning, stacklevel=depth + 1)
