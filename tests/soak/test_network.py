"""The network between client and server is cut, in a network namespace of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from soak.processes import Counts, running_server
from soak.scale import note
from support.rig import recording

from panoseti_daq.client import AioDaqDataClient, HostChange, ReceivedBlock
from panoseti_daq.client import node as node_module
from panoseti_daq.pff import DataProduct

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("ip") is None, reason="a network namespace needs root and iproute2"
    ),
]

IMG16 = DataProduct.IMG16


def ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


@dataclass(frozen=True)
class Wire:
    """A namespace and the wire to it; what is cut says nothing, like a pulled plug far away."""

    namespace: str
    far_end: str
    host: str

    @property
    def prefix(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.namespace)

    def cut(self) -> None:
        ip("-n", self.namespace, "link", "set", self.far_end, "down")

    def mend(self) -> None:
        ip("-n", self.namespace, "link", "set", self.far_end, "up")


@contextmanager
def wire() -> Iterator[Wire]:
    mark = f"{os.getpid() % 100_000}"
    made = Wire(f"soak{mark}", f"sf{mark}", f"10.199.{os.getpid() % 250}.2")
    near = f"sn{mark}"
    try:
        ip("netns", "add", made.namespace)
    except OSError as error:
        pytest.skip(f"no network namespace can be made here: {error}")
    try:
        ip("link", "add", near, "type", "veth", "peer", "name", made.far_end, "netns", made.namespace)
        ip("addr", "add", f"{made.host[:-1]}1/24", "dev", near)
        ip("link", "set", near, "up")
        ip("-n", made.namespace, "addr", "add", f"{made.host}/24", "dev", made.far_end)
        ip("-n", made.namespace, "link", "set", "lo", "up")
        made.mend()
        yield made
    finally:
        ip("netns", "del", made.namespace)  # the wire goes with it


async def until_told(changes: list[HostChange], connected: bool, timeout_s: float = 120.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not changes or changes[-1].connected is not connected:
            await asyncio.sleep(0.05)


async def test_a_cut_network_is_noticed_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_module, "KEEPALIVE_S", 1.0)
    data_dir, changes, numbers = tmp_path / "data", list[HostChange](), list[int]()
    with wire() as network, recording(data_dir) as recorder:
        recorder.write(IMG16, 3)
        server_in = {"host": network.host, "prefix": network.prefix}
        with running_server(data_dir, tmp_path / "log", **server_in) as (server, address):
            async with AioDaqDataClient.connect(address) as client:
                stream = client.stream_blocks(since="run", on_host_change=changes.append)

                async def read() -> None:
                    async for block in stream:
                        assert isinstance(block, ReceivedBlock)
                        numbers.extend(block.frame_numbers.tolist())

                reading = asyncio.create_task(read(), name="reader")
                try:
                    await until_told(changes, connected=True)
                    before = Counts.of(server.pid)
                    loop = asyncio.get_running_loop()
                    for turn in range(2):
                        network.cut()
                        cut_at = loop.time()
                        await until_told(changes, connected=False)
                        noticed_s = loop.time() - cut_at
                        recorder.write(IMG16, 10)
                        network.mend()
                        mended_at = loop.time()
                        await until_told(changes, connected=True)
                        back_s = loop.time() - mended_at
                        async with asyncio.timeout(60):
                            while len(numbers) < len(recorder.frames[IMG16]):
                                await asyncio.sleep(0.05)
                        note(f"network: cut noticed after {noticed_s:.1f} s, back after {back_s:.1f} s")
                    assert numbers == list(range(len(recorder.frames[IMG16])))
                    freed_from = loop.time()
                    async with asyncio.timeout(120):  # the server asks those that are silent, too
                        while len((await client.get_status(address)).streams) > 1:
                            await asyncio.sleep(0.2)
                        while Counts.of(server.pid).descriptors > before.descriptors:
                            await asyncio.sleep(0.2)
                    after = Counts.of(server.pid)
                    note(
                        f"network: what cut connections held is free {loop.time() - freed_from:.1f} s after the"
                        f" second; before: {before}; after: {after}"
                    )
                    assert after.threads <= before.threads + 6  # of the executor, once each
                    assert "Traceback" not in server.said
                finally:
                    reading.cancel()
                    await asyncio.wait([reading])
