"""The server put together: acquisition, RPCs, health, reflection, signals."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from panoseti_daq.config import ServerSettings
from panoseti_daq.errors import ConfigError, DaqError
from panoseti_daq.service.acquisition import Acquisition
from panoseti_daq.service.hp_io import HpIoConfig, read_hp_io_file
from panoseti_daq.service.servicer import SERVICE_NAME, DaqDataServicer

_log = logging.getLogger(__name__)

_OPTIONS: Final = (
    ("grpc.so_reuseport", 0),  # a port in use is an error, not a lottery
    # A client that vanished without a word is found out by pings, and clients may do the same with us.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),  # else 60 s, whatever keepalive_timeout_ms says
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
)


@dataclass(frozen=True, slots=True)
class Server:
    """A server that accepts calls.

    Attributes
    ----------
    address
        ``HOST:PORT`` or ``unix:///PATH`` at which it listens.
    acquisition
        What it follows.
    """

    address: str
    acquisition: Acquisition


@asynccontextmanager
async def running_server(
    settings: ServerSettings,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    follow: HpIoConfig | None = None,
) -> AsyncIterator[Server]:
    """Run a server as long as the ``async with`` block.

    Parameters
    ----------
    settings
        Limits, and what to follow at start.
    host
        Address to listen at, or ``unix:///PATH``.
    port
        TCP port; 0 for any that is free.
    follow
        Follow this at once; None for what ``init_from_default`` says, else to wait for InitHpIo.

    Raises
    ------
    ConfigError
        The address cannot be used.
    Refused
        `follow` cannot be followed.
    ExceptionGroup
        A background task failed; the block was cancelled.
    """
    server = grpc.aio.server(options=_OPTIONS)
    address = _bind(server, host, port)
    if not _is_local(host):
        _log.warning(
            "listening on %s without TLS or authentication: whoever reaches it may stream and init", address
        )
    failure: Exception | None = None
    async with asyncio.TaskGroup() as tasks:
        acquisition = Acquisition(settings, tasks)
        if follow is not None:
            await acquisition.configure(follow, force=False, need_active_run=False)
        elif settings.init_from_default:
            await _init_from_default(acquisition, settings.default_hp_io_config_file)
        if settings.accept_uploads and acquisition.following is None:
            await acquisition.configure(HpIoConfig(uploads_only=True), force=False)
        server.add_generic_rpc_handlers((DaqDataServicer(acquisition).rpc_handlers(),))
        healthy = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
        reflection.enable_server_reflection((SERVICE_NAME, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
        watching = tasks.create_task(acquisition.watch(), name="watch streams")
        await server.start()
        for name in ("", SERVICE_NAME):
            await healthy.set(name, health_pb2.HealthCheckResponse.SERVING)
        try:
            yield Server(address, acquisition)
        except Exception as error:
            failure = error  # of the caller's block: not for the task group to wrap
        finally:
            await healthy.enter_graceful_shutdown()
            await acquisition.shut_down()
            watching.cancel()
            await server.stop(settings.shutdown_grace_period)
    if failure is not None:
        raise failure


async def _init_from_default(acquisition: Acquisition, file: Path) -> None:
    """Follow what `file` says; when that fails, say why and leave it to InitHpIo (SPEC 4.9)."""
    try:
        await acquisition.configure(read_hp_io_file(file), force=False, need_active_run=False)
    except (DaqError, OSError) as error:
        _log.error("init_from_default: %s; serving all the same, InitHpIo can choose what to follow", error)


def _is_local(host: str) -> bool:
    if host.startswith("unix:") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _bind(server: grpc.aio.Server, host: str, port: int) -> str:
    is_path = host.startswith("unix:")
    target = host if is_path else f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        bound = server.add_insecure_port(target)
    except RuntimeError as error:
        raise ConfigError(f"cannot listen on {target}: is the port in use, or the address not ours?") from error
    return host if is_path else f"{target.rpartition(':')[0]}:{bound}"


async def serve(
    settings: ServerSettings,
    *,
    host: str,
    port: int,
    follow: HpIoConfig | None,
    ready: Callable[[str], None],
) -> None:
    """Run a server until SIGTERM or SIGINT; see `running_server`.

    Parameters
    ----------
    settings, host, port, follow
        As for `running_server`.
    ready
        Called with the address when calls are accepted.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with running_server(settings, host=host, port=port, follow=follow) as server:
        ready(server.address)
        await stopping.wait()
        _log.info("stopping")
