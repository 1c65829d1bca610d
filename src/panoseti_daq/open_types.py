"""Open types: objects whose values are of any type, and are checked where they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OpenDict = dict[str, Any]
"""An object of JSON or TOML, a row of a table, or the dict that is documented."""
OpenMapping = Mapping[str, Any]
"""The same, of somebody else: only looked at."""
