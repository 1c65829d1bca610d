"""Access control: an interceptor before every call of every service, including health and reflection."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Final

import grpc
from grpc import StatusCode
from grpc_health.v1 import health

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq._proto import ublox_control_pb2 as ub
from panoseti_daq.service.access.reload import Reloaded
from panoseti_daq.service.access.tokens import AllowedToken, Role, find, read_tokens
from panoseti_daq.service.call_scope import CallScope
from panoseti_daq.service.hp_io import Refused
from panoseti_daq.service.peers import Behaviour, Context, Handler, MakeHandler, PeerLog, caller_name
from panoseti_daq.service.reflection import NAME as REFLECTION

_log = logging.getLogger(__name__)

_SERVICE: Final = f"/{pb.DESCRIPTOR.services_by_name['DaqData'].full_name}/"
_UBLOX: Final = f"/{ub.DESCRIPTOR.services_by_name['UbloxControl'].full_name}/"
_READ: Final = {
    *(f"{_SERVICE}{name}" for name in ("StreamImages", "StreamFrames", "Status", "Ping")),
    *(f"{_UBLOX}{name}" for name in ("CaptureUblox", "PollMessage")),
}
_READ_SERVICES: Final = (f"/{health.SERVICE_NAME}/", f"/{REFLECTION}/")

_NO_TOKEN: Final = "this server requires a token; the call has none or one that is not accepted"
_NO_LONGER: Final = "the token of this call is no longer accepted"


def role_for(method: str) -> Role:
    """Return the role that a call needs; an unknown call needs the higher one."""
    may_read = method in _READ or method.startswith(_READ_SERVICES)
    return Role.READ if may_read else Role.CONTROL


class Access(grpc.aio.ServerInterceptor):
    """Interceptor that admits calls with a token of a file that has the role for them.

    The file is read again when it changes; calls whose token is no longer in it are ended.

    Parameters
    ----------
    file
        Lines ``NAME ROLE sha256:HEX``.

    Attributes
    ----------
    tokens
        The tokens of the file.

    Raises
    ------
    ConfigError
        The file is missing or bad.
    """

    def __init__(self, file: Path) -> None:
        self.tokens: Final = Reloaded("tokens", (file,), partial(read_tokens, file), self._revoke)
        self._open: dict[CallScope, tuple[AllowedToken, str]] = {}  # with its token and method
        self._n_refused = 0
        if not self.tokens.content:
            _log.warning("%s holds no token: every call is refused until it does", file)

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        """Handler of a call, or one that refuses it."""
        method = handler_call_details.method
        token = find(_bearer(handler_call_details.invocation_metadata or ()), self.tokens.content)
        if token is None:
            return self._refuse(StatusCode.UNAUTHENTICATED, _NO_TOKEN, method)
        if role_for(method) is Role.CONTROL and token.role is not Role.CONTROL:
            text = f"{method.rpartition('/')[2]} needs a token with the role control; this one has {token.role}"
            return self._refuse(StatusCode.PERMISSION_DENIED, text, f"{method} of {token.name}")
        caller_name.set(token.name)
        handler = await continuation(handler_call_details)
        if handler is None or not method.startswith((_SERVICE, _UBLOX)):
            return handler
        serializers = handler.request_deserializer, handler.response_serializer
        make: MakeHandler
        if handler.unary_unary:
            make, behaviour = grpc.unary_unary_rpc_method_handler, handler.unary_unary
        elif handler.unary_stream:
            make, behaviour = (
                grpc.unary_stream_rpc_method_handler,
                self._endable(handler.unary_stream, token, method),
            )
        else:
            make, behaviour = (
                grpc.stream_unary_rpc_method_handler,
                self._endable(handler.stream_unary, token, method),
            )
        return make(self._checked(behaviour, token, method), *serializers)

    def _checked(self, behaviour: Behaviour, token: AllowedToken, method: str) -> Behaviour:
        async def call(request: object, context: Context) -> object:
            if not _allows(self.tokens.content, token, method):  # revoked since the headers came
                await context.abort(StatusCode.UNAUTHENTICATED, _NO_LONGER)
            return await behaviour(request, context)

        return call

    def _endable(self, behaviour: Behaviour, token: AllowedToken, method: str) -> Behaviour:
        async def call(request: object, context: Context) -> object:
            scope = CallScope()
            self._open[scope] = token, method
            try:
                async with scope:
                    return await behaviour(request, context)
            except Refused as revoked:  # only the scope raises it: the handlers answer it themselves
                PeerLog(_log, context).info("%s ends: its token was revoked", method)
                await context.abort(revoked.code, str(revoked))
            finally:
                del self._open[scope]

        return call

    def _refuse(self, code: StatusCode, text: str, what: str) -> Handler:
        async def refuse(requests: object, context: Context) -> None:
            self._n_refused += 1
            if self._n_refused.bit_count() == 1:  # the 1st, 2nd, 4th, 8th: a client that retries fills no disk
                log = PeerLog(_log, context)
                log.warning("refused %s (%s); refused so far: %d", what, code.name, self._n_refused)
            await context.abort(code, text)

        make: MakeHandler = grpc.stream_stream_rpc_method_handler  # answers before anything of the request is read
        return make(refuse)

    def _revoke(self, allowed: Iterable[AllowedToken]) -> None:
        """End the open calls that `allowed` no longer allows."""
        for scope, (token, method) in self._open.items():
            if not _allows(allowed, token, method):
                scope.end(Refused(StatusCode.UNAUTHENTICATED, _NO_LONGER))


def _allows(allowed: Iterable[AllowedToken], token: AllowedToken, method: str) -> bool:
    roles = [one.role for one in allowed if one.digest == token.digest]
    return Role.CONTROL in roles or (bool(roles) and role_for(method) is Role.READ)


def _bearer(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """Return the token that came with a call; empty when there is none, or more than one."""
    values = [value for key, value in metadata if key == "authorization"]
    if len(values) != 1 or not isinstance(values[0], str):
        return ""
    scheme, _, token = values[0].partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
