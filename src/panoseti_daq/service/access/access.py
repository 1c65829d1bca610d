"""Who may call what: an interceptor before every call of every service, health and reflection too."""

from __future__ import annotations

import asyncio
import logging
import urllib.parse
from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc
from grpc import StatusCode
from grpc_health.v1 import health
from grpc_reflection.v1alpha import reflection

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.errors import ConfigError
from panoseti_daq.service.access.reload import fingerprint_of
from panoseti_daq.service.access.tokens import AllowedToken, Role, find, read_tokens

_log = logging.getLogger(__name__)

_SERVICE: Final = f"/{pb.DESCRIPTOR.services_by_name['DaqData'].full_name}/"
_READ: Final = {f"{_SERVICE}{name}" for name in ("StreamImages", "StreamFrames", "Status", "Ping")}
_READ_SERVICES: Final = (f"/{health.SERVICE_NAME}/", f"/{reflection.SERVICE_NAME}/")

_NO_TOKEN: Final = "this server wants a token, and there is none with the call or not one that it accepts"
_NO_LONGER: Final = "the token of this call is no longer accepted"

_caller: ContextVar[str] = ContextVar("caller", default="")


def caller_name() -> str:
    """Name of the token of the call that is being handled; empty when the server asks for none."""
    return _caller.get()


def role_for(method: str) -> Role:
    """Role that a call needs; a call that is not known here needs the higher one."""
    may_read = method in _READ or method.startswith(_READ_SERVICES)
    return Role.READ if may_read else Role.CONTROL


@dataclass(eq=False, slots=True)
class _OpenCall:
    """A call that may last, and can be ended when its token is no longer accepted."""

    token: AllowedToken
    method: str
    scope: asyncio.Timeout = field(default_factory=lambda: asyncio.timeout(None))
    is_revoked: bool = False

    def end(self) -> None:
        if not self.is_revoked:
            self.is_revoked = True
            self.scope.reschedule(asyncio.get_running_loop().time())


class Access(grpc.aio.ServerInterceptor):
    """Lets in calls with a token of a file, as far as its role goes.

    The file is read again when it changes; calls whose token is no longer in it are ended.

    Parameters
    ----------
    file
        Lines ``NAME ROLE sha256:HEX``.

    Raises
    ------
    ConfigError
        The file is missing or bad.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._fingerprint = fingerprint_of(file)
        self._allowed = read_tokens(file)
        self._open: set[_OpenCall] = set()
        self._n_refused = 0
        if not self._allowed:
            _log.warning("%s holds no token: nobody is let in before it does", file)

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        """Handler of a call, or one that refuses it."""
        method = handler_call_details.method
        token = find(_bearer(handler_call_details.invocation_metadata or ()), self._allowed)
        if token is None:
            return self._refuse(StatusCode.UNAUTHENTICATED, _NO_TOKEN, method)
        if role_for(method) is Role.CONTROL and token.role is not Role.CONTROL:
            text = f"{method.rpartition('/')[2]} needs a token with the role control; this one has {token.role}"
            return self._refuse(StatusCode.PERMISSION_DENIED, text, f"{method} of {token.name}")
        _caller.set(token.name)
        handler = await continuation(handler_call_details)
        if handler is None or not method.startswith(_SERVICE):
            return handler
        serializers = handler.request_deserializer, handler.response_serializer
        make: Any
        if handler.unary_stream:
            make = grpc.unary_stream_rpc_method_handler
            return make(self._endable(handler.unary_stream, token, method), *serializers)
        if handler.stream_unary:
            make = grpc.stream_unary_rpc_method_handler
            return make(self._endable(handler.stream_unary, token, method), *serializers)
        return handler

    def _endable(self, behaviour: Callable[[Any, Any], Awaitable[Any]], token: AllowedToken, method: str) -> Any:
        async def call(request: Any, context: Any) -> Any:
            this = _OpenCall(token, method)
            self._open.add(this)
            try:
                async with this.scope:
                    return await behaviour(request, context)
            except TimeoutError:
                if not this.is_revoked:
                    raise
                _log.info("%s: %s of %s ends: its token was revoked", address_of_peer(context), method, token.name)
                await context.abort(StatusCode.UNAUTHENTICATED, _NO_LONGER)
            finally:
                self._open.discard(this)

        return call

    def _refuse(self, code: StatusCode, text: str, what: str) -> Any:
        async def refuse(requests: Any, context: Any) -> None:
            self._n_refused += 1
            if (
                self._n_refused & (self._n_refused - 1) == 0
            ):  # the 1st, 2nd, 4th, 8th: whoever retries fills no disk
                _log.warning(
                    "%s: refused %s (%s); refused so far: %d",
                    address_of_peer(context),
                    what,
                    code.name,
                    self._n_refused,
                )
            await context.abort(code, text)

        make: Any = grpc.stream_stream_rpc_method_handler  # answers before anything of the request is read
        return make(refuse)

    async def reload(self) -> None:
        """Take the file as it is now if it changed; when it cannot be used, keep what there is."""
        fingerprint = await asyncio.to_thread(fingerprint_of, self._file)
        if fingerprint == self._fingerprint:
            return
        self._fingerprint = fingerprint
        try:
            self._allowed = await asyncio.to_thread(read_tokens, self._file)
        except ConfigError as error:
            _log.error("new tokens are not used, the old ones stay in force: %s", error)
            return
        _log.info("%d tokens are allowed now", len(self._allowed))
        for call in self._open:
            roles = [token.role for token in self._allowed if token.digest == call.token.digest]
            if not roles or (role_for(call.method) is Role.CONTROL and Role.CONTROL not in roles):
                call.end()


def _bearer(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """The token that came with a call; empty when there is none, or more than one."""
    values = [value for key, value in metadata if key == "authorization"]
    if len(values) != 1 or not isinstance(values[0], str):
        return ""
    scheme, _, token = values[0].partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def address_of_peer(context: Any) -> str:
    """Address of a caller as people write it."""
    return urllib.parse.unquote(context.peer())
