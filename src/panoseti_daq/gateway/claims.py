"""Claims of nodes to modules: of two nodes with the same module, one is the one that it comes from."""

from __future__ import annotations

import logging
from collections import defaultdict

_log = logging.getLogger(__name__)


class Claims:
    """Node of each module: the first that has it keeps it, until it is lost; a preferred one goes before.

    Parameters
    ----------
    prefer
        Name of the node that goes before others; empty for none.
    """

    def __init__(self, prefer: str = "") -> None:
        self._prefer = prefer
        self._owners: dict[int, str] = {}
        self._losers: defaultdict[str, set[int]] = defaultdict(set)

    def claim(self, module_id: int, node: str) -> bool:
        """Return whether frames of a module, which a node has, are to come from it."""
        owner = self._owners.get(module_id)
        if owner == node:
            return True
        if owner is None or node == self._prefer:
            self._owners[module_id] = node
            self._losers[node].discard(module_id)
            if owner is not None:
                self._note(module_id, loser=owner, owner=node)
            return True
        self._note(module_id, loser=node, owner=owner)
        return False

    def _note(self, module_id: int, loser: str, owner: str) -> None:
        if module_id not in self._losers[loser]:
            self._losers[loser].add(module_id)
            _log.warning("module %d of %s is left out: it comes from %s", module_id, loser, owner)

    def release(self, node: str) -> list[int]:
        """Take note that a node was lost: others may have its modules, which are returned."""
        modules = [module_id for module_id, owner in self._owners.items() if owner == node]
        for module_id in modules:
            del self._owners[module_id]
        self._losers.pop(node, None)
        return modules

    def owner(self, module_id: int) -> str | None:
        """Return the node that a module comes from; None when nobody has shown it."""
        return self._owners.get(module_id)

    def of(self, node: str) -> list[int]:
        """Return the modules that come from a node."""
        return sorted(module_id for module_id, owner in self._owners.items() if owner == node)

    def left_out(self, node: str) -> list[int]:
        """Return the modules that a node has, but that come from another."""
        return sorted(self._losers.get(node, ()))
