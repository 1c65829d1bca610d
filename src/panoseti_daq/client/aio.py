"""The async client."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from weakref import WeakSet

import grpc
from google.protobuf.empty_pb2 import Empty
from grpc.aio import AioRpcError

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.errors import RpcError
from panoseti_daq.client.images import ReceivedFrame, image_dict, received_frame
from panoseti_daq.client.merge import MergedStream, StreamCall
from panoseti_daq.client.stream import ImageStream
from panoseti_daq.client.targets import ConfigSource, Target, address_of, load_json, targets_of
from panoseti_daq.errors import ConfigError, HostError

_log = logging.getLogger(__name__)

PING_TIMEOUT_S: Final = 0.5
SIMULATION_CONFIG: Final = Path(__file__).parents[1] / "data" / "hp_io_config_simulate.json"
_SERVICE: Final = "/" + pb.DESCRIPTOR.services_by_name["DaqData"].full_name
_CHANNEL_OPTIONS: Final = (
    # Whoever looks at the sky wants a server back as soon as it is.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    # Left to itself gRPC opens a window of megabytes: a slow consumer would get frames from a thousand ago,
    # because the server drops the old ones only when its writes wait.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 65536),
)

Hosts = str | Iterable[str] | None
"""One host, several, or None or nothing for every host that answers."""

_T = TypeVar("_T")


class HostSet(set[str]):
    """A set of hosts that may also be awaited: published examples do both."""

    def __await__(self) -> Generator[Any, None, Self]:
        return self
        yield


@dataclass(frozen=True, slots=True)
class _Node:
    """A channel to one DAQ node and its calls."""

    target: Target
    channel: grpc.aio.Channel

    def call(self, name: str, request: type, response: type) -> Any:
        return self.channel.unary_unary(
            f"{_SERVICE}/{name}",
            request_serializer=request.SerializeToString,  # type: ignore[attr-defined]
            response_deserializer=response.FromString,  # type: ignore[attr-defined]
        )


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

    Raises
    ------
    ConfigError
        A configuration cannot be used; a ValueError.
    FileNotFoundError
        A path does not exist.
    """

    def __init__(
        self,
        daq_config: ConfigSource | None,
        network_config: ConfigSource | None = None,
        log_level: int | None = None,
    ) -> None:
        self._set_up(targets_of(daq_config, network_config), log_level)

    def _set_up(self, targets: Mapping[str, Target], log_level: int | None = None) -> None:
        if log_level is not None:
            logging.getLogger("panoseti_daq.client").setLevel(log_level)
        self._targets = dict(targets)
        self._nodes: dict[str, _Node] = {}
        self._valid = HostSet()
        self._merged: WeakSet[MergedStream] = WeakSet()
        self._tasks: asyncio.TaskGroup | None = None

    @classmethod
    def connect(cls, *hosts: str) -> Self:
        """Client of these hosts, without configuration files.

        Parameters
        ----------
        *hosts
            ``host``, ``host:port``, ``[v6]:port`` or ``unix:///path``.

        Examples
        --------
        >>> async with AioDaqDataClient.connect("daq1", "daq2:50052") as client:   # doctest: +SKIP
        ...     async for image in client.stream_images():
        ...         print(image["module_id"], image["image_array"].mean())
        """
        if not hosts:
            raise ConfigError("connect needs at least one host")
        client = cls.__new__(cls)
        client._set_up({host: Target(host, address_of(host)) for host in hosts})
        return client

    async def __aenter__(self) -> Self:
        self._tasks = await asyncio.TaskGroup().__aenter__()
        for host, target in self._targets.items():
            channel = grpc.aio.insecure_channel(target.address, options=_CHANNEL_OPTIONS)
            self._nodes[host] = _Node(target, channel)
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
            nodes, self._nodes = self._nodes, {}
            await asyncio.gather(*(node.channel.close() for node in nodes.values()))

    @property
    def hosts(self) -> list[str]:
        """Every configured host, whether it answers or not."""
        return list(self._targets)

    def get_valid_daq_hosts(self) -> HostSet:
        """Hosts that answered when they were last asked; may be awaited."""
        return HostSet(self._valid)

    async def get_daq_host_status(self) -> dict[str, bool]:
        """Ping every node; whether it answers, by address (``host:port``)."""
        answers = await asyncio.gather(*map(self.is_daq_host_valid, self._targets))
        return {target.address: answer for target, answer in zip(self._targets.values(), answers, strict=True)}

    async def ping(self, host: str, timeout: float = PING_TIMEOUT_S) -> bool:
        """Whether the server of `host` answers within `timeout` s; False for a host that is not configured."""
        node = self._nodes.get(host)
        if node is None:
            return False
        try:
            await node.call("Ping", Empty, Empty)(Empty(), timeout=timeout, wait_for_ready=True)
        except AioRpcError as error:
            _log.debug("%s does not answer: %s", host, error.details())
            return False
        return True

    async def is_daq_host_valid(self, host: str) -> bool:
        """Whether `host` is configured and answers now."""
        if not await self.ping(host):
            self._valid.discard(host)
            return False
        self._valid.add(host)
        return True

    async def validate_daq_hosts(self, hosts: Hosts = None) -> list[str]:
        """Hosts that an argument stands for.

        Raises
        ------
        HostError
            A host is not configured or does not answer, or none does; a ValueError and a ConnectionError.
        """
        self._check_entered()
        chosen = [hosts] if isinstance(hosts, str) and hosts else list(dict.fromkeys(hosts or ()))
        status = await asyncio.gather(*map(self.is_daq_host_valid, chosen or self._targets))
        if not chosen:
            chosen = [host for host, answers in zip(self._targets, status, strict=True) if answers]
            if not chosen:
                raise HostError(f"No valid daq hosts found: none of {_names(self._targets)} answers")
            return chosen
        for host, answers in zip(chosen, status, strict=True):
            if not answers:
                why = "does not answer" if host in self._targets else "is not configured"
                raise HostError(
                    f"daq_host={host!r} {why}; it has no valid gRPC server channel."
                    f" Valid hosts: {_names(self._valid)}; configured: {_names(self._targets)}"
                )
        return chosen

    def _check_entered(self) -> asyncio.TaskGroup:
        if self._tasks is None:
            raise ConfigError(f"{type(self).__name__} is not open; use it as 'async with ... as client'")
        return self._tasks

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
        config = load_json(hp_io_cfg, "hp_io_cfg")  # type: ignore[arg-type]  # None is refused with a message
        chosen = await self.validate_daq_hosts(hosts)
        return all(await asyncio.gather(*(self._init_one(host, config, timeout) for host in chosen)))

    async def _init_one(self, host: str, config: Mapping[str, Any], timeout_s: float) -> bool:
        node = self._nodes[host]
        try:
            request = pb.InitHpIoRequest(
                data_dir=config.get("data_dir") or node.target.data_dir,
                update_interval_seconds=config["update_interval_seconds"],
                force=config.get("force", False),
                simulate_daq=config.get("simulate_daq", False),
                module_ids=config.get("module_ids") or (),
            )
        except KeyError as error:
            raise ConfigError(f"hp_io_cfg has no {error.args[0]!r}") from None
        except (TypeError, ValueError) as error:
            raise ConfigError(f"hp_io_cfg has a value of the wrong type: {error}") from None
        init = node.call("InitHpIo", pb.InitHpIoRequest, pb.InitHpIoResponse)
        try:
            response: pb.InitHpIoResponse = await init(request, timeout=timeout_s)
        except AioRpcError as error:
            _log.error("InitHpIo: %s", RpcError(host, error))
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
        config = load_json(hp_io_sim_cfg_path, "hp_io_sim_cfg_path")
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
        return self._stream(hosts, request, convert, wait_for_ready, timeout)

    def stream_frames(
        self,
        hosts: Hosts = None,
        *,
        movie: bool = True,
        pulse_height: bool = True,
        interval_s: float = 0.0,
        module_ids: Iterable[int] = (),
    ) -> ImageStream[ReceivedFrame]:
        """The same as frames with types: nothing is decoded before it is asked for. See `stream_images`."""
        request = _request(movie, pulse_height, interval_s, module_ids, pb.RAW)
        return self._stream(hosts, request, received_frame)

    def _stream(
        self,
        hosts: Hosts,
        request: pb.StreamImagesRequest,
        convert: Callable[[pb.StreamImagesResponse, str], _T],
        wait_for_ready: bool = False,
        timeout_s: float | None = None,
    ) -> ImageStream[_T]:
        async def begin() -> MergedStream:
            tasks = self._check_entered()
            if convert is _as_dict:
                await asyncio.to_thread(__import__, "pandas")  # takes longer than many images: not in the loop
            chosen = await self.validate_daq_hosts(hosts)

            def make_call(node: _Node) -> StreamCall:
                stream: Any = node.channel.unary_stream(
                    f"{_SERVICE}/StreamImages",
                    request_serializer=pb.StreamImagesRequest.SerializeToString,
                    response_deserializer=pb.StreamImagesResponse.FromString,
                )
                call: StreamCall = stream(request, timeout=timeout_s, wait_for_ready=wait_for_ready)
                return call

            calls = [(host, partial(make_call, self._nodes[host])) for host in chosen]
            merged = MergedStream(tasks, calls)
            self._merged.add(merged)
            return merged

        return ImageStream(begin, convert)


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
        )
    except (TypeError, ValueError) as error:
        raise ConfigError(f"a stream cannot be asked for that: {error}") from None


def _as_dict(response: pb.StreamImagesResponse, host: str) -> dict[str, Any]:
    return image_dict(received_frame(response, host))


def _as_it_is(response: pb.StreamImagesResponse, host: str) -> pb.StreamImagesResponse:
    return response


def _names(hosts: Iterable[str]) -> str:
    return ", ".join(sorted(hosts)) or "none"
