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
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

TESTS_DIR: Final = Path(__file__).parents[1]
START_TIMEOUT_S: Final = 120.0  # a busy machine is slow, not broken
END_TIMEOUT_S: Final = 3.0  # the peer's servers wait longer for streams that are gone

Arrivals = array  # int64 triples: place, frame number, time.time_ns() when the client had the image


class Client(Protocol):
    """What a system's client does; runs in a process of its own."""

    def __call__(
        self, address: str, arrivals: Arrivals[int], ready: Callable[[], None]
    ) -> Coroutine[Any, Any, None]:
        """Stream from `address` until cancelled; call `ready` when the stream is open."""
        ...


class Command:
    """A command line, and where it runs."""

    def __init__(self, *args: str, python: str = sys.executable, cwd: Path | None = None) -> None:
        self.args = [python, *args]
        self.cwd = cwd
        self.end_timeout_s = END_TIMEOUT_S
        paths = os.pathsep.join(filter(None, (str(TESTS_DIR), os.environ.get("PYTHONPATH"))))
        self.env = {**os.environ, "PYTHONPATH": paths, "PYTHONUNBUFFERED": "1"}
        self.env.pop("PYTHONDONTWRITEBYTECODE", None)  # else every start may compile all that it imports

    def run(self) -> str:
        """Run it to its end; what it printed."""
        done = subprocess.run(
            self.args, cwd=self.cwd, env=self.env, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        return done.stdout.decode()

    @contextmanager
    def running(self, says: str, log: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
        """Run it as long as the ``with`` block; gives the process and what it said after `says`."""
        with self.started(log) as process:
            yield process, _wait_for(says, log, process)

    @contextmanager
    def started(self, log: Path) -> Iterator[subprocess.Popen[bytes]]:
        """Run it as long as the ``with`` block, without waiting for it to say anything."""
        with log.open("wb") as output:
            process = subprocess.Popen(self.args, stdout=output, stderr=output, cwd=self.cwd, env=self.env)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(self.end_timeout_s)
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


def cpu_s_of_all(pid: int) -> float:
    """Processor time that a process and those that it has started have used, s."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return cpu_s(pid) + sum(map(cpu_s, map(int, children)))


def resident_bytes(pid: int) -> int:
    """Memory that a process has in RAM, bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def run_client(client: Client, address: str, write: Callable[[Arrivals[int]], None]) -> None:
    """Run `client` until SIGTERM, then `write` what arrived and end at once, whatever the client thinks of it."""
    arrivals: Arrivals[int] = array("q")

    def end() -> None:
        write(arrivals)
        os._exit(0)

    async def until_terminated() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end)
        await client(address, arrivals, lambda: print("ready", flush=True))

    asyncio.run(until_terminated())


def writer_to(out: str) -> Callable[[Arrivals[int]], None]:
    """Writes arrivals to a file."""

    def write(arrivals: Arrivals[int]) -> None:
        with open(out, "wb") as file:
            arrivals.tofile(file)

    return write


def note_arrival(arrivals: Arrivals[int], image: Mapping[str, Any]) -> None:
    """Take note of the documented dict, which ours and the peer's clients give."""
    now = time.time_ns()
    header = image["header"]
    number = int(header.get("quabo_0", header)["pkt_num"])
    arrivals.extend((2 * int(image["module_id"]) + (image["type"] == "PULSE_HEIGHT"), number, now))


def site_of(python: str) -> Path | None:
    """Where the packages of an interpreter stand: 0.1.1.1 looks for its files from there."""
    if python == sys.executable:
        return None
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(Command("-c", code, python=python).run().strip())
