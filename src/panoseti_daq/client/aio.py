"""The async client."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, overload
from weakref import WeakSet

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.blocks import (
    BlockCall,
    BlockDecoder,
    BlockFeed,
    Progress,
    ReceivedBlock,
    Since,
    blocks_request,
)
from panoseti_daq.client.credentials import Credentials
from panoseti_daq.client.errors import RpcError
from panoseti_daq.client.hp_io import init_request
from panoseti_daq.client.images import ReceivedFrame, image_dict, received_frame
from panoseti_daq.client.merge import HostChange, HostFeed, ImageFeed, MergedStream, StreamCall
from panoseti_daq.client.nodes import PING_TIMEOUT_S, Hosts, HostSet, Nodes
from panoseti_daq.client.stream import BlockStream, ImageStream
from panoseti_daq.client.upload import Images, upload
from panoseti_daq.config.files import ConfigSource, content_of
from panoseti_daq.config.nodes import Target, address_of, targets_of
from panoseti_daq.config.packaged import packaged_config
from panoseti_daq.errors import ConfigError
from panoseti_daq.pff import Gap
from panoseti_daq.wire.blocks import BlockMessage

_log = logging.getLogger(__name__)

SIMULATION_CONFIG = packaged_config("hp_io_config_simulate.json")

_T = TypeVar("_T")


class AioDaqDataClient:
    """Client of the DaqData servers of one or more DAQ nodes.

    An async context manager: entering opens one channel per node and pings them all; leaving ends every stream,
    task and channel. For one event loop.

    Parameters
    ----------
    daq_config
        Path or content of ``daq_config.json``; its ``daq_nodes`` are the hosts.
    network_config
        Path or content of ``network_config.json``, for nodes behind a gateway.
    log_level
        Level of the logger ``panoseti_daq.client``; None leaves it alone.
    credentials
        Token and certificates; None for those of the environment, see `Credentials.from_environment`.

    Raises
    ------
    ConfigError
        A configuration or the credentials cannot be used; a ValueError.
    FileNotFoundError
        A path does not exist.
    """

    def __init__(
        self,
        daq_config: ConfigSource | None,
        network_config: ConfigSource | None = None,
        log_level: int | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        self._set_up(targets_of(daq_config, network_config), log_level, credentials)

    def _set_up(
        self,
        targets: Mapping[str, Target],
        log_level: int | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        if log_level is not None:
            logging.getLogger("panoseti_daq.client").setLevel(log_level)
        if credentials is None:
            credentials = Credentials.from_environment()
        self._nodes = Nodes(targets, credentials.load())
        self._merged: WeakSet[MergedStream[Any]] = WeakSet()
        self._tasks: asyncio.TaskGroup | None = None

    @classmethod
    def connect(cls, *hosts: str, credentials: Credentials | None = None) -> Self:
        """Client of these hosts, without configuration files.

        Parameters
        ----------
        *hosts
            ``host``, ``host:port``, ``[v6]:port`` or ``unix:///path``.
        credentials
            Token and certificates; None for those of the environment.

        Examples
        --------
        >>> async with AioDaqDataClient.connect("daq1", "daq2:50052") as client:   # doctest: +SKIP
        ...     async for image in client.stream_images():
        ...         print(image["module_id"], image["image_array"].mean())
        """
        if not hosts:
            raise ConfigError("connect needs at least one host")
        client = cls.__new__(cls)
        client._set_up({host: Target(host, address_of(host)) for host in hosts}, credentials=credentials)
        return client

    async def __aenter__(self) -> Self:
        self._tasks = await asyncio.TaskGroup().__aenter__()
        self._nodes.open()
        await self.get_daq_host_status()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._tasks is not None
        for merged in list(self._merged):
            merged.close()
        try:
            await self._tasks.__aexit__(None, None, None)  # what happened in the block is not the tasks' concern
        finally:
            self._tasks = None
            await self._nodes.close()

    def _check_entered(self) -> asyncio.TaskGroup:
        if self._tasks is None:
            raise ConfigError(f"{type(self).__name__} is not open; use it as 'async with ... as client'")
        return self._tasks

    @property
    def hosts(self) -> list[str]:
        """Every configured host, whether it answers or not."""
        return list(self._nodes.targets)

    def get_valid_daq_hosts(self) -> HostSet:
        """Hosts that answered when they were last asked; may be awaited."""
        return HostSet(self._nodes.valid)

    async def get_daq_host_status(self) -> dict[str, bool]:
        """Ping every node; whether it answers, by address (``host:port``)."""
        targets = self._nodes.targets
        answers = await asyncio.gather(*map(self._nodes.answers, targets))
        return {target.address: answer for target, answer in zip(targets.values(), answers, strict=True)}

    async def ping(self, host: str, timeout: float = PING_TIMEOUT_S) -> bool:
        """Whether the server of `host` answers within `timeout` s; False for a host that is not configured."""
        return await self._nodes.ping(host, timeout)

    async def is_daq_host_valid(self, host: str) -> bool:
        """Whether `host` is configured and answers now."""
        return await self._nodes.answers(host)

    async def validate_daq_hosts(self, hosts: Hosts = None) -> list[str]:
        """Hosts that an argument stands for.

        Parameters
        ----------
        hosts
            One host, or a list, tuple or set of hosts; None or nothing for all that answer.

        Raises
        ------
        HostError
            A host is not configured or does not answer, or none does; a ValueError and a ConnectionError.
        ConfigError
            The argument is of another type.
        """
        self._check_entered()
        return await self._nodes.choose(hosts)

    async def reflect_services(self, hosts: Hosts = None) -> str:
        """What services the servers of `hosts` have, as text.

        Raises
        ------
        HostError
            A host is unknown or does not answer.
        RpcError
            A server has no reflection.
        """
        from panoseti_daq.client.reflection import describe  # takes a while to import, and is rarely asked for

        chosen = await self.validate_daq_hosts(hosts)
        return "".join(await asyncio.gather(*(describe(self._nodes[host]) for host in chosen)))

    async def get_status(self, host: str, timeout: float = 5.0) -> pb.StatusResponse:
        """What the server of `host` is doing.

        Raises
        ------
        HostError
            The host is unknown or does not answer.
        RpcError
            The server does not tell, as those of panoseti-grpc (UNIMPLEMENTED).
        """
        [host] = await self.validate_daq_hosts(host)
        return await self._nodes[host].status(timeout)

    async def init_hp_io(
        self, hosts: Hosts = None, hp_io_cfg: ConfigSource | None = None, timeout: float = 10.0
    ) -> bool:
        """Choose what the servers of `hosts` follow.

        Parameters
        ----------
        hosts
            Which; None or nothing for all that answer.
        hp_io_cfg
            Path or content of ``hp_io_config.json``. An empty ``data_dir`` means that of the node in daq_config.
        timeout
            Seconds until a server must have done it.

        Returns
        -------
        bool
            Whether every server did it; the log tells which did not, and why.

        Raises
        ------
        ConfigError, FileNotFoundError
            `hp_io_cfg` cannot be used.
        HostError
            A host is unknown or does not answer.
        """
        config = content_of(hp_io_cfg, "hp_io_cfg")
        chosen = await self.validate_daq_hosts(hosts)
        return all(await asyncio.gather(*(self._init_one(host, config, timeout) for host in chosen)))

    async def _init_one(self, host: str, config: Mapping[str, Any], timeout_s: float) -> bool:
        request = init_request(config, self._nodes[host].target.data_dir)
        try:
            response = await self._nodes[host].init_hp_io(request, timeout_s)
        except RpcError as error:
            _log.error("InitHpIo: %s", error)
            return False
        if response.error_message:
            _log.warning("InitHpIo: %s: %s", host, response.error_message)
        return response.success

    async def init_sim(
        self,
        hosts: Hosts = None,
        hp_io_sim_cfg_path: ConfigSource = SIMULATION_CONFIG,
        timeout: float = 5.0,
    ) -> bool:
        """Let the servers of `hosts` follow their own simulation; see `init_hp_io`.

        Raises
        ------
        ConfigError
            The configuration does not say ``simulate_daq``.
        """
        config = content_of(hp_io_sim_cfg_path, "hp_io_sim_cfg_path")
        if config.get("simulate_daq") is not True:
            raise ConfigError(f"{hp_io_sim_cfg_path} for init_sim must have simulate_daq=True")
        return await self.init_hp_io(hosts, config, timeout)

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
        on_host_change: Callable[[HostChange], object] | None = None,
    ) -> ImageStream[Any]:
        """Newest images as they come; with or without ``await``.

        Parameters
        ----------
        hosts
            Which; None or nothing for all that answer.
        stream_movie_data, stream_pulse_height_data
            Which kinds; at least one.
        update_interval_seconds
            Least time between two images of one module and data product; zero for as fast as the server may.
        module_ids
            Modules, 0-255; empty for all.
        wait_for_ready
            Wait for a server that is not there instead of failing.
        parse_pano_images
            Give the documented dict (see `images.image_dict`), else the StreamImagesResponse.
        timeout
            End the streams after so many seconds; None for never.
        on_host_change
            Called with a `HostChange` when a host begins to stream, is lost or comes back.

        Raises
        ------
        HostError
            A host is unknown or does not answer; when it is awaited, else at the first image.
        RpcError
            The server refused; at the first image.
        """
        encoding = pb.RAW if parse_pano_images else pb.STRUCT
        request = _request(
            stream_movie_data, stream_pulse_height_data, update_interval_seconds, module_ids, encoding
        )
        convert: Callable[[pb.StreamImagesResponse, str], Any] = _as_dict if parse_pano_images else _as_it_is
        return self._stream(hosts, request, convert, on_host_change, wait_for_ready, timeout)

    @overload
    def stream_frames(
        self,
        hosts: Hosts = None,
        *,
        mode: Literal["newest"] = "newest",
        movie: bool = True,
        pulse_height: bool = True,
        interval_s: float = 0.0,
        module_ids: Iterable[int] = (),
        wait_for_ready: bool = False,
        on_host_change: Callable[[HostChange], object] | None = None,
    ) -> ImageStream[ReceivedFrame]: ...

    @overload
    def stream_frames(
        self,
        hosts: Hosts = None,
        *,
        mode: Literal["all"],
        movie: bool = True,
        pulse_height: bool = True,
        module_ids: Iterable[int] = (),
        since: Since = None,
        resume: str | None = None,
        wait_for_ready: bool = False,
        on_host_change: Callable[[HostChange], object] | None = None,
    ) -> BlockStream[ReceivedBlock | Gap]: ...

    def stream_frames(
        self,
        hosts: Hosts = None,
        *,
        mode: Literal["newest", "all"] = "newest",
        movie: bool = True,
        pulse_height: bool = True,
        interval_s: float = 0.0,
        module_ids: Iterable[int] = (),
        since: Since = None,
        resume: str | None = None,
        wait_for_ready: bool = False,
        on_host_change: Callable[[HostChange], object] | None = None,
    ) -> ImageStream[Any]:
        """Frames with types, decoded where you look: the newest of each key, or all of them.

        Parameters
        ----------
        hosts, module_ids, wait_for_ready, on_host_change
            As for `stream_images`.
        mode
            ``newest``: a `ReceivedFrame` at a time, as `stream_images`. ``all``: every frame of each module and
            product in order, as `ReceivedBlock`, and a `Gap` wherever frames cannot be had; after a lost
            connection or a restart of the server it goes on where it was. The server reads from the files at your
            pace.
        movie, pulse_height
            Which kinds; at least one.
        interval_s
            Newest only: least time between two frames of one key, s.
        since
            All only: where to begin. None for the frames to come, ``"run"`` for the beginning of the active run,
            or a time: an aware datetime, or UTC s since 1970.
        resume
            All only: `BlockStream.resume_token` of an earlier stream, to go on there. Modules and products that
            it does not know begin with the earliest run that it names.

        Raises
        ------
        ConfigError
            An argument cannot be.
        HostError, RpcError
            As for `stream_images`.
        """
        if mode == "newest":
            request = _request(movie, pulse_height, interval_s, module_ids, pb.RAW)
            return self._stream(hosts, request, received_frame, on_host_change, wait_for_ready)
        if mode != "all":
            raise ConfigError(f"mode={mode!r} is not 'newest' or 'all'")
        progress, decode = Progress(resume), BlockDecoder()
        first_request = blocks_request(movie, pulse_height, module_ids, since)

        def make_feed(host: str) -> BlockFeed:
            request = pb.StreamFramesRequest(resume=progress.positions(host))
            request.MergeFrom(first_request)

            def call(request: pb.StreamFramesRequest, again: bool) -> BlockCall:
                return self._nodes[host].stream_frames(request, wait_for_ready=again or wait_for_ready)

            return BlockFeed(call, request, host, progress)

        def convert(message: BlockMessage, host: str) -> ReceivedBlock | Gap:
            progress.note(message.head, host)
            return decode(message, host)

        begin = partial(self._begin, hosts, make_feed, on_host_change, wait_for_ready)
        return BlockStream(begin, convert, progress)

    async def _begin(
        self,
        hosts: Hosts,
        make_feed: Callable[[str], HostFeed[Any]],
        on_host_change: Callable[[HostChange], object] | None,
        wait_for_ready: bool,
    ) -> MergedStream[Any]:
        tasks = self._check_entered()
        chosen = await self._nodes.choose(hosts, wait=wait_for_ready)
        merged = MergedStream(tasks, {host: make_feed(host) for host in chosen}, on_host_change)
        self._merged.add(merged)
        return merged

    def _stream(
        self,
        hosts: Hosts,
        request: pb.StreamImagesRequest,
        convert: Callable[[pb.StreamImagesResponse, str], _T],
        on_host_change: Callable[[HostChange], object] | None = None,
        wait_for_ready: bool = False,
        timeout_s: float | None = None,
    ) -> ImageStream[_T]:
        def make_feed(host: str) -> ImageFeed:
            def call(again: bool) -> StreamCall:
                node = self._nodes[host]
                return node.stream_images(request, wait_for_ready=again or wait_for_ready, timeout_s=timeout_s)

            return ImageFeed(call)

        async def begin() -> MergedStream[pb.StreamImagesResponse]:
            self._check_entered()
            if convert is _as_dict:
                await asyncio.to_thread(__import__, "pandas")  # takes longer than many images: not in the loop
            return await self._begin(hosts, make_feed, on_host_change, wait_for_ready)

        return ImageStream(begin, convert)

    async def upload_images(self, hosts: Hosts, image_iterator: Images) -> None:
        """Send frames to the servers of `hosts`, which treat them like those of their files.

        Parameters
        ----------
        hosts
            Which; None or nothing for all that answer. Several get the same frames, at the pace of the slowest.
        image_iterator
            Frames, or PanoImage messages, from an iterable of either kind.

        Raises
        ------
        HostError
            A host is unknown or does not answer.
        RpcError
            A server refuses, for example because it was not started to accept uploads (PERMISSION_DENIED).
        """
        await upload([self._nodes[host] for host in await self.validate_daq_hosts(hosts)], image_iterator)


def _request(
    movie: bool, pulse_height: bool, interval_s: float, module_ids: Iterable[int], encoding: pb.Encoding
) -> pb.StreamImagesRequest:
    try:
        return pb.StreamImagesRequest(
            stream_movie_data=movie,
            stream_pulse_height_data=pulse_height,
            update_interval_seconds=interval_s,
            module_ids=module_ids,
            encoding=encoding,
            batches=encoding == pb.RAW,
        )
    except (TypeError, ValueError) as error:
        raise ConfigError(f"a stream cannot be asked for that: {error}") from None


def _as_dict(response: pb.StreamImagesResponse, host: str) -> dict[str, Any]:
    return image_dict(received_frame(response, host))


def _as_it_is(response: pb.StreamImagesResponse, host: str) -> pb.StreamImagesResponse:
    return response
