"""Which nodes are asked, and how they are reached."""

from __future__ import annotations

from typing import cast

import pytest

from panoseti_daq.client.node import Node
from panoseti_daq.client.nodes import Nodes
from panoseti_daq.config.nodes import target_at
from panoseti_daq.errors import HostError

pytestmark = pytest.mark.anyio


class _Reached:
    """A node that answers, and notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def connect_bulk(self) -> None:
        self.asked.append("connect_bulk")

    async def ping(self, timeout_s: float) -> None:
        self.asked.append("ping")


@pytest.mark.parametrize("hosts", ["daq1", None])
async def test_the_channel_of_all_frames_is_connected_while_its_node_is_pinged(hosts: str | None) -> None:
    nodes, reached = Nodes({"daq1": target_at("daq1", 50051)}), _Reached()
    nodes._open = {"daq1": cast(Node, reached)}
    nodes.connect_bulk(hosts)
    assert await nodes.choose(hosts) == ["daq1"]
    assert reached.asked == ["connect_bulk", "ping"]


def test_a_host_that_is_unknown_is_not_connected() -> None:
    with pytest.raises(HostError, match="is not configured"):
        Nodes({"daq1": target_at("daq1", 50051)}).connect_bulk("daq2")
