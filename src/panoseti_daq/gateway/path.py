"""Path of a call through gateways: each writes its name into it, and refuses what already holds it."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from grpc import StatusCode

from panoseti_daq.service.elsewhere import Metadata
from panoseti_daq.service.hp_io import Refused
from panoseti_daq.wire.init import NODE_KEY

KEY: Final = "x-daq-path"  # of metadata: names of gateways, with commas
MOST: Final = 4  # gateways, one behind the other


def path_in(metadata: Metadata) -> frozenset[str]:
    """Return the gateways that a call came through."""
    names = ",".join(str(value) for key, value in metadata if key == KEY).split(",")
    return frozenset(filter(None, names))


def node_in(metadata: Metadata) -> str:
    """Return the node that a call is for; empty for any, or for all."""
    return next((str(value) for key, value in metadata if key == NODE_KEY), "")


class Path:
    """The name of one gateway, and those of the gateways among its clients.

    Attributes
    ----------
    name
        Of this gateway; by chance, so that no two have one.
    """

    def __init__(self) -> None:
        self.name: Final = secrets.token_hex(8)
        self._clients: Counter[str] = Counter()

    @contextmanager
    def admit(self, metadata: Metadata) -> Iterator[None]:
        """Count the gateways that a call came through while the block runs.

        Raises
        ------
        Refused
            This one is among them, or there are too many.
        """
        path = path_in(metadata)
        if self.name in path:
            text = "a circle of gateways: this one is its own node, or a node of its nodes"
            raise Refused(StatusCode.FAILED_PRECONDITION, text)
        if len(path) >= MOST:
            raise Refused(StatusCode.FAILED_PRECONDITION, f"more than {MOST} gateways one behind the other")
        self._clients.update(path)
        try:
            yield
        finally:
            self._clients.subtract(path)
            self._clients += Counter()  # without those that are 0

    @property
    def clients(self) -> frozenset[str]:
        """Gateways that streams of this one are passed to, and this one."""
        return frozenset({*self._clients, self.name})

    def onward(self, came_through: Iterable[str] = ()) -> tuple[str, str]:
        """Return the metadata of a call to a node."""
        return KEY, ",".join(sorted({*came_through, self.name}))
