"""Writer of docs/settings.md, from the models of the settings: ``python docs/make_settings.py``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from panoseti_daq.config.keys import SETTINGS, Setting
from panoseti_daq.config.settings import ServerSettings, table_of

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

HEAD = "| key | option | default | allowed | meaning |\n|---|---|---|---|---|"


def page() -> str:
    """Return the text of the page."""
    parts = [INTRODUCTION, _table(setting for setting in SETTINGS if len(setting.path) == 1)]
    for name, field in ServerSettings.model_fields.items():
        if (model := table_of(field)) is None:
            continue
        settings = [setting for setting in SETTINGS if setting.path[0] == name]
        parts.append(f"## Table {name}\n\n{field.description}\n")
        if model.flat is not None:
            inside = ", ".join(f"`{setting.path[1]}`" for setting in settings)
            parts.append(f"In a file either as below, or inside a table `[{name}]`: {inside}.\n")
        else:
            variables = f"`{settings[0].variable}` and so on"
            parts.append(f"In a file inside a table `[{name}]`; the variables are {variables}.\n")
        parts.append(_table(settings))
    return "\n".join(parts)


def _table(settings: Iterable[Setting]) -> str:
    return "\n".join([HEAD, *map(_row, settings)]) + "\n"


def _row(setting: Setting) -> str:
    cells = (f"`{setting.key}`", f"`{setting.option}`", setting.default, setting.allowed, setting.help)
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page())
