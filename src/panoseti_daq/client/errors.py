"""Error of an RPC that failed."""

from __future__ import annotations

import grpc
from grpc.aio import AioRpcError

from panoseti_daq.errors import DaqError


class RpcError(DaqError, AioRpcError):
    """A call that the server refused or that broke.

    Also a `grpc.aio.AioRpcError` and a `grpc.RpcError`, so that existing ``except`` clauses and ``code()`` work.

    Attributes
    ----------
    host
        Which DAQ node.
    """

    def __init__(self, host: str, error: AioRpcError) -> None:
        AioRpcError.__init__(
            self,
            error.code(),
            error.initial_metadata(),
            error.trailing_metadata(),
            error.details(),
            error.debug_error_string(),
        )
        self.host = host

    def __str__(self) -> str:
        return f"{self.host}: {self.details() or 'no details'} ({self.code().name})"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.host, self.code(), self.details())


def _rebuild(host: str, code: grpc.StatusCode, details: str | None) -> RpcError:
    return RpcError(host, AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details))
