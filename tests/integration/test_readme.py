"""The code blocks of the README do what they say."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PORT = "50123"

pytestmark = pytest.mark.timeout(60)


def blocks(language: str, mentioning: str) -> list[str]:
    found = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return [block for block in found if mentioning in block]


@pytest.fixture
def bash() -> Iterator[subprocess.Popen[str]]:
    """A shell with our command on its path, as the leader of all that it starts."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    shell = subprocess.Popen(
        ["bash"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
        start_new_session=True,
    )
    yield shell
    os.killpg(shell.pid, signal.SIGTERM)
    shell.communicate(timeout=10)


def test_the_blocks_of_the_readme_run_one_after_the_other(bash: subprocess.Popen[str], tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    [commands] = blocks("sh", "panoseti-daq simulate")
    [script] = blocks("python", "import AioDaqDataClient\n")
    [all_frames] = blocks("python", "import AioDaqDataClient, Gap")
    [blocking] = blocks("python", "import DaqDataClient")
    [arrays] = blocks("python", "open_file")
    assert bash.stdin and bash.stdout
    bash.stdin.write(f"cd {tmp_path}\n{commands.replace(PORT, port)}\necho done\n")
    bash.stdin.flush()
    lines = list(iter(bash.stdout.readline, "done\n"))
    assert len(lines) == 20
    assert all(line.startswith("{") for line in lines)

    printed = subprocess.run(
        [sys.executable, "-c", script.replace(PORT, port)], capture_output=True, text=True, check=True, timeout=30
    ).stdout
    assert len(re.findall(r"^module [13] (MOVIE|PULSE_HEIGHT) at 20", printed, re.MULTILINE)) == 5

    printed = subprocess.run(
        [sys.executable, "-c", blocking.replace(PORT, port)],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout
    assert re.fullmatch(r"[13] \d+\n", printed)

    printed = subprocess.run(
        [sys.executable, "-c", all_frames.replace(PORT, port)],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout
    assert "from frame 0: " in printed
    assert "next time: {" in printed

    printed = subprocess.run(
        [sys.executable, "-c", arrays, tmp_path / "run"], capture_output=True, text=True, check=True, timeout=30
    ).stdout
    assert len(re.findall(r"frames, mean \d+", printed)) == 2


def test_every_command_of_the_readme_table_exists() -> None:
    from panoseti_daq.cli.main import app

    names = {
        command.name or command.callback.__name__.replace("_", "-")
        for command in app.registered_commands
        if command.callback
    }
    table = README[README.index("| command |") : README.index("### A night")]
    for name in re.findall(r"`([\w-]+)", "\n".join(re.findall(r"^\|([^|]+)\|", table, re.MULTILINE))):
        assert name in names | {"pff", "plot"}


def test_every_setting_of_the_readme_table_exists_with_its_default() -> None:
    from panoseti_daq.config.settings import ServerSettings

    rows = re.findall(r"^\| `(\w+)`.*?\| ([^|]+) \|", README[README.index("| key |") :], re.MULTILINE)
    documented = {
        key
        for row in re.findall(r"^\| (`\w+`[^|]*)\|", README[README.index("| key |") :], re.MULTILINE)
        for key in re.findall(r"`(\w+)`", row)
    }
    assert set(ServerSettings.model_fields) <= documented
    for key, default in rows:
        if default.strip().replace(".", "").isdecimal():
            assert ServerSettings.model_fields[key].default == float(default)


def test_the_links_of_the_readme_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_compatibility_tables_are_those_that_the_interop_tests_made() -> None:
    made = (ROOT / "docs" / "compatibility.md").read_text()
    for heading in ("## Clients of the peer", "## Our client with servers"):
        match = re.search(r"(\|.*\|\n)+", made[made.index(heading) :])
        assert match is not None
        assert match[0] in README


def test_the_viewer_of_the_readme_is_the_example() -> None:
    [viewer] = blocks("python", "ViewerSpec(")
    assert (ROOT / "examples/brightest_viewer/brightest.py").read_text().partition("\n\n")[2] == viewer
