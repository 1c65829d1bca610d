"""Writer of docs/settings.md, from the models of the settings: ``python docs/make_settings.py``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from panoseti_daq.cli.main import LazyGroup
from panoseti_daq.client.credentials import VARIABLES
from panoseti_daq.config.environment import variable_of
from panoseti_daq.config.flat_keys import table_of
from panoseti_daq.config.keys import DOCSTRINGS, SETTINGS, Setting
from panoseti_daq.config.settings import ServerSettings

PAGE = Path(__file__).parent / "settings.md"

INTRODUCTION = """\
# Settings of the server

<!-- Made by docs/make_settings.py from panoseti_daq.config.settings: change them there. -->

`serve --config FILE` reads TOML, or the JSON of `panoseti-grpc`. Each key may also be an environment variable
`PANOSETI_DAQ_<KEY>` (of a list: its parts with commas between them) or an option of `serve`. An option overrides
the environment, which overrides the file. An invalid value is reported in one line: file, key, value and the
allowed values. `none` stands for no value.

```toml
run_probe = "growth"
data_roots = ["/data"]
allowed_tokens_file = "tokens"  # beside this file

[limits]
max_concurrent_rpcs = 50

[tls]
certificate = "server.pem"
key = "server.key"
```
"""

HEAD = "| key | option | variable | default | allowed | meaning |\n|---|---|---|---|---|---|"

NAMES = """\
## Names in scripts, commands and variables

One thing has one name. An option is the Python argument, or the key of the setting, with dashes, without its unit
and in the singular: a list is given option by option, numbers also as `--module-id 0-3` or `--module-id 224,225`.
The key as it is works, too (`--data-roots`, `--update-interval-seconds`). Former names work for one more version,
with a note. Variables hold for every client, scripts included.

| option | argument | of | variable | commands |
|---|---|---|---|---|"""

# Argument of each shared option, and whose it is; a test compares them with the signatures.
ARGUMENTS = {
    "--host": ("hosts", "connect, stream_images"),
    "--daq-config": ("daq_config", "AioDaqDataClient"),
    "--network-config": ("network_config", "AioDaqDataClient"),
    "--log-level": ("log_level", "AioDaqDataClient"),
    "--timeout": ("timeout", "connect, ping, get_status, init_hp_io"),
    "--wait": ("", "before streams"),
    "--module-id": ("module_ids", "stream_images, Selection"),
    "--product": ("products", "Selection"),
    "--quabo": ("quabos", "Selection"),
    "--movie": ("stream_movie_data", "stream_images"),
    "--pulse-height": ("stream_pulse_height_data", "stream_images"),
    "--update-interval": ("update_interval_seconds", "stream_images"),
    "--refresh-period": ("refresh_period_s", "Picture"),
    "--count": ("", ""),
    "--duration": ("", ""),
    "--token-file": ("token_file", "Credentials"),
    "--tls": ("tls", "Credentials"),
    "--tls-ca": ("tls_ca", "Credentials"),
    "--tls-certificate": ("tls_certificate", "Credentials"),
    "--tls-key": ("tls_key", "Credentials"),
    "--tls-server-name": ("tls_server_name", "Credentials"),
}
COMMANDS = (
    *("stream", "snapshot", "record", "plot view", "plot term", "hosts", "ping", "reflect", "init", "status"),
    *("serve", "simulate", "demo"),
)


def page() -> str:
    """Return the text of the page."""
    parts = [INTRODUCTION, _table(setting for setting in SETTINGS if len(setting.path) == 1)]
    for name, field in ServerSettings.model_fields.items():
        if (model := table_of(field)) is None:
            continue
        settings = [setting for setting in SETTINGS if setting.path[0] == name]
        parts.append(f"## Table {name}\n\n{DOCSTRINGS[ServerSettings.__name__, name]}\n")
        if model.flat is not None:
            inside = ", ".join(f"`{setting.path[1]}`" for setting in settings)
            parts.append(f"In a file either as below, or inside a table `[{name}]`: {inside}.\n")
        else:
            variables = f"`{settings[0].variable}` and so on"
            parts.append(f"In a file inside a table `[{name}]`; the variables are {variables}.\n")
        parts.append(_table(settings))
    return "\n".join([*parts, NAMES, *_names(), ""])


def _names() -> Iterator[str]:
    """Rows of the options that commands share."""
    options = {command: options_of(command) for command in COMMANDS}
    clients = set.intersection(
        *(options[command] for command in ("stream", "plot view", "hosts", "init", "status"))
    )
    for option, (argument, of) in ARGUMENTS.items():
        having = [command for command in COMMANDS if option in options[command]]
        shown = "all that talk to servers" if option in clients and option != "--log-level" else ", ".join(having)
        shown = "all" if having == list(COMMANDS) else shown
        variable = variable_of([VARIABLES[argument]]) if of == "Credentials" else ""
        cells = (f"`{option}`", argument and f"`{argument}`", of, variable and f"`{variable}`", shown)
        yield f"| {' | '.join(cells)} |"


def options_of(command: str) -> set[str]:
    """Return the options of a command of panoseti-daq."""
    name, _, viewer = command.partition(" ")
    found = LazyGroup(name="panoseti-daq").get_command(None, name)
    if viewer:
        found = found.get_command(None, viewer)
    return {option for parameter in found.params for option in parameter.opts}


def _table(settings: Iterable[Setting]) -> str:
    return "\n".join([HEAD, *map(_row, settings)]) + "\n"


def _row(setting: Setting) -> str:
    names = (f"`{setting.key}`", f"`{setting.option}`", f"`{setting.variable}`")
    cells = (*names, setting.default, setting.allowed, setting.help)
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page())
