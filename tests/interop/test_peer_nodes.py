"""Our gateway hands on what servers of the peer send."""

from __future__ import annotations

import grpc
import pytest
from interop.peers import CheckSimulated, Peer
from interop.table import Table
from support.gateways import client_of, gateway_of

from panoseti_daq.client import RpcError

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

SECTION = "Our gateway with nodes of the peer"


async def test_init_status_and_frames_of_a_node_of_the_peer_pass_through_our_gateway(
    peer: Peer, peer_server: str, assert_is_simulated_by_peer: CheckSimulated, table: Table
) -> None:
    async with gateway_of(f"daq1={peer_server}") as gateway, client_of(gateway) as client:
        assert await client.init_sim(timeout=20)
        table.write(SECTION, "InitHpIo", peer.version)
        for kind, row in (("MOVIE", "stream movie"), ("PULSE_HEIGHT", "stream pulse height")):
            movie = kind == "MOVIE"
            stream = client.stream_images(stream_movie_data=movie, stream_pulse_height_data=not movie)
            async with stream as images:
                for _ in range(3):
                    image = await anext(images)
                    assert image["type"] == kind
                    assert_is_simulated_by_peer(image)
            table.write(SECTION, row, peer.version)
        (node,) = (await client.get_status(gateway.address)).nodes
        assert node.connected and "panoseti-grpc" in node.version
        table.write(SECTION, "state of the node in status", peer.version)
        with pytest.raises(RpcError) as refused:
            await anext(client.stream_blocks())
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        table.write(SECTION, "all frames", peer.version, "no: nodes have none")
