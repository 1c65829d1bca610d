"""Text from files, hosts and logs made safe for a terminal: control characters are shown, not sent."""

from __future__ import annotations


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
