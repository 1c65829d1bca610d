"""One process of several: the one that follows, or a worker; it lives as long as its supervisor."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress

from panoseti_daq.config.settings import (
    ContextSettings,
    GatewaySettings,
    GnssSettings,
    MetricsSettings,
    RunProbe,
    ServerSettings,
    SocketSettings,
    TlsSettings,
)
from panoseti_daq.service.among import Among, SharedStreamPlaces
from panoseti_daq.service.elsewhere import Elsewhere
from panoseti_daq.service.listening import ListenAt
from panoseti_daq.service.server import Server, running_server
from panoseti_daq.workers.messages import (
    Configured,
    FollowerIsBack,
    Health,
    Message,
    ProcessPlan,
    Ready,
    packed,
    received,
)
from panoseti_daq.workers.of_follower import OfFollower, as_followed
from panoseti_daq.workers.own_status import asked, reporting

Obey = Callable[[Message], Awaitable[None]]


async def run(plan_of: Callable[[ProcessPlan], None]) -> None:
    """Be what the plan on standard input says, until the supervisor closes it, or until SIGTERM.

    Parameters
    ----------
    plan_of
        Called with the plan.
    """
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # Ctrl-C reaches the supervisor, too, which ends us
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    plan = await received(reader)
    if not isinstance(plan, ProcessPlan):
        return
    plan_of(plan)
    async with following(plan, _send) if plan.number is None else working(plan, plan.number) as (server, obey):
        _send(Ready(server.acquisition.config))
        obeying = asyncio.create_task(_obey(reader, obey), name="obey the supervisor")
        loop.add_signal_handler(signal.SIGTERM, obeying.cancel)
        try:
            await asyncio.wait([obeying])
        finally:
            obeying.cancel()


def _send(message: Message) -> None:
    with suppress(OSError):  # the supervisor is gone, and so are we in a moment
        os.write(sys.stdout.fileno(), packed(message))


async def _obey(reader: asyncio.StreamReader, obey: Obey) -> None:
    while (message := await received(reader)) is not None:
        await obey(message)


@asynccontextmanager
async def following(plan: ProcessPlan, send: Callable[[Message], None]) -> AsyncIterator[tuple[Server, Obey]]:
    """Follow what is followed, for the workers; gives the server, and what obeys the supervisor."""
    settings = plan.settings
    sockets = [plan.status_socket(number) for number in range(settings.workers)]
    among = Among(
        workers=lambda: asked(sockets),
        configured=lambda config: send(Configured(config)),
        changed_health=lambda is_well: send(Health(is_well)),
    )

    async def obey(_: Message) -> None:
        pass

    running = running_server(
        settings_of_follower(settings),
        ListenAt((plan.follower,)),
        follow=plan.follow,
        elsewhere=_gateway(settings.gateway),
        among=among,
    )
    async with running as server:
        yield server, obey


def _gateway(settings: GatewaySettings) -> Elsewhere | None:
    if not settings.is_used:
        return None
    from panoseti_daq.gateway.gateway import Gateway

    return Gateway(settings)


def settings_of_follower(settings: ServerSettings) -> ServerSettings:
    """Return the settings of the process that only workers of the same user reach, and that limits nothing."""
    limits = settings.limits
    n_streams = 2 * limits.max_concurrent_rpcs + settings.workers  # one each, and those of all frames, old and new
    of_follower = {"max_concurrent_rpcs": n_streams, "quiet_stream_timeout_seconds": None}
    return settings.model_copy(
        update={
            "limits": limits.model_copy(update=of_follower),
            "allowed_tokens_file": None,
            "tls": TlsSettings(),
        }
    )


def settings_of_worker(settings: ServerSettings) -> ServerSettings:
    """Return the settings of a process that has clients and follows nothing itself."""
    return settings.model_copy(
        update={
            "run_probe": RunProbe.NONE,
            "gateway": GatewaySettings(),
            "socket": SocketSettings(),
            "context": ContextSettings(),
            "gnss": GnssSettings(),
            "metrics": MetricsSettings(),
            "accept_uploads": False,  # the process that follows takes them
            "init_from_default": False,
        }
    )


@asynccontextmanager
async def working(plan: ProcessPlan, number: int) -> AsyncIterator[tuple[Server, Obey]]:
    """Serve clients what the process that follows has; gives the server, and what obeys the supervisor."""
    settings = settings_of_worker(plan.settings)
    host, port = plan.address
    async with AsyncExitStack() as stack:
        places = SharedStreamPlaces(settings.limits.max_concurrent_rpcs, plan.directory / "places", number)
        stack.enter_context(closing(places))
        follower = OfFollower(plan.follower, plan.follow)
        stack.push_async_callback(follower.close)
        among = Among(places, shares_port=True)
        running = running_server(settings, ListenAt((host,), port), elsewhere=follower, among=among)
        server = await stack.enter_async_context(running)
        await stack.enter_async_context(reporting(plan.status_socket(number), server.acquisition))

        async def obey(message: Message) -> None:
            if isinstance(message, Configured):
                await server.acquisition.configure(as_followed(message.follow), force=True)
                follower.applied()
            elif isinstance(message, Health):
                follower.note_health(message.is_well)
            elif isinstance(message, FollowerIsBack):
                follower.ask_again()

        yield server, obey
