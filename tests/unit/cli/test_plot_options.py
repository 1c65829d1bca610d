from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Annotated, Any

import pytest
import typer

from panoseti_daq.cli.plot import command_of
from panoseti_daq.plugins import Installed
from panoseti_daq.viewers import ViewerContext, ViewerSpec
from panoseti_daq.viewers.plugin import InstalledViewer

if TYPE_CHECKING:
    from nowhere import Widget  # type: ignore[import-not-found]


def installed(make: Any) -> InstalledViewer:
    return Installed("one", "some-viewers", "1.0", ViewerSpec("one", "Shows one.", make))


def help_of(make: Any) -> str:
    found = command_of(installed(make))
    assert found.error == ""
    with found.command.make_context("one", [], resilient_parsing=True) as context:
        return " ".join(found.command.get_help(context).split())


def plain(context: ViewerContext, *, gain: Annotated[float, "Factor of the image."] = 1.5) -> Widget: ...


def with_typer(
    context: ViewerContext, *, log: Annotated[bool, typer.Option("--log/--linear", help="Scale.")] = True
) -> None: ...


class Viewer:
    def __init__(self, context: ViewerContext, *, n_bins: int = 20) -> None: ...


def test_a_text_in_the_annotation_is_the_help_of_the_option() -> None:
    text = help_of(plain)
    assert "Shows one." in text
    assert "--gain" in text
    assert "Factor of the image." in text
    assert "1.5" in text


def test_an_option_of_typer_is_taken_as_it_is() -> None:
    assert "--linear" in help_of(with_typer)


@pytest.mark.parametrize("make", [Viewer, functools.partial(plain)])
def test_make_may_be_a_class_or_a_partial(make: Any) -> None:
    assert "--host" in help_of(make)


def no_annotation(context: ViewerContext, *, gain=1): ...  # type: ignore[no-untyped-def]


def unknown_name(context: ViewerContext, *, gain: Gain = 1): ...  # type: ignore # noqa: F821


def not_an_option(context: ViewerContext, *, n_bins: int | str = 20) -> None: ...


def common_name(context: ViewerContext, *, host: str = "") -> None: ...


def common_flag(context: ViewerContext, *, place: Annotated[str, typer.Option("--host")] = "") -> None: ...


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (no_annotation, "the option gain has no annotation"),
        (unknown_name, "the annotation of an option cannot be understood: name 'Gain' is not defined"),
        (not_an_option, "Union"),
        (common_name, "every viewer has an option host"),
        (common_flag, "every viewer has an option --host"),
        (3, "make cannot be called: 3 is not a callable object"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_viewer_whose_options_cannot_be_is_broken_and_says_why(make: Any, error: str) -> None:
    found = command_of(installed(make))
    assert found.command is None
    assert error in found.error
