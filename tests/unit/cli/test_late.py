from __future__ import annotations

import enum
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
import typer
from typer.core import TyperCommand

from panoseti_daq.cli.late import read_late
from panoseti_daq.cli.options import Command


class Color(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


def outcome(kind: type[TyperCommand], args: list[str]) -> object:
    """Values of the options of a command of this kind, with their types, or what it refuses."""
    found: list[object] = []

    def command(
        hosts: Annotated[list[str] | None, typer.Argument()] = None,
        name: str = "x",
        names: Annotated[list[str] | None, typer.Option("--names")] = None,
        count: Annotated[int, typer.Option(min=1)] = 5,
        rate: Annotated[float, typer.Option(max=9)] = 1,
        limit: Annotated[int | None, typer.Option()] = None,
        numbers: Annotated[list[int] | None, typer.Option()] = None,
        color: Color = Color.RED,
        path: Annotated[Path | None, typer.Option(exists=True)] = None,
        file: Path | None = None,
        paths: Annotated[list[Path] | None, typer.Option()] = None,
        new: Annotated[Path | None, typer.Option(dir_okay=False)] = None,
        yes: Annotated[bool, typer.Option("--yes/--no")] = True,
        doubled: Annotated[int | None, typer.Option(parser=lambda text: 2 * int(text))] = None,
    ) -> None:
        found.extend((type(value), value) for value in locals().values() if value is not found)

    app = typer.Typer(add_completion=False)
    app.command(cls=kind)(command)
    made: Any = typer.main.get_command(app)
    try:
        made(args, standalone_mode=False)
    except typer.TyperException as error:
        return error.format_message()
    return found


@pytest.mark.parametrize(
    "args",
    [
        "",
        "a b --name y --names p --names q",
        "--count 7 --rate 2.5 --limit 3 --numbers 1 --numbers 2",
        "--color blue --path . --no --doubled 4",
        "--count 0",
        "--count 007 --limit -3 --limit 1_0",
        "--count 1234567890123 --limit +4",
        "--file . --paths a --paths b --new x",
        "--file nowhere/x --path /",
        "--new .",
        "--file -",
        "--count many",
        "--rate 10",
        "--color green",
        "--path nowhere",
        "--numbers x",
        "--nane y",
    ],
)
def test_values_and_errors_are_those_of_typer(args: str) -> None:
    assert outcome(Command, args.split()) == outcome(TyperCommand, args.split())


def test_options_of_another_typer_are_left_alone() -> None:
    others = [SimpleNamespace(name="no reader"), SimpleNamespace(get_runtime_param=None, type_descriptor=None)]
    before = [dict(vars(other)) for other in others]
    assert read_late(others) is others
    assert [vars(other) for other in others] == before


def test_what_has_plain_options_is_run_without_pydantic() -> None:
    ping = "run(['ping', '--host', '127.0.0.1:1'])"
    code = f"import sys; from panoseti_daq.cli.main import run; {ping}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "grpc" in done.stdout.split()
    assert "pydantic" not in done.stdout.split()
