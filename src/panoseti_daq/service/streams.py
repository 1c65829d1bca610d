"""What is followed now, and who gets its frames."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from panoseti_daq.hub import Hub, Rate, Subscription
from panoseti_daq.service.hp_io import HpIoConfig, Refused
from panoseti_daq.sources.source import FrameSource


@dataclass(frozen=True, slots=True)
class Following:
    """One configuration in force.

    Attributes
    ----------
    config
        What is followed.
    set_by
        Who asked for it.
    since
        Loop time at which it came into force.
    source, hub
        Where its frames come from, and where they are handed out.
    task
        Carries them from one to the other.
    """

    config: HpIoConfig
    set_by: str
    since: float  # loop time
    source: FrameSource
    hub: Hub
    task: asyncio.Task[None]

    async def stop(self) -> None:
        """Let go of the source."""
        self.task.cancel()
        await asyncio.wait([self.task])


@dataclass(eq=False, slots=True)
class Stream:
    """One StreamImages or StreamFrames call.

    Attributes
    ----------
    peer
        Who called.
    since
        Loop time at which it did.
    subscription
        Its newest frames; None while it waits at the gate, and for a stream of all frames.
    n_sent, rate
        Frames (StreamImages) or messages (StreamFrames) sent, and how many per second.
    writing_since
        Loop time at which gRPC took over the frame that it has not yet sent; None when there is none.
    last_frame_at
        Loop time of the last frame sent, or of the beginning.
    """

    peer: str
    since: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    following: Following | None = None
    subscription: Subscription | None = None
    n_sent: int = 0
    rate: Rate = field(default_factory=lambda: Rate(asyncio.get_running_loop().time()))
    writing_since: float | None = None
    last_frame_at: float = 0.0
    _scope: asyncio.Timeout = field(default_factory=lambda: asyncio.timeout(None))
    _refused: Refused | None = None

    def sent(self, n: int, now: float) -> None:
        """Take note of `n` frames or messages that gRPC has sent, at loop time `now`."""
        self.writing_since, self.last_frame_at = None, now
        self.n_sent += n
        self.rate.add(n, now)

    @property
    def n_dropped(self) -> int:
        """Frames that it would have got, had it been fast enough."""
        return self.subscription.n_dropped if self.subscription else 0

    def end(self, refused: Refused) -> None:
        """Make the call end with `refused`, whatever it is waiting for."""
        if self._refused is None:
            self._refused = refused
            self._scope.reschedule(asyncio.get_running_loop().time())
