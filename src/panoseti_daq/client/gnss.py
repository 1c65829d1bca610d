"""GNSS receivers of a server: their messages as dicts, questions, and their configuration."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import Final, TypeVar

from google.protobuf.message import DecodeError, Message
from grpc.aio import AioRpcError

from panoseti_daq._proto import ublox_control_pb2 as ub
from panoseti_daq.client.errors import RpcError, as_lost, readable, reader
from panoseti_daq.client.node import Node
from panoseti_daq.open_types import OpenDict, OpenMapping

_SERVICE: Final = "/" + ub.DESCRIPTOR.services_by_name["UbloxControl"].full_name
_POLL_S: Final = 30.0  # of several messages, each of which has 2 s
_INIT_S: Final = 60.0

_Answer = TypeVar("_Answer", bound=Message)


async def captured(node: Node, request: ub.CaptureUbloxRequest) -> AsyncGenerator[ub.CaptureUbloxResponse]:
    """Yield the messages of the receivers of a server, until its channel is closed.

    Raises
    ------
    RpcError
        The server refuses, or has no receiver (UNIMPLEMENTED).
    """
    method = node.channel.unary_stream(
        f"{_SERVICE}/CaptureUblox",
        request_serializer=ub.CaptureUbloxRequest.SerializeToString,
        response_deserializer=reader(ub.CaptureUbloxResponse.FromString),
    )
    call = method(request, metadata=node.metadata)
    try:
        async for response in call:
            yield readable(response)
    except AioRpcError as error:
        raise RpcError(node.target.host, as_lost(error)) from error
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        # Nobody cancelled the task: gRPC says so that the channel was closed.
    finally:
        call.cancel()


def message_dict(response: ub.CaptureUbloxResponse) -> OpenDict:
    """Return a message as a dict: receiver, name, unix_ns, fields, payload."""
    return {
        "receiver": response.message,
        "name": response.name,
        "unix_ns": response.pkt_unix_timestamp.ToNanoseconds(),
        "fields": _fields(_as_dict(response.parsed_data)),
        "payload": response.payload,
    }


def _as_dict(message: Message) -> OpenDict:
    from google.protobuf.json_format import MessageToDict  # needed for receivers alone

    return MessageToDict(message)


def _fields(values: OpenMapping) -> OpenDict:
    """Return fields in the order of their names; a Struct has none, and its numbers are all floats."""
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() else value
        for name, value in sorted(values.items())
    }


async def ask(node: Node, call: str, request: Message, answer: type[_Answer], timeout_s: float) -> _Answer:
    """Return the answer to a call; raises RpcError when the server refuses."""
    method: Callable[..., Awaitable[_Answer | DecodeError]] = node.channel.unary_unary(
        f"{_SERVICE}/{call}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=reader(answer.FromString),
    )
    try:
        answered = readable(await method(request, timeout=timeout_s, metadata=node.metadata))
    except AioRpcError as error:
        raise RpcError(node.target.host, error) from error
    return answered


async def polled(node: Node, names: Iterable[str]) -> dict[str, OpenDict]:
    """Return the fields of each message that a receiver is asked for, by name; raises RpcError."""
    answer = await ask(node, "PollMessage", ub.PollRequest(cfg_key_patterns=names), ub.PollResponse, _POLL_S)
    return {str(name): _fields(fields) for name, fields in _as_dict(answer.parsed_data).items()}


async def configured(node: Node, config: OpenMapping, *, force: bool) -> str:
    """Configure a receiver, and return what the server says; raises RpcError."""
    request = ub.InitF9tRequest(force_init=force)
    request.f9t_config.update(dict(config))
    return (await ask(node, "InitF9t", request, ub.InitF9tResponse, _INIT_S)).message
