"""Portal: the event loop, in a thread of its own, of blocking clients, viewers and the demo."""

from __future__ import annotations

from typing import Final

from anyio.from_thread import BlockingPortalProvider

PORTALS: Final = BlockingPortalProvider(backend="asyncio")
"""One thread with an event loop, as long as it has users; ``with PORTALS as portal`` from any thread.

One and not several: grpc.aio hands events of one loop to another, which complains when that one was closed
meanwhile.
"""
