"""``plot`` and ``viewers`` as a user runs them, with viewers of another package installed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.distributions import EXAMPLE_VIEWER, VIEWER_PLUGIN, install, with_path
from support.patience import PATIENCE_S
from support.replays import run_of_seconds
from support.rig import command, serving_process

from panoseti_daq.installation import how_to_get

Finished = subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the viewers of other packages are installed."""
    directory = tmp_path_factory.mktemp("plugins")
    install(VIEWER_PLUGIN, directory)
    install(EXAMPLE_VIEWER, directory)
    return directory


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving_process("--simulate") as (_, address):
        yield address


def run(*arguments: object, plugins: Path | None = None, **environment: str) -> Finished:
    env = with_path(*([plugins] if plugins else []))
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        env.pop(name, None)
    env |= environment
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=PATIENCE_S, check=False, env=env
    )


def one_line(result: Finished) -> str:
    [line] = result.stderr.splitlines()
    return line


def test_viewers_lists_those_of_other_packages_with_version_and_those_that_are_broken(plugins: Path) -> None:
    result = run("viewers", plugins=plugins)
    assert result.returncode == 0, result.stderr
    lines = {tuple(line.split()[:3]): line for line in result.stdout.splitlines()}
    assert "One color" in lines["flat", "panoseti-viewer-plugin", "3.2.1"]
    assert "The brightest pixel" in lines["brightest", "brightest-viewer", "1.0"]
    broken = lines["broken", "panoseti-viewer-plugin", "3.2.1"]
    assert "cannot be loaded: ImportError: the telescope is not installed" in broken
    assert "panoseti-daq has a viewer of this name too" in lines["view", "panoseti-viewer-plugin", "3.2.1"]


def test_the_help_of_plot_lists_the_viewers_that_can_be_loaded(plugins: Path) -> None:
    result = run("plot", "--help", plugins=plugins)
    assert result.returncode == 0, result.stderr
    listed = [line.split()[0] for line in result.stdout.partition("Commands:")[2].splitlines() if line.strip()]
    assert {"view", "flat", "failing", "brightest"} <= set(listed)
    assert "broken" not in listed
    assert listed.count("view") == 1


def test_a_viewer_has_its_own_options_in_its_help(plugins: Path) -> None:
    result = run("plot", "flat", "--help", plugins=plugins)
    assert result.returncode == 0, result.stderr
    assert "--color" in result.stdout
    assert "Color of the window." in result.stdout
    assert "--refresh-period" in result.stdout


def test_a_broken_viewer_says_in_one_line_why(plugins: Path) -> None:
    result = run("plot", "broken", plugins=plugins)
    assert result.returncode == 1
    assert "broken of panoseti-viewer-plugin 3.2.1" in one_line(result)
    assert "the telescope is not installed" in one_line(result)


@pytest.mark.parametrize("arguments", [["viewers"], ["plot", "--help"], ["plot", "view", "--help"]])
def test_listing_imports_no_qt(arguments: list[str]) -> None:
    code = (
        "import sys; from panoseti_daq.cli.main import run; code = run(sys.argv[1:]);"
        "assert not {'PySide6', 'pyqtgraph', 'shiboken6'} & set(sys.modules); sys.exit(code)"
    )
    result = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("module", ["PySide6", "pyqtgraph"])
def test_without_qt_one_line_says_which_command_installs_it(module: str) -> None:
    code = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] == {module!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "from panoseti_daq.cli.main import main; main()"
    )
    line = [sys.executable, "-c", code, "plot", "view", "--snapshot", "a.png"]
    result = subprocess.run(line, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert how_to_get("gui") in one_line(result)
    assert f"{module} is not installed" in one_line(result)


def test_without_a_display_one_line_says_what_works_instead(server: str) -> None:
    result = run("plot", "view", "--host", server)
    assert result.returncode == 1
    assert "plot term" in one_line(result)
    assert "--snapshot" in one_line(result)


def test_a_display_that_is_gone_is_one_line_too(server: str) -> None:
    result = run("plot", "view", "--host", server, DISPLAY=":4711")
    assert result.returncode == 1
    assert "no window can be opened" in one_line(result)
    assert "plot term" in one_line(result)


def test_a_viewer_of_another_package_draws_a_picture_without_a_display(
    server: str, plugins: Path, tmp_path: Path
) -> None:
    file = tmp_path / "a.png"
    options = ("--snapshot", file, "--after", 1, "--color", "blue")
    result = run("plot", "flat", "--host", server, *options, plugins=plugins)
    assert (result.returncode, result.stderr) == (0, "")
    from PySide6.QtGui import QImage

    assert QImage(str(file)).pixelColor(10, 10).name() == "#0000ff"


# odd night 30
def test_qt_may_be_asked_for_its_messages(server: str, plugins: Path, tmp_path: Path) -> None:
    options = ("--snapshot", tmp_path / "a.png", "--after", 0.2)
    result = run("plot", "flat", "--host", server, *options, plugins=plugins, QT_DEBUG_PLUGINS="1")
    assert (result.returncode, "Traceback" in result.stderr) == (0, False), result.stderr
    assert "qt.core" in result.stderr


def test_the_example_draws_a_picture(server: str, plugins: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    result = run("plot", "brightest", "--host", server, "--snapshot", file, "--after", 1, plugins=plugins)
    assert (result.returncode, result.stderr) == (0, "")
    assert file.read_bytes().startswith(b"\x89PNG")


def test_a_viewer_that_raises_ends_with_its_traceback_and_one_line(server: str, plugins: Path) -> None:
    result = run("plot", "failing", "--host", server, plugins=plugins, QT_QPA_PLATFORM="offscreen")
    assert result.returncode == 1
    assert "Traceback" in result.stderr
    assert result.stderr.splitlines()[-1] == (
        "panoseti-daq: viewer failing failed: ZeroDivisionError: no dark current"
    )


@pytest.mark.parametrize(
    ("file", "error"), [("nowhere/a.png", "there is no directory"), ("a.jpg", "allowed: NAME.png")]
)
def test_a_picture_that_cannot_be_written_is_one_line(server: str, plugins: Path, file: str, error: str) -> None:
    result = run("plot", "flat", "--host", server, "--snapshot", file, "--after", 1, plugins=plugins)
    assert result.returncode == 1
    assert error in one_line(result)


def test_a_picture_without_a_frame_says_why_there_is_none(plugins: Path, tmp_path: Path) -> None:
    with serving_process() as (_, address):
        options = ("--snapshot", tmp_path / "a.png", "--after", 0.5, "--log-level", "error")
        result = run("plot", "flat", "--host", address, *options, plugins=plugins)
    assert result.returncode == 1
    assert "no frame arrived in 0.5 s" in one_line(result)
    assert "FAILED_PRECONDITION" in one_line(result)


def test_no_server_at_the_start_ends_with_3(plugins: Path) -> None:
    result = run("plot", "flat", "--host", "127.0.0.1:9", "--snapshot", "a.png", plugins=plugins)
    assert result.returncode == 3
    assert "127.0.0.1:9" in one_line(result)


@contextmanager
def window_open(address: str, plugins: Path, *options: object) -> Iterator[subprocess.Popen[str]]:
    """``plot flat`` with a window that nobody sees and that would draw next in a minute."""
    arguments = ("plot", "flat", "--host", address, "--refresh-period", 60, "--log-level", "debug", *options)
    process = subprocess.Popen(
        command(*arguments),
        stderr=subprocess.PIPE,
        text=True,
        env={**with_path(plugins), "QT_QPA_PLATFORM": "offscreen"},
    )
    try:
        assert process.stderr is not None
        while "panoseti-daq flat is open" not in process.stderr.readline():
            assert process.poll() is None
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_window_ends_at_once_on_signals(server: str, plugins: Path, number: signal.Signals, code: int) -> None:
    with window_open(server, plugins) as process:
        begin = time.monotonic()
        process.send_signal(number)
        _, errors = process.communicate(timeout=PATIENCE_S)
        assert time.monotonic() - begin < PATIENCE_S / 2
    assert process.returncode == code
    assert "Traceback" not in errors


def test_a_window_ends_although_its_server_hangs(plugins: Path) -> None:
    with serving_process("--simulate") as (server, address), window_open(address, plugins) as process:
        os.kill(server.pid, signal.SIGSTOP)
        try:
            process.terminate()
            process.communicate(timeout=PATIENCE_S)
        finally:
            os.kill(server.pid, signal.SIGCONT)
    assert process.returncode == 0


def test_a_span_of_a_run_becomes_a_film(tmp_path: Path) -> None:
    imageio = pytest.importorskip("imageio.v2")
    film = tmp_path / "night.gif"
    span = ("--film-from", 1, "--film-to", 3, "--film-speed", 5, "--size", "640x480")
    result = run("plot", "view", "--replay", run_of_seconds(tmp_path, 6), "--film", film, *span)
    assert (result.returncode, result.stderr) == (0, "")
    pictures = imageio.mimread(film, memtest=False)
    assert 3 <= len(pictures) <= 5
    assert pictures[0].shape[:2] == (480, 640)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--film", "a.gif"), "--film needs --replay"),
        (("--film", "a.avi", "--replay", "."), "allowed: NAME.mp4, NAME.gif"),
        (("--film", "a.gif", "--film-from", 3, "--film-to", 2, "--replay", "."), "allowed: after 3 s"),
    ],
)
def test_a_film_that_cannot_be_made_is_refused(arguments: tuple[object, ...], error: str) -> None:
    result = run("plot", "view", *arguments)
    assert result.returncode != 0
    assert error in " ".join(result.stderr.split())
