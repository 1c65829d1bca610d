"""docs/operations.md explains every alert, and names settings that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OPERATIONS = ROOT / "docs" / "operations.md"
ALERTS = ROOT / "examples" / "prometheus" / "alerts.yml"


@pytest.mark.skipif(not ALERTS.exists(), reason="no alerts in this checkout")
def test_every_alert_is_explained_and_no_other() -> None:
    alerts = set(re.findall(r"^\s*- alert: (\w+)", ALERTS.read_text(), re.MULTILINE))
    text = OPERATIONS.read_text()
    section = text[text.index("## What each alert means") : text.index("## Start and stop")]
    assert set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE)) == alerts


def test_the_settings_of_the_page_exist() -> None:
    from panoseti_daq.config.keys import allowed_keys

    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", OPERATIONS.read_text()))
    not_settings = {"missing_quabo_2", "packet_gap", "module_N", "daq_run_name"}
    assert named - not_settings <= set(allowed_keys())
