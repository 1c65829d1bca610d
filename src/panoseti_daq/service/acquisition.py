"""What the server follows: one configuration at a time, and the streams that live on it (SPEC 4).

InitHpIo and the opening of a stream pass one gate, in the order in which they came: while a configuration is
being made, the others wait, whether it succeeds or fails. A new source has to be running before the old one is
let go, so a failure leaves everything as it was.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from grpc import StatusCode

from panoseti_daq.config.settings import RunProbe, ServerSettings
from panoseti_daq.errors import ConfigError, DaqError, DataDirError
from panoseti_daq.hub import Filter, Hub
from panoseti_daq.service.choose_source import source_of
from panoseti_daq.service.hp_io import HpIoConfig, Refused, check_config
from panoseti_daq.service.streams import Following, Stream
from panoseti_daq.sources.probe import why_inactive
from panoseti_daq.sources.source import FrameSource

_log = logging.getLogger(__name__)

PROBE_INTERVAL_S: Final = 10.0
AT_START: Final = "the server's start"  # who asks then, beside the peers
SHUTTING_DOWN: Final = "the server is shutting down"
NOT_INITIALISED: Final = (
    "hp_io is not initialised, so there is nothing to stream: call InitHpIo (panoseti-daq init CONFIG, or"
    " init --sim for simulated data), or start the server with --data-dir or --simulate"
)


class Acquisition:
    """Holds the configuration in force, its source and hub, and the streams.

    For one event loop. Its tasks belong to `tasks`: a source that fails while it is in force stops the server.

    Parameters
    ----------
    settings
        Limits.
    tasks
        Where the sources run.
    make_source
        Makes the source of a configuration.

    Attributes
    ----------
    stalled
        Why what is followed seems not to be what is recorded, see `stalls`; empty when all is well.
    """

    def __init__(
        self,
        settings: ServerSettings,
        tasks: asyncio.TaskGroup,
        make_source: Callable[[HpIoConfig, ServerSettings], FrameSource] | None = None,
    ) -> None:
        self._settings = settings
        self._tasks = tasks
        self._make_source = make_source or source_of
        self._gate = asyncio.Lock()  # first come, first served
        self._streams: dict[Stream, None] = {}
        self._following: Following | None = None
        self._starting: asyncio.Task[None] | None = None
        self._shut_down: Refused | None = None
        self._n_sent = self._n_dropped = 0  # of streams that ended
        self.stalled = ""

    @property
    def n_sent(self) -> int:
        """Frames (StreamImages) and messages (StreamFrames) to all streams, also those that ended."""
        return self._n_sent + sum(stream.n_sent for stream in self._streams)

    @property
    def n_dropped(self) -> int:
        """Frames that streams would have got, had they been fast enough; also those that ended."""
        return self._n_dropped + sum(stream.n_dropped for stream in self._streams)

    @property
    def max_streams(self) -> int:
        """Streams that there may be."""
        return self._settings.max_concurrent_rpcs

    @property
    def following(self) -> Following | None:
        """Configuration in force; None when there is none."""
        return self._following

    @property
    def config(self) -> HpIoConfig | None:
        """What is followed; None when nothing is."""
        return self._following.config if self._following else None

    @property
    def hub(self) -> Hub | None:
        """Hub of the configuration in force; None when there is none."""
        return self._following.hub if self._following else None

    @property
    def accepts_uploads(self) -> bool:
        """Whether clients may push frames."""
        return self._settings.accept_uploads

    @property
    def streams(self) -> list[Stream]:
        """Streams that get frames now, oldest first."""
        return [stream for stream in self._streams if stream.following is not None]

    @asynccontextmanager
    async def stream(self, wanted: Filter, interval_s: float, peer: str) -> AsyncIterator[Stream]:
        """Open a stream of newest frames; see `admit`."""
        async with self.admit(peer) as stream:
            assert stream.following is not None
            shortest_s = stream.following.config.update_interval_s
            with stream.following.hub.subscribe(wanted, max(interval_s, shortest_s)) as stream.subscription:
                yield stream

    @asynccontextmanager
    async def admit(self, peer: str) -> AsyncIterator[Stream]:
        """Open a stream; waits while a configuration is being made.

        Raises
        ------
        Refused
            There is nothing to follow, there are too many streams, or, raised out of the ``async with`` block,
            the stream was ended.
        """
        limit = self._settings.max_concurrent_rpcs
        if len(self._streams) >= limit:
            raise Refused(StatusCode.RESOURCE_EXHAUSTED, f"all {limit} streams are taken; try again later")
        stream = Stream(peer)
        self._streams[stream] = None
        try:
            async with stream._scope:
                stream.following = await self._pass_gate()
                stream.last_frame_at = asyncio.get_running_loop().time()
                yield stream
        except TimeoutError:
            if stream._refused is None:
                raise
            raise stream._refused from None
        finally:
            del self._streams[stream]
            self._n_sent += stream.n_sent
            self._n_dropped += stream.n_dropped

    async def _pass_gate(self) -> Following:
        """Configuration in force; nothing else runs before the caller goes on."""
        async with self._gate:
            if self._shut_down:
                raise self._shut_down
            if self._following is None:
                raise Refused(StatusCode.FAILED_PRECONDITION, NOT_INITIALISED)
            return self._following

    async def configure(
        self, config: HpIoConfig, *, force: bool, need_active_run: bool = True, peer: str = AT_START
    ) -> str:
        """Follow `config` from now on.

        Parameters
        ----------
        config
            What to follow.
        force
            End the streams there are; else refuse when there are any.
        need_active_run
            Refuse when the probe finds no active run.
        peer
            Who asks.

        Returns
        -------
        str
            What the caller should know although it worked; empty if nothing.

        Raises
        ------
        Refused
            It cannot be followed; what was followed before still is.
        """
        async with self._gate:
            if self._shut_down:
                raise self._shut_down
            if self.streams and not force:
                peers = ", ".join(stream.peer for stream in self.streams)
                raise Refused(
                    StatusCode.FAILED_PRECONDITION,
                    f"{len(self.streams)} streams are active ({peers}); use force=true to end them",
                )
            message = await check_config(config, self._settings, need_active_run=need_active_run)
            if self._shut_down:
                raise self._shut_down
            following = await self._start(config, peer)
            self._end_streams(Refused(StatusCode.CANCELLED, "ended by a forced reconfiguration of hp_io"))
            old, self._following = self._following, following
            if old is not None:
                await old.stop()
        _log.info("following %s", config)
        return message

    async def _start(self, config: HpIoConfig, peer: str) -> Following:
        source, hub = self._make_source(config, self._settings), Hub()
        started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = self._tasks.create_task(_follow(source, hub, started), name=f"follow {config}")
        self._starting = task

        def ended(_: object) -> None:
            if not started.done():  # cancelled, perhaps before its first step
                started.set_exception(Refused(StatusCode.CANCELLED, SHUTTING_DOWN))

        task.add_done_callback(ended)
        try:
            await started
        except Refused:
            raise
        except (ConfigError, DataDirError) as error:  # of the settings, or of the directory that was asked for
            raise Refused(StatusCode.INVALID_ARGUMENT, str(error)) from error
        except (DaqError, OSError) as error:  # may name any path
            if peer == AT_START:
                raise Refused(StatusCode.INVALID_ARGUMENT, str(error)) from error
            _log.error("%s cannot be followed: %s", config, error)
            text = f"{config} cannot be followed; the server's log says why"
            raise Refused(StatusCode.INVALID_ARGUMENT, text) from error
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            self._starting = None
        return Following(config, peer, asyncio.get_running_loop().time(), source, hub, task)

    def _end_streams(self, refused: Refused) -> None:
        for stream in self.streams:
            stream.end(refused)

    async def watch(self) -> None:
        """End streams that stall or starve, and warn when the run ends; runs until it is cancelled."""
        stalled_s, starved_s = (
            self._settings.stalled_client_timeout_seconds,
            self._settings.quiet_stream_timeout_seconds,
        )
        interval_s = min(PROBE_INTERVAL_S, stalled_s / 4, (starved_s or math.inf) / 4)
        loop = asyncio.get_running_loop()
        next_probe, was_inactive = loop.time() + PROBE_INTERVAL_S, None
        while True:
            await asyncio.sleep(interval_s)
            now = loop.time()
            for stream in self.streams:
                if stream.writing_since is not None and now - stream.writing_since > stalled_s:
                    text = f"this client took nothing for {stalled_s:g} s"
                    stream.end(Refused(StatusCode.RESOURCE_EXHAUSTED, text))
                elif starved_s and stream.writing_since is None and now - stream.last_frame_at > starved_s:
                    text = f"there was no frame for {starved_s:g} s"
                    stream.end(Refused(StatusCode.DEADLINE_EXCEEDED, text))
            if now >= next_probe and self.config and self.config.data_dir:
                next_probe = now + PROBE_INTERVAL_S
                was_inactive = await self._probe(Path(self.config.data_dir), was_inactive)

    async def _probe(self, data_dir: Path, was_inactive: str | None) -> str | None:
        if self._settings.run_probe is RunProbe.NONE:
            return None
        inactive = await asyncio.to_thread(why_inactive, self._settings.run_probe, data_dir)
        if inactive and not was_inactive:
            _log.warning("no run is active in %s: %s; following it all the same", data_dir, inactive)
        elif was_inactive and not inactive:
            _log.info("a run is active in %s", data_dir)
        return inactive

    async def shut_down(self) -> None:
        """End all streams, refuse new calls and stop following."""
        self._shut_down = Refused(StatusCode.CANCELLED, SHUTTING_DOWN)
        for stream in self._streams:
            stream.end(self._shut_down)
        if self._starting is not None:
            self._starting.cancel()  # it may never start
        async with self._gate:
            if self._following is not None:
                await self._following.stop()
                self._following = None


async def _follow(source: FrameSource, hub: Hub, started: asyncio.Future[None]) -> None:
    """Carry frames from `source` to `hub`; `started` tells when the source runs, or why it does not."""
    try:
        async with source:
            if started.cancelled():  # who asked gave up in the same instant
                return
            started.set_result(None)
            async for block in source:
                hub.publish(block)
    except Exception as error:
        if started.cancelled():
            _log.warning("a source failed that nobody waits for: %s", error)
        elif started.done():
            raise
        else:
            started.set_exception(error)
