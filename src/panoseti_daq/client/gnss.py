"""GNSS messages of a server, as dicts."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable

from google.protobuf.json_format import MessageToDict
from grpc.aio import AioRpcError

from panoseti_daq._proto import ublox_control_pb2 as ub
from panoseti_daq.client.errors import RpcError, as_lost
from panoseti_daq.client.node import Node
from panoseti_daq.open_types import OpenDict

_SERVICE = "/" + ub.DESCRIPTOR.services_by_name["UbloxControl"].full_name


async def captured(node: Node, patterns: Iterable[str]) -> AsyncGenerator[OpenDict]:
    """Yield messages as dicts: receiver, name, unix_ns, fields, payload.

    Raises
    ------
    RpcError
        The server refuses, or has no receiver (UNIMPLEMENTED).
    """
    method = node.channel.unary_stream(
        f"{_SERVICE}/CaptureUblox",
        request_serializer=ub.CaptureUbloxRequest.SerializeToString,
        response_deserializer=ub.CaptureUbloxResponse.FromString,
    )
    call = method(ub.CaptureUbloxRequest(patterns=patterns), metadata=node.metadata)
    try:
        async for response in call:
            yield {
                "receiver": response.message,
                "name": response.name,
                "unix_ns": response.pkt_unix_timestamp.ToNanoseconds(),
                "fields": MessageToDict(response.parsed_data),
                "payload": response.payload,
            }
    except AioRpcError as error:
        raise RpcError(node.target.host, as_lost(error)) from error
    finally:
        call.cancel()
