"""Context of a family of rows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from benchmarks.floor import Floor
from benchmarks.ours import Ours
from benchmarks.peer import NewPeer, OldPeer
from benchmarks.stage import System
from benchmarks.writer import Feed

N_OF_PEER: Final = 3

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Bench:
    """How much to measure, and what there is.

    Attributes
    ----------
    quick
        Shorter, with fewer rows and less of the peers.
    n_repetitions
        Of everything; of the peers at most `N_OF_PEER`.
    old_peer_python, new_peer_python, pypff_python
        Interpreters that have panoseti-grpc 0.1.1.1, 0.3.5, and pypff; None for none.
    """

    quick: bool
    n_repetitions: int = 5
    old_peer_python: str | None = None
    new_peer_python: str | None = None
    pypff_python: str | None = None

    def n_repetitions_of(self, name: str) -> int:
        """The peers are far enough off that three do."""
        return min(self.n_repetitions, N_OF_PEER) if name.startswith("peer") else self.n_repetitions

    @property
    def old_peer(self) -> list[System]:
        return [OldPeer(self.old_peer_python)] if self.old_peer_python else []

    def new_peer(self, *feeds: Feed) -> list[System]:
        return [NewPeer(self.new_peer_python, feed) for feed in feeds] if self.new_peer_python else []

    @property
    def floor_and_ours(self) -> list[System]:
        return [Floor(), Ours()]

    def in_turn(
        self, what: str, systems: Iterable[System], measure: Callable[[System], _T]
    ) -> dict[str, Sequence[_T]]:
        """Measure the systems one after the other, again and again: the noise of the machine hits all alike."""
        systems = list(systems)
        measured: dict[str, list[_T]] = {system.name: [] for system in systems}
        for i in range(self.n_repetitions):
            for system in systems:
                if i >= self.n_repetitions_of(system.name):
                    continue
                self.say(f"{what}: {system.name}, {i + 1} of {self.n_repetitions}")
                try:
                    measured[system.name].append(measure(system))
                except Exception as error:  # a peer may fail; the others are still worth knowing
                    self.say(f"{what}: {system.name} FAILED: {error}")
        return dict(measured)

    def say(self, what: str) -> None:
        print(what, file=sys.stderr, flush=True)
