"""Acquisition: the configuration that the server follows, and the streams on it (SPEC 4).

InitHpIo and the opening of a stream pass one gate, in the order of their arrival: while a configuration is
being made, the others wait, whether it succeeds or fails. A new source must be running before the old one is
released, so a failure leaves everything as it was.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from grpc import StatusCode

from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.config.settings import ServerSettings
from panoseti_daq.errors import ConfigError, DaqError, DataDirError
from panoseti_daq.hub import Hub
from panoseti_daq.pff import DataProduct
from panoseti_daq.service.among import ALONE, Among
from panoseti_daq.service.call_scope import CallScope
from panoseti_daq.service.carry import carry
from panoseti_daq.service.choose_source import source_of
from panoseti_daq.service.elsewhere import FeedsHub
from panoseti_daq.service.hp_io import Refused, check_config
from panoseti_daq.service.streams import Following, Stream, Streams
from panoseti_daq.sources.source import FrameSource

_log = logging.getLogger(__name__)

MakeSource = Callable[[HpIoConfig, ServerSettings], FrameSource]
"""Makes the source of a configuration."""

AT_START: Final = "the server's start"  # in place of a peer
START_PATIENCE_S: Final = 60.0  # with a source that a client asks for: a disk may hang
SHUTTING_DOWN: Final = "the server is shutting down"
NOT_INITIALISED: Final = (
    "hp_io is not initialized, so there is nothing to stream: call InitHpIo (panoseti-daq init CONFIG, or"
    " init --sim for simulated data), or start the server with --data-dir or --simulate"
)


class Acquisition:
    """The configuration in force, its source and hub, and the streams.

    For one event loop. Its tasks belong to `tasks`: a source that fails while it is in force stops the server.

    Parameters
    ----------
    settings
        Limits.
    tasks
        Where the sources run.
    make_source
        Makes the source of a configuration.
    among
        The other processes of the service.

    Attributes
    ----------
    all_streams
        The streams and their counts.
    """

    def __init__(
        self,
        settings: ServerSettings,
        tasks: asyncio.TaskGroup,
        make_source: MakeSource = source_of,
        among: Among = ALONE,
    ) -> None:
        self._settings = settings
        self._among = among
        self._tasks = tasks
        self._make_source = make_source
        self._gate = asyncio.Lock()  # first come, first served
        self._calls: set[CallScope] = set()  # streams, also those at the gate, and uploads
        self._following: Following | None = None
        self._starting: asyncio.Task[None] | None = None
        self._shut_down: Refused | None = None
        self.all_streams: Final = Streams(settings, among.places)

    @property
    def valid_products(self) -> tuple[DataProduct, ...]:
        """Data products that the server follows."""
        return self._settings.valid_data_products

    @property
    def data_roots(self) -> tuple[Path, ...]:
        """Directories below which a data directory has to stay; none for any."""
        return self._settings.data_roots

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
    def streams(self) -> list[Stream]:
        """Streams that get frames now, oldest first."""
        return self.all_streams.open

    @asynccontextmanager
    async def admit(self, peer: str) -> AsyncIterator[Stream]:
        """Open a stream; wait while a configuration is being made.

        Raises
        ------
        Refused
            There is nothing to follow, there are too many streams, or, raised out of the ``async with`` block,
            the stream was ended.
        """
        with self.all_streams.place():
            async with self._call() as scope:
                following = await self._pass_gate()
                with self.all_streams.counted(Stream(peer, following, scope)) as stream:
                    yield stream

    @asynccontextmanager
    async def upload(self) -> AsyncIterator[None]:
        """Accept an upload.

        Raises
        ------
        Refused
            Clients may not push frames, or, raised out of the ``async with`` block, the server shuts down.
        """
        if not self._settings.accept_uploads:
            text = "this server takes no uploads; start it with --accept-uploads"
            raise Refused(StatusCode.PERMISSION_DENIED, text)
        async with self._call():
            yield

    @asynccontextmanager
    async def _call(self) -> AsyncIterator[CallScope]:
        """Open a call that the shutdown ends."""
        self._check_open()
        scope = CallScope()
        self._calls.add(scope)
        try:
            async with scope:
                yield scope
        finally:
            self._calls.discard(scope)

    def _check_open(self) -> None:
        if self._shut_down:
            raise self._shut_down

    async def _pass_gate(self) -> Following:
        """Return the configuration in force; nothing else runs before the caller continues."""
        async with self._gate:
            self._check_open()
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
        force, need_active_run
            End the streams there are, else refuse when there are any; refuse when the probe finds no active run.
        peer
            The caller.

        Returns
        -------
        str
            A remark for the caller; empty if there is none.

        Raises
        ------
        Refused
            The configuration is refused; the previous one stays in force.
        """
        async with self._gate:
            self._check_open()
            if not force and (peers := await self._peers(peer)):
                text = f"{len(peers)} streams are active ({', '.join(peers)}); use force=true to end them"
                raise Refused(StatusCode.FAILED_PRECONDITION, text)
            message = await check_config(config, self._settings, need_active_run=need_active_run)
            self._check_open()
            following = await self._start_in_time(config, peer)
            self.all_streams.end(Refused(StatusCode.CANCELLED, "ended by a forced reconfiguration of hp_io"))
            old, self._following = self._following, following
            if old is not None:
                await old.stop()
        if peer != AT_START:
            self._among.note_configured(config)
        return message

    async def _peers(self, by: str) -> list[str]:
        """Return the clients of the streams, also of those that other processes have once they are there."""
        if self._among.workers is None or by == AT_START:
            return [stream.peer for stream in self.streams]
        return [stream.peer for status in await self._among.workers() for stream in status.streams]

    async def _start_in_time(self, config: HpIoConfig, peer: str) -> Following:
        """Start; a client's disk may hang, and all other calls wait."""
        try:
            async with asyncio.timeout(None if peer == AT_START else START_PATIENCE_S):
                return await self._start(config, peer)
        except TimeoutError:
            text = f"{config} does not answer within {START_PATIENCE_S:g} s"
            raise Refused(StatusCode.FAILED_PRECONDITION, text) from None

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
        _log.info("following %s", config)
        return Following(config, peer, asyncio.get_running_loop().time(), source, hub, task)

    async def shut_down(self) -> None:
        """End all streams and uploads, refuse new calls and stop following."""
        self._shut_down = Refused(StatusCode.CANCELLED, SHUTTING_DOWN)
        for scope in self._calls:
            scope.end(self._shut_down)
        if self._starting is not None:
            self._starting.cancel()  # it may never start
        async with self._gate:
            if self._following is not None:
                await self._following.stop()
                self._following = None


async def _follow(source: FrameSource, hub: Hub, started: asyncio.Future[None]) -> None:
    """Carry frames from `source` to `hub`; `started` is set when the source runs, or fails with its error."""
    try:
        async with source:
            if started.cancelled():  # the caller gave up at the same moment
                return
            started.set_result(None)
            if isinstance(source, FeedsHub):
                await source.feed(hub)
                return
            await carry(source, hub)
    except Exception as error:
        if started.cancelled():
            _log.warning("a source failed after its caller left: %s", error)
        elif started.done():
            raise
        else:
            started.set_exception(error)
