"""Options of commands: shared ones, and groups that become one argument."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Any, Final, Self, get_args, get_origin, get_type_hints

import typer

from panoseti_daq.cli.logs import LogFormat, LogLevel
from panoseti_daq.pff.product import MAX_MODULE_ID

LogLevelOption = Annotated[LogLevel, typer.Option("--log-level", help="Least level to log to stderr.")]
LogFormatOption = Annotated[LogFormat, typer.Option("--log-format", help="Text lines, or one JSON object a line.")]


MAX_NUMBER: Final = 2_000_000  # of seconds: Qt's timers count 2**31 ms


def finite_option(*names: str, **settings: Any) -> Any:
    """Return an option of seconds or another number that is neither infinite nor NaN nor beyond `MAX_NUMBER`."""
    return typer.Option(*names, max=MAX_NUMBER, **settings)


def module_option(text: str) -> Any:
    """Return the option ``--module-id`` of a list of modules, which takes ranges and lists, as daq_config does."""
    return typer.Option(
        "--module-id",
        parser=_modules,
        callback=_flat,
        metavar="N",
        help=f"{text}: N, a range such as 0-3, or several with commas; repeatable.",
    )


def _modules(text: str) -> list[int]:
    """Return the modules of ``224``, ``0-3``, ``224,225`` or ``0-3,224``."""
    modules: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*([0-9]{1,3})(?:\s*-\s*([0-9]{1,3}))?\s*", part, re.ASCII)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, -1)
        if not first <= last <= MAX_MODULE_ID:
            allowed = f"modules within 0-{MAX_MODULE_ID}, as 224, 0-3 or 224,225"
            raise typer.BadParameter(f"{text}; allowed: {allowed}")
        modules += range(first, last + 1)
    return modules


def _flat(given: list[list[int]] | None) -> list[int] | None:
    return list(chain.from_iterable(given)) if given else None


ModuleIdOption = Annotated[list[int] | None, module_option("Only this module")]


@dataclass(frozen=True, slots=True)
class OptionGroup:
    """Options that together make one argument of a command.

    Attributes
    ----------
    argument
        Parameter of the command that they make.
    parameters
        The options, annotated as typer wants them.
    make
        Makes the argument; called with the values of the options by name.
    """

    argument: str
    parameters: tuple[inspect.Parameter, ...]
    make: Callable[..., Any]

    @classmethod
    def of(cls, argument: str, make: Callable[..., Any]) -> Self:
        """Group of the parameters of a function or dataclass that are annotated as typer wants them."""
        return cls(argument, tuple(inspect.signature(make, eval_str=True).parameters.values()), make)

    @classmethod
    def of_fields(cls, argument: str, kind: type[Any], options: Mapping[str, Any]) -> Self:
        """Group of fields of a dataclass, which have their types and defaults.

        Parameters
        ----------
        argument
            Parameter of the command.
        kind
            The dataclass.
        options
            Option (``typer.Option``) of each field that has one.
        """
        hints = get_type_hints(kind)
        defaults = {field.name: field.default for field in dataclasses.fields(kind)}

        def make(**values: Any) -> Any:
            given = {name: value for name, value in values.items() if value not in (None, [])}
            # What is given twice counts once.
            return kind(**{n: tuple(dict.fromkeys(v)) if isinstance(v, list) else v for n, v in given.items()})

        parameters = (
            option_parameter(name, hints[name], option, default=defaults[name]) for name, option in options.items()
        )
        return cls(argument, tuple(parameters), make)


def option_parameter(name: str, kind: Any, option: Any, *, default: Any = None) -> inspect.Parameter:
    """Return a parameter for typer.

    Parameters
    ----------
    name
        Of the parameter.
    kind
        Type of the value; a tuple becomes a repeatable option.
    option
        ``typer.Option(...)``.
    default
        Of the value; None, and that of a repeatable option, for nothing given.
    """
    if get_origin(kind) is tuple:
        kind, default = list[get_args(kind)[0]] | None, None  # type: ignore[misc]
    elif default is None and type(None) not in get_args(kind):
        kind = kind | None
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option]
    )


def with_options(*groups: OptionGroup) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate a command: in place of each argument that a group makes, typer sees the options of the group."""
    by_argument = {group.argument: group for group in groups}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        parameters: list[inspect.Parameter] = []
        for parameter in inspect.signature(command, eval_str=True).parameters.values():
            group = by_argument.get(parameter.name)
            parameters += group.parameters if group else (parameter,)
        parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]

        def run(**values: Any) -> None:
            for group in groups:
                of_group = {parameter.name: values.pop(parameter.name) for parameter in group.parameters}
                values[group.argument] = group.make(**of_group)
            command(**values)

        run.__name__, run.__doc__ = getattr(command, "__name__", ""), command.__doc__
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return decorate


def as_command(name: str, command: Callable[..., None] | typer.Typer, **settings: Any) -> Any:
    """Return a function or an application of commands as a command for a group."""
    if isinstance(command, typer.Typer):
        app = command
    else:
        app = typer.Typer(rich_markup_mode=None, add_completion=False)
        app.command(name, **settings)(command)
    made = typer.main.get_command(app)
    made.name = name
    return made
