"""Error of an RPC that failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import grpc
from google.protobuf.message import DecodeError
from grpc.aio import AioRpcError

from panoseti_daq.errors import DaqError

_Message = TypeVar("_Message")

# What gRPC says of a handshake that fails, by what helps.
_WHY_NOT: Final = {
    "Hostname Verification": ": its certificate is for another name (tls_server_name)",
    "CERTIFICATE_VERIFY_FAILED": ": its certificate is not trusted (tls_ca), or not valid now",
    "WRONG_VERSION_NUMBER": ": it does not speak TLS",
    "Socket closed": ": it closes the connection; does it require TLS, or a certificate of ours?",
    "Connection refused": ": nothing listens there",
    "No such file or directory": ": nothing listens there",
    "DNS resolution failed": ": its name is not known",
    "Permission denied": ": we may not use its socket (Permission denied)",
}
_REFUSED: Final = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
_BROKEN_WRITE: Final = "execute_batch"  # grpc.aio: Failed "execute_batch": ...
_NO_METHOD: Final = "Method not found!"  # gRPC's, for a call that a server does not have
_OLDER: Final = (
    "the server lacks this call: servers of panoseti-grpc have no status and no lossless streams, which record,"
    " events and convert need; its newest images can be had"
)


class RpcError(DaqError, AioRpcError):
    """A call that the server refused or that broke.

    Also a `grpc.aio.AioRpcError` and a `grpc.RpcError`, so that existing ``except`` clauses and ``code()`` work.

    Attributes
    ----------
    host
        Which DAQ node.
    """

    def __init__(self, host: str, error: AioRpcError) -> None:
        is_older = error.code() is grpc.StatusCode.UNIMPLEMENTED and error.details() == _NO_METHOD
        AioRpcError.__init__(
            self,
            error.code(),
            error.initial_metadata(),
            error.trailing_metadata(),
            _OLDER if is_older else error.details(),
            error.debug_error_string(),
        )
        self.host = host

    def __str__(self) -> str:
        return f"{self.host}: {self.details() or 'no details'} ({self.code().name})"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.host, self.code(), self.details())


def _rebuild(host: str, code: grpc.StatusCode, details: str | None) -> RpcError:
    return RpcError(host, AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details))


def as_lost(error: AioRpcError) -> AioRpcError:
    """Return the error of a server that went away; gRPC makes a write that it interrupts an INTERNAL one."""
    why = f"{error.details()}; {error.debug_error_string()}"  # which of them has it is a matter of gRPC's version
    return lost(why) if error.code() is grpc.StatusCode.INTERNAL and _BROKEN_WRITE in why else error


def lost(why: str) -> AioRpcError:
    """Return the error of a server that went away while frames were sent."""
    details = f"the server went away while frames were sent: {why}"
    return AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), details)


def unreadable(error: Exception) -> AioRpcError:
    """Return the error of a server that sent what it should not."""
    details = f"it sent what cannot be read: {error}"
    return AioRpcError(grpc.StatusCode.DATA_LOSS, grpc.aio.Metadata(), grpc.aio.Metadata(), details)


def reader(parse: Callable[[bytes], _Message]) -> Callable[[bytes], _Message | DecodeError]:
    """Return a deserializer whose result `readable` takes; gRPC would log an error of it and give None."""

    def read(message: bytes) -> _Message | DecodeError:
        try:
            return parse(message)
        except DecodeError as error:
            return error

    return read


def readable(message: _Message | DecodeError) -> _Message:
    """Return what a deserializer of `reader` has read; AioRpcError if it could not."""
    if isinstance(message, DecodeError):
        raise unreadable(message)
    return message


def reason_of(error: AioRpcError) -> str:
    """Return why a server does not answer, after a colon."""
    details = error.details() or ""
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return ": no answer in time (timeout)"
    if error.code() in _REFUSED:
        return f": {details}"
    return next((text for sign, text in _WHY_NOT.items() if sign in details), f": {details}" if details else "")
