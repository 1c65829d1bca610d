"""Clips: the frames around a candidate as PFF files, byte for byte as they stand in the source."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections import deque
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.client.record import Recorder
from panoseti_daq.errors import DaqError
from panoseti_daq.open_types import OpenMapping
from panoseti_daq.pff import DataProduct, FrameBlock, Gap, Selection

_log = logging.getLogger(__name__)

_NS: Final = 1_000_000_000
_MAX_WAITING: Final = 1000  # candidates; of more there are only the lines
CLIPS_DIR: Final = "clips"


_Block = TypeVar("_Block", bound=FrameBlock)


def within(block: _Block, begin_ns: int, end_ns: int) -> _Block | None:
    """Return the frames of a block between two times, inclusive; None when there are none.

    From the first of them to the last: what stands between in the file belongs to it.
    """
    unix_ns = block.times[0]
    rows = np.flatnonzero((unix_ns >= begin_ns) & (unix_ns <= end_ns))
    if not len(rows):
        return None
    first, last, size = int(rows[0]), int(rows[-1]) + 1, block.layout.frame_size_bytes
    data = memoryview(block.data)[first * size : last * size]
    return dataclasses.replace(block, data=data, first_frame_number=block.first_frame_number + first)


class Clips:
    """Fetches the frames around candidates from the servers, which read them from their files.

    Nothing is kept in memory for it: a second stream begins at the right time. Run it as a task. Of more
    candidates than can be fetched the oldest are given up.

    Parameters
    ----------
    client, hosts
        Where from; entered.
    out_dir
        Gets ``clips/ID/module_N/RUN/FILE``.
    seconds
        How much before and after the candidate.

    Attributes
    ----------
    n_written, n_given_up
        Clips.
    """

    def __init__(self, client: AioDaqDataClient, hosts: list[str], out_dir: Path, seconds: float) -> None:
        self.n_written = self.n_given_up = 0
        self._client, self._hosts = client, hosts
        self._out_dir = out_dir / CLIPS_DIR
        self._around_ns = round(seconds * _NS)
        self._waiting: deque[OpenMapping] = deque()
        self._new = asyncio.Event()

    def add(self, candidate: OpenMapping) -> None:
        """Fetch the frames around a candidate, given as it stands in the JSON."""
        if len(self._waiting) == _MAX_WAITING:
            self._waiting.popleft()
            self.n_given_up += 1
        self._waiting.append(candidate)
        self._new.set()

    async def run(self) -> None:
        """Fetch until cancelled."""
        while True:
            await self._new.wait()
            self._new.clear()
            while self._waiting:
                candidate = self._waiting.popleft()
                try:
                    await self.fetch(candidate)
                except (DaqError, TimeoutError) as error:
                    self.n_given_up += 1
                    _log.warning("no clip of %s: %s", candidate["id"], error or "no frames after it came")

    async def fetch(self, candidate: OpenMapping, timeout_s: float = 600.0) -> None:
        """Write the clip of one candidate.

        Raises
        ------
        DaqError
            The server refuses, or the disk does.
        TimeoutError
            The frames after it did not come.
        """
        begin_ns = candidate["unix_ns"] - self._around_ns
        end_ns = candidate["unix_ns"] + candidate["duration_ns"] + self._around_ns
        wanted = {(member["module"], member["product"]) for member in candidate["members"]}
        recorder = Recorder(self._out_dir / candidate["id"])
        selection = Selection(
            module_ids={module_id for module_id, _ in wanted},
            products={DataProduct.from_token(token) for _, token in wanted},
        )
        since_s = begin_ns / _NS - 1e-6  # a float has steps of 238 ns
        stream = self._client.stream_blocks(self._hosts, selection=selection, since=since_s)
        try:
            async with asyncio.timeout(timeout_s):
                async for block in stream:
                    if isinstance(block, Gap) or (block.module_id, block.product.token) not in wanted:
                        continue
                    if (inside := within(block, begin_ns, end_ns)) is not None:
                        await asyncio.to_thread(recorder.write, inside)
                    if int(block.times[0].max()) > end_ns:
                        wanted.discard((block.module_id, block.product.token))
                        if not wanted:
                            break
        finally:
            recorder.close()
        self.n_written += 1
