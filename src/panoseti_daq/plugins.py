"""Plugins: the entry points of a group, those of this package first, and errors of foreign code in one line."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Final

from panoseti_daq.errors import DaqError

OURS: Final = "panoseti-daq"


def entries_of(group: str) -> list[tuple[EntryPoint, str]]:
    """Return every entry point, the built-in ones first, and which package had its name before; empty for none."""
    entries = sorted(
        entry_points(group=group), key=lambda entry: (package_of(entry)[0] != OURS, entry.name, package_of(entry))
    )
    owners: dict[str, str] = {}
    found = []
    for entry in entries:
        clash = owners.get(entry.name, "")
        owners.setdefault(entry.name, package_of(entry)[0])
        found.append((entry, clash))
    return found


def package_of(entry: EntryPoint) -> tuple[str, str]:
    """Return the name and version of the distribution that brings an entry point."""
    return (entry.dist.name, entry.dist.version) if entry.dist else ("unknown", "")


def describe(error: BaseException) -> str:
    """Return one line about what a plugin raised."""
    text = " ".join(str(error).split())
    return text if isinstance(error, DaqError) else f"{type(error).__name__}: {text}"
