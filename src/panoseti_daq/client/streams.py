"""Streams of the async client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, overload
from weakref import WeakSet

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.control import ControlClient
from panoseti_daq.client.deprecated import FORMER_NAMES, also_by_mode
from panoseti_daq.client.images import ImageDict, ReceivedFrame
from panoseti_daq.client.latest import Arrival
from panoseti_daq.client.lifetime import Lifetime
from panoseti_daq.client.merge import AnyMerged
from panoseti_daq.client.nodes import AnyNode, Hosts, Nodes
from panoseti_daq.client.opening import as_dict, as_frame, as_it_is, open_images, open_walls
from panoseti_daq.client.retry import Asking, OnHostChange
from panoseti_daq.client.stream import BlockStream, ImageStream
from panoseti_daq.errors import ClientStateError
from panoseti_daq.former import also_named
from panoseti_daq.pff import Selection

if TYPE_CHECKING:
    from panoseti_daq.client.blocks import Since
    from panoseti_daq.client.nats_walls import WallFrame
    from panoseti_daq.pff import Gap
    from panoseti_daq.wire.blocks import ReceivedBlock

_T = TypeVar("_T")

_Open = Callable[[asyncio.TaskGroup, Mapping[str, AnyNode]], AnyMerged]


class StreamClient(ControlClient):
    """Calls that bring frames."""

    _ENDS_WITH_SERVER: ClassVar[bool] = False
    _tasks: asyncio.TaskGroup  # while it is open

    def _share(self, nodes: Nodes, life: Lifetime) -> None:
        super()._share(nodes, life)
        self._merged: WeakSet[AnyMerged] = WeakSet()

    @overload
    def stream_images(
        self,
        hosts: Hosts = None,
        stream_movie_data: bool = True,
        stream_pulse_height_data: bool = True,
        update_interval_seconds: float = 0.0,
        module_ids: Iterable[int] = (),
        wait_for_ready: bool = False,
        parse_pano_images: Literal[True] = True,
        timeout: float | None = None,
        on_host_change: OnHostChange | None = None,
        selection: Selection | None = None,
    ) -> ImageStream[ImageDict]: ...
    @overload
    def stream_images(
        self,
        hosts: Hosts = None,
        stream_movie_data: bool = True,
        stream_pulse_height_data: bool = True,
        update_interval_seconds: float = 0.0,
        module_ids: Iterable[int] = (),
        wait_for_ready: bool = False,
        *,
        parse_pano_images: Literal[False],
        timeout: float | None = None,
        on_host_change: OnHostChange | None = None,
        selection: Selection | None = None,
    ) -> ImageStream[pb.StreamImagesResponse]: ...
    def stream_images(
        self,
        hosts: Hosts = None,
        stream_movie_data: bool = True,
        stream_pulse_height_data: bool = True,
        update_interval_seconds: float = 0.0,
        module_ids: Iterable[int] = (),
        wait_for_ready: bool = False,
        parse_pano_images: bool = True,
        timeout: float | None = None,
        on_host_change: OnHostChange | None = None,
        selection: Selection | None = None,
    ) -> ImageStream[Any]:
        """Newest images as they come: ``async with client.stream_images() as stream: async for image in stream``.

        Parameters
        ----------
        hosts
            Which; None or empty for all that answer.
        stream_movie_data, stream_pulse_height_data, module_ids
            Which kinds, at least one, and modules, 0-255; empty for all.
        update_interval_seconds
            Least time between two images of one module and data product; zero for as fast as the server allows.
        wait_for_ready
            Wait for a server that is not there instead of failing.
        parse_pano_images
            Give the documented dict (see `images.image_dict`), else the StreamImagesResponse.
        timeout
            End the streams after this many seconds; None for never.
        on_host_change
            Called with a `HostChange` when a host begins to stream, is lost or comes back.
        selection
            Which frames and how often, instead of kinds, interval and modules; also by data product and quabo.
        """
        encoding = pb.RAW if parse_pano_images else pb.STRUCT
        kinds = stream_movie_data, stream_pulse_height_data
        selection = selection or Selection.of(*kinds, module_ids, update_interval_seconds)
        convert: Callable[[Arrival[pb.StreamImagesResponse]], Any] = as_dict if parse_pano_images else as_it_is
        asking = self._asking(wait_for_ready, on_host_change)
        return self._stream(hosts, selection, encoding, convert, asking, timeout)

    @also_by_mode
    @also_named(**FORMER_NAMES, update_interval_seconds="interval_s")
    def stream_frames(
        self,
        hosts: Hosts = None,
        *,
        stream_movie_data: bool = True,
        stream_pulse_height_data: bool = True,
        update_interval_seconds: float = 0.0,
        module_ids: Iterable[int] = (),
        wait_for_ready: bool = False,
        persistent: bool = False,
        on_host_change: OnHostChange | None = None,
        selection: Selection | None = None,
    ) -> ImageStream[ReceivedFrame]:
        """Newest frame of each key as it comes, with types and decoded where you look.

        Parameters
        ----------
        hosts, stream_movie_data, stream_pulse_height_data, update_interval_seconds, module_ids, wait_for_ready
            As for `stream_images`, as are `on_host_change` and `selection`.
        persistent
            Ask a host again whatever its stream ended with, as displays do; `on_host_change` gets the reason.
        """
        selection = selection or Selection.of(
            stream_movie_data, stream_pulse_height_data, module_ids, update_interval_seconds
        )
        asking = self._asking(wait_for_ready, on_host_change, persistent=persistent)
        return self._stream(hosts, selection, pb.RAW, as_frame, asking)

    def stream_responses(
        self,
        hosts: Hosts = None,
        *,
        selection: Selection,
        wait_for_ready: bool = False,
        persistent: bool = False,
        on_host_change: OnHostChange | None = None,
    ) -> ImageStream[pb.StreamImagesResponse]:
        """Newest frame of each key as the messages of the wire, for programs that pass frames on."""
        asking = self._asking(wait_for_ready, on_host_change, persistent=persistent)
        return self._stream(hosts, selection, pb.RAW, as_it_is, asking)

    @also_named(**FORMER_NAMES)
    def stream_blocks(
        self,
        hosts: Hosts = None,
        *,
        stream_movie_data: bool = True,
        stream_pulse_height_data: bool = True,
        module_ids: Iterable[int] = (),
        since: Since = None,
        resume: str | None = None,
        wait_for_ready: bool = False,
        persistent: bool = False,
        on_host_change: OnHostChange | None = None,
        selection: Selection | None = None,
    ) -> BlockStream[ReceivedBlock | Gap]:
        """Every frame of each module and product in order, in blocks, and a `Gap` wherever frames are missing.

        After a lost connection or a restart of the server it continues where it was. Others: see `stream_frames`.

        Parameters
        ----------
        selection
            Which frames, instead of kinds and modules; a choice of quabos divides blocks of ph256, without gaps.
        since
            Where to begin: None for the frames to come, ``"run"`` for the beginning of the active run, or a time:
            an aware datetime, or UTC s since 1970. A `Begin` also looks into earlier runs, and around a moment.
        resume
            `BlockStream.resume_token` of an earlier stream; what it does not name begins with its earliest run.
        """
        from panoseti_daq.client.lossless import lossless_stream

        asking = self._asking(wait_for_ready, on_host_change, persistent=persistent)
        selection = selection or Selection.of(stream_movie_data, stream_pulse_height_data, module_ids)
        return lossless_stream(partial(self._begin, hosts, asking, bulk=True), selection, asking, since, resume)

    def stream_walls(
        self, hosts: Hosts = None, *, view: str = "", on_host_change: OnHostChange | None = None
    ) -> ImageStream[list[WallFrame]]:
        """Newest wall of each site, as bridges publish them on NATS: all its images in one message of 8 bits.

        A site that is lost is asked again, for ever.

        Parameters
        ----------
        hosts, on_host_change
            As for `stream_images`; each is ``nats://HOST/SITE``.
        view
            Which wall; empty for that of all images.
        """
        asking = self._asking(True, on_host_change, persistent=True)
        open_them = partial(open_walls, view=view, asking=asking)
        return ImageStream(partial(self._begin, hosts, asking, open_them), lambda arrival: arrival.response)

    def _asking(
        self, wait_for_ready: bool, on_host_change: OnHostChange | None, *, persistent: bool = False
    ) -> Asking:
        return Asking(wait_for_ready, persistent, self._ENDS_WITH_SERVER, on_host_change)

    def _stream(
        self,
        hosts: Hosts,
        selection: Selection,
        encoding: pb.Encoding,
        convert: Callable[[Arrival[pb.StreamImagesResponse]], _T],
        asking: Asking,
        timeout_s: float | None = None,
    ) -> ImageStream[_T]:
        open_them = partial(
            open_images, selection=selection, encoding=encoding, asking=asking, timeout_s=timeout_s
        )
        return ImageStream(partial(self._begin, hosts, asking, open_them, convert is as_dict), convert)

    async def _begin(
        self,
        hosts: Hosts,
        asking: Asking,
        open_them: _Open,
        needs_pandas: bool = False,
        *,
        bulk: bool = False,
    ) -> AnyMerged:
        self._life.check()
        try:
            async with self._life.call():
                if needs_pandas:
                    await asyncio.to_thread(__import__, "pandas")  # takes longer than many images: not in the loop
                if bulk:
                    self._nodes.connect_bulk(hosts)  # while they are pinged
                chosen = await self._nodes.choose(
                    hosts, wait=asking.wait_for_ready, some=asking.ends_with_server, on_silent=asking.note_silent
                )
        except ClientStateError:  # left meanwhile: the stream ends like one that had begun
            chosen = []
        merged = open_them(self._tasks, {host: self._nodes[host] for host in chosen})
        self._merged.add(merged)
        return merged
