"""``plot term`` as a user runs it, in a terminal."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator

import pytest
from support.pseudo_terminal import PseudoTerminal, in_terminal
from support.rig import run_command, serving_process

ALTERNATE_SCREEN, PREVIOUS_SCREEN, CURSOR = b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[?25h"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving_process("--simulate") as (_, address):
        yield address


def assert_restored(terminal: PseudoTerminal) -> None:
    assert terminal.attributes == terminal.attributes_before
    end = terminal.output.rpartition(ALTERNATE_SCREEN)[2]
    assert end.count(PREVIOUS_SCREEN) == end.count(CURSOR) == 1
    assert end.index(b"\x1b[0m\x1b[?1049l") > end.rfind("\u2580".encode())


def test_images_are_seen_and_q_restores_the_terminal(address: str) -> None:
    with in_terminal("plot", "term", "--host", address) as terminal:
        terminal.read_until_text("module 224", "img16", "ph256", "\u2580" * 10, address)
        assert b"\x1b[38;2;" in terminal.output
        terminal.press("q")
        assert terminal.wait() == 0
        assert_restored(terminal)


@pytest.mark.parametrize(("end", "exit_code"), [("key", 130), (signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_ctrl_c_and_sigterm_restore_the_terminal(address: str, end: str | signal.Signals, exit_code: int) -> None:
    with in_terminal("plot", "term", "--host", address) as terminal:
        terminal.read_until_text("module 224")
        if isinstance(end, signal.Signals):
            terminal.process.send_signal(end)
        else:
            terminal.press("\x03")
        assert terminal.wait() == exit_code
        assert_restored(terminal)
        assert "Traceback" not in terminal.text


def test_keys_do_what_the_help_line_says(address: str) -> None:
    with in_terminal("plot", "term", "--host", address, "--duration", 30) as terminal:
        terminal.read_until_text("module 224")
        for key, seen in (("c", "viridis"), ("l", "frame"), ("\t", "movie"), (" ", "PAUSED")):
            terminal.press(key + "\x0c")  # Ctrl-L: everything is written and not only the letters that differ
            terminal.read_until_text(seen)


def test_a_resize_is_followed(address: str) -> None:
    with in_terminal("plot", "term", "--host", address) as terminal:
        terminal.read_until_text("module 224")
        terminal.resize(40, 14)
        terminal.read_until(lambda: b"\x1b[14;1H" in terminal.output)
        begin = len(terminal.output)
        terminal.resize(100, 50)
        terminal.read_until(lambda: b"\x1b[50;1H" in terminal.output[begin:])


def test_ctrl_z_leaves_the_screen_and_coming_back_draws_it_again(address: str) -> None:
    with in_terminal("plot", "term", "--host", address) as terminal:
        terminal.read_until_text("module 224")
        terminal.process.send_signal(signal.SIGTSTP)
        terminal.read_until(lambda: PREVIOUS_SCREEN in terminal.output)
        terminal.read_until(lambda: _is_stopped(terminal.process.pid))
        assert_restored(terminal)
        terminal.process.send_signal(signal.SIGCONT)
        terminal.read_until_text("module 224")
        terminal.press("q")
        assert terminal.wait() == 0
        assert_restored(terminal)


def _is_stopped(pid: int) -> bool:
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] == "T"


def test_a_lost_server_is_shown_and_q_still_ends() -> None:
    with serving_process("--simulate") as (server, address):
        with in_terminal("plot", "term", "--host", address) as terminal:
            terminal.read_until_text("module 224")
            server.send_signal(signal.SIGTERM)
            terminal.read_until_text(f"{address} lost")
            terminal.press("q")
            assert terminal.wait() == 0
            assert_restored(terminal)


def test_the_terminal_is_restored_before_an_error_is_told(address: str) -> None:
    break_it = "import panoseti_daq.viewers.term.images as t; t.panel_lines = lambda panel, look: 1 / 0"
    with in_terminal("plot", "term", "--host", address, before=break_it) as terminal:
        assert terminal.wait() == 1
        assert_restored(terminal)
        after = terminal.output.rpartition(PREVIOUS_SCREEN)[2].decode()
        assert "Traceback" in after
        assert "panoseti-daq: the viewer failed: ZeroDivisionError" in after


def test_it_ends_after_the_duration_also_without_keys(address: str) -> None:
    with in_terminal("plot", "term", "--host", address, "--duration", 2, stdin=subprocess.DEVNULL) as terminal:
        assert terminal.wait() == 0
        assert "module 224" in terminal.text
        assert "q quit" not in terminal.text
        assert_restored(terminal)


def test_without_a_terminal_one_line_says_what_to_do(address: str) -> None:
    result = run_command("plot", "term", "--host", address)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "stdout is not a terminal" in result.stderr


def test_a_dumb_terminal_gets_plain_text(address: str) -> None:
    plain = {"TERM": "dumb", "COLORTERM": ""}
    with in_terminal("plot", "term", "--host", address, "--duration", 5, environment=plain) as terminal:
        assert terminal.wait() == 0
        assert b"\x1b" not in terminal.output
        assert "module 224" in terminal.text
        assert terminal.attributes == terminal.attributes_before


def test_the_question_mark_shows_the_keys_and_few_colors_are_said(address: str) -> None:
    with in_terminal(
        "plot", "term", "--host", address, environment={"TERM": "xterm", "COLORTERM": ""}
    ) as terminal:
        terminal.read_until_text("few colors", "? keys")
        terminal.press("?\x0c")
        terminal.read_until_text("Ctrl-L", "Draw all again", "Next color map", "Mask hot and dead")
        terminal.press("?\x0c")
        terminal.read_until_text("module 224")
        terminal.press("q")
        assert terminal.wait() == 0


def test_in_the_red_theme_every_color_is_red(address: str) -> None:
    with in_terminal("plot", "term", "--host", address, "--theme", "night") as terminal:
        terminal.read_until_text("module 224", "q quit")
        colors = re.findall(rb"[34]8;2;(\d+);(\d+);(\d+)", terminal.output)
        terminal.press("t\x0c")
        terminal.read_until(lambda: b"38;2;13;8;135" in terminal.output or b"48;2;13;8;135" in terminal.output)
        terminal.press("q")
        assert terminal.wait() == 0
    assert len(colors) > 100
    assert all(max(int(green), int(blue)) <= max(5, 0.5 * int(red)) for red, green, blue in colors)
