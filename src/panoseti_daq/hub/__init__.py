"""Hub: the newest frame of every key, and the subscriptions to them.

Everything here belongs to one event loop: plain functions, no locks, no tasks. A producer calls `Hub.publish`,
which never waits; a consumer iterates over a `Subscription`, which holds at most one frame per key.
"""

from panoseti_daq.hub.hub import Growth, Hub
from panoseti_daq.hub.keys import BurstRate, KeyState, Rate
from panoseti_daq.hub.subscription import Subscription

__all__ = ["BurstRate", "Growth", "Hub", "KeyState", "Rate", "Subscription"]
