"""Reflection: what describes the services is imported when somebody asks."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any, Final

import grpc

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.service.peers import MakeHandler

NAME: Final = "grpc.reflection.v1alpha.ServerReflection"


class Reflection(grpc.GenericRpcHandler):
    """Handler of the reflection service.

    Parameters
    ----------
    names
        Of the other services.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = (*names, NAME)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Return what answers a call; None for those of other services."""
        return self._handler if handler_call_details.method == f"/{NAME}/ServerReflectionInfo" else None

    @cached_property
    def _handler(self) -> object:
        from grpc_health.v1 import health_pb2
        from grpc_reflection.v1alpha import reflection, reflection_pb2

        pool = pb.DESCRIPTOR.pool
        for described in (health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR):
            pool.AddSerializedFile(described.serialized_pb)  # reflection looks in one pool: ours
        make: MakeHandler = grpc.stream_stream_rpc_method_handler
        return make(
            reflection.aio.ReflectionServicer(self._names, pool=pool).ServerReflectionInfo,
            request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
            response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
        )
