"""Text from files, hosts and logs made safe: for a terminal, and for messages."""

from __future__ import annotations

import os


def sendable(name: str) -> str:
    """Return a name of a file as UTF-8 may hold it: replacement characters in place of bytes that are none."""
    return name if name.isascii() else os.fsencode(name).decode(errors="replace")


def printable(text: str, keep: str = "") -> str:
    r"""Return a text with escapes such as ``\x1b`` in place of what is no printable character.

    Parameters
    ----------
    text
        From anybody.
    keep
        Characters to leave as they are, such as ``"\n"`` in a text of several lines.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text)
