"""Options of ``events``: which triggers run, with which options, and where candidates go."""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from panoseti_daq.cli.options import OptionGroup
from panoseti_daq.errors import ConfigError
from panoseti_daq.events.engine import Engine
from panoseti_daq.events.sinks.webhook import WebhookSettings
from panoseti_daq.events.trigger import TriggerSpec, find_trigger
from panoseti_daq.open_types import OpenDict, OpenMapping

SECRET_VARIABLE: Final = "PANOSETI_DAQ_WEBHOOK_SECRET"
_DEFAULT: Final = ("coincidence", "pulse")

Chosen = tuple[tuple[TriggerSpec, OpenMapping], ...]
"""Each trigger that runs and its options."""


def choose_triggers(
    trigger: Annotated[
        list[str] | None, typer.Option(help="Run this trigger; repeatable. Default: coincidence and pulse.")
    ] = None,
    window_ns: Annotated[
        int | None, typer.Option(min=0, help="Coincidence window, ns. [default: 1000]", show_default=False)
    ] = None,
    false_per_hour: Annotated[
        float | None,
        typer.Option(help="Accepted false pulses per hour and module. [default: 1]", show_default=False),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", help="TRIGGER.OPTION=VALUE, as `events triggers` lists them; repeatable."),
    ] = None,
    options: Annotated[
        Path | None, typer.Option(help="TOML file with a table of options per trigger.", show_default=False)
    ] = None,
) -> Chosen:
    """Return the triggers and their options; of the same option the one on the command line counts.

    Raises
    ------
    ConfigError, TriggerError
        The file or an option cannot be used, or there is no such trigger.
    """
    values: dict[str, OpenDict] = {name: {} for name in trigger or _DEFAULT}
    for name, table in (_read_toml(options) if options else {}).items():
        if name in values:
            values[name] |= table
    given = [_assignment(text) for text in assignments or ()]
    if window_ns is not None:
        given.append(("coincidence", "window_ns", window_ns))
    if false_per_hour is not None:
        given.append(("pulse", "false_per_hour", false_per_hour))
    for name, option, value in given:
        if name not in values:
            raise typer.BadParameter(f"{option} is an option of the trigger {name}, which does not run")
        values[name][option] = value
    return tuple((find_trigger(name), options_of) for name, options_of in values.items())


TRIGGERS: Final = OptionGroup.of("triggers", choose_triggers)


def engine_of(triggers: Chosen) -> Engine:
    """Return an engine that runs these triggers."""
    return Engine([(spec, spec.make_with(values)) for spec, values in triggers])


def _assignment(text: str) -> tuple[str, str, object]:
    where, equals, value = text.partition("=")
    name, dot, option = where.partition(".")
    if not (equals and dot and name and option):
        raise typer.BadParameter(f"--set {text!r} is not TRIGGER.OPTION=VALUE")
    try:
        return name, option, json.loads(value)
    except ValueError:
        return name, option, value


def _read_toml(path: Path) -> dict[str, OpenDict]:
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    if wrong := [name for name, table in tables.items() if not isinstance(table, dict)]:
        raise ConfigError(f"{path}: invalid {wrong[0]}; allowed: tables named after triggers")
    return tables


@dataclass(frozen=True, slots=True)
class Sinks:
    """Where candidates go besides the JSON lines.

    Attributes
    ----------
    webhook
        Where to post them.
    clip_seconds
        Time before and after a candidate that is saved, s.
    metrics_port
        Port of this machine on which counters are served; 0 for any.
    """

    webhook: WebhookSettings | None = None
    clip_seconds: float | None = None
    metrics_port: int | None = None


def choose_sinks(
    webhook: Annotated[
        str | None,
        typer.Option(help=f"Send candidates to this URL, signed with {SECRET_VARIABLE}.", show_default=False),
    ] = None,
    webhook_allow_http: Annotated[
        bool, typer.Option("--webhook-allow-http", help="Send to other machines without encryption, too.")
    ] = False,
    webhook_per_minute: Annotated[int, typer.Option(min=1, help="Send more than N a minute as one summary.")] = 60,
    clip_seconds: Annotated[
        float | None, typer.Option(min=0, help="Save the frames N seconds before and after each candidate.")
    ] = None,
    metrics_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Serve Prometheus metrics on this port of this machine.")
    ] = None,
) -> Sinks:
    """Return the sinks.

    Raises
    ------
    ConfigError
        The address of the webhook is not allowed.
    """
    secret = os.environ.get(SECRET_VARIABLE, "")
    settings = WebhookSettings(webhook, secret, webhook_allow_http, webhook_per_minute) if webhook else None
    return Sinks(settings, clip_seconds, metrics_port)


SINKS: Final = OptionGroup.of("sinks", choose_sinks)
