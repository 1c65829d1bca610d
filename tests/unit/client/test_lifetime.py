"""Life of a client: entered once, used in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from panoseti_daq.client import AioDaqDataClient, DaqDataClient
from panoseti_daq.client.base import ClientBase
from panoseti_daq.client.lifetime import ClientState, Lifetime
from panoseti_daq.errors import ClientStateError, ConfigError

pytestmark = pytest.mark.anyio

NOBODY = "unix:///nobody/listens/here"


# odd night 82
def test_a_client_without_asyncio_says_that_it_needs_it() -> None:
    client = AioDaqDataClient.connect(NOBODY)
    with pytest.raises(ClientStateError, match="AioDaqDataClient needs asyncio"):
        client.__aenter__().send(None)  # as another loop, such as trio's, would


_CALLS: dict[str, Callable[[AioDaqDataClient], Any]] = {
    "ping": lambda client: client.ping(NOBODY),
    "is_daq_host_valid": lambda client: client.is_daq_host_valid(NOBODY),
    "get_daq_host_status": lambda client: client.get_daq_host_status(),
    "validate_daq_hosts": lambda client: client.validate_daq_hosts(),
    "reflect_services": lambda client: client.reflect_services(),
    "get_status": lambda client: client.get_status(NOBODY),
    "init_hp_io": lambda client: client.init_hp_io(None, {"update_interval_seconds": 1}),
    "init_sim": lambda client: client.init_sim(),
    "upload_images": lambda client: client.upload_images(None, []),
    "stream_images": lambda client: anext(client.stream_images()),
    "stream_frames": lambda client: anext(client.stream_frames()),
    "stream_blocks": lambda client: anext(client.stream_blocks()),
}
each_call = pytest.mark.parametrize("call", _CALLS.values(), ids=_CALLS)


# odd night 54
@each_call
async def test_every_method_of_a_client_that_was_not_entered_says_so(
    call: Callable[[AioDaqDataClient], Any],
) -> None:
    with pytest.raises(ClientStateError, match=r"AioDaqDataClient is not open; use it as 'async with"):
        await call(AioDaqDataClient.connect(NOBODY))


@each_call
async def test_every_method_of_a_client_that_was_left_says_so(call: Callable[[AioDaqDataClient], Any]) -> None:
    async with AioDaqDataClient.connect(NOBODY) as client:
        pass
    with pytest.raises(ClientStateError, match="AioDaqDataClient is closed"):
        await call(client)


def test_so_does_the_method_that_does_not_wait() -> None:
    with pytest.raises(ClientStateError, match="not open"):
        AioDaqDataClient.connect(NOBODY).get_valid_daq_hosts()


@pytest.mark.parametrize(
    "client",
    [
        AioDaqDataClient("daq1", 50052),
        AioDaqDataClient(host="daq1", port=50052),
        DaqDataClient("daq1", 50052),
        AioDaqDataClient.connect("daq1:50052"),
        AioDaqDataClient({"daq_nodes": [{"ip_addr": "daq1:50052"}]}),
        AioDaqDataClient.connect_head_node({"head_node_ip_addr": "daq1"}, {"headnode": {"grpc_port": 50052}}),
    ],
)
def test_a_client_is_made_in_every_documented_form(client: ClientBase) -> None:
    (target,) = client._nodes.targets.values()
    assert target.address == "daq1:50052"


@pytest.mark.parametrize("arguments", [(), ("", 50051), ("daq1", 70000)])
def test_a_client_of_nothing_is_refused(arguments: Any) -> None:
    with pytest.raises(ConfigError):
        AioDaqDataClient(*arguments)


async def test_a_client_is_entered_once() -> None:
    client = AioDaqDataClient.connect(NOBODY)
    async with client:
        with pytest.raises(ClientStateError, match="open already"):
            await client.__aenter__()
        assert await client.get_daq_host_status() == {NOBODY: False}
    with pytest.raises(ClientStateError, match="closed"):
        await client.__aenter__()


async def test_a_client_whose_entering_was_given_up_is_closed() -> None:
    client = AioDaqDataClient.connect("192.0.2.1:1")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await client.__aenter__()
    with pytest.raises(ClientStateError, match="closed"):
        await client.ping("192.0.2.1:1")


def test_the_error_is_one_of_the_configuration_as_it_was() -> None:
    assert issubclass(ClientStateError, ConfigError)


async def test_leaving_ends_the_calls_of_other_tasks_with_the_same_error_and_not_with_a_cancellation() -> None:
    life = Lifetime("Client", "async with")
    life.open()

    async def call() -> None:
        async with life.call():
            await asyncio.Event().wait()

    waiting = asyncio.create_task(call())
    await asyncio.sleep(0)
    life.close()
    with pytest.raises(ClientStateError, match="closed"):
        await waiting
    assert life.state is ClientState.CLOSED


async def test_a_call_whose_answer_comes_as_the_client_is_left_does_not_go_on() -> None:
    life = Lifetime("Client", "async with")
    life.open()
    answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def call() -> None:
        async with life.call():
            await answer

    waiting = asyncio.create_task(call())
    await asyncio.sleep(0)
    answer.set_result(None)
    life.close()
    with pytest.raises(ClientStateError, match="closed"):
        await waiting


async def test_a_timeout_of_the_caller_stays_a_timeout() -> None:
    life = Lifetime("Client", "async with")
    life.open()
    with pytest.raises(TimeoutError):
        async with life.call(), asyncio.timeout(0):
            await asyncio.Event().wait()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0), life.call():
            await asyncio.Event().wait()
    async with life.call():
        pass
