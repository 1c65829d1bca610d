from __future__ import annotations

import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import NoReturn

import pytest

from panoseti_daq.cli.plot import command_of
from panoseti_daq.errors import ConfigError, ViewerError
from panoseti_daq.viewers import ViewerContext, ViewerSpec
from panoseti_daq.viewers.plugin import GROUP, InstalledViewer, find_viewer, installed_viewers, make_viewer

SPEC_LINE = (
    "from panoseti_daq.viewers import ViewerSpec\nSPEC = ViewerSpec('{name}', 'Shows.', lambda context: None)\n"
)


class Packages:
    """Packages of other people, as pip leaves them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def install(self, package: str, viewer: str, source: str) -> None:
        module = f"{package.replace('-', '_')}_{viewer}"
        sys.modules.pop(module, None)  # of another test
        (self._directory / f"{module}.py").write_text(source)
        info = self._directory / f"{package}-1.5.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.5\n")
        with (info / "entry_points.txt").open("a") as file:
            file.write(f"[{GROUP}]\n{viewer} = {module}:SPEC\n")


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Packages:
    monkeypatch.syspath_prepend(tmp_path)
    return Packages(tmp_path)


def found(package: str, viewer: str) -> InstalledViewer:
    [one] = [one for one in installed_viewers() if (one.package, one.name) == (package, viewer)]
    return one


def test_the_built_in_viewers_come_first_and_have_a_version() -> None:
    first = installed_viewers()[0]
    assert first.package == "panoseti-daq"
    assert first.version


def test_every_built_in_viewer_can_be_loaded_and_has_a_command() -> None:
    ours = [viewer for viewer in installed_viewers() if viewer.package == "panoseti-daq"]
    assert {viewer.name: command_of(viewer).error for viewer in ours} == {
        entry.name: "" for entry in entry_points(group=GROUP) if entry.dist and entry.dist.name == "panoseti-daq"
    }


def test_a_viewer_of_another_package_is_found_with_its_version(packages: Packages) -> None:
    packages.install("some-viewers", "sum", SPEC_LINE.format(name="sum"))
    viewer = found("some-viewers", "sum")
    assert (viewer.version, viewer.error) == ("1.5", "")
    assert viewer.spec is not None
    assert viewer.spec.help == "Shows."


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import no_such_telescope", "No module named 'no_such_telescope'"),
        ("import no_such_telescope.dome", "ModuleNotFoundError"),
        ("SPEC = 3", "is a int, not a ViewerSpec"),
        ("", "AttributeError"),
        ("import sys; sys.exit('no licence')", "SystemExit: no licence"),  # odd night 8
        ("raise ValueError('two\\nlines')", "ValueError: two lines"),
        (SPEC_LINE.format(name="other"), "names itself 'other', and its entry point 'one'"),
    ],
)
def test_a_broken_viewer_is_found_with_its_error_and_harms_nobody(
    packages: Packages, source: str, error: str
) -> None:
    packages.install("broken-viewers", "one", source)
    viewer = found("broken-viewers", "one")
    assert viewer.spec is None
    assert error in viewer.error
    assert any(other.spec is not None for other in installed_viewers())


def test_a_built_in_viewer_keeps_its_name(packages: Packages) -> None:
    packages.install("a-viewers", "view", SPEC_LINE.format(name="view"))
    assert found("a-viewers", "view").error == "panoseti-daq has a viewer of this name too, and comes first"
    kept = find_viewer("view")
    assert kept is not None
    assert kept.package == "panoseti-daq"


def test_of_two_packages_with_one_name_the_first_in_the_alphabet_keeps_it(packages: Packages) -> None:
    packages.install("b-viewers", "sum", SPEC_LINE.format(name="sum"))
    packages.install("a-viewers", "sum", SPEC_LINE.format(name="sum"))
    assert found("a-viewers", "sum").error == ""
    assert "a-viewers" in found("b-viewers", "sum").error


def test_to_find_one_viewer_loads_no_other(packages: Packages) -> None:
    packages.install("a-viewers", "sum", SPEC_LINE.format(name="sum"))
    packages.install("b-viewers", "mean", SPEC_LINE.format(name="mean"))
    assert find_viewer("sum") is not None
    assert "a_viewers_sum" in sys.modules
    assert "b_viewers_mean" not in sys.modules
    assert find_viewer("median") is None


def test_what_a_viewer_raises_when_it_is_made_is_one_line_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    def make(context: ViewerContext) -> NoReturn:
        raise ZeroDivisionError("no\nlight")

    with pytest.raises(ViewerError, match="viewer sum cannot be made: ZeroDivisionError: no light"):
        make_viewer(ViewerSpec("sum", "", make), ViewerContext(), {})
    assert "Traceback" in caplog.text


def test_what_a_viewer_says_of_its_options_is_passed_on() -> None:
    def make(context: ViewerContext) -> NoReturn:
        raise ConfigError("window must be positive")

    with pytest.raises(ConfigError, match="window must be positive"):
        make_viewer(ViewerSpec("sum", "", make), ViewerContext(), {})
