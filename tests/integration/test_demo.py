from __future__ import annotations

import os
import subprocess

import pytest
from support.patience import PATIENCE_S
from support.pseudo_terminal import in_terminal
from support.rig import command

NO_DISPLAY = {"DISPLAY": "", "WAYLAND_DISPLAY": "", "QT_QPA_PLATFORM": ""}


def demo(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command("demo", "--duration", 2),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env={**os.environ, **NO_DISPLAY, **environment},
    )


def test_in_a_pipe_it_prints_a_table_and_ends_by_itself() -> None:
    result = demo()
    assert result.returncode == 0, result.stderr
    assert "224" in result.stdout
    assert "ph256" in result.stdout


def test_with_a_display_it_opens_a_window_and_ends_by_itself() -> None:
    result = demo(QT_QPA_PLATFORM="offscreen")
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""


def test_in_a_terminal_without_a_display_it_draws_there_and_ends_by_itself() -> None:
    with in_terminal("demo", "--duration", 3, environment=NO_DISPLAY) as terminal:
        assert terminal.wait() == 0
        assert "module 224" in terminal.text
        assert "\u2580" in terminal.text
        assert terminal.attributes == terminal.attributes_before


@pytest.mark.parametrize(("key", "exit_code"), [("q", 0), ("\x03", 130)])
def test_in_a_terminal_keys_end_it(key: str, exit_code: int) -> None:
    with in_terminal("demo", environment=NO_DISPLAY) as terminal:
        terminal.read_until_text("module 224")
        terminal.press(key)
        assert terminal.wait() == exit_code
        assert terminal.attributes == terminal.attributes_before
        assert "Traceback" not in terminal.text
