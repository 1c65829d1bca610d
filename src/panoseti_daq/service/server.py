"""Server, assembled in four steps on one exit stack: secure, acquire, register, monitor.

Stopping is the reverse of starting: each step leaves on the stack what undoes it. Every task belongs to the one
task group and has a name; docs/architecture.md lists them under "Service tasks".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from panoseti_daq.config.hp_io import HpIoConfig, read_hp_io
from panoseti_daq.config.nodes import is_local
from panoseti_daq.config.settings import ServerSettings
from panoseti_daq.errors import DaqError
from panoseti_daq.service.access.reload import AnyReloaded, keep_up_to_date
from panoseti_daq.service.access.tls import TlsFiles, danger_of
from panoseti_daq.service.acquisition import Acquisition, MakeSource
from panoseti_daq.service.among import ALONE, Among
from panoseti_daq.service.choose_source import source_of
from panoseti_daq.service.connections import OPTIONS, USUAL, ConnectionLimits
from panoseti_daq.service.elsewhere import Elsewhere
from panoseti_daq.service.first_message import FirstMessage
from panoseti_daq.service.gnss import receivers_served
from panoseti_daq.service.listening import LOOPBACK, ListenAt, bind_all
from panoseti_daq.service.monitor.beside import Beside
from panoseti_daq.service.monitor.notify import notifying
from panoseti_daq.service.monitor.run_health import RunHealth
from panoseti_daq.service.monitor.status import StatusReport
from panoseti_daq.service.reflection import Reflection
from panoseti_daq.service.servicer import SERVICE_NAME, DaqDataServicer, guarded
from panoseti_daq.service.threads import reading_threads, stopped_by_signal

if TYPE_CHECKING:
    from panoseti_daq.service.ublox import UbloxServicer

_log = logging.getLogger(__name__)

FRAMES_NAME: Final = f"{SERVICE_NAME}/frames"  # of the health service: NOT_SERVING while a run is stalled


@dataclass(frozen=True, slots=True)
class Server:
    """A server that accepts calls.

    Attributes
    ----------
    addresses
        ``HOST:PORT`` and ``unix:///PATH`` at which it listens.
    acquisition
        What it follows.
    run_health
        Whether that is what is recorded.
    metrics_address
        URL of its metrics; empty when there are none.
    """

    addresses: tuple[str, ...]
    acquisition: Acquisition
    run_health: RunHealth
    metrics_address: str = ""

    @property
    def address(self) -> str:
        """The first of its addresses."""
        return self.addresses[0]


@asynccontextmanager
async def running_server(
    settings: ServerSettings,
    where: ListenAt = LOOPBACK,
    *,
    follow: HpIoConfig | None = None,
    make_source: MakeSource = source_of,
    limits: ConnectionLimits = USUAL,
    elsewhere: Elsewhere | None = None,
    among: Among = ALONE,
) -> AsyncIterator[Server]:
    """Run a server as long as the ``async with`` block.

    Parameters
    ----------
    settings, make_source, limits
        What it may and must do; what makes the source of a configuration; calls and connections beside streams.
    where
        Where to listen; by default at any port of the loopback address that is free.
    follow
        Follow this at once; None for what ``init_from_default`` says, else to wait for InitHpIo.
    elsewhere, among
        Where all frames come from instead, of a gateway; the other processes of the service.

    Raises
    ------
    ConfigError
        An address or the group cannot be used.
    ExceptionGroup
        `follow` cannot be followed, or a service task failed and the block was cancelled.
    """
    failure: Exception | None = None
    async with AsyncExitStack() as stack:
        server = await _start(stack, settings, (where, limits), follow, make_source, elsewhere, among)
        try:
            yield server
        except Exception as error:
            failure = error  # of the caller's block: not for the task group to wrap
    if failure is not None:
        raise failure


async def _start(
    stack: AsyncExitStack,
    settings: ServerSettings,
    listen_at: tuple[ListenAt, ConnectionLimits],
    follow: HpIoConfig | None,
    make_source: MakeSource,
    elsewhere: Elsewhere | None,
    among: Among,
) -> Server:
    """Start a server in four steps; leave on `stack` what undoes each."""
    server, addresses, reloaded = _secure(settings, *listen_at, among.shares_port)
    stack.push_async_callback(server.stop, settings.limits.shutdown_grace_period)
    files = reading_threads(stack)
    tasks = await stack.enter_async_context(asyncio.TaskGroup())

    if elsewhere is not None:
        nodes = elsewhere
        follow = elsewhere.first(settings)
        make_source = lambda *_: nodes  # noqa: E731
    acquisition = Acquisition(settings, tasks, make_source, among)
    stack.push_async_callback(acquisition.shut_down)
    await _acquire(acquisition, settings, follow)

    run_health, beside = RunHealth(acquisition, settings), Beside(settings.context, acquisition)
    stack.callback(beside.close)
    ublox = await receivers_served(stack, settings.gnss, elsewhere)
    report = StatusReport(acquisition, run_health, elsewhere, beside, ublox.receivers if ublox else (), among)
    healthy = await _register(server, DaqDataServicer(acquisition, report, files, elsewhere), ublox)
    stack.push_async_callback(healthy.enter_graceful_shutdown)

    for name, task in _watching(acquisition, run_health, reloaded, healthy, elsewhere, beside, among).items():
        stack.callback(tasks.create_task(task, name=name).cancel)
    if settings.metrics.port is None:
        return Server(addresses, acquisition, run_health)
    from panoseti_daq.service.monitor.metrics import serving_metrics

    metrics = serving_metrics(report, settings.metrics.host, settings.metrics.port)
    return Server(addresses, acquisition, run_health, await stack.enter_async_context(metrics))


def _secure(
    settings: ServerSettings, where: ListenAt, limits: ConnectionLimits, shares_port: bool
) -> tuple[grpc.aio.Server, tuple[str, ...], list[AnyReloaded]]:
    """Make the gRPC server; return it, where it listens, and what of it is in files that may be replaced."""
    files = settings.tls
    tls = TlsFiles(files.certificate, files.key, files.client_ca) if files.is_used else None
    access = None
    if settings.allowed_tokens_file:
        from panoseti_daq.service.access.access import Access  # with hashes and secrets, for tokens alone

        access = Access(settings.allowed_tokens_file)
    n_streams = settings.limits.max_concurrent_rpcs
    server = grpc.aio.server(
        # A port in use is an error, not a lottery, unless the others that use it are ours.
        options=(*OPTIONS, *limits.options(n_streams), ("grpc.so_reuseport", int(shares_port))),
        interceptors=[FirstMessage(limits.request_s), *([access] if access else [])],
        maximum_concurrent_rpcs=n_streams + limits.other_calls,
    )
    addresses = bind_all(server, where, tls)
    for host, address in zip(where.hosts, addresses, strict=True):
        if not is_local(host) and (danger := danger_of(tls, has_tokens=access is not None)):
            _log.warning("listening on %s %s", address, danger)
    return server, addresses, [*([tls.configuration] if tls else []), *([access.tokens] if access else [])]


async def _acquire(acquisition: Acquisition, settings: ServerSettings, follow: HpIoConfig | None) -> None:
    """Follow what was asked for, else what the settings say."""
    if follow is not None:
        await acquisition.configure(follow, force=False, need_active_run=False)
    elif settings.init_from_default:
        await _init_from_default(acquisition, settings.default_hp_io_config_file)
    if acquisition.following is None and (settings.socket.is_used or settings.accept_uploads):
        only = HpIoConfig(uploads_only=not settings.socket.is_used, sockets_only=settings.socket.is_used)
        await acquisition.configure(only, force=False)


async def _register(
    server: grpc.aio.Server, servicer: DaqDataServicer, ublox: UbloxServicer | None
) -> health.aio.HealthServicer:
    """Add the services and accept calls; return the health service."""
    names = [SERVICE_NAME, health.SERVICE_NAME]
    server.add_generic_rpc_handlers((servicer.rpc_handlers(),))
    if ublox is not None:
        server.add_generic_rpc_handlers((ublox.rpc_handlers(guarded),))
        names.append(ublox.name)
    healthy = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    server.add_generic_rpc_handlers((Reflection(names),))
    await server.start()
    for name in ("", SERVICE_NAME, FRAMES_NAME):
        await healthy.set(name, health_pb2.HealthCheckResponse.SERVING)
    return healthy


def _watching(
    acquisition: Acquisition,
    run_health: RunHealth,
    reloaded: list[AnyReloaded],
    healthy: health.aio.HealthServicer,
    elsewhere: Elsewhere | None,
    beside: Beside,
    among: Among,
) -> dict[str, Coroutine[None, None, None]]:
    """Return the tasks that watch, by name."""
    watching = {
        "watch streams": acquisition.all_streams.watch(),
        "watch the run": run_health.watch(partial(_report_health_of_frames, healthy, among)),
        "reload certificates and tokens": keep_up_to_date(reloaded),
    }
    if beside.reader is not None:
        watching["read the context"] = beside.reader.run()
    if elsewhere is not None:
        watching["reload nodes"] = keep_up_to_date(elsewhere.reloaded)
        watching["watch nodes"] = elsewhere.watch(partial(_report_health_of_node, healthy))
    return watching


async def _report_health_of_frames(healthy: health.aio.HealthServicer, among: Among, is_well: bool) -> None:
    """Set the health of the frames, here and in the other processes."""
    if among.changed_health is not None:
        among.changed_health(is_well)
    await _report_health(healthy, FRAMES_NAME, is_well)


async def _report_health_of_node(healthy: health.aio.HealthServicer, node: str, is_well: bool) -> None:
    """Set the health of a node of a gateway; of its frames for "", which stands for any node."""
    await _report_health(healthy, f"{SERVICE_NAME}/{node}" if node else FRAMES_NAME, is_well)


async def _report_health(healthy: health.aio.HealthServicer, name: str, is_well: bool) -> None:
    """Set the health of frames; that of the server and of DaqData does not depend on the writer."""
    status = health_pb2.HealthCheckResponse
    await healthy.set(name, status.SERVING if is_well else status.NOT_SERVING)


async def _init_from_default(acquisition: Acquisition, file: Path) -> None:
    """Follow what `file` says; log a failure and leave the choice to InitHpIo (SPEC 4.9)."""
    try:
        await acquisition.configure(read_hp_io(file), force=False, need_active_run=False)
    except (DaqError, OSError) as error:
        _log.error("init_from_default: %s; the server starts without; InitHpIo can choose what to follow", error)


async def serve(
    settings: ServerSettings,
    where: ListenAt,
    *,
    follow: HpIoConfig | None,
    ready: Callable[[str], None],
    elsewhere: Elsewhere | None = None,
) -> None:
    """Run a server until SIGTERM or SIGINT; see `running_server`. Then the process ends, by force if need be.

    Parameters
    ----------
    settings, where, follow, elsewhere
        As for `running_server`; where to listen.
    ready
        Called with each address when calls are accepted.
    """
    stopping = stopped_by_signal(settings.limits.shutdown_grace_period)
    async with running_server(settings, where, follow=follow, elsewhere=elsewhere) as server:
        for address in server.addresses:
            ready(address)
        async with notifying(f"listening on {', '.join(server.addresses)}"):
            await stopping.wait()
            _log.info("stopping")
