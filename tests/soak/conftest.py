from __future__ import annotations

import pytest

from panoseti_daq.client import nodes


@pytest.fixture(autouse=True)
def patient_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is slow to answer, beside so much else, is not a dead one."""
    monkeypatch.setattr(nodes, "PING_TIMEOUT_S", 30.0)
