"""Plugins: the entry points of a group, those of this package first, and errors of foreign code in one line."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from panoseti_daq.errors import DaqError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_log = logging.getLogger(__name__)

OURS: Final = "panoseti-daq"


class Spec(Protocol):
    """What an entry point leads to."""

    @property
    def name(self) -> str:
        """Name of the plugin; also that of the entry point."""
        ...


_Spec = TypeVar("_Spec", bound=Spec)


@dataclass(frozen=True, slots=True)
class Installed(Generic[_Spec]):
    """An entry point of a group.

    Attributes
    ----------
    name
        Name of the entry point.
    package, version
        Package that provides it, and its version.
    spec
        The plugin; None when it cannot be loaded.
    error
        Reason why it cannot be loaded; empty when it can.
    """

    name: str
    package: str
    version: str
    spec: _Spec | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class PluginGroup(Generic[_Spec]):
    """A group of entry points whose specs are of one type.

    Attributes
    ----------
    group
        Name of the group.
    what
        Word for one of its plugins in errors, such as ``viewer``.
    spec
        Type of the specs.
    """

    group: str
    what: str
    spec: type[_Spec]

    def installed(self) -> list[Installed[_Spec]]:
        """Return all plugins, the built-in ones first, then by name; a broken one carries its error."""
        return [self._load(entry, clash) for entry, clash in _entries_of(self.group)]

    def find(self, name: str) -> Installed[_Spec] | None:
        """Return the plugin of that name without loading any other; None if there is none."""
        return next(
            (self._load(entry, clash) for entry, clash in _entries_of(self.group) if entry.name == name), None
        )

    def _load(self, entry: EntryPoint, clash: str) -> Installed[_Spec]:
        package, version = _package_of(entry)
        try:
            if clash:
                raise DaqError(f"{clash} has a {self.what} of this name too, and comes first")
            spec = entry.load()
            if not isinstance(spec, self.spec):
                raise DaqError(f"{entry.value} is a {type(spec).__name__}, not a {self.spec.__name__}")
            if spec.name != entry.name:
                raise DaqError(f"{entry.value} names itself {spec.name!r}, and its entry point {entry.name!r}")
        except (Exception, SystemExit) as error:  # a door: whatever a plugin raises, the others continue
            _log.debug("%s %s of %s cannot be loaded", self.what, entry.name, package, exc_info=True)
            return Installed(entry.name, package, version, None, describe(error))
        return Installed(entry.name, package, version, spec)


def _entries_of(group: str) -> list[tuple[EntryPoint, str]]:
    """Return every entry point, the built-in ones first, and which package had its name before; empty for none."""
    from importlib.metadata import entry_points  # takes 10 ms, and few look for plugins

    entries = sorted(
        entry_points(group=group),
        key=lambda entry: (_package_of(entry)[0] != OURS, entry.name, _package_of(entry)),
    )
    owners: dict[str, str] = {}
    found = []
    for entry in entries:
        clash = owners.get(entry.name, "")
        owners.setdefault(entry.name, _package_of(entry)[0])
        found.append((entry, clash))
    return found


def _package_of(entry: EntryPoint) -> tuple[str, str]:
    return (entry.dist.name, entry.dist.version) if entry.dist else ("unknown", "")


def describe(error: BaseException) -> str:
    """Return one line about what a plugin raised."""
    text = " ".join(str(error).split())
    return text if isinstance(error, DaqError) else f"{type(error).__name__}: {text}"
