"""Check that a built site loads nothing from elsewhere: check_offline.py DIRECTORY."""

from __future__ import annotations

import re
import sys
from pathlib import Path

LOADED = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["'](?:https?:)?//[^"']*"""
    r"""|<link\b(?=[^>]*\brel=["'](?:stylesheet|preload|icon|preconnect))[^>]*\bhref=["'](?:https?:)?//[^"']*"""
    r"""|@import\s+(?:url\()?["']?(?:https?:)?//[^"')]*|url\(["']?(?:https?:)?//[^"')]*"""
)


def main() -> None:
    """Exit with one line per thing that a browser would load from another server."""
    site = Path(sys.argv[1])
    pages = [path for path in site.rglob("*") if path.suffix in (".html", ".css")]
    found = [f"{path}: {match[0]}" for path in pages for match in LOADED.finditer(path.read_text())]
    if found or not pages:
        sys.exit("\n".join(found) or f"no page in {site}")


if __name__ == "__main__":
    main()
