"""Handover of frames from the thread that receives to the one that draws: neither waits for the other."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from panoseti_daq.client import ReceivedBlock, ReceivedFrame
from panoseti_daq.viewers.modules import BySource, Source

_MOST_BYTES: Final = 64 * 2**20


class Handover:
    """The newest frame of each key and host, or blocks, from the thread that receives to the one that draws.

    **Holds** one frame per key and host, so its size is bounded by their number; a frame that was not taken is
    **replaced** by the next one. Of blocks it holds 64 MiB; the oldest go, and `n_lost` counts their
    frames. Neither side ever waits for the other. Thread-safe.
    """

    def __init__(self) -> None:
        self.n_lost = 0
        self._frames: BySource = {}
        self._blocks: deque[ReceivedBlock] = deque()
        self._n_bytes = 0
        self._lock = threading.Lock()
        self._wake: Callable[[], object] | None = None

    def on_arrival(self, wake: Callable[[], object] | None) -> None:
        """Call `wake` in the putting thread when the first frame comes after a `take`; after None never again."""
        with self._lock:
            self._wake = wake

    def put(self, frame: ReceivedFrame) -> None:
        """Hand over a frame."""
        with self._lock:
            self._wake_first()
            self._frames[Source.of(frame)] = frame

    def put_block(self, block: ReceivedBlock) -> None:
        """Hand over a block."""
        with self._lock:
            self._wake_first()
            self._blocks.append(block)
            self._n_bytes += len(block.data)
            while self._n_bytes > _MOST_BYTES and len(self._blocks) > 1:
                oldest = self._blocks.popleft()
                self._n_bytes -= len(oldest.data)
                self.n_lost += len(oldest)

    def _wake_first(self) -> None:
        if not self._frames and not self._blocks and self._wake is not None:
            self._wake()

    def take(self) -> BySource:
        """Frames that came since the last call."""
        with self._lock:
            came, self._frames = self._frames, {}
        return came

    def take_blocks(self) -> list[ReceivedBlock]:
        """Blocks that came since the last call."""
        with self._lock:
            blocks, self._blocks, self._n_bytes = list(self._blocks), deque(), 0
        return blocks
