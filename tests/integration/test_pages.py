"""Pages of the documentation: their code runs, their links and commands exist."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    *(ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "compat" / "README.md"),
    *sorted(ROOT.glob("examples/*/README.md")),
    *sorted(DOCS.rglob("*.md")),
]
PORT = "50123"
# Of a python block, what it prints; blocks are recognized by a piece of them.
PRINTED = {
    "n_images == 5": r"(module [13] (MOVIE|PULSE_HEIGHT) at 20.*\n){5}",
    "n_frames >= 50": r"(.* from frame \d+: \d+ frames\n)+next time: \{.*\}\n",
    "import DaqDataClient\n": r"[13] \d+\n",
    "panoseti_daq.export import": r"\d+ images, mean \d+\.\d ADC, \d+ flawed\nin the first second: True\n",
    "daq import open_run": r"(module [13] (img16|ph256): \d+ frames, mean .* ADC\nfrom 20.* to 20.*\n)+",
    'print(image["module_id"], image["type"], image["image_array"].mean())': r"[13] (MOVIE|PULSE_HEIGHT) .*\n",
}
# The viewer: see the end; unit/test_testing.py; test_context.py; test_gnss_configuration.py.
RUN_ELSEWHERE = (
    "ViewerSpec(",
    "pytest_plugins",
    "def test_",
    "panoseti_daq.beside",
    "around = ",
    "_gnss(",
    "f9t_uid",
)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


by_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


def blocks(page: Path, language: str, mentioning: str = "") -> list[str]:
    found = re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)
    return [block for block in found if mentioning in block]


def scripts(page: Path) -> list[str]:
    return [block for block in blocks(page, "python") if not any(mark in block for mark in RUN_ELSEWHERE)]


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
    shell.communicate(timeout=PATIENCE_S)


def test_the_code_of_the_pages_runs(bash: subprocess.Popen[str], tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    [commands] = {block for page in PAGES for block in blocks(page, "sh", "panoseti-daq simulate")}
    assert bash.stdin and bash.stdout
    bash.stdin.write(f"cd {tmp_path}\n{commands.replace(PORT, port)}\necho done\n")
    bash.stdin.flush()
    lines = list(iter(bash.stdout.readline, "done\n"))
    assert len(lines) == 20
    assert all(line.startswith("{") for line in lines)

    def printed_by(script: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", script.replace(PORT, port), tmp_path / "run"],
            capture_output=True,
            text=True,
            check=True,
            timeout=2 * PATIENCE_S,
        ).stdout

    all_scripts = list(dict.fromkeys(script for page in PAGES for script in scripts(page)))
    with ThreadPoolExecutor(3) as side_by_side:  # each waits for images, and those of the page end
        all_printed = list(side_by_side.map(printed_by, all_scripts))
    for script, printed in zip(all_scripts, all_printed, strict=True):
        [expected] = [pattern for mark, pattern in PRINTED.items() if mark in script]
        assert re.fullmatch(expected, printed), printed


@by_page
def test_the_code_of_a_page_has_a_language_that_is_checked(page: Path) -> None:
    opened = re.findall(r"^```(\S*)$", page.read_text(), re.MULTILINE)
    assert set(opened) <= {"", "python", "sh", "console", "toml", "mermaid", "{toctree}"}
    assert opened.count("") == len(opened) / 2  # what closes a block; no block is without a language


@by_page
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)[^)]*\)", page.read_text()):
        assert (page.parent / target).exists(), target


@by_page
def test_the_commands_of_a_page_and_their_options_exist(page: Path) -> None:
    import typer

    from panoseti_daq.cli.main import app

    group = typer.main.get_command(app)
    commands = {name: group.get_command(None, name) for name in group.list_commands(None)}  # type: ignore[attr-defined]
    serve = {option for parameter in commands["serve"].params for option in parameter.opts}
    text = page.read_text().replace("\\\n", " ")
    code = "\n".join(re.findall(r"```.*?```|`[^`]+`", text, re.S))
    for name, rest in re.findall(r"panoseti-daq ([a-z][a-z-]*)([^`\n>]*)", code):
        assert name in commands, name
        if hasattr(commands[name], "commands"):  # a group: its commands have options of their own
            continue
        options = {option for parameter in commands[name].params for option in parameter.opts}
        known = options | serve if name == "systemd-unit" else options
        for option in re.findall(r"--[a-z][a-z-]*", rest):
            assert option in known, f"{name} {option}"


def test_every_command_stands_in_the_table_of_the_readme_and_no_other() -> None:
    from panoseti_daq.cli.main import COMMANDS

    text = (ROOT / "README.md").read_text()
    table = text[text.index("| command |") : text.index("Every command has")]
    for name in re.findall(r"`([\w-]+)", "\n".join(re.findall(r"^\|([^|]+)\|", table, re.MULTILINE))):
        assert name in COMMANDS


def test_every_setting_of_the_page_exists_with_its_default() -> None:
    from panoseti_daq.config.keys import SETTINGS, allowed_keys

    defaults = {setting.key: setting.field.default for setting in SETTINGS}
    table = (DOCS / "settings.md").read_text()
    rows = re.findall(r"^\| `(\w+)`.*?\| ([^|]+) \|", table[table.index("| key |") :], re.MULTILINE)
    documented = {
        key
        for row in re.findall(r"^\| (`\w+`[^|]*)\|", table[table.index("| key |") :], re.MULTILINE)
        for key in re.findall(r"`(\w+)`", row)
    }
    assert set(allowed_keys()) - {"simulate_daq_cfg", "gateway"} <= documented  # tables
    for key, default in rows:
        if default.strip().replace(".", "").isdecimal():
            assert defaults[key] == float(default)


def test_the_files_of_the_architecture_exist() -> None:
    named = set(re.findall(r"`((?:\w+/)+\w+\.py)`", (DOCS / "architecture.md").read_text()))
    assert len(named) > 20
    for file in named:
        assert (ROOT / "src" / "panoseti_daq" / file).exists() or (ROOT / file).exists(), file


def test_every_page_is_in_the_table_of_contents() -> None:
    listed = set(re.findall(r"^[\w/-]+$", "\n".join(blocks(DOCS / "index.md", "{toctree}")), re.MULTILINE))
    pages = {str(page.relative_to(DOCS).with_suffix("")) for page in DOCS.glob("*.md")} - {"index"}
    assert listed == pages | {"api/index", "decisions/index"}


def test_the_sections_that_the_code_refers_to_exist() -> None:
    text = (DOCS / "specification.md").read_text()
    sections = set(re.findall(r"^#{2,3} (\d+(?:\.\d+)?)\b", text, re.MULTILINE))
    for path in (path for folder in ("src", "tests", "compat") for path in (ROOT / folder).rglob("*.py")):
        for references in re.findall(r"SPEC ((?:\d+(?:\.\d+)?(?:, | and |-)?)+)", path.read_text()):
            assert set(re.split(", | and |-", references)) <= sections, path


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200


def test_the_viewer_of_the_page_is_the_example() -> None:
    [viewer] = blocks(DOCS / "viewers.md", "python", "ViewerSpec(")
    [project] = blocks(DOCS / "viewers.md", "toml")
    example = ROOT / "examples" / "brightest_viewer"
    assert (example / "brightest.py").read_text().partition("\n\n")[2] == viewer
    assert (example / "pyproject.toml").read_text() == project


# odd night 59
def test_the_source_distribution_has_what_its_tests_read(tmp_path: Path) -> None:
    from hatchling.builders.sdist import SdistBuilder

    root = Path(__file__).parents[2]
    (archive,) = SdistBuilder(str(root)).build(directory=str(tmp_path), versions=["standard"])
    with tarfile.open(archive) as contents:
        there = {name.partition("/")[2] for name in contents.getnames()}
    for name in ("docs/operations.md", "docs/images/view.png", "examples/prometheus/alerts.yml", "noxfile.py"):
        assert name in there
    assert "tests/integration/test_pages.py" in there
