"""Options of a viewer's command, from the parameters of the viewer."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterable
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer

from panoseti_daq.errors import ViewerError
from panoseti_daq.open_types import OpenDict


def options_of(make: Callable[..., Any], taken: Iterable[str]) -> list[inspect.Parameter]:
    """Keyword-only parameters of `make`, annotated as typer wants them.

    Parameters
    ----------
    make
        `ViewerSpec.make`; its other annotations are not looked at, they may name what is not imported.
    taken
        Names that the options of every viewer have.

    Raises
    ------
    ViewerError
        It is not a function of a context and keyword-only options, or one of these cannot be an option.
    """
    try:
        parameters = list(inspect.signature(make).parameters.values())
    except (TypeError, ValueError) as error:
        raise ViewerError(f"make cannot be called: {error}") from error
    own = [parameter for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    for parameter in own:
        if parameter.name in taken:
            raise ViewerError(f"make: every viewer has an option {parameter.name}; call this one otherwise")
        if parameter.annotation is parameter.empty:
            raise ViewerError(f"make: the option {parameter.name} has no annotation")
    annotations = _evaluated(make, {parameter.name: parameter.annotation for parameter in own})
    return [parameter.replace(annotation=_for_typer(annotations[parameter.name])) for parameter in own]


def _evaluated(make: Callable[..., Any], annotations: OpenDict) -> OpenDict:
    """Annotations that may be text, because of ``from __future__ import annotations``."""
    while isinstance(make, functools.partial):
        make = make.func

    def holder() -> None: ...

    holder.__annotations__ = annotations
    try:
        return get_type_hints(holder, vars(sys.modules[make.__module__]), include_extras=True)
    except (NameError, TypeError, SyntaxError) as error:
        raise ViewerError(f"make: the annotation of an option cannot be understood: {error}") from error


def _for_typer(annotation: Any) -> Any:
    """``Annotated[int, "What it is for."]`` with an option in place of the text."""
    if get_origin(annotation) is not Annotated:
        return annotation
    kind, *more = get_args(annotation)
    return functools.reduce(
        lambda made, extra: Annotated[made, typer.Option(help=extra) if isinstance(extra, str) else extra],
        more,
        kind,
    )
