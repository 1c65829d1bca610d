"""Peers: the address of a caller, the name of its token, and log lines that begin with both."""

from __future__ import annotations

import logging
import urllib.parse
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, Final, TypeAlias

import grpc

Context = grpc.aio.ServicerContext[Any, Any]
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
MakeHandler: TypeAlias = "Callable[..., Handler]"
"""What makes handlers; the types of gRPC know only those of blocking servers."""
Behaviour = Callable[[Any, Context], Awaitable[Any]]
"""What answers a call; its request and response are of the method."""

caller_name: Final[ContextVar[str]] = ContextVar("caller_name", default="")
"""Return the name of the token of the present call; empty when the server requires none."""


def peer_of(context: Context) -> str:
    """Return the address of the caller as people write it, and the name of its token if it has one."""
    name = caller_name.get()
    return urllib.parse.unquote(context.peer()) + (f" ({name})" if name else "")


class PeerLog(logging.LoggerAdapter[logging.Logger]):
    """Log lines of one call: each begins with the peer, and its record has the attribute ``peer``.

    Parameters
    ----------
    logger
        Where the lines go.
    context
        The call.

    Attributes
    ----------
    peer
        Address and name of the caller.
    """

    def __init__(self, logger: logging.Logger, context: Context) -> None:
        self.peer: Final = peer_of(context)
        super().__init__(logger, {"peer": self.peer})

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log `msg` after the peer, which is an argument of the line: an address may hold a ``%``."""
        line = f"%s: {msg}"
        # One level up from here is who logs; the limit on repeats asks for the place in the code.
        self.logger.log(level, line, self.peer, *args, extra=self.extra, stacklevel=2, **kwargs)
