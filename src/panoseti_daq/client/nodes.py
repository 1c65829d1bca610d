"""DAQ nodes of a client: channels to them, and which of them answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self, TypeVar

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from grpc.aio import AioRpcError

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.allocator import keep_freed_memory
from panoseti_daq.client.blocks import BlockCall
from panoseti_daq.client.credentials import LoadedCredentials
from panoseti_daq.client.errors import RpcError
from panoseti_daq.client.image_feed import StreamCall
from panoseti_daq.config.nodes import Target
from panoseti_daq.errors import ConfigError, HostError
from panoseti_daq.wire.blocks import BlockMessage

_log = logging.getLogger(__name__)

PING_TIMEOUT_S: Final = 0.5
KEEPALIVE_S: Final = 10.0  # a connection that is silent for this long is pinged
SERVICE: Final = "/" + pb.DESCRIPTOR.services_by_name["DaqData"].full_name

Hosts = str | Collection[str] | None
"""One host, several, or None or empty for every host that answers."""

_Response = TypeVar("_Response", bound=Message)


class HostSet(set[str]):
    """A set of hosts that may also be awaited: published examples do both."""

    def __await__(self) -> Generator[Any, None, Self]:
        return self
        yield

    def __repr__(self) -> str:
        return repr(set(self))  # scripts print it


_REFUSED: Final = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
# What gRPC says of a handshake that fails, by what helps.
_WHY_NOT: Final = {
    "Hostname Verification": ": its certificate is for another name (tls_server_name)",
    "CERTIFICATE_VERIFY_FAILED": ": its certificate is not trusted (tls_ca), or not valid now",
    "WRONG_VERSION_NUMBER": ": it does not speak TLS",
    "Socket closed": ": it closes the connection; does it require TLS, or a certificate of ours?",
}

_BROKEN_WRITE: Final = "execute_batch"  # grpc.aio: Failed "execute_batch": ...

_OPTIONS: Final = (
    # An observer needs a server as soon as it is back.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.use_local_subchannel_pool", 1),  # two channels to one server are two connections
)
# Left to itself gRPC opens a window of megabytes: a slow consumer would get frames from a thousand ago, because
# the server drops the old ones only when its writes wait. Where every frame is wanted, that window is right.
_FRESH: Final = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65536))


def _keepalive() -> tuple[tuple[str, int], ...]:
    return (
        # A stalled gateway is silent; only pings detect it.
        ("grpc.keepalive_time_ms", int(KEEPALIVE_S * 1000)),
        ("grpc.keepalive_timeout_ms", int(KEEPALIVE_S * 500)),
        # Without it gRPC waits 60 s for the answer, whatever keepalive_timeout_ms says.
        ("grpc.http2.ping_timeout_ms", int(KEEPALIVE_S * 500)),
        ("grpc.http2.max_pings_without_data", 0),
    )


@dataclass(frozen=True, slots=True)
class Node:
    """Channels to one DAQ node, one for what must be fresh and one for what must be all, and its calls.

    Every call has `metadata`, which holds the token if there is one.
    """

    target: Target
    channel: grpc.aio.Channel
    bulk_channel: grpc.aio.Channel
    metadata: Any = field(default=None, repr=False)

    @classmethod
    def open(cls, target: Target, credentials: LoadedCredentials) -> Self:
        """Make the channels; no connection is made before the first call."""
        fresh, bulk = (*_OPTIONS, *_FRESH, *_keepalive()), (*_OPTIONS, *_keepalive())
        return cls(
            target,
            credentials.open(target.address, fresh),
            credentials.open(target.address, bulk),
            credentials.metadata,
        )

    async def ping(self, timeout_s: float) -> None:
        """Raise AioRpcError unless the server answers within `timeout_s`."""
        await self._unary("Ping", Empty)(Empty(), timeout=timeout_s, wait_for_ready=True, metadata=self.metadata)

    async def why_not(self, timeout_s: float) -> str:
        """Why the server does not answer, as far as it is a matter of TLS; empty otherwise."""
        try:
            await self._unary("Ping", Empty)(Empty(), timeout=timeout_s, metadata=self.metadata)
        except AioRpcError as error:
            details = error.details() or ""
            return next((text for sign, text in _WHY_NOT.items() if sign in details), "")
        return ""

    async def init_hp_io(self, request: pb.InitHpIoRequest, timeout_s: float) -> pb.InitHpIoResponse:
        """Choose what the server follows."""
        return await self._call("InitHpIo", request, pb.InitHpIoResponse, timeout_s)

    async def status(self, timeout_s: float) -> pb.StatusResponse:
        """Return the status of the server."""
        return await self._call("Status", Empty(), pb.StatusResponse, timeout_s)

    def stream_images(
        self, request: pb.StreamImagesRequest, *, wait_for_ready: bool, timeout_s: float | None
    ) -> StreamCall:
        """Begin to stream."""
        stream: Any = self.channel.unary_stream(
            f"{SERVICE}/StreamImages",
            request_serializer=pb.StreamImagesRequest.SerializeToString,
            response_deserializer=pb.StreamImagesResponse.FromString,
        )
        call: StreamCall = stream(
            request, timeout=timeout_s, wait_for_ready=wait_for_ready, metadata=self.metadata
        )
        return call

    def stream_frames(self, request: pb.StreamFramesRequest, *, wait_for_ready: bool) -> BlockCall:
        """Begin to stream all frames."""
        keep_freed_memory()
        stream: Any = self.bulk_channel.unary_stream(
            f"{SERVICE}/StreamFrames",
            request_serializer=pb.StreamFramesRequest.SerializeToString,
            response_deserializer=BlockMessage.parse,
        )
        call: BlockCall = stream(request, wait_for_ready=wait_for_ready, metadata=self.metadata)
        return call

    async def close(self) -> None:
        """Close the channels."""
        await asyncio.gather(self.channel.close(), self.bulk_channel.close())

    async def upload_images(self, images: AsyncIterator[pb.UploadImageRequest]) -> None:
        """Send frames until `images` ends."""
        upload: Any = self.channel.stream_unary(
            f"{SERVICE}/UploadImages",
            request_serializer=pb.UploadImageRequest.SerializeToString,
            response_deserializer=Empty.FromString,
        )
        try:
            await upload(images, metadata=self.metadata)
        except AioRpcError as error:
            raise RpcError(self.target.host, _as_lost(error)) from error
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # Nobody cancelled us: gRPC could not send that the frames are at an end.
            raise RpcError(self.target.host, _lost("their end was not sent")) from error

    def _unary(self, name: str, response: type[Message]) -> Any:
        return self.channel.unary_unary(
            f"{SERVICE}/{name}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=response.FromString,
        )

    async def _call(self, name: str, request: Message, response: type[_Response], timeout_s: float) -> _Response:
        try:
            answer: _Response = await self._unary(name, response)(
                request, timeout=timeout_s, metadata=self.metadata
            )
        except AioRpcError as error:
            raise RpcError(self.target.host, error) from error
        return answer


class Nodes:
    """The DAQ nodes of a client, open from `open` to `close`.

    Parameters
    ----------
    targets
        Where they are, by the name that users pass.
    credentials
        What they are shown.
    """

    def __init__(self, targets: Mapping[str, Target], credentials: LoadedCredentials | None = None) -> None:
        self.targets = dict(targets)
        self._credentials = credentials or LoadedCredentials()
        self._credentials.warn_of_plain({host: target.address for host, target in targets.items()})
        self.valid = HostSet()
        self._open: dict[str, Node] = {}

    def __getitem__(self, host: str) -> Node:
        return self._open[host]

    def open(self) -> None:
        """Make a channel to every node."""
        self._open = {host: Node.open(target, self._credentials) for host, target in self.targets.items()}

    async def close(self) -> None:
        """Close the channels."""
        nodes, self._open = self._open, {}
        await asyncio.gather(*(node.close() for node in nodes.values()))

    async def ping(self, host: str, timeout_s: float) -> bool:
        """Whether `host` is known and answers within `timeout_s`, be it that it refuses us."""
        node = self._open.get(host)
        if node is None:
            return False
        try:
            await node.ping(timeout_s)
        except AioRpcError as error:
            if error.code() in _REFUSED:  # it is there, and the call that is meant says what it wants
                return True
            _log.debug("%s does not answer: %s", host, error.details())
            return False
        return True

    async def answers(self, host: str) -> bool:
        """Whether `host` answers now; remembered in `valid`."""
        answers = await self.ping(host, PING_TIMEOUT_S)
        (self.valid.add if answers else self.valid.discard)(host)
        return answers

    async def choose(self, hosts: Hosts, *, wait: bool = False) -> list[str]:
        """Hosts that an argument stands for; with `wait` also those that do not answer yet.

        Raises
        ------
        HostError
            A host is not configured or does not answer, or none does.
        ConfigError
            The argument is not a host name or several.
        """
        chosen = _names_in(hosts)
        for host in chosen:
            if host not in self.targets:
                raise self._host_error(host, "is not configured")
        answers = await asyncio.gather(*map(self.answers, chosen or self.targets))
        if wait:
            return chosen or list(self.targets)
        if not chosen:
            chosen = [host for host, answers in zip(self.targets, answers, strict=True) if answers]
            if not chosen:
                why = await asyncio.gather(*(node.why_not(PING_TIMEOUT_S) for node in self._open.values()))
                some_reason = next(filter(None, why), "")
                raise HostError(f"No valid daq hosts found: none of {_listed(self.targets)} answers{some_reason}")
            return chosen
        for host, answered in zip(chosen, answers, strict=True):
            if not answered:
                raise self._host_error(host, "does not answer" + await self._open[host].why_not(PING_TIMEOUT_S))
        return chosen

    def _host_error(self, host: str, why: str) -> HostError:
        return HostError(
            f"daq_host={host!r} {why}; it does not have a valid gRPC server channel."
            f" Valid daq_hosts: {_listed(self.valid)}; configured: {_listed(self.targets)}"
        )


def _as_lost(error: AioRpcError) -> AioRpcError:
    """Return the error of a server that went away; gRPC makes a write that it interrupts an INTERNAL one."""
    if error.code() is not grpc.StatusCode.INTERNAL or _BROKEN_WRITE not in (error.details() or ""):
        return error
    return _lost(error.details() or "")


def _lost(why: str) -> AioRpcError:
    details = f"the server went away while frames were sent: {why}"
    return AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), details)


def _names_in(hosts: Hosts) -> list[str]:
    if isinstance(hosts, str):
        return [hosts] if hosts else []
    if hosts is not None and not (isinstance(hosts, Collection) and all(isinstance(h, str) for h in hosts)):
        raise ConfigError(f"hosts={hosts!r} must be a str, a list, tuple or set of str, or None")
    return list(dict.fromkeys(hosts or ()))


def _listed(hosts: Iterable[str]) -> str:
    return ", ".join(sorted(hosts)) or "none"
