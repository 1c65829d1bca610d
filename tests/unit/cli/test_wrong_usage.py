"""Wrong usage is exit code 2 and one line, of every command (odd night 53)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from panoseti_daq.cli.main import LazyGroup, run


def _commands(command: Any, *words: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not hasattr(command, "list_commands"):
        yield words, command
        return
    context = command.context_class(command)
    for below in command.list_commands(context):
        yield from _commands(command.get_command(context, below), *words, below)


ALL = dict(_commands(LazyGroup(name="panoseti-daq")))
LONGEST = {
    words: max((option for parameter in command.params for option in parameter.opts), key=len)
    for words, command in ALL.items()
} | {("systemd-unit",): "--run-probe"}  # it takes the options of serve
ARGUMENTS = {
    words: [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    for words, command in ALL.items()
}
COUNTED = [words for words, arguments in ARGUMENTS.items() if all(one.nargs > 0 for one in arguments)]


def _refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(list(arguments)) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("panoseti-daq: ")
    assert " --help)" in line
    return line


# odd night 53
@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_an_unknown_option_is_named(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert "No such option: --no-such-option" in _refused(capsys, *words, "--no-such-option")


# odd night 53
@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_an_option_that_is_nearly_right_is_told(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    meant = LONGEST[words]
    line = _refused(capsys, *words, meant[:-1])
    assert meant in line.partition("Possible options:")[2]


# odd night 53
@pytest.mark.parametrize("words", COUNTED, ids=" ".join)
def test_a_surplus_argument_is_refused(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    _refused(capsys, *words, *("x" for _ in ARGUMENTS[words]), "surplus")


# odd night 53
@pytest.mark.parametrize(("group", "below"), [("plot", "lightcurve"), ("events", "scan"), ("pff", "dump")])
def test_a_group_alone_lists_its_commands(group: str, below: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([group]) == 2
    said = capsys.readouterr().err
    assert f"  {below} " in said and len(said.splitlines()) > 5
