"""Processes that a soak starts, kills and counts."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from support.rig import command

TESTS: Final = Path(__file__).parent.parent
_PAGE_BYTES: Final = resource.getpagesize()


@dataclass(frozen=True, slots=True)
class Counts:
    """What a process holds; threads without those of gRPC's event engine, which come and go for minutes."""

    descriptors: int
    threads: int
    rss_bytes: int

    @classmethod
    def of(cls, pid: int) -> Counts:
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        n_threads = int(status["Threads"])
        for path in Path(f"/proc/{pid}/task").glob("*/comm"):
            with suppress(OSError):  # it ended just now
                n_threads -= path.read_text().strip() == "event_engine"
        return cls(len(os.listdir(f"/proc/{pid}/fd")), n_threads, int(status["VmRSS"].split()[0]) * 1024)

    def __str__(self) -> str:
        return f"{self.descriptors} descriptors, {self.threads} threads, {self.rss_bytes / 1e6:.1f} MB"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def program(name: str, *arguments: object) -> list[str]:
    """A program of this folder."""
    return [sys.executable, "-m", f"soak.{name}", *map(str, arguments)]


@dataclass
class Actor:
    """A process that is started, killed and started again; what it says stands in `log`."""

    name: str
    arguments: list[str]
    log: Path
    prefix: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    n_kills: int = field(default=0, init=False)
    _said_before: int = field(default=0, init=False)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    @property
    def said_now(self) -> str:
        """By the process that runs now."""
        return self.said[self._said_before :]

    def forget_said(self) -> None:
        """Let `said_now` begin here."""
        self._said_before = len(self.said)

    def start(self) -> None:
        self.forget_said()
        with self.log.open("ab") as log:
            self.process = self._popen(log)

    def _popen(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
        return subprocess.Popen(
            [*self.prefix, *self.arguments],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
        )

    def check_alive(self) -> None:
        assert self.process is None or self.process.poll() is None, f"{self.name} ended: {self.said[-3000:]}"

    def has_said(self, text: str) -> Callable[[], bool]:
        """Condition for `patiently`; fails when the process ends before."""

        def check() -> bool:
            if text not in self.said:
                self.check_alive()
                return False
            return True

        return check

    def kill(self) -> None:
        self.check_alive()
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None
        self.n_kills += 1

    def stop(self, timeout_s: float = 10.0) -> int:
        """SIGTERM, and the exit code."""
        self.check_alive()
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout_s)
        self.process = None
        return code

    def clean_up(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def server_of(
    data_dir: Path,
    log: Path,
    *options: object,
    host: str = "127.0.0.1",
    port: int | None = None,
    prefix: tuple[str, ...] = (),
) -> tuple[Actor, str]:
    """``panoseti-daq serve`` of a data directory, not yet started, and its address."""
    port = port or free_port()
    arguments = ("serve", "--host", host, "--port", port, "--data-dir", data_dir, "--run-probe", "none", *options)
    return Actor("server", command(*arguments), log, prefix), f"{host}:{port}"


@contextmanager
def running(actor: Actor, begins_with: str = "") -> Iterator[Actor]:
    """Run it; wait until its log has `begins_with`."""
    actor.start()
    try:
        patiently(actor.has_said(begins_with), 120)
        yield actor
    finally:
        actor.clean_up()


@contextmanager
def running_server(data_dir: Path, log: Path, *options: object, **more: object) -> Iterator[tuple[Actor, str]]:
    """The same for a server that is to listen."""
    actor, address = server_of(data_dir, log, *options, **more)  # type: ignore[arg-type]
    with running(actor, "listening on"):
        yield actor, address


def patiently(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Wait for a condition that no event tells."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.02)
