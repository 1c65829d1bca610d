"""Supervisor of several processes that serve one port: it starts them, and starts again those that die."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.config.settings import ServerSettings
from panoseti_daq.errors import ConfigError, DaqError
from panoseti_daq.service.monitor.notify import notifying
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

_log = logging.getLogger(__name__)

SETTLED_S: Final = 10.0  # one that lived for so long is started again at once
LONGEST_WAIT_S: Final = 5.0
KILL_AFTER_S: Final = 5.0  # beyond the time that calls have to end


class ProcessEnded(DaqError):  # noqa: N818 - it may have ended well
    """A process ended before it was ready; it has said why itself."""


class _Member:
    """One process after the other, of one plan."""

    def __init__(self, service: _Service, number: int | None) -> None:
        self._service = service
        self.number = number
        self.ready = asyncio.Event()
        self._process: Process | None = None

    @property
    def _name(self) -> str:
        return self._service.plan(self.number).name

    def send(self, message: Message) -> None:
        """Send a message to the process, if it is there."""
        if self._process is not None and self._process.stdin is not None and self.ready.is_set():
            self._process.stdin.write(packed(message))

    async def run(self) -> None:
        """Keep a process running until cancelled.

        Raises
        ------
        ProcessEnded
            The first one ended before it was ready.
        """
        n_failures, was_ready = 0, False
        while True:
            began = time.monotonic()
            code = await self._live()
            was_ready |= self.ready.is_set()
            self.ready.clear()
            if not was_ready:
                raise ProcessEnded(f"{self._name} ended with {code} before it accepted calls")
            n_failures = 0 if time.monotonic() - began > SETTLED_S else n_failures + 1
            wait_s = min(LONGEST_WAIT_S, 0.1 * 2 ** (n_failures - 1)) if n_failures else 0.0
            why = f"was killed by signal {-code}" if code < 0 else f"ended with {code}"
            _log.warning("%s %s; it is started again", self._name, why)
            await asyncio.sleep(wait_s)

    async def _live(self) -> int:
        """Run one process to its end; return its exit code."""
        environment = {key: value for key, value in os.environ.items() if key != "NOTIFY_SOCKET"}
        self._process = process = await asyncio.create_subprocess_exec(
            *self._service.command, self._name, stdin=PIPE, stdout=PIPE, env=environment
        )
        assert process.stdin is not None and process.stdout is not None
        try:
            if self.number is not None:  # it imports meanwhile
                await self._service.follower.ready.wait()
            process.stdin.write(packed(self._service.plan(self.number)))
            while (message := await received(process.stdout)) is not None:
                if isinstance(message, Ready):
                    self.ready.set()
                self._service.note(message, self)
            return await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def stop(self, within_s: float) -> None:
        """Let the process end; wait for that no longer than `within_s`."""
        process = self._process
        if process is None or process.returncode is not None or process.stdin is None:
            return
        process.stdin.close()
        try:
            async with asyncio.timeout(within_s):
                await process.wait()
        except TimeoutError:
            _log.warning("%s does not end; it is killed", self._name)


class _Service:
    """All processes, and what they have to know of each other."""

    def __init__(self, plan: ProcessPlan, command: Sequence[str]) -> None:
        self.command = command
        self._plan = plan
        self._health = Health(True)
        self.follower = _Member(self, None)
        self.workers = [_Member(self, number) for number in range(plan.settings.workers)]

    def plan(self, number: int | None) -> ProcessPlan:
        """Return what a process that starts now is to be."""
        return replace(self._plan, number=number)

    def note(self, message: Message, member: _Member) -> None:
        """Take note of what a process says, and pass to the workers what they need."""
        if isinstance(message, Ready) and member is not self.follower:
            member.send(self._health)
            return
        if isinstance(message, Configured | Ready):
            self._plan = replace(self._plan, follow=message.follow)
        if isinstance(message, Health):
            self._health = message
        for worker in self.workers:
            worker.send(FollowerIsBack() if isinstance(message, Ready) else message)

    @contextmanager
    def running(self, tasks: asyncio.TaskGroup) -> Iterator[None]:
        """Keep all processes running while the block runs."""
        members = (self.follower, *self.workers)
        running = [tasks.create_task(one.run(), name=f"keep process {one.number} alive") for one in members]
        try:
            yield
        finally:
            for task in running:
                task.cancel()

    async def ready(self) -> None:
        """Wait until all processes accept calls."""
        for member in (self.follower, *self.workers):
            await member.ready.wait()

    async def stop(self, within_s: float) -> None:
        """Let all processes end, first those that have clients."""
        for members in (self.workers, [self.follower]):
            await asyncio.gather(*(member.stop(within_s) for member in members))


@asynccontextmanager
async def supervising(
    settings: ServerSettings,
    *,
    host: str,
    port: int,
    follow: HpIoConfig | None,
    command: Sequence[str],
    log: tuple[str, str],
) -> AsyncIterator[str]:
    """Run a follower and workers while the ``async with`` block runs; gives the address, when all accept calls.

    Parameters
    ----------
    settings, follow
        Of the service, with the number of workers; what to follow at once, None for what the settings say.
    host, port
        Where to listen; port 0 for any that is free.
    command, log
        Starts a process that reads its plan from its standard input; level and format of its log.

    Raises
    ------
    ConfigError
        The address cannot be used, or several processes cannot serve what is set.
    ExceptionGroup
        A process ended before it was ready.
    """
    _check(settings, host)
    async with AsyncExitStack() as stack:
        kept = stack.enter_context(_reserved(host, port))
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="panoseti-daq-"))
        bound_port: int = kept.getsockname()[1]
        plan = ProcessPlan(settings, None, Path(directory), follow, (host, bound_port), log)
        service = _Service(plan, command)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        stack.enter_context(service.running(tasks))
        stack.push_async_callback(service.stop, settings.limits.shutdown_grace_period + KILL_AFTER_S)
        await service.ready()
        yield f"[{host}]:{bound_port}" if ":" in host else f"{host}:{bound_port}"


def _check(settings: ServerSettings, host: str) -> None:
    if host.startswith("unix:"):
        raise ConfigError("several workers share a TCP port; with --host unix:///PATH there is one process")
    if settings.gnss.receivers:
        raise ConfigError("--gnss and --workers exclude each other: serve receivers from a server of their own")


def _reserved(host: str, port: int) -> socket.socket:
    """Return a socket that keeps a TCP port for the processes that share it, and does not listen itself.

    Raises
    ------
    ConfigError
        Somebody listens there, or nobody can.
    """
    kept = None
    try:
        (family, kind, protocol, _, address), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        with socket.socket(family, kind, protocol) as alone:  # refused where others listen
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind(address)
            alone.listen()
            bound = alone.getsockname()
        kept = socket.socket(family, kind, protocol)
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            kept.setsockopt(socket.SOL_SOCKET, option, 1)
        kept.bind(bound)
    except OSError as error:
        if kept is not None:
            kept.close()
        raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    return kept


async def serve(
    settings: ServerSettings,
    *,
    host: str,
    port: int,
    follow: HpIoConfig | None,
    ready: Callable[[str], None],
    command: Sequence[str],
    log: tuple[str, str],
) -> None:
    """Run a follower and workers until SIGTERM or SIGINT; see `supervising`.

    Parameters
    ----------
    settings, host, port, follow, command, log
        As for `supervising`.
    ready
        Called with the address when calls are accepted.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    running = supervising(settings, host=host, port=port, follow=follow, command=command, log=log)
    async with running as address:
        ready(address)
        async with notifying(f"listening on {address}"):
            await stopping.wait()
            _log.info("stopping")
