"""One site of a client that is reached over NATS: the calls of `Node`, answered from the streams of a bridge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Final, NoReturn, Self, TypeVar

import grpc
from google.protobuf import json_format
from grpc.aio import AioRpcError

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.errors import RpcError
from panoseti_daq.client.nats_call import NatsCall, as_call, refuse
from panoseti_daq.client.nats_link import NatsAddress, NatsError, as_rpc_error, ask, connect
from panoseti_daq.client.nats_places import Places, part_of
from panoseti_daq.client.nats_puller import Puller
from panoseti_daq.client.nats_walls import WallFrame, walls_of
from panoseti_daq.config.nodes import Target
from panoseti_daq.pff import Selection
from panoseti_daq.wire.blocks import BlockDecoder, BlockMessage, ReceivedBlock
from panoseti_daq.wire.frames import selected_frames
from panoseti_daq.wire.image import is_selected
from panoseti_daq.wire.requests import selected_images
from panoseti_daq.wire.subjects import EVERYTHING, STATUS_BUCKET, Site

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

N_IMAGES: Final = 128  # pulled at a time: a wall of 64 modules with both kinds
N_BLOCKS: Final = 8  # pulled at a time, half a megabyte each
WAIT_S: Final = 2.0  # for the next message; then the server is asked again, which shows that it is there

_T = TypeVar("_T")


class NatsNode:
    """One site on a NATS server: the same frames, ages, gaps and positions as at its DAQ nodes.

    Connects when it is first used, and again when the connection is lost. For one event loop.

    Parameters
    ----------
    target
        Its address is ``nats://[USER:PASSWORD@]HOST[:PORT][/SITE]``.

    Raises
    ------
    ConfigError
        The address is none.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self._address = NatsAddress.parse(target.address)
        self._client: Client | None = None
        self._site: Site | None = Site(self._address.site) if self._address.site else None
        self._connecting = asyncio.Lock()
        self._leaving: set[asyncio.Task[None]] = set()

    async def _connection(self) -> tuple[Client, Site]:
        async with self._connecting:
            if self._client is None or not self._client.is_connected:
                await self.close()
                self._client = await connect(self._address, "panoseti-daq client")
            if self._site is None:
                self._site = await _only_site(self._client, self._address.name)
            return self._client, self._site

    def with_metadata(self, *extra: tuple[str, str]) -> Self:
        """Return the node: NATS takes no metadata."""
        return self

    def _leave(self, messages: AsyncGenerator[object]) -> None:
        """Give back what a stream holds at the server."""
        task = asyncio.create_task(messages.aclose(), name=f"leave a stream of {self.target.host}")
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        """Close the connection."""
        await asyncio.gather(*self._leaving, return_exceptions=True)
        client, self._client = self._client, None
        if client is not None and not client.is_closed:
            await client.close()

    def connect_bulk(self) -> None:
        """Do nothing: all calls have one connection."""

    async def ping(self, timeout_s: float) -> None:
        """Raise AioRpcError unless the server answers and has frames of the site."""
        try:
            async with asyncio.timeout(max(timeout_s, 1.0)):  # more than one round trip
                client, site = await as_call(self._connection())
                await as_call(_look_for(client, site, self._address.name))
        except TimeoutError:
            refuse(grpc.StatusCode.UNAVAILABLE, f"no NATS server at {self._address.name}")

    async def why_not(self, timeout_s: float) -> str:
        """Return why it does not answer."""
        try:
            await self.ping(timeout_s)
        except AioRpcError as error:
            return f": {error.details()}"
        return ""

    async def status(self, timeout_s: float) -> pb.StatusResponse:
        """Return the status of the DAQ nodes of the site as the bridge saw it last, merged."""
        try:
            async with asyncio.timeout(timeout_s):
                client, site = await as_call(self._connection())
                return await as_call(_status_of(client, site))
        except AioRpcError as error:
            raise RpcError(self.target.host, error) from error
        except TimeoutError:
            raise RpcError(self.target.host, as_rpc_error(NatsError("no status in time"))) from None

    async def init_hp_io(self, request: pb.InitHpIoRequest, timeout_s: float) -> pb.InitHpIoResponse:
        """Refuse: over NATS nothing is controlled."""
        self.only_reads("InitHpIo")

    async def upload_images(self, images: AsyncIterator[pb.UploadImageRequest]) -> None:
        """Refuse: over NATS nothing is uploaded."""
        self.only_reads("UploadImages")

    def only_reads(self, call: str) -> NoReturn:
        """Raise the RpcError for a call that is not there."""
        text = f"{call} is not available over NATS, which only carries frames; ask the DAQ node itself"
        error = AioRpcError(grpc.StatusCode.UNIMPLEMENTED, grpc.aio.Metadata(), grpc.aio.Metadata(), text)
        raise RpcError(self.target.host, error)

    def stream_images(
        self, request: pb.StreamImagesRequest, *, wait_for_ready: bool, timeout_s: float | None
    ) -> NatsCall[pb.StreamImagesResponse]:
        """Begin to stream the newest frames."""
        return self._newest(request, lambda response: response, timeout_s)

    def stream_image_messages(self, request: pb.StreamImagesRequest) -> NatsCall[bytes]:
        """Begin to stream the newest frames as messages, for a gateway."""
        return self._newest(request, lambda response: response.SerializeToString(), None)

    def _newest(
        self,
        request: pb.StreamImagesRequest,
        give: Callable[[pb.StreamImagesResponse], _T],
        timeout_s: float | None,
    ) -> NatsCall[_T]:
        async def begin() -> AsyncGenerator[_T]:
            selection = selected_images(request)
            client, site = await self._connection()
            subject = site.images_in(selection)
            puller = await Puller.open(client, site.latest, subject, deliver_policy="last_per_subject")
            return _newest(puller, selection, give)

        return NatsCall(begin, self._leave, timeout_s)

    def stream_walls(self, view: str) -> NatsCall[list[WallFrame]]:
        """Begin to stream the walls of a view; empty for that of all images."""

        async def begin() -> AsyncGenerator[list[WallFrame]]:
            client, site = await self._connection()
            subject = site.wall(view or EVERYTHING)
            puller = await Puller.open(client, site.latest, subject, deliver_policy="last_per_subject")
            return walls_of(puller, self.target.host)

        return NatsCall(begin, self._leave)

    def stream_frames(self, request: pb.StreamFramesRequest, *, wait_for_ready: bool) -> NatsCall[BlockMessage]:
        """Begin to stream all frames."""

        async def begin() -> AsyncGenerator[BlockMessage]:
            selection, begin = selected_frames(request)
            client, site = await self._connection()
            places = Places(client, site, begin)
            heads, pullers = await places.open(selection)
            return _all(heads, pullers, places, selection)

        return NatsCall(begin, self._leave)


async def _sites(client: Client) -> set[Site]:
    """Return the sites that have a stream; that of the newest frames is gone when the server was restarted."""
    names = (await ask(client, "STREAM.NAMES", {})).get("streams") or ()
    return {site for name in names if (site := Site.of_stream(name))}


async def _only_site(client: Client, where: str) -> Site:
    sites = await _sites(client)
    if len(sites) != 1:
        there = ", ".join(sorted(site.name for site in sites)) or "none: no bridge publishes there"
        raise NatsError(f"which site at {where}? Write {where}/SITE; there are: {there}", is_final=bool(sites))
    return sites.pop()


async def _look_for(client: Client, site: Site, where: str) -> None:
    """Raise NatsError unless somebody publishes, or published, the site."""
    if site not in await _sites(client):
        raise NatsError(f"no bridge has published site {site.name} at {where}")


async def _status_of(client: Client, site: Site) -> pb.StatusResponse:
    stream = f"KV_{STATUS_BUCKET}"
    subject = f"$KV.{STATUS_BUCKET}.{site.status_of('*')}"
    puller = await Puller.open(client, stream, subject, deliver_policy="last_per_subject")
    status = pb.StatusResponse()
    try:
        for message in await puller.pull(256, 0.0):
            if message.data:
                of_node = json_format.Parse(message.data, pb.StatusResponse(), ignore_unknown_fields=True)
                of_node.now_unix_ns += puller.kept_ns(message)
                status.MergeFrom(of_node)
    except json_format.ParseError as error:
        raise NatsError(f"the status in {STATUS_BUCKET} is not ours: {error}") from error
    finally:
        await puller.close()
    if not status.version:
        raise NatsError("no bridge has published a status within the last minute")
    return status


async def _newest(
    puller: Puller, selection: Selection, give: Callable[[pb.StreamImagesResponse], _T]
) -> AsyncGenerator[_T]:
    """Yield what is newest, no more often than wanted; what is not asked for is replaced at the server."""
    loop = asyncio.get_running_loop()
    sequence = 0
    try:
        while True:
            begin = loop.time()
            for message in await puller.pull(N_IMAGES, WAIT_S):
                response = pb.StreamImagesResponse.FromString(message.data)
                if is_selected(response.pano_image, selection):
                    _add_age(response.delivery, puller.kept_ns(message))
                    response.delivery.sequence, sequence = sequence, sequence + 1
                    yield give(response)
            if (left_s := begin + selection.update_interval_s - loop.time()) > 0:
                await asyncio.sleep(left_s)
    finally:
        await puller.close()


def _add_age(delivery: pb.Delivery, kept_ns: int) -> None:
    """Count the time that a frame was kept at the server to that in queues."""
    delivery.queued_us = min(delivery.queued_us + kept_ns // 1000, 2**32 - 1)


async def _all(
    heads: list[BlockMessage], pullers: list[Puller], places: Places, selection: Selection
) -> AsyncGenerator[BlockMessage]:
    """Yield where the reading begins, then every block and gap, those of a module and product in order."""
    decode = BlockDecoder()
    n = N_BLOCKS if len(pullers) <= 2 else 1

    def pull(puller: Puller) -> asyncio.Task[list[Msg]]:
        return asyncio.create_task(puller.pull(n, WAIT_S), name="pull from NATS")

    asked: dict[asyncio.Task[list[Msg]], Puller] = {}
    try:
        for head in heads:
            yield head
        asked = {pull(puller): puller for puller in pullers}
        while True:
            for task in (await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED))[0]:
                puller = asked.pop(task)
                for message in task.result():
                    sequence = message.metadata.sequence.stream
                    for part in places.rest_of(BlockMessage.parse(message.data), sequence):
                        for selected in _selected(part, selection, decode):
                            yield selected
                asked[pull(puller)] = puller
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        for puller in pullers:
            await puller.close()


def _selected(message: BlockMessage, selection: Selection, decode: BlockDecoder) -> Iterator[BlockMessage]:
    """Yield of a message what is selected; blocks of ph256 are divided when quabos are."""
    products = {product.token for product in selection.products}
    if products and message.head.first.product not in products:
        return
    if not selection.quabos or message.head.gap or not message.head.frames:
        yield message
        return
    block = decode(message, "")
    if isinstance(block, ReceivedBlock):
        for part in block.of_quabos(selection.quabos):
            yield part_of(message, part.first_frame_number - block.first_frame_number, len(part))
