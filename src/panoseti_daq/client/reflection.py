"""Services of a server as text, by gRPC server reflection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto, MethodDescriptorProto
from grpc.aio import AioRpcError
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.errors import RpcError
from panoseti_daq.client.node import Node

_SERVICE = pb.DESCRIPTOR.services_by_name["DaqData"]


async def describe(node: Node, timeout_s: float) -> str:
    """Services of the server of a node, and the methods of DaqData as it has them.

    Raises
    ------
    RpcError
        The server has no reflection, or refuses us.
    """

    async def questions() -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")
        yield reflection_pb2.ServerReflectionRequest(file_containing_symbol=_SERVICE.full_name)

    stub: Any = reflection_pb2_grpc.ServerReflectionStub(node.channel)  # type: ignore[arg-type] # the stubs know blocking channels only
    services: tuple[str, ...] = ()
    methods: list[str] = []
    try:
        # A refusal is raised here: of a call that ended while we write, gRPC may report an internal error.
        await node.ping(timeout_s)
        async for answer in stub.ServerReflectionInfo(questions(), metadata=node.metadata):
            services += tuple(service.name for service in answer.list_services_response.service)
            for data in answer.file_descriptor_response.file_descriptor_proto:
                file = FileDescriptorProto.FromString(data)
                methods += [_format(m) for s in file.service if s.name == _SERVICE.name for m in s.method]
    except AioRpcError as error:
        raise RpcError(node.target.host, error) from error
    lines = [
        f"Reflecting services on {node.target.address}:",
        f"\tfound services: {services}",
        f"\tfound DaqData service with name: {_SERVICE.full_name}",
        *(f"\tfound: {method}" for method in methods),
    ]
    return "\n".join(lines) + "\n"


def _format(method: MethodDescriptorProto) -> str:
    asks, answers = (name.rpartition(".")[2] for name in (method.input_type, method.output_type))
    asks = f"stream {asks}" if method.client_streaming else asks
    answers = f"stream {answers}" if method.server_streaming else answers
    return f"rpc {method.name}({asks}) returns ({answers})"
