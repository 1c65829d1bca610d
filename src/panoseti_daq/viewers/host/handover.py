"""Handover of frames from the thread that receives to the one that draws: neither waits for the other."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from panoseti_daq.client import ReceivedBlock, ReceivedFrame
from panoseti_daq.pff import Key

_MOST_BYTES: Final = 64 * 2**20


class Handover:
    """The newest frame of each key, or blocks, from the thread that receives to the one that draws.

    **Holds** one frame per key, so its size is bounded by the number of keys; a frame that was not taken is
    **replaced** by the next of its key. Of blocks it holds 64 MiB; the oldest go, and `n_lost` counts their
    frames. Neither side ever waits for the other. Thread-safe.
    """

    def __init__(self) -> None:
        self.n_lost = 0
        self._frames: dict[Key, ReceivedFrame] = {}
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
        key = frame.key
        with self._lock:
            self._wake_first()
            self._frames[key] = frame

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

    def take(self) -> dict[Key, ReceivedFrame]:
        """Frames that came since the last call."""
        with self._lock:
            frames, self._frames = self._frames, {}
        return frames

    def take_blocks(self) -> list[ReceivedBlock]:
        """Blocks that came since the last call."""
        with self._lock:
            blocks, self._blocks, self._n_bytes = list(self._blocks), deque(), 0
        return blocks
