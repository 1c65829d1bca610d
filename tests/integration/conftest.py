from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run in asyncio, by the plugin that anyio (which watchfiles needs) brings."""
    return "asyncio"
