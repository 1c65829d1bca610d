"""Async client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Set
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

from panoseti_daq.client.base import while_open
from panoseti_daq.client.errors import RpcError
from panoseti_daq.client.images import ReceivedFrame
from panoseti_daq.client.lifetime import Lifetime
from panoseti_daq.client.nodes import Hosts, Nodes, node_of
from panoseti_daq.client.streams import StreamClient
from panoseti_daq.errors import ClientStateError
from panoseti_daq.open_types import OpenDict, OpenMapping
from panoseti_daq.pff import Key, Selection

if TYPE_CHECKING:
    from panoseti_daq.client.newest import NewestFrames
    from panoseti_daq.client.upload import Images


class AioDaqDataClient(StreamClient):
    """Client of the DaqData servers of one or more DAQ nodes.

    An async context manager, for one ``async with``: entering opens one channel per node and pings them all;
    leaving ends every stream, call, task and channel. For one event loop.

    Parameters
    ----------
    daq_config
        Path or content of ``daq_config.json``; its ``daq_nodes`` are the hosts.
    network_config
        Path or content of ``network_config.json``, for nodes with a gateway or a port of their own.
    log_level
        Level of the logger ``panoseti_daq.client``; None leaves it alone.
    credentials
        Token and certificates; None for those of the environment, see `Credentials.from_environment`.
    host, port
        One server, as in ``AioDaqDataClient("daq1", 50051)`` of panoseti-grpc 0.4; `connect` takes several.
    timeout
        How long a server may take to answer, s; None for 0.5.

    Raises
    ------
    ConfigError
        A configuration or the credentials cannot be used; a ValueError.
    FileNotFoundError
        A path does not exist.
    ClientStateError
        From every method: the client was not entered, was entered twice, or was left.
    """

    _STATEMENT = "async with"

    def _share(self, nodes: Nodes, life: Lifetime) -> None:
        super()._share(nodes, life)
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._life.open()
        async with AsyncExitStack() as exits:
            exits.push_async_callback(self._nodes.close)
            self._tasks = await exits.enter_async_context(asyncio.TaskGroup())
            exits.callback(self._end_streams)
            exits.callback(self._life.close)
            self._nodes.open()
            await self.get_daq_host_status()
            self._exits = exits.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exits.aclose()  # what happened in the block is not the tasks' concern

    def _end_streams(self) -> None:
        for merged in list(self._merged):
            merged.close()

    @while_open
    async def latest(
        self,
        hosts: Hosts = None,
        *,
        module_id: int | None = None,
        timeout: float = 5.0,
        selection: Selection | None = None,
    ) -> NewestFrames:
        """Return the newest frame of every key, at once if there are any; its `to_pandas` makes a table of them.

        Parameters
        ----------
        hosts
            Which; None or empty for all that answer. Of a key that several have, the frame that was taken last.
        module_id
            Only this module.
        timeout
            Wait this many seconds at most for the first frame, and for those that a server announces.
        selection
            Which frames, instead of a module.

        Raises
        ------
        HostError
            A host is unknown or does not answer.
        RpcError
            A server refuses.
        """
        from panoseti_daq.client.newest import NewestFrames  # here and below, what streams need not

        selection = selection or Selection.of(module_ids=None if module_id is None else [module_id])
        chosen = await self._nodes.choose(hosts)
        of_hosts = await asyncio.gather(*(self._latest_of(host, selection, timeout) for host in chosen))
        frames = [frame for of_host in of_hosts for frame in of_host.values()]
        frames.sort(key=lambda frame: frame.time.unix_ns)
        newest = {frame.key: frame for frame in frames}
        return NewestFrames((key, newest[key]) for key in sorted(newest, key=str))

    async def _latest_of(self, host: str, selection: Selection, timeout_s: float) -> dict[Key, ReceivedFrame]:
        from panoseti_daq.client.now import LONG_S, announced_keys, newest_of

        announced: Set[Key] = set()
        with suppress(RpcError):  # a server of the predecessor has no Status
            announced = announced_keys(await self.get_status(host, timeout_s), selection)
        stream = self.stream_frames(host, selection=replace(selection, update_interval_s=LONG_S))
        return await newest_of(stream, announced, timeout_s)

    async def capture_gnss(self, host: str, patterns: Iterable[str] = ()) -> AsyncGenerator[OpenDict]:
        """Yield the messages of the GNSS receivers of `host`: the newest of each name, then each that comes.

        Ends with the client.

        Parameters
        ----------
        host
            Which server.
        patterns
            Regular expressions, from the start of a name such as TIM-TP; empty for all.

        Raises
        ------
        HostError
            The host is unknown or does not answer.
        RpcError
            The server refuses, or reads no receiver (UNIMPLEMENTED).
        """
        from panoseti_daq._proto import ublox_control_pb2 as ub
        from panoseti_daq.client.gnss import captured, message_dict

        self._life.check()
        request = ub.CaptureUbloxRequest(patterns=patterns)
        try:
            async with self._life.call():
                [chosen] = await self._nodes.choose(host)
                node = node_of(self._nodes[chosen], "CaptureUblox")
        except ClientStateError:  # left meanwhile
            return
        async for message in captured(node, request):
            yield message_dict(message)

    @while_open
    async def poll_gnss(self, host: str, names: Iterable[str] = ("MON-VER",)) -> dict[str, OpenDict]:
        """Ask the GNSS receiver of `host` for messages, and return the fields of each by name.

        Parameters
        ----------
        host
            Which server; its first receiver that can be asked answers.
        names
            ``MON-VER``, ``SEC-UNIQID`` or ``NAV-*``.

        Raises
        ------
        HostError
            The host is unknown or does not answer.
        RpcError
            A name is none of these (INVALID_ARGUMENT), no receiver is connected, or it does not answer.
        """
        from panoseti_daq.client.gnss import polled

        [chosen] = await self._nodes.choose(host)
        return await polled(node_of(self._nodes[chosen], "PollMessage"), names)

    @while_open
    async def init_f9t(self, host: str, f9t_config: OpenMapping, *, force: bool = False) -> str:
        """Configure a GNSS receiver of `host`, and return what the server says of it.

        Parameters
        ----------
        host
            Which server; it must have been started with ``--gnss-allow-configuration``.
        f9t_config
            ``f9t_uid``, ``cfg_key_settings``, ``position`` and others, as docs/gnss.md has them.
        force
            Also while somebody captures its messages.

        Raises
        ------
        HostError
            The host is unknown or does not answer.
        RpcError
            The server does not allow it (PERMISSION_DENIED), the configuration is invalid or for another receiver
            (INVALID_ARGUMENT), or the receiver did not take it (INTERNAL): says which keys differ, and how.
        """
        from panoseti_daq.client.gnss import configured

        [chosen] = await self._nodes.choose(host)
        return await configured(node_of(self._nodes[chosen], "InitF9t"), f9t_config, force=force)

    @while_open
    async def upload_images(self, hosts: Hosts, image_iterator: Images) -> None:
        """Send frames to the servers of `hosts`, which treat them like frames of their files.

        Parameters
        ----------
        hosts
            Which; None or empty for all that answer. Several receive the same frames, at the pace of the slowest.
        image_iterator
            Frames, or PanoImage messages, from an iterable of either kind.

        Raises
        ------
        HostError
            A host is unknown or does not answer.
        RpcError
            A server refuses, for example because it was not started to accept uploads (PERMISSION_DENIED).
        """
        from panoseti_daq.client.upload import upload

        await upload([self._nodes[host] for host in await self._nodes.choose(hosts)], image_iterator)
