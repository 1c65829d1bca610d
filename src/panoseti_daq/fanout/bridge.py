"""Bridge: a client of DAQ nodes that publishes what they have on NATS."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import time
import uuid
from base64 import b64decode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from google.protobuf.json_format import MessageToJson

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client import AioDaqDataClient, RpcError
from panoseti_daq.client.nats_link import (
    NatsAddress,
    NatsError,
    NotThereError,
    connect,
    kept_message,
    send,
)
from panoseti_daq.client.retry import retry_delay_s
from panoseti_daq.errors import HostError
from panoseti_daq.fanout.lossless import publish_all, resume_token
from panoseti_daq.fanout.streams import Retention, make_streams
from panoseti_daq.fanout.walls import WallMaker
from panoseti_daq.pff import DataProduct, Kind, Selection
from panoseti_daq.wire.image import key_of
from panoseti_daq.wire.subjects import EVERYTHING, STATUS_BUCKET, WALL_KEYS, Site

if TYPE_CHECKING:
    from nats.aio.client import Client

_log = logging.getLogger(__name__)

_Part = Callable[["Client"], Awaitable[None]]
_WORD_OF: Final = {Kind.MOVIE: "movies", Kind.PULSE_HEIGHT: "pulse heights"}

WALL_HZ: Final = 1.0
STATES_EVERY_S: Final = 1.0
STATUS_TIMEOUT_S: Final = 2.0  # a node that hangs must not make this bridge look gone
HELD_S: Final = 6.0  # a bridge that says nothing for so long is gone


@dataclass(slots=True)
class BridgeCounts:
    """What a bridge has sent.

    Attributes
    ----------
    n_newest, n_walls
        Newest frames, and walls of them.
    n_frames, n_gaps
        All frames, and gaps.
    """

    n_newest: int = 0
    n_walls: int = 0
    n_frames: int = 0
    n_gaps: int = 0

    def note(self, head: pb.StreamFramesResponse) -> None:
        """Take note of a message of all frames."""
        if head.gap:
            self.n_gaps += 1
        else:
            self.n_frames += head.frames


class _Holder(NamedTuple):
    """A bridge that says that it publishes the site, in a message of this number."""

    sequence: int
    host: str
    pid: int

    def is_dead(self) -> bool:
        """Return whether it ran on this host, and does no more."""
        return self.host == socket.gethostname() and not os.path.exists(f"/proc/{self.pid}")


@dataclass(slots=True)
class Bridge:
    """Publisher of one site; `run` runs until it is cancelled.

    Its parts, newest frames, walls, all frames and states, have a connection each: what goes wrong with one is
    tried again, with growing delays, while the others continue.

    Attributes
    ----------
    address, site
        Where to, and as whom.
    selection
        What; its interval is that of the newest frames.
    hosts
        Of the client; empty for all.
    lossless
        Also all frames.
    wall_hz
        Walls per second; 0 for none.
    from_start
        Begin with the first frame of the run when nothing is published yet.
    retention
        What the server keeps.
    counts
        What was sent.
    """

    address: NatsAddress
    site: Site
    selection: Selection
    hosts: list[str]
    lossless: bool = True
    wall_hz: float = WALL_HZ
    from_start: bool = False
    retention: Retention = field(default_factory=Retention)
    counts: BridgeCounts = field(default_factory=BridgeCounts)
    _id: str = field(default_factory=lambda: uuid.uuid4().hex)
    _keeping: list[asyncio.Task[None]] = field(default_factory=list)
    _held: asyncio.Event = field(default_factory=asyncio.Event)
    _maker: WallMaker = field(default_factory=WallMaker)

    def stop(self) -> None:
        """End `run`; may be called again, as nats-py takes a cancellation for itself while it connects."""
        for task in self._keeping:
            task.cancel()

    async def run(self, client: AioDaqDataClient, on_begin: Callable[[], None]) -> None:
        """Publish until cancelled.

        Parameters
        ----------
        client
            Where from.
        on_begin
            Called when the server has the streams, and no other bridge publishes the site.

        Raises
        ------
        NatsError
            The server refuses for good: no JetStream, wrong password, other limits, another bridge.
        """

        async def publish() -> None:
            await self._held.wait()
            on_begin()
            parts: dict[str, _Part] = {"newest frames": partial(self._newest, client)}
            # Apart, so that a stream of movies that is full does not hold up the pulse heights.
            for kind in Kind if self.lossless else ():
                of_kind = self.selection.within((), [product for product in DataProduct if product.kind is kind])
                if of_kind.kinds:
                    parts[f"all {_WORD_OF[kind]}"] = partial(self._all, client, kind, of_kind)
            if self.wall_hz:
                parts["walls"] = self._walls
            self._keeping += [tasks.create_task(self._keep(what, part), name=what) for what, part in parts.items()]

        try:
            async with asyncio.TaskGroup() as tasks:
                states = self._keep("states", partial(self._states, client))
                self._keeping += [tasks.create_task(states, name="states"), tasks.create_task(publish())]
        except ExceptionGroup as errors:  # what fails for good ends all
            raise errors.exceptions[0] from None

    async def _keep(self, what: str, part: _Part) -> None:
        """Run a part, again and again, until it fails for good."""
        n_failures, last_error = 0, ""
        while True:
            begin = time.monotonic()
            try:
                nats = await connect(self.address, f"panoseti-daq bridge of {self.site.name}: {what}")
                try:
                    await part(nats)
                finally:
                    await nats.close()
            except NatsError as error:
                # A server whose disk is full turns JetStream off, and newest frames continue.
                if error.is_final and not (self._held.is_set() and isinstance(error, NotThereError)):
                    raise
                if time.monotonic() - begin > HELD_S:
                    n_failures, last_error = 0, ""
                if str(error) != last_error:
                    last_error = str(error)
                    _log.warning("%s of site %s: %s; trying again", what, self.site.name, error)
            n_failures += 1
            await asyncio.sleep(retry_delay_s(n_failures))

    async def _newest(self, client: AioDaqDataClient, nats: Client) -> None:
        stream = client.stream_responses(
            self.hosts, selection=self.selection, wait_for_ready=True, persistent=True
        )
        async with stream:
            async for response in stream:
                response.delivery.ClearField("sequence")
                await send(nats, self.site.image(key_of(response.pano_image)), response.SerializeToString())
                self.counts.n_newest += 1
                self._maker.note(response)

    async def _walls(self, nats: Client) -> None:
        while True:
            if wall := self._maker.wall():
                data, keys = wall
                await send(nats, self.site.wall(EVERYTHING), data, headers={WALL_KEYS: keys})
                self.counts.n_walls += 1
            await asyncio.sleep(1 / self.wall_hz)

    async def _all(self, client: AioDaqDataClient, kind: Kind, selection: Selection, nats: Client) -> None:
        stream = self.site.frames(kind)
        token = await resume_token(nats, stream)
        blocks = client.stream_blocks(
            self.hosts,
            selection=selection,
            since="run" if self.from_start else None,
            resume=token,
            wait_for_ready=True,
        )
        try:
            async with blocks:
                await publish_all(nats, self.site, stream, blocks, self.counts.note)
        except (HostError, RpcError) as error:  # as the predecessor's servers, which have only the newest frames
            raise NatsError(str(error)) from error

    async def _states(self, client: AioDaqDataClient, nats: Client) -> None:
        await make_streams(nats, self.site, self.retention)
        while True:
            await self._hold(nats)
            self._held.set()
            await asyncio.gather(*(self._publish_status(client, nats, host) for host in client.hosts))
            await asyncio.sleep(STATES_EVERY_S)

    async def _publish_status(self, client: AioDaqDataClient, nats: Client, host: str) -> None:
        try:
            status = await client.get_status(host, STATUS_TIMEOUT_S)
        except (HostError, RpcError) as error:
            _log.debug("no status of %s: %s", host, error)  # the streams say that it is lost
            return
        text = MessageToJson(status, preserving_proto_field_name=True)
        await send(nats, f"$KV.{STATUS_BUCKET}.{self.site.status_of(host)}", text.encode())

    async def _hold(self, nats: Client) -> None:
        """Say that this bridge publishes the site.

        Raises
        ------
        NatsError
            Another one does.
        """
        subject = f"$KV.{STATUS_BUCKET}.{self.site.bridge}"
        before, end = None, time.monotonic() + HELD_S
        # Whether it still says so is seen without comparing clocks, which differ from host to host.
        while (other := await self._other(nats, subject)) and time.monotonic() < end:
            if before and other.sequence != before.sequence:
                raise NatsError(
                    f"another bridge publishes site {self.site.name}: process {other.pid} on {other.host};"
                    " stop it, or give this one another --site",
                    is_final=True,
                )
            before = other
            await asyncio.sleep(STATES_EVERY_S / 2)
        holder = {"id": self._id, "host": socket.gethostname(), "pid": os.getpid()}
        await send(nats, subject, json.dumps(holder).encode())

    async def _other(self, nats: Client, subject: str) -> _Holder | None:
        """Return who said last that it publishes the site, unless that was this bridge, or one that is dead."""
        message = await kept_message(nats, f"KV_{STATUS_BUCKET}", last_by_subj=subject)
        if message is None:
            return None
        try:
            said = json.loads(b64decode(message["data"]))
            other = _Holder(int(message["seq"]), str(said["host"]), int(said["pid"]))
            is_ours = said["id"] == self._id
        except (ValueError, KeyError, TypeError):
            return None
        return None if is_ours or other.is_dead() else other
