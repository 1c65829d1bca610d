"""Options of commands: shared ones, and groups that become one argument."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Any, Final, Self, get_args, get_origin, get_type_hints

import typer
from typer.core import TyperCommand
from typer.models import OptionInfo

from panoseti_daq.cli.late import read_late
from panoseti_daq.cli.logs import LogFormat, LogLevel
from panoseti_daq.open_types import OpenMapping


@dataclass(frozen=True, slots=True)
class Former:
    """Former name of an option, beside ``typer.Option`` in its annotation; it works with a note on stderr."""

    name: str


@dataclass(frozen=True, slots=True)
class Also:
    """Another name of an option that is as good, beside ``typer.Option`` in its annotation."""

    name: str


class Command(TyperCommand):
    """Command whose options may also be given by other names.

    Attributes
    ----------
    former
        Option of each former name.
    also
        Option of each other name that is as good.
    """

    former: Mapping[str, str] = {}
    also: Mapping[str, str] = {}

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options and arguments."""
        return read_late(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments after what is written otherwise was rewritten."""
        end = args.index("--") if "--" in args else len(args)
        return super().parse_args(ctx, [*self._as_declared(args[:end]), *args[end:]])

    def _as_declared(self, args: list[str]) -> Iterator[str]:
        for arg in args:
            name, equals, value = arg.partition("=") if arg.startswith("--") else (arg, "", "")
            if name in self.former:
                typer.echo(f"panoseti-daq: {name} is now called {self.former[name]}", err=True)
            name = self.former.get(name) or self.also.get(name, name)
            yield f"{name}{equals}{value}"


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
    from panoseti_daq.pff.product import MAX_MODULE_ID  # with it comes numpy, which --help need not import

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
WaitOption = Annotated[
    float, finite_option("--wait", min=0, help="Seconds to wait for the first server that answers.")
]
UpdateIntervalOption = Annotated[
    float,
    finite_option("--update-interval", min=0, help="Least seconds between two images of one module and product."),
]
RefreshPeriodOption = Annotated[
    float, finite_option("--refresh-period", min=0.02, help="Seconds between two redraws.")
]
DurationOption = Annotated[float | None, finite_option("--duration", min=0, help="End after N seconds.")]


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
    def of_fields(cls, argument: str, kind: type[Any], options: OpenMapping) -> Self:
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


def option_parameter(
    name: str, kind: Any, option: Any, *more: Former | Also, default: Any = None
) -> inspect.Parameter:
    """Return a parameter for typer.

    Parameters
    ----------
    name
        Of the parameter.
    kind
        Type of the value; a tuple becomes a repeatable option.
    option
        ``typer.Option(...)``.
    *more
        Other names of the option.
    default
        Of the value; None, and that of a repeatable option, for nothing given.
    """
    if get_origin(kind) is tuple:
        kind, default = list[get_args(kind)[0]] | None, None  # type: ignore[misc]
    elif default is None and type(None) not in get_args(kind):
        kind = kind | None
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[(kind, option, *more)]
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
        app.command(name, **{"cls": Command, **settings})(command)
    made = typer.main.get_command(app)
    made.name = name
    if isinstance(made, Command):
        _learn_names(made, command)
    return made


def _learn_names(made: Command, command: Any) -> None:
    """Add the other names of its options to a command."""
    names: dict[type[Former | Also], dict[str, str]] = {Former: {}, Also: {}}
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        metadata = getattr(parameter.annotation, "__metadata__", ())
        for declared in (one for one in metadata if isinstance(one, OptionInfo)):
            given = (declared.default, *(declared.param_decls or ()))  # in Annotated the first name is the default
            derived = f"--{parameter.name}".replace("_", "-")
            option = next((name for name in given if isinstance(name, str) and name.startswith("--")), derived)
            yes, _, no = option.partition("/")
            for other in (one for one in metadata if isinstance(one, Former | Also)):
                names[type(other)][other.name] = yes
                if no:
                    names[type(other)][other.name.replace("--", "--no-", 1)] = no
    made.former, made.also = names[Former], names[Also]
