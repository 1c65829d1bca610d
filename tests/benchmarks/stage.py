"""A system at work: a fresh data directory, a server on it, and who reads and writes."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from benchmarks.processes import Command
from benchmarks.workload import PIPE_NAME, Workload, file_of, product_of
from benchmarks.writer import Feed, signal

_MEMORY: Final = Path("/dev/shm")  # a disk that cannot keep up is not what is measured
KEEP_ALIVE_S: Final = 0.3


@dataclass(frozen=True, slots=True)
class Scene:
    """What is written, and where everything stands."""

    work: Workload
    scratch: Path

    @property
    def data_dir(self) -> Path:
        return self.scratch / "data"


class System(Protocol):
    """A server, its own client, and what any client may ask of it."""

    @property
    def name(self) -> str:
        """Its column in the table."""
        ...

    @property
    def feed(self) -> Feed:
        """How frames get to the server."""
        ...

    @property
    def settle_s(self) -> float:
        """How long after the last frame it may still come, s."""
        ...

    def server(self, scene: Scene) -> Command:
        """How to start the server; it prints ``listening on ADDRESS``."""
        ...

    def prepare(self, address: str, scene: Scene) -> None:
        """Tell the server what to follow, if it must be told."""
        ...

    def client(self, address: str, scene: Scene, out: Path) -> Command:
        """How to start its client; it prints ``ready`` and writes its arrivals to `out` at SIGTERM."""
        ...

    def call(self, work: Workload) -> tuple[str, bytes]:
        """Method and request of a stream of everything, as fast as it may."""
        ...


@dataclass(frozen=True, slots=True)
class Stage:
    """A system whose server runs."""

    system: System
    scene: Scene
    address: str
    pid: int

    def writer(self, duration_s: float, out: Path) -> Command:
        work = self.scene.work
        args = (self.scene.scratch, work.n_modules, work.rate_hz, ",".join(work.products), self.system.feed.value)
        return Command("-m", "benchmarks.writer", *map(str, (*args, duration_s, out)))

    @contextmanager
    def writing(self, duration_s: float) -> Iterator[None]:
        """Let the writer run beside the ``with`` block, which begins when it writes."""
        command = self.writer(duration_s, self.scene.scratch / "written")
        with command.running("writing", self.scene.scratch / "writer.log"):
            yield

    @contextmanager
    def reading(self) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
        """Let the system's own client run; gives the process and where its arrivals will stand at the end."""
        out = self.scene.scratch / "arrived"
        command = self.system.client(self.address, self.scene, out)
        with command.running("ready", self.scene.scratch / "client.log") as (process, _):
            yield process, out


@contextmanager
def stage(system: System, work: Workload) -> Iterator[Stage]:
    """Start the server of `system` on fresh files of `work`."""
    memory = _MEMORY if _MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="bench-", dir=memory) as scratch, ExitStack() as running:
        scene = Scene(work, Path(scratch))
        work.prepare(scene.data_dir)
        if system.feed is Feed.PIPE:
            running.enter_context(_pipes(scene))
        command = system.server(scene)
        process, address = running.enter_context(command.running("listening on ", scene.scratch / "server.log"))
        system.prepare(address, scene)
        yield Stage(system, scene, address, process.pid)


@contextmanager
def _pipes(scene: Scene) -> Iterator[None]:
    """Named pipes, held open; one signal in a while, because the peer stops to listen after a second without."""
    pipes = {}
    for place in scene.work.places:
        path = file_of(scene.data_dir, place).parent / PIPE_NAME
        if not path.exists():
            os.mkfifo(path)
            pipes[place] = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    done = threading.Event()
    first = min(pipes)

    def keep_alive() -> None:
        while not done.wait(KEEP_ALIVE_S):
            signal(pipes[first], product_of(first))

    thread = threading.Thread(target=keep_alive, name="keep-alive of the peer's pipe")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        for pipe in pipes.values():
            os.close(pipe)
