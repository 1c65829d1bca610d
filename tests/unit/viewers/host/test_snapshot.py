"""Pictures in place of a window."""

from __future__ import annotations

from pathlib import Path

import pytest

from panoseti_daq.errors import ViewerError
from panoseti_daq.viewers.host.feed import WindowFeed
from panoseti_daq.viewers.host.snapshot import Screenshot, caption


@pytest.mark.parametrize("name", ["a.jpg", "a.mp4", "a"])
def test_a_name_of_another_format_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ViewerError, match="allowed: NAME.png"):
        Screenshot(tmp_path / name)
    Screenshot(tmp_path / "a.PNG")


def test_a_caption_has_utc_and_hosts_and_of_a_replay_its_own_time() -> None:
    assert caption(WindowFeed("daq1:50051")).endswith(" UTC   daq1:50051")
    assert caption(WindowFeed("run"), "REPLAY 2026-01-01 00:00:01.000 UTC   obs_Test").startswith("REPLAY 2026")
