"""docs/operations.md and the page of the example say only what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OPERATIONS = ROOT / "docs" / "operations.md"
ALERTS = ROOT / "examples" / "prometheus" / "alerts.yml"
PAGES = (OPERATIONS, ROOT / "examples" / "observatory" / "README.md")

by_page = pytest.mark.parametrize("page", PAGES, ids=["operations", "observatory"])


@by_page
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text())
    assert links
    for target in links:
        assert (page.parent / target).exists(), target


@by_page
def test_commands_and_their_options_exist(page: Path) -> None:
    import typer

    from panoseti_daq.cli.main import app

    group = typer.main.get_command(app)
    commands: dict[str, typer.core.TyperCommand] = group.commands  # type: ignore[attr-defined]
    serve = {option for parameter in commands["serve"].params for option in parameter.opts}
    text = page.read_text().replace("\\\n", " ")
    used = re.findall(
        r"panoseti-daq ([a-z][a-z-]*)([^`\n>]*)", "\n".join(re.findall(r"```.*?```|`[^`]+`", text, re.S))
    )
    used = [(name, rest) for name, rest in used if name in commands]
    assert used
    for name, rest in used:
        options = {option for parameter in commands[name].params for option in parameter.opts}
        known = options | serve if name == "systemd-unit" else options
        for option in re.findall(r"--[a-z][a-z-]*", rest):
            assert option in known, f"{name} {option}"


@pytest.mark.skipif(not ALERTS.exists(), reason="no alerts in this checkout")
def test_every_alert_is_explained_and_no_other() -> None:
    alerts = set(re.findall(r"^\s*- alert: (\w+)", ALERTS.read_text(), re.MULTILINE))
    text = OPERATIONS.read_text()
    section = text[text.index("## What each alert means") : text.index("## Start and stop")]
    assert set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE)) == alerts


def test_the_settings_of_the_page_exist() -> None:
    from panoseti_daq.config.settings import ServerSettings

    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", OPERATIONS.read_text()))
    not_settings = {"missing_quabo_2", "packet_gap", "module_N"}
    assert named - not_settings <= set(ServerSettings.model_fields)
