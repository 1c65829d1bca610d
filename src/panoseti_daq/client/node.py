"""One DAQ node of a client: the channel to its server, and the calls on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import grpc
from google.protobuf.message import Message
from grpc.aio import AioRpcError

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.credentials import LoadedCredentials
from panoseti_daq.client.errors import RpcError, as_lost, lost, readable, reader, reason_of
from panoseti_daq.config.nodes import Target

if TYPE_CHECKING:
    from panoseti_daq.client.blocks import BlockCall
    from panoseti_daq.client.call import StreamCall, UploadCall
    from panoseti_daq.client.image_feed import ImageCall

    MessageCall = StreamCall[bytes]

KEEPALIVE_S: Final = 10.0  # a connection that is silent for this long is pinged
SERVICE: Final = "/" + pb.DESCRIPTOR.services_by_name["DaqData"].full_name

_Response = TypeVar("_Response", bound=Message)
_EMPTY: Final = b""  # the message Empty on the wire


_OPTIONS: Final = (
    # An observer needs a server as soon as it is back.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.use_local_subchannel_pool", 1),  # two channels to one server are two connections
)
# Left to itself gRPC opens a window of megabytes: a slow consumer would get frames from a thousand ago, because
# the server drops the old ones only when its writes wait. Where every frame is wanted, that window is right.
_FRESH: Final = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65536))
# The answer to a ping comes behind megabytes of frames, which take a minute over a thin line.
_BULK_PATIENCE: Final = 12


def _keepalive(patience: int = 1) -> tuple[tuple[str, int], ...]:
    return (
        # A stalled gateway is silent; only pings detect it.
        ("grpc.keepalive_time_ms", int(KEEPALIVE_S * 1000)),
        ("grpc.keepalive_timeout_ms", int(KEEPALIVE_S * 500) * patience),
        # Without it gRPC waits 60 s for the answer, whatever keepalive_timeout_ms says.
        ("grpc.http2.ping_timeout_ms", int(KEEPALIVE_S * 500) * patience),
        ("grpc.http2.max_pings_without_data", 0),
    )


class Node:
    """Channels to one DAQ node, one for what must be fresh and one for what must be all, and its calls.

    Every call has `metadata`, which holds the token if there is one.
    """

    def __init__(
        self,
        target: Target,
        channel: grpc.aio.Channel,
        bulk_channel: grpc.aio.Channel,
        metadata: tuple[tuple[str, str], ...] | None = None,
    ) -> None:
        self.target = target
        self.channel = channel
        self.bulk_channel = bulk_channel
        self.metadata = metadata

    @classmethod
    def open(cls, target: Target, credentials: LoadedCredentials) -> Self:
        """Make the channels; no connection is made before the first call."""
        fresh, bulk = (*_OPTIONS, *_FRESH, *_keepalive()), (*_OPTIONS, *_keepalive(_BULK_PATIENCE))
        return cls(
            target,
            credentials.open(target.address, fresh),
            credentials.open(target.address, bulk),
            credentials.metadata,
        )

    def with_metadata(self, *extra: tuple[str, str]) -> Self:
        """Return the same node, whose calls have more metadata."""
        return type(self)(self.target, self.channel, self.bulk_channel, (*(self.metadata or ()), *extra))

    def connect_bulk(self) -> None:
        """Begin to connect the channel of what must be all, which a call on it would do later."""
        self.bulk_channel.get_state(try_to_connect=True)

    async def ping(self, timeout_s: float) -> None:
        """Raise AioRpcError unless the server answers within `timeout_s`."""
        await self._ping(timeout=timeout_s, wait_for_ready=True, metadata=self.metadata)

    async def why_not(self, timeout_s: float) -> str:
        """Return why the server does not answer, after a colon; empty when it does now."""
        try:
            await self._ping(timeout=timeout_s, metadata=self.metadata)
        except AioRpcError as error:
            return reason_of(error)
        return ""

    async def init_hp_io(self, request: pb.InitHpIoRequest, timeout_s: float) -> pb.InitHpIoResponse:
        """Choose what the server follows."""
        return await self._call("InitHpIo", request.SerializeToString(), pb.InitHpIoResponse, timeout_s)

    async def status(self, timeout_s: float) -> pb.StatusResponse:
        """Return the status of the server."""
        return await self._call("Status", _EMPTY, pb.StatusResponse, timeout_s)

    def stream_images(
        self, request: pb.StreamImagesRequest, *, wait_for_ready: bool, timeout_s: float | None
    ) -> ImageCall:
        """Begin to stream."""
        stream = self._stream("StreamImages", reader(pb.StreamImagesResponse.FromString))
        return stream(request, timeout=timeout_s, wait_for_ready=wait_for_ready, metadata=self.metadata)

    def stream_image_messages(self, request: pb.StreamImagesRequest) -> MessageCall:
        """Begin to stream messages that are not read, for a gateway."""
        return self._stream("StreamImages", None)(request, metadata=self.metadata)

    def _stream(self, name: str, read: Callable[[bytes], object] | None) -> Callable[..., StreamCall[Any]]:
        # Its own type does not know None.
        stream: Callable[..., Callable[..., StreamCall[Any]]] = self.channel.unary_stream
        return stream(
            f"{SERVICE}/{name}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=read,
        )

    def stream_frames(self, request: pb.StreamFramesRequest, *, wait_for_ready: bool) -> BlockCall:
        """Begin to stream all frames."""
        from panoseti_daq.allocator import keep_freed_memory  # both are needed for these streams alone
        from panoseti_daq.wire.blocks import BlockMessage

        keep_freed_memory()
        unary_stream: Callable[..., Callable[..., BlockCall]] = self.bulk_channel.unary_stream
        stream = unary_stream(
            f"{SERVICE}/StreamFrames",
            request_serializer=pb.StreamFramesRequest.SerializeToString,
            response_deserializer=reader(BlockMessage.parse),
        )
        return stream(request, wait_for_ready=wait_for_ready, metadata=self.metadata)

    async def close(self) -> None:
        """Close the channels."""
        await asyncio.gather(self.channel.close(), self.bulk_channel.close())

    async def upload_images(self, images: AsyncIterator[pb.UploadImageRequest]) -> None:
        """Send frames until `images` ends; it is not asked for more after this returned.

        Raises
        ------
        RpcError
            The server refuses, or goes away (UNAVAILABLE). An error of `images` is raised as it is.
        """
        from panoseti_daq.client.call import write_all  # hardly any client uploads

        stream_unary: Callable[..., Callable[..., UploadCall]] = self.channel.stream_unary
        upload = stream_unary(
            f"{SERVICE}/UploadImages",
            request_serializer=pb.UploadImageRequest.SerializeToString,
        )(metadata=self.metadata)
        writing = asyncio.create_task(write_all(upload, images), name=f"frames to {self.target.host}")

        def stop_writing(_: object) -> None:
            # At once: a write that fails after the server said why would make its status an INTERNAL one.
            writing.cancel()

        upload.add_done_callback(stop_writing)
        try:
            await upload
        except AioRpcError as error:
            raise RpcError(self.target.host, as_lost(error)) from error
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            if writing.done() and not writing.cancelled() and (failed := writing.exception()):
                raise failed from None
            raise RpcError(self.target.host, lost("gRPC ended the call")) from error  # nobody cancelled us
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    def _ping(self, **options: Any) -> Any:
        unary: Any = self.channel.unary_unary
        return unary(f"{SERVICE}/Ping")(_EMPTY, **options)

    async def _call(self, name: str, request: bytes, response: type[_Response], timeout_s: float) -> _Response:
        call: Any = self.channel.unary_unary(
            f"{SERVICE}/{name}", response_deserializer=reader(response.FromString)
        )
        try:
            answer: _Response = readable(await call(request, timeout=timeout_s, metadata=self.metadata))
        except AioRpcError as error:
            raise RpcError(self.target.host, error) from error
        return answer
