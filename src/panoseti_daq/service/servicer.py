"""The RPCs of the DaqData service: check, subscribe, write, release."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager, aclosing, nullcontext
from typing import Final, NoReturn, TypeVar

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError
from grpc import StatusCode

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.allocator import keep_freed_memory
from panoseti_daq.config.hp_io import check_module_ids
from panoseti_daq.errors import ConfigError, PffError
from panoseti_daq.service.acquisition import NOT_INITIALISED, Acquisition
from panoseti_daq.service.elsewhere import Elsewhere, Metadata
from panoseti_daq.service.hp_io import Refused
from panoseti_daq.service.monitor.status import StatusReport
from panoseti_daq.service.pace import Pace
from panoseti_daq.service.peers import Context, MakeHandler, PeerLog
from panoseti_daq.wire.image import frame_of
from panoseti_daq.wire.init import hp_io_of_request
from panoseti_daq.wire.newest import StreamEncoder
from panoseti_daq.wire.requests import selected_images

_log = logging.getLogger(__name__)

SERVICE_NAME: Final = pb.DESCRIPTOR.services_by_name["DaqData"].full_name

_MAX_DETAILS: Final = 500  # characters; they travel in a header, and may repeat what a client sent

_T = TypeVar("_T")
_Request = TypeVar("_Request")
_V = TypeVar("_V")


class DaqDataServicer:
    """Service of the frames that an `Acquisition` follows.

    Parameters
    ----------
    acquisition
        Where frames and configuration come from.
    report
        Makes the answer of Status.
    reading
        Threads that read files for streams of all frames.
    elsewhere
        Where all frames come from, of a gateway; None when they are here.
    """

    def __init__(
        self,
        acquisition: Acquisition,
        report: StatusReport,
        reading: Executor,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._acquisition = acquisition
        self._report = report
        self._reading = reading
        self._elsewhere = elsewhere

    def rpc_handlers(self) -> grpc.GenericRpcHandler:
        """Handlers to register; StreamImages writes bytes, so its responses have no serializer."""
        # Their types know only the blocking servicers.
        unary: MakeHandler = grpc.unary_unary_rpc_method_handler
        stream: MakeHandler = grpc.unary_stream_rpc_method_handler
        grpc_upload: MakeHandler = grpc.stream_unary_rpc_method_handler
        handlers = {
            "StreamImages": stream(guarded(self.stream_images), pb.StreamImagesRequest.FromString),
            "InitHpIo": unary(
                guarded(self.init_hp_io), pb.InitHpIoRequest.FromString, pb.InitHpIoResponse.SerializeToString
            ),
            "Ping": unary(guarded(self.ping), Empty.FromString, Empty.SerializeToString),
            "UploadImages": grpc_upload(
                guarded(self.upload_images), pb.UploadImageRequest.FromString, Empty.SerializeToString
            ),
            "StreamFrames": stream(guarded(self.stream_frames), pb.StreamFramesRequest.FromString),
            "Status": unary(guarded(self.status), Empty.FromString, pb.StatusResponse.SerializeToString),
        }
        return grpc.method_handlers_generic_handler(SERVICE_NAME, handlers)

    async def ping(self, request: Empty, context: Context) -> Empty:
        """Answer."""
        return Empty()

    async def stream_images(self, request: pb.StreamImagesRequest, context: Context) -> None:
        """Write the newest frames that `request` selects until client or server ends the call."""
        selection = _read(selected_images, request)
        encode = StreamEncoder(request)
        pace = Pace(encode.n_most)
        log = PeerLog(_log, context)
        loop = asyncio.get_running_loop()
        async with self._acquisition.admit(log.peer) as stream:
            with self._passing(context), stream.subscribe(selection) as subscription:
                log.info("streaming %s", selection)
                await context.send_initial_metadata(())  # the client is in, though no frame may come yet
                try:
                    while True:
                        if pace.pause_s:
                            await asyncio.sleep(pace.pause_s)
                        frames = await subscription.take(pace.n_most)
                        message = encode(frames, subscription.n_dropped)
                        stream.writing_since = loop.time()
                        pace.begin()
                        await context.write(message)
                        now = loop.time()
                        pace.end(len(frames), now)
                        stream.sent(len(frames), now)
                finally:
                    log.info("stream ends after %d frames", stream.n_sent)

    async def stream_frames(self, request: pb.StreamFramesRequest, context: Context) -> None:
        """Write every frame that `request` selects, in order, at the pace of the client."""
        from panoseti_daq.service.all_frames import messages_from_files
        from panoseti_daq.wire.frames import selected_frames

        selection, begin = _read(selected_frames, request)
        log = PeerLog(_log, context)
        loop = asyncio.get_running_loop()
        async with self._acquisition.admit(log.peer) as stream:
            keep_freed_memory()
            log.info("streaming all frames of %s, resuming %d products", selection, len(begin.resume))
            if self._elsewhere is None:
                messages = messages_from_files(stream, selection, begin, self._acquisition, self._reading)
            else:
                messages = self._elsewhere.stream_frames(request, _metadata(context))
            try:
                with self._passing(context):
                    async with aclosing(messages):
                        async for message in messages:
                            stream.writing_since = loop.time()
                            await context.write(message)
                            stream.sent(1, loop.time())
            finally:
                log.info("stream of all frames ends after %d blocks", stream.n_sent)

    def _passing(self, context: Context) -> AbstractContextManager[None]:
        return nullcontext() if self._elsewhere is None else self._elsewhere.admit(_metadata(context))

    async def init_hp_io(self, request: pb.InitHpIoRequest, context: Context) -> pb.InitHpIoResponse:
        """Follow what `request` says."""
        config = hp_io_of_request(request)
        log = PeerLog(_log, context)
        log.info("InitHpIo for %s%s", config, ", by force" if config.force else "")
        if self._elsewhere is not None:
            with self._passing(context):
                return await self._elsewhere.init_hp_io(request, _metadata(context))
        message = await self._acquisition.configure(config, force=config.force, peer=log.peer)
        return pb.InitHpIoResponse(success=True, error_message=message)

    async def upload_images(self, requests: AsyncIterator[pb.UploadImageRequest], context: Context) -> Empty:
        """Hand out frames that a client pushes; nothing is kept but the newest of each key."""
        log = PeerLog(_log, context)
        if self._elsewhere is not None:
            await self._elsewhere.upload_images(requests, _metadata(context))
            return Empty()
        async with self._acquisition.upload():
            log.info("uploads")
            n_frames = 0
            async for request in requests:
                self._hand_out(request.pano_image)
                n_frames += 1
            log.info("uploaded %d frames", n_frames)
        return Empty()

    def _hand_out(self, image: pb.PanoImage) -> None:
        """Hand out an uploaded frame, if it is of a module that is followed."""
        following = self._acquisition.following
        if following is None:
            raise Refused(StatusCode.FAILED_PRECONDITION, NOT_INITIALISED)
        try:
            check_module_ids((image.module_id,))
            frame, module_ids = frame_of(image), following.config.module_ids
        except (ConfigError, PffError) as error:  # about what the client sent
            raise Refused(StatusCode.INVALID_ARGUMENT, str(error)) from error
        if module_ids and frame.module_id not in module_ids:
            return
        if not following.hub.publish_frame(frame):
            text = f"{frame.product.token} of module {frame.module_id} comes from files: no upload replaces it"
            raise Refused(StatusCode.FAILED_PRECONDITION, text)

    async def status(self, request: Empty, context: Context) -> pb.StatusResponse:
        """Return the status of the server."""
        with self._passing(context):
            return await self._report(_metadata(context))


def _metadata(context: Context) -> Metadata:
    return tuple(context.invocation_metadata() or ())


def _read(reader: Callable[[_T], _V], request: _T) -> _V:
    try:
        return reader(request)
    except ConfigError as error:  # about what the client sent
        raise Refused(StatusCode.INVALID_ARGUMENT, str(error)) from error


async def _refuse(context: Context, code: StatusCode, text: str) -> NoReturn:
    half = _MAX_DETAILS // 2
    await context.abort(code, text if len(text) <= _MAX_DETAILS else f"{text[:half]} ... {text[-half:]}")
    raise AssertionError("abort does not return")


def guarded(method: Callable[[_Request, Context], Awaitable[_T]]) -> Callable[[_Request, Context], Awaitable[_T]]:
    """The door of every RPC: a refusal becomes a status, a bug INTERNAL and a traceback in the log."""

    async def rpc(request: _Request, context: Context) -> _T:
        try:
            return await method(request, context)
        except Refused as refused:
            PeerLog(_log, context).info("refused: %s", refused)
            await _refuse(context, refused.code, str(refused))
        except DecodeError as error:  # of what a client uploads: gRPC reads its messages one by one
            await _refuse(context, StatusCode.INVALID_ARGUMENT, f"a message cannot be read: {error}")
        except grpc.aio.InternalError:  # what a write to a client that is gone raises
            PeerLog(_log, context).debug("left while a message was written")
            raise asyncio.CancelledError from None
        except Exception:  # the text of any other error of ours may hold a path or the content of a file
            PeerLog(_log, context).exception("unexpected error")
            await _refuse(context, StatusCode.INTERNAL, "unexpected error; the server's log has the details")

    return rpc
