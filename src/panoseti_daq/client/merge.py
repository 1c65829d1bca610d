"""Many hosts, one stream: a task per host reads ahead a little, and one consumer takes what came first."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

import grpc
from grpc.aio import AioRpcError

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.errors import RpcError

_log = logging.getLogger(__name__)

READ_AHEAD: Final = 8  # messages per host; beyond that the server keeps the newest for us

StreamCall = grpc.aio.UnaryStreamCall[pb.StreamImagesRequest, pb.StreamImagesResponse]


class MergedStream:
    """Responses of several hosts in the order in which they came.

    **Holds** at most `READ_AHEAD` responses per host. **When full**, the host's task stops reading, gRPC's flow
    control stops its server, and the server conflates: nothing here grows while the consumer is busy.
    A host that fails is logged by name and the others go on; when the last one is gone the stream ends, with the
    error of that host if it had one.

    Parameters
    ----------
    tasks
        Owner of the reading tasks.
    calls
        Makes the call of each host.
    """

    def __init__(self, tasks: asyncio.TaskGroup, calls: Iterable[tuple[str, Callable[[], StreamCall]]]) -> None:
        self._responses: deque[tuple[str, pb.StreamImagesResponse]] = deque()
        self._error: RpcError | None = None
        self._arrived = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._readers = {
            tasks.create_task(self._read(host, call), name=f"stream from {host}") for host, call in calls
        }
        self._size = READ_AHEAD * len(self._readers)
        for reader in self._readers:
            reader.add_done_callback(self._reader_done)

    async def _read(self, host: str, make_call: Callable[[], StreamCall]) -> None:
        call = make_call()
        try:
            async for response in call:
                self._responses.append((host, response))
                self._arrived.set()
                if len(self._responses) >= self._size:
                    self._has_room.clear()
                    await self._has_room.wait()
        except AioRpcError as error:
            self._error = RpcError(host, error)
            _log.warning("stream from %s ended: %s", host, self._error)
        finally:
            call.cancel()

    def _reader_done(self, reader: asyncio.Task[None]) -> None:
        self._readers.discard(reader)
        self._arrived.set()

    async def receive(self) -> tuple[str, pb.StreamImagesResponse]:
        """Next response and the host it comes from.

        Raises
        ------
        StopAsyncIteration
            All hosts ended their streams.
        RpcError
            The last host failed.
        """
        while not self._responses:
            if not self._readers:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        response = self._responses.popleft()
        if len(self._responses) < self._size:
            self._has_room.set()
        return response

    def close(self) -> None:
        """End all calls; may be called again."""
        for reader in self._readers:
            reader.cancel()
