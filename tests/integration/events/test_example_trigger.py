"""A trigger of another distribution: installed, listed, run; and one that cannot be loaded."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from support.distributions import EXAMPLE_TRIGGER, install, with_path
from support.events import ph256
from support.rig import command

from panoseti_daq.pff import PffName

BROKEN = """
[panoseti_daq.triggers]
broken = no_such_module:SPEC
pulse = brightest_trigger:SPEC
"""


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("plugins")
    install(EXAMPLE_TRIGGER, directory)
    info = directory / "broken-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 2.0\n")
    (info / "entry_points.txt").write_text(BROKEN)
    return directory


def run(plugins: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command("events", *arguments),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=with_path(plugins),
    )
    return done


def test_triggers_of_others_are_listed_and_broken_ones_have_their_error(plugins: Path) -> None:
    printed = run(plugins, "triggers").stdout
    assert "brightest-trigger 1.0" in printed and "above" in printed
    assert "No module named 'no_such_module'" in printed
    assert "panoseti-daq has a trigger of this name too" in printed


def test_the_example_finds_bright_pulse_heights(plugins: Path, tmp_path: Path) -> None:
    for module_id, adc in ((1, 2500), (3, 1900)):
        block = ph256(module_id, [0, 1_000_000], adc=adc)
        (tmp_path / PffName(block.product, module_id).format()).write_bytes(bytes(block.data))
    lines = run(plugins, "scan", tmp_path, "--trigger", "brightest", "--json").stdout.splitlines()
    found = [(m["module"], m["pixel"], m["value"]) for line in lines for m in json.loads(line)["members"]]
    assert found == [(1, [8, 8], 2500)] * 2
    more = run(plugins, "scan", tmp_path, "--trigger", "brightest", "--set", "brightest.above=100").stdout
    assert len(more.splitlines()) == 4


def test_one_that_cannot_be_loaded_is_one_line(plugins: Path, tmp_path: Path) -> None:
    done = run(plugins, "scan", tmp_path, "--trigger", "broken")
    assert done.returncode == 1
    assert done.stderr.startswith("panoseti-daq: trigger broken of broken 2.0 cannot be loaded")
