"""Nodes of a gateway: their states, and requests to them."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from support.gateways import client_of, gateway_of
from support.rig import recording, serving, serving_process, until

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client import AioDaqDataClient, Credentials, RpcError
from panoseti_daq.config.settings import GatewaySettings
from panoseti_daq.errors import ConfigError, SourceError
from panoseti_daq.gateway import path as paths
from panoseti_daq.gateway.gateway import Gateway
from panoseti_daq.gateway.node import ANSWER_S, FRESH_S
from panoseti_daq.pff import DataProduct
from panoseti_daq.service.access.tokens import Role, make_token
from panoseti_daq.service.hp_io import Refused
from panoseti_daq.service.monitor import metrics
from panoseti_daq.service.server import Server

pytestmark = pytest.mark.anyio

IMG16 = DataProduct.IMG16
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Server]:
    with recording(tmp_path / "a", 1) as recorder:
        recorder.write(IMG16, 3)
        async with serving(tmp_path / "a") as server:
            await until(lambda: bool(server.acquisition.hub and server.acquisition.hub.keys))
            yield server


async def status_when(client: AioDaqDataClient, wanted: Any) -> pb.StatusResponse:
    """The first status of which something is true."""
    while True:
        status = await client.get_status(client.hosts[0])
        if wanted(status):
            return status


def row(status: pb.StatusResponse, name: str) -> pb.NodeStatus:
    return next(node for node in status.nodes if node.name == name)


def not_asked(status: pb.StatusResponse, name: str) -> bool:
    return row(status, name).reason == "not asked yet"


async def test_status_has_a_row_per_node_and_the_keys_of_all(node: Server, tmp_path: Path) -> None:
    async with gateway_of(f"daq1={node.address}", f"daq2=unix://{tmp_path}/nobody") as gateway:
        async with client_of(gateway) as client:
            status = await status_when(client, lambda status: status.keys and not not_asked(status, "daq2"))
        one, two = row(status, "daq1"), row(status, "daq2")
        assert (
            one.connected and one.modules == [1] and one.address == node.address and one.version == status.version
        )
        assert abs(one.clock_offset_seconds) < 5
        assert not two.connected and two.reason and not two.modules
        assert "1 of them lost" in status.followed.description
        keys = [(key.host, key.module_id, key.product, key.frame_number) for key in status.keys]
        assert keys == [("daq1", 1, "img16", 2)]


async def test_a_node_that_hangs_does_not_hold_up_the_status(node: Server) -> None:
    with serving_process("--run-probe", "none") as (process, address):
        async with gateway_of(f"daq1={node.address}", f"daq2={address}") as gateway, client_of(gateway) as client:
            await status_when(client, lambda status: row(status, "daq2").connected and row(status, "daq1").modules)
            process.send_signal(signal.SIGSTOP)
            try:
                await asyncio.sleep(FRESH_S)  # its last answer is not fresh any more
                before = time.monotonic()
                status = await client.get_status(gateway.address)
                assert time.monotonic() - before < ANSWER_S
                assert row(status, "daq1").modules == [1]
            finally:
                process.send_signal(signal.SIGCONT)


async def test_the_health_of_each_node_has_a_name(tmp_path: Path) -> None:
    socket = f"unix://{tmp_path}/node"

    async with gateway_of(f"daq1={socket}") as gateway, grpc.aio.insecure_channel(gateway.address) as channel:

        async def health(name: str) -> Any:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            return (await stub.Check(health_pb2.HealthCheckRequest(service=name))).status

        async def until_health_is(wanted: Any) -> None:
            while [await health(f"daqdata.DaqData/{name}") for name in ("daq1", "frames")] != [wanted, wanted]:
                pass

        await until_health_is(NOT_SERVING)
        assert await health("daqdata.DaqData") == SERVING
        async with serving(host=socket):
            await until_health_is(SERVING)
        await until_health_is(NOT_SERVING)


async def test_init_goes_to_all_nodes_or_to_the_one_that_is_named(tmp_path: Path) -> None:
    async with (
        serving() as one,
        serving(data_roots=[tmp_path / "elsewhere"]) as two,
        gateway_of(f"daq1={one.address}", f"daq2={two.address}") as gateway,
        client_of(gateway) as client,
    ):
        await status_when(client, lambda status: all(node.connected for node in status.nodes))
        assert await client.init_sim()
        assert one.acquisition.config and one.acquisition.config.simulate
        assert two.acquisition.config and two.acquisition.config.simulate
        with recording(tmp_path / "a"):
            config = {"data_dir": str(tmp_path / "a"), "update_interval_seconds": 0.5}
            with pytest.raises(SourceError, match=r"daq2: data_dir .* is not below .*PERMISSION_DENIED"):
                await client.init_hp_io(None, config)
            assert one.acquisition.config.data_dir == config["data_dir"]
            assert await client.init_sim(node="daq1")
        assert one.acquisition.config.simulate
        with pytest.raises(RpcError, match="invalid x-daq-node: 'daq3'; there are: daq1, daq2"):
            await client.init_sim(node="daq3")


async def test_an_init_is_refused_while_clients_of_the_gateway_stream(node: Server) -> None:
    async with gateway_of(f"daq1={node.address}", linger_s=1000) as gateway, client_of(gateway) as client:
        async with client.stream_images(module_ids=[1]) as stream:
            await anext(stream)
            with pytest.raises(SourceError, match=r"daq1: 1 streams are active .*FAILED_PRECONDITION"):
                await client.init_hp_io(None, {"simulate_daq": True, "update_interval_seconds": 1})
        await until(lambda: not gateway.acquisition.streams)
        assert await client.init_hp_io(None, {"simulate_daq": True, "update_interval_seconds": 1})


async def test_a_gateway_takes_no_uploads(node: Server) -> None:
    async with gateway_of(f"daq1={node.address}") as gateway, client_of(gateway) as client:
        with pytest.raises(RpcError, match="this is a gateway, which takes no uploads") as refused:
            await client.upload_images(None, [pb.PanoImage()])
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_of_two_nodes_with_one_module_the_first_keeps_it_or_the_preferred_one(tmp_path: Path) -> None:
    with recording(tmp_path / "a", 1) as one, recording(tmp_path / "b", 1) as two:
        one.write(IMG16)
        two.write(IMG16, 5)
        async with serving(tmp_path / "a") as first, serving(tmp_path / "b") as second:
            nodes = f"daq1={first.address}", f"daq2={second.address}"
            async with gateway_of(*nodes, prefer="daq2") as gateway, client_of(gateway) as client:
                async with client.stream_frames() as stream:
                    async for frame in stream:
                        if frame.frame_number == 4:
                            break
                    status = await status_when(client, lambda status: row(status, "daq1").modules_elsewhere)
                assert row(status, "daq1").modules_elsewhere == [1] and row(status, "daq2").modules == [1]
                assert [key.host for key in status.keys] == ["daq2"]


async def test_gateways_in_a_circle_refuse_and_serve_their_other_nodes(node: Server, tmp_path: Path) -> None:
    sockets = [f"unix://{tmp_path}/{name}" for name in ("one", "two")]
    async with (
        gateway_of(f"other={sockets[1]}", f"daq1={node.address}", settings={"host": sockets[0]}) as one,
        gateway_of(f"other={sockets[0]}", f"self={sockets[1]}", settings={"host": sockets[1]}) as two,
        client_of(two) as client,
    ):
        async with client.stream_images() as stream:
            assert (await anext(stream))["module_id"] == 1
            status = await status_when(client, lambda status: "circle" in row(status, "self").reason)
        assert not row(status, "self").connected
        await until(lambda: not one.acquisition.streams)


async def test_each_hop_has_its_own_token(tmp_path: Path) -> None:
    mine, line = make_token("observer", Role.READ)
    (tmp_path / "gateway").write_text(f"{line}\n")
    secret, line = make_token("head-node", Role.READ)
    (tmp_path / "node").write_text(f"{line}\n")
    (tmp_path / "token").write_text(secret)
    with recording(tmp_path / "b", 1) as recorder:
        recorder.write(IMG16)
        async with serving(tmp_path / "b", allowed_tokens_file=tmp_path / "node") as guarded:
            settings = {"allowed_tokens_file": tmp_path / "gateway"}
            token = tmp_path / "token"
            async with gateway_of(f"daq1={guarded.address}", settings=settings, token_file=token) as gateway:
                client = AioDaqDataClient.connect(gateway.address, credentials=Credentials(token=mine))
                async with client, client.stream_images() as stream:
                    assert (await anext(stream))["module_id"] == 1
                    (tmp_path / "node").write_text("")  # the token expires
                    status = await status_when(client, lambda status: not row(status, "daq1").connected)
                    assert row(status, "daq1").reason.startswith("it refuses our token")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"nodes": ("daq1=a", "daq1=b")}, "invalid nodes: daq1 is there twice"),
        ({"nodes": ("daq1=a:1", "daq2=a:1")}, "invalid nodes: daq1 and daq2 are both at a:1"),
        ({"nodes": ("daq1=http://a",)}, "invalid nodes: 'daq1=http://a': host 'http://a' is not HOST"),
        ({"nodes": ("=a",)}, "invalid nodes: '=a'; allowed: NAME=HOST:PORT"),
        ({"nodes": ("daq1=a",), "prefer": "daq2"}, "invalid prefer: daq2; there are: daq1"),
        (
            {"nodes": ("daq1=a",), "network_config": Path("n.json")},
            "network_config has no effect without daq_config",
        ),
        ({"daq_config": Path("/nowhere/daq_config.json")}, "daq_config '/nowhere/daq_config.json' does not exist"),
    ],
)
async def test_bad_nodes_are_one_clear_line(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Gateway(GatewaySettings(**settings))
    assert text in str(refused.value)


def test_the_path_of_a_call_has_a_limit() -> None:
    path = paths.Path()
    with path.admit(((paths.KEY, "a,b"),)):
        assert path.clients == {"a", "b", path.name}
    assert path.clients == {path.name}
    for metadata in (((paths.KEY, "a,b,c,d"),), ((paths.KEY, f"a,{path.name}"),)):
        with pytest.raises(Refused), path.admit(metadata):
            pass


async def test_metrics_say_which_node_answers(node: Server, tmp_path: Path) -> None:
    async with gateway_of(f"daq1={node.address}", f"daq2=unix://{tmp_path}/nobody") as gateway:
        async with client_of(gateway) as client:
            status = await status_when(client, lambda status: status.keys and row(status, "daq1").connected)
    page, _ = metrics.page(status)
    assert b'panoseti_daq_node_connected{node="daq1"} 1.0' in page
    assert b'panoseti_daq_node_connected{node="daq2"} 0.0' in page
