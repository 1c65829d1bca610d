"""GNSS receivers of the nodes of a gateway: their messages as one stream, and calls to one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Final

from google.protobuf.message import Message
from grpc import StatusCode

from panoseti_daq._proto import ublox_control_pb2 as ub
from panoseti_daq.client.errors import RpcError
from panoseti_daq.client.gnss import ask, captured
from panoseti_daq.client.node import Node
from panoseti_daq.service.elsewhere import AnswerOf
from panoseti_daq.service.hp_io import Refused

AGAIN_S: Final = 1.0  # a node whose stream ended, or that is new, is asked after this time at most
_CALL_S: Final = 60.0

NodesWithReceiver = Callable[[], Mapping[str, Node]]
"""Returns the nodes that read a receiver now, by name."""
PutResponse = Callable[[ub.CaptureUbloxResponse], Awaitable[None]]


def relay(
    nodes: NodesWithReceiver, request: ub.CaptureUbloxRequest, put: PutResponse
) -> Coroutine[None, None, None]:
    """Return what puts the messages of all nodes until cancelled, each from NODE/RECEIVER.

    Raises
    ------
    Refused
        There is none.
    """
    if not nodes():
        raise Refused(StatusCode.FAILED_PRECONDITION, "no node of this gateway reads a receiver")
    return _relay(nodes, request, put)


async def _relay(nodes: NodesWithReceiver, request: ub.CaptureUbloxRequest, put: PutResponse) -> None:
    async with asyncio.TaskGroup() as tasks:
        reading: dict[str, asyncio.Task[None]] = {}
        while True:
            for name, node in nodes().items():
                if name not in reading or reading[name].done():
                    reading[name] = tasks.create_task(_hand_on(name, node, request, put), name=f"GNSS of {name}")
            await asyncio.sleep(AGAIN_S)


async def _hand_on(name: str, node: Node, request: ub.CaptureUbloxRequest, put: PutResponse) -> None:
    try:
        async for response in captured(node, request):
            response.message = f"{name}/{response.message}"
            await put(response)
    except RpcError:
        return  # it is asked again; its status says what is wrong


async def ask_one(
    nodes: Mapping[str, Node], wanted: str, call: str, request: Message, answer: type[AnswerOf]
) -> AnswerOf:
    """Return the answer of the wanted node, or of the first.

    Raises
    ------
    Refused
        There is none, or it refuses.
    """
    chosen = wanted or next(iter(nodes), "")
    if chosen not in nodes:
        there_are = ", ".join(nodes) or "none"
        text = f"no receiver at node {wanted!r}" if wanted else "no node of this gateway reads a receiver"
        raise Refused(StatusCode.FAILED_PRECONDITION, f"{text}; nodes with receivers: {there_are}")
    try:
        return await ask(nodes[chosen], call, request, answer, _CALL_S)
    except RpcError as error:
        raise Refused(error.code(), f"{chosen}: {error.details()}") from error
