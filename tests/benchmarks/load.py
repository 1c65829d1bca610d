"""Many clients: few processes, each with many streams, every stream on a connection of its own.

``python -m benchmarks.load ADDRESS METHOD REQUEST N_CLIENTS COUNTS SAMPLE``. The messages are counted and not
decoded: what is measured is the server, and on one machine of two cores a decoding client for each stream would
take the time that the server needs. Real clients sit on other computers; what decoding costs them is a row of its
own. Still these processes take about as much of the machine as the server, so a server that could do more on a
larger machine is held up by them when there are many messages: that holds for all systems alike.

Frames are counted, of which a message of ours may hold several, in a file of int64, one for each client, which
others may read at any time. The newest messages of the first client are written to SAMPLE at SIGTERM, each after
its length, to find out how many are repeats.
"""

from __future__ import annotations

import asyncio
import mmap
import struct
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.processes import Arrivals, Command, run_client
from benchmarks.stage import Stage
from panoseti_daq.varint import read_varint

N_PROCESSES: Final = 2
_LENGTH: Final = struct.Struct("<I")
_SAMPLE_MESSAGES: Final = 4000
_BATCH: Final = b"\xaa\x06"  # StreamImagesResponse.batch


class Load:
    """Clients that stream from a stage."""

    def __init__(self, counts: Sequence[Path], samples: Sequence[Path]) -> None:
        self._counts = counts
        self._samples = samples

    def counts(self) -> list[int]:
        """Frames so far, by client."""
        return [count for path in self._counts for count in memoryview(path.read_bytes()).cast("q")]

    def sample(self) -> list[bytes]:
        """The newest messages of one client, when the load has ended."""
        messages, data, at = [], self._samples[0].read_bytes(), 0
        while at < len(data):
            (size,) = _LENGTH.unpack_from(data, at)
            messages.append(data[at + _LENGTH.size : at + _LENGTH.size + size])
            at += _LENGTH.size + size
        return messages


@contextmanager
def clients(stage: Stage, n_clients: int) -> Iterator[Load]:
    """Let clients stream as long as the ``with`` block."""
    method, request = stage.system.call(stage.scene.work)
    n_processes = min(N_PROCESSES, n_clients)
    counts, samples = [], []
    with ExitStack() as running:
        for i in range(n_processes):
            share = n_clients // n_processes + (i < n_clients % n_processes)
            counts.append(stage.scene.scratch / f"counts{i}")
            samples.append(stage.scene.scratch / f"sample{i}")
            counts[-1].write_bytes(bytes(8 * share))
            args = (stage.address, method, request.hex(), share, counts[-1], samples[-1])
            command = Command("-m", "benchmarks.load", *map(str, args))
            running.enter_context(command.running("ready", stage.scene.scratch / f"load{i}.log"))
        yield Load(counts, samples)


def n_frames(message: bytes) -> int:
    """Frames in a message: several where it is a batch of ours, of which only the lengths are looked at."""
    if not message.startswith(_BATCH):
        return 1
    n, at = 0, 0
    while at < len(message):
        size, at = read_varint(message, at + len(_BATCH))
        at += size
        n += 1
    return n


async def stream(
    address: str,
    method: str,
    request: bytes,
    counts: memoryview[int],
    newest: deque[bytes],
    ready: Callable[[], None],
) -> None:
    import grpc

    own_connection: Any = ("grpc.use_local_subchannel_pool", 1)

    async def one(i: int) -> None:
        async with grpc.aio.insecure_channel(address, options=(own_connection,)) as channel:
            await channel.channel_ready()
            call: Any = channel.unary_stream(method)
            opened.append(i)
            async for message in call(request):
                counts[i] += n_frames(message)
                if i == 0:
                    newest.append(message)

    opened: list[int] = []
    async with asyncio.TaskGroup() as group:
        for i in range(len(counts)):
            group.create_task(one(i), name=f"client {i}")
        while len(opened) < len(counts):
            await asyncio.sleep(0.02)
        ready()


def main(address: str, method: str, request: str, n_clients: str, counts_file: str, sample_file: str) -> None:
    newest: deque[bytes] = deque(maxlen=_SAMPLE_MESSAGES)
    with open(counts_file, "r+b") as file:
        counts = memoryview(mmap.mmap(file.fileno(), 8 * int(n_clients))).cast("q")

    async def client(address: str, arrivals: Arrivals[int], ready: Callable[[], None]) -> None:
        await stream(address, method, bytes.fromhex(request), counts, newest, ready)

    def write_sample(arrivals: Arrivals[int]) -> None:
        with open(sample_file, "wb") as sample:
            for message in newest:
                sample.write(_LENGTH.pack(len(message)) + message)

    run_client(client, address, write_sample)


if __name__ == "__main__":
    main(*sys.argv[1:])
