from __future__ import annotations

import enum
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
import typer

from panoseti_daq.cli.main import COMMANDS, LazyGroup, app
from panoseti_daq.cli.options import Also, Former, OptionGroup, as_command, with_options
from panoseti_daq.cli.selected import FRAMES
from panoseti_daq.cli.serve import SETTING_OF
from panoseti_daq.cli.servers import Servers
from panoseti_daq.config.keys import SETTINGS, Setting
from panoseti_daq.pff import Selection


def _command(name: str) -> Any:
    return LazyGroup(name="panoseti-daq").get_command(None, name)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_of_a_command_is_the_first_of_its_help(name: str) -> None:
    first_line = _command(name).help.strip().splitlines()[0]
    assert first_line.startswith(COMMANDS[name][1].removesuffix("."))


def test_an_unknown_command_is_refused_with_the_name_that_was_meant() -> None:
    with pytest.raises(typer.TyperException) as refused:
        app(["steam"], standalone_mode=False)
    assert "No such command 'steam'. Did you mean 'stream'" in refused.value.format_message()


def test_every_setting_is_an_option_of_serve_with_its_help_and_default() -> None:
    options = {option: parameter for parameter in _command("serve").params for option in parameter.opts}
    assert len(SETTING_OF) == len(SETTINGS)
    for setting in SETTINGS:
        assert setting.help.removesuffix(".") in options[setting.option].help
        assert f"[default: {setting.default}]" in options[setting.option].help


class Kind(enum.StrEnum):
    PLAIN = "plain"
    FINE = "fine"


@dataclass(frozen=True)
class Recipe:
    kind: Kind = Kind.PLAIN
    spices: tuple[int, ...] = (1, 2)
    grams: float | None = None


RECIPE = OptionGroup.of_fields(
    "recipe",
    Recipe,
    {"kind": typer.Option("--kind"), "spices": typer.Option("--spice"), "grams": typer.Option("--grams")},
)


@dataclass(frozen=True)
class Place:
    host: Annotated[str, typer.Option(help="Where.")] = "here"


def _called(*arguments: str) -> dict[str, Any]:
    called: dict[str, Any] = {}

    @with_options(RECIPE, OptionGroup.of("place", Place))
    def cook(n: Annotated[int, typer.Option("-n")] = 1, *, place: Place, recipe: Recipe) -> None:
        called.update(n=n, place=place, recipe=recipe)

    as_command("cook", cook)(list(arguments), standalone_mode=False)
    return called


def test_a_group_of_options_becomes_one_argument() -> None:
    assert _called() == {"n": 1, "place": Place(), "recipe": Recipe()}
    given = ("-n", "3", "--host", "there", "--kind", "fine", "--spice", "4", "--spice", "4", "--spice", "5")
    assert _called(*given) == {"n": 3, "place": Place("there"), "recipe": Recipe(Kind.FINE, (4, 5))}


def test_typer_sees_the_options_in_the_place_of_the_argument() -> None:
    @with_options(OptionGroup.of("place", Place))
    def ask(first: int = 0, *, place: Place, last: int = 0) -> None: ...

    assert list(inspect.signature(ask).parameters) == ["first", "host", "last"]


def _selected(*arguments: str) -> Selection:
    made: list[Selection] = []

    @with_options(FRAMES)
    def choose(*, selection: Selection) -> None:
        made.append(selection)

    as_command("choose", choose)(list(arguments), standalone_mode=False)
    return made[0]


# odd night 36
def test_modules_are_given_as_numbers_ranges_and_lists() -> None:
    assert _selected().module_ids == frozenset()
    given = ("--module-id", "0-3", "--module-id", "224,225", "--module-id", "7")
    assert _selected(*given).module_ids == {0, 1, 2, 3, 7, 224, 225}


@pytest.mark.parametrize("text", ["", "256", "3-1", "0-256", "1,", "-1", "1.5", "a"])
def test_what_is_no_module_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(typer.TyperException) as refused:
        _selected("--module-id", text)
    assert "'--module-id'" in refused.value.format_message()
    assert "as 224, 0-3 or 224,225" in refused.value.format_message()


# odd night 37
@pytest.mark.parametrize("host", ["http://H:50051", "grpc://H", "user@H", "A,B"])
def test_a_host_of_another_form_is_wrong_usage(host: str) -> None:
    with pytest.raises(typer.BadParameter, match="HOST:PORT"):
        Servers(host=["daq1", host])


def _parsed(*arguments: str) -> dict[str, Any]:
    called: dict[str, Any] = {}

    def look(
        count: Annotated[int, typer.Option(min=1), Former("--frames"), Also("--counts")] = 1,
        clean: Annotated[bool, typer.Option("--clean/--no-clean"), Former("--tidy")] = True,
        file: Annotated[str, typer.Argument()] = "",
    ) -> None:
        called.update(count=count, clean=clean, file=file)

    as_command("look", look)(list(arguments), standalone_mode=False)
    return called


def test_a_former_name_works_with_a_note(capsys: pytest.CaptureFixture[str]) -> None:
    assert _parsed("--frames", "3", "--no-tidy")["count"] == 3
    notes = ["--frames is now called --count", "--no-tidy is now called --no-clean"]
    assert capsys.readouterr().err.splitlines() == [f"panoseti-daq: {note}" for note in notes]


def test_a_name_that_is_as_good_needs_no_note_and_arguments_stay_as_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = _parsed("--counts=3", "--", "--frames")
    assert found == {"count": 3, "clean": True, "file": "--frames"}
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.key)
def test_a_setting_is_an_option_by_its_key_and_by_its_former_name(setting: Setting) -> None:
    command = _command("serve")
    if "." not in setting.key:
        key = f"--{setting.key.replace('_', '-')}"
        assert key == setting.option or command.also[key] == setting.option
    if setting.former_option:
        assert command.former[setting.former_option] == setting.option


def _options(command: Any) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts}


def _commands(command: Any, name: str) -> Iterator[tuple[str, set[str]]]:
    """Every command below one, by its whole name, with its options."""
    if not hasattr(command, "list_commands"):
        yield name, _options(command)
        return
    context = command.context_class(command)
    for below in command.list_commands(context):
        yield from _commands(command.get_command(context, below), f"{name} {below}".strip())


ALL = dict(_commands(LazyGroup(name="panoseti-daq"), ""))


@pytest.mark.parametrize("name", ALL)
def test_every_command_has_a_log_level(name: str) -> None:
    assert "--log-level" in ALL[name] or name == "systemd-unit"  # which takes the options of serve


@pytest.mark.parametrize("name", ["stream", "snapshot", "record", "hosts", "ping", "reflect", "init", "status"])
def test_commands_that_talk_to_servers_have_an_option_for_each_host(name: str) -> None:
    assert "--host" in ALL[name]


@pytest.mark.parametrize("name", [name for name, options in ALL.items() if options & {"--timeout", "--use-proxy"}])
def test_commands_that_talk_to_servers_have_the_same_options(name: str) -> None:
    assert (ALL["ping"] - {"--log-level"}) <= ALL[name]


@pytest.mark.parametrize("name", [name for name, options in ALL.items() if "--quabo" in options])
def test_commands_that_choose_frames_have_the_same_options(name: str) -> None:
    assert {"--module-id", "--product", "--quabo"} <= ALL[name]
