"""Plugin of pytest: every test that asks for an event loop gets one of uvloop (`nox -s fast`)."""

from __future__ import annotations

import asyncio

import uvloop

asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
