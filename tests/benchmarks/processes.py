"""The processes of a measurement: started, waited for, measured and ended by their own id.

Standard library only: part of it runs in the peer's environment.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from array import array
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

TESTS_DIR: Final = Path(__file__).parents[1]
START_TIMEOUT_S: Final = 30.0

Arrivals = array  # int64 triples: module, frame number, time.time_ns() when the client had the image


class Client(Protocol):
    """What a system's client does; runs in a process of its own."""

    def __call__(
        self, address: str, arrivals: Arrivals[int], ready: Callable[[], None]
    ) -> Coroutine[Any, Any, None]:
        """Stream from `address` until cancelled; call `ready` when the stream is open."""
        ...


class System(Protocol):
    """A server and its client."""

    name: str

    def server(self, data_dir: Path, scratch: Path) -> Command:
        """How to start the server on a data directory; it prints ``listening on ADDRESS``."""
        ...

    def client(self, address: str, data_dir: Path, out: Path) -> Command:
        """How to start the client; it prints ``ready`` and writes its arrivals to `out` at SIGTERM."""
        ...


class Command:
    """A command line, and where it runs."""

    def __init__(self, *args: str, python: str = sys.executable, cwd: Path | None = None) -> None:
        self.args = [python, *args]
        self.cwd = cwd

        self.env = {**os.environ, "PYTHONPATH": str(TESTS_DIR), "PYTHONUNBUFFERED": "1"}

    def run(self) -> None:
        """Run it to its end."""
        subprocess.run(self.args, cwd=self.cwd, env=self.env, check=True)

    @contextmanager
    def running(self, says: str, log: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
        """Run it as long as the ``with`` block; gives the process and what it said after `says`."""
        with log.open("wb") as output:
            process = subprocess.Popen(self.args, stdout=output, stderr=output, cwd=self.cwd, env=self.env)
        try:
            yield process, _wait_for(says, log, process)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(says: str, log: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        for line in log.read_text(errors="replace").splitlines(keepends=True):
            if line.startswith(says) and line.endswith("\n"):
                return line.removeprefix(says).strip()
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise RuntimeError(f"{process.args!r} did not say {says!r}:\n{log.read_text(errors='replace')[-2000:]}")


def cpu_s(pid: int) -> float:
    """Processor time that a process has used, its threads included, s."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_client(client: Client, address: str, out: str) -> None:
    """Run `client` until SIGTERM, then write what arrived."""
    arrivals: Arrivals[int] = array("q")

    async def until_terminated() -> None:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await client(address, arrivals, lambda: print("ready", flush=True))

    try:
        asyncio.run(until_terminated())
    except asyncio.CancelledError:
        pass
    with open(out, "wb") as file:
        arrivals.tofile(file)
