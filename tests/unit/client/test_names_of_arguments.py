from __future__ import annotations

import pytest

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.errors import ConfigError
from panoseti_daq.former import also_named


@also_named(width="w", height="h")
def area(*, width: int = 1, height: int = 1) -> int:
    return width * height


def test_a_former_name_warns_and_works() -> None:
    with pytest.warns(DeprecationWarning, match=r"area\(w=...\) is deprecated; use width"):
        assert area(w=3, height=2) == 6  # type: ignore[call-arg]


def test_the_former_and_the_new_name_together_are_refused() -> None:
    with pytest.raises(ConfigError, match="invalid h: it is the former name of height; allowed: one of them"):
        area(h=3, height=2)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("method", "old"),
    [
        ("stream_frames", "movie"),
        ("stream_frames", "pulse_height"),
        ("stream_frames", "interval_s"),
        ("stream_blocks", "movie"),
        ("stream_blocks", "pulse_height"),
    ],
)
def test_former_names_of_the_streams_warn(method: str, old: str) -> None:
    client = AioDaqDataClient.connect("localhost:1")
    with pytest.warns(DeprecationWarning, match=rf"{method}\({old}=...\) is deprecated; use "):
        getattr(client, method)(**{old: True})
