"""Modules of hosts, where frames of several hosts come together: two of them may have modules of one number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Self, TypeVar

from panoseti_daq.client import ReceivedBlock, ReceivedFrame
from panoseti_daq.pff import Key

_T = TypeVar("_T")


class Module(NamedTuple):
    """A module of a host, in the order of walls and tables; without a host it is that of any."""

    host: str
    module_id: int

    @classmethod
    def of(cls, what: ReceivedFrame | ReceivedBlock) -> Self:
        """Module that frames come from."""
        return cls(what.host, what.module_id)

    @property
    def anywhere(self) -> Module:
        """The number alone."""
        return Module("", self.module_id)

    def __str__(self) -> str:
        return f"{self.module_id} {self.host}".rstrip()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the module that `str` made a text of; raises ValueError: it is none."""
        number, _, host = text.partition(" ")
        return cls(host, int(number))


class Source(NamedTuple):
    """A key of a host; without a host it is that of any."""

    host: str
    key: Key

    @classmethod
    def of(cls, frame: ReceivedFrame) -> Self:
        """Source of a frame."""
        return cls(frame.host, frame.key)

    @property
    def module_id(self) -> int:
        """Number of the module."""
        return self.key.module_id

    @property
    def module(self) -> Module:
        """The module."""
        return Module(self.host, self.key.module_id)

    @property
    def anywhere(self) -> Source:
        """The key alone."""
        return Source("", self.key)


_Place = TypeVar("_Place", Module, Source)
BySource = dict[Source, ReceivedFrame]
"""The newest frame of each key of each host."""


class ByHost(dict[_Place, _T]):
    """Something for each module, or key: what is there without a host holds for those of all hosts."""

    def of(self, place: _Place) -> _T | None:
        """Return what holds for a place; None for nothing."""
        return self.get(place, self.get(place.anywhere))


class Names:
    """Names of modules: with their hosts where several hosts have one number.

    `modules`: all there are.
    """

    def __init__(self, modules: Iterable[Module]) -> None:
        self._hosts: dict[int, list[str]] = {}
        for host, module_id in sorted(set(modules)):
            self._hosts.setdefault(module_id, []).append(host)

    def __call__(self, place: _Place) -> _Place:
        """Return a place without its host unless that is needed to tell it from another."""
        return place if len(self._hosts.get(place.module_id, ())) > 1 else place.anywhere

    def rank(self, module: Module) -> int:
        """Return how many hosts before this one have a module of its number."""
        return self._hosts[module.module_id].index(module.host)


def by_key(frames: Mapping[Source, ReceivedFrame]) -> Iterator[dict[Key, ReceivedFrame]]:
    """Give frames as viewers take them: of two hosts with one key, the second comes with the next call."""
    left = dict(frames)
    while left:
        part: dict[Key, ReceivedFrame] = {}
        for source in frames:
            if source in left and source.key not in part:
                part[source.key] = left.pop(source)
        yield part
