"""Tables of commands in terminals of 80, 60 and 40 columns."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.pseudo_terminal import PseudoTerminal, in_terminal
from support.rig import run_command, serving_process

DEAD = "localhost:1"
COLUMNS = pytest.mark.parametrize("columns", [80, 60, 40])


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving_process("--simulate") as (_, address):
        yield address


@pytest.fixture(scope="module")
def daq_config(address: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "daq_config.json"
    path.write_text(json.dumps({"daq_nodes": [{"ip_addr": address}, {"ip_addr": DEAD}]}))
    return path


def lines_of(terminal: PseudoTerminal) -> list[str]:
    return [line.rstrip("\r") for line in terminal.text.split("\n")]


@COLUMNS
def test_hosts_names_each_with_its_port_and_what_it_follows(address: str, daq_config: Path, columns: int) -> None:
    with in_terminal("hosts", "--daq-config", daq_config, columns=columns) as terminal:
        assert terminal.wait() == 0
    heading, alive, *below = lines_of(terminal)
    dead = next(line for line in below if line.startswith(DEAD))
    assert heading.split()[0] == "host"
    assert alive.split() == [address, *["yes"] * (columns > 50), "simulation;", "modules", "224"]
    assert dead.split()[: 3 + (columns > 50)] == [DEAD, *["no"] * (columns > 50), "no", "answer:"]
    assert max(map(len, lines_of(terminal))) <= columns


@COLUMNS
def test_viewers_have_a_name_and_a_text_of_whole_words(columns: int) -> None:
    with in_terminal("viewers", columns=columns) as terminal:
        assert terminal.wait() == 0
    lines = lines_of(terminal)
    assert max(map(len, lines)) <= columns
    assert "lightcurve Mean of the movie images" in terminal.text


@COLUMNS
@pytest.mark.parametrize("command", [("stream",), ("status", "--watch")], ids="stream status".split())
def test_a_dead_node_of_a_configuration_is_named_on_the_screen(
    address: str, daq_config: Path, columns: int, command: tuple[str, ...]
) -> None:
    with in_terminal(*command, "--daq-config", daq_config, columns=columns) as terminal:
        terminal.read_until_text("product", "age s", "per s", address, "img16", "ph256 Q3", DEAD, "answer", "quit")
        terminal.press("q")
        terminal.wait()
    seen = terminal.text.replace("\r", "").splitlines()
    assert max(len(line) for line in seen if "img16" in line) <= columns


@pytest.mark.parametrize("command", [("stream",), ("status", "--watch")], ids="stream status".split())
def test_a_host_that_dies_keeps_its_rows_and_they_are_red(address: str, command: tuple[str, ...]) -> None:
    with serving_process("--simulate") as (dying, other):
        with in_terminal(*command, "--host", address, "--host", other, columns=40, rows=60) as terminal:
            terminal.read_until_text(address, other, "ph256 Q0")
            dying.send_signal(signal.SIGKILL)
            red, warning = re.compile(rb"\x1b\[31m[^\n]*img16"), re.compile(rb"\x1b\[1;31m" + other.encode())
            terminal.read_until(lambda: all(part.search(terminal.output) for part in (red, warning)))
            terminal.press("q")
            terminal.wait()


def test_in_a_pipe_no_heading_is_cut(address: str) -> None:
    done = run_command("stream", "--host", address, "--count", 2)
    assert "\u2026" not in done.stdout
    assert "number" in done.stdout
