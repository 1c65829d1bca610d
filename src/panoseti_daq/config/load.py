"""Settings of the server from all sources: option before environment before file before default (SPEC 5.3).

Each source is checked by itself, so that an error names the file or variable it stands in, even where another
source overrides it. Every error is one line: source, key, value, what is wrong, what is allowed.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from panoseti_daq.config.environment import TABLE_SEPARATOR, server_variables, variable_of
from panoseti_daq.config.files import read_object, short
from panoseti_daq.config.flat_keys import FLAT_KEYS, into_tables
from panoseti_daq.config.keys import BY_PATH, allowed_keys, allowed_of
from panoseti_daq.config.packaged import packaged_configs
from panoseti_daq.config.settings import ServerSettings
from panoseti_daq.errors import ConfigError
from panoseti_daq.open_types import OpenDict, OpenMapping

_log = logging.getLogger(__name__)

KeyPath = tuple[str | int, ...]
"""Table, key and, for an item of a list, its index."""

_SIMULATION: Final = "simulate_daq_cfg"

# Keys of the predecessor's server (0.1.1.1 and 0.3.5) about machinery that does not exist here: queues that fill
# and mute a reader, a reader that is ended when the source is quiet (SPEC 3.6), recorded files that a simulation
# copies, other ways than files to get frames. max_client_update_interval_seconds is unused there, too.
_IGNORED: Final = {
    "max_read_queue_size",
    "max_client_update_interval_seconds",
    "max_reader_enqueue_timeouts",
    "reader_timeout",
    "max_reader_dequeue_timeouts",
    "hp_io_stop_timeout",
    "unix_domain_socket",
    "read_status_pipe_name",
    "acquisition_methods",
}
_IGNORED_OF_SIMULATION: Final = {
    "real_module_id",
    "files",
    "early_exit",
    "simulation_mode",
    "source_data",
    "filesystem_cfg",
    "strategies",
}


def load_settings(file: Path | None, options: OpenMapping | None = None) -> ServerSettings:
    """Return the settings that a file, the environment and options make together.

    Parameters
    ----------
    file
        TOML or JSON, `ServerSettings` keys; None for none.
    options
        Values that override all others, by key; `check_values` has seen them.

    Raises
    ------
    ConfigError
        A source cannot be read or holds what is not allowed.
    """
    merged: OpenDict = {}
    if file is not None:
        values = _without_ignored(read_object(file), str(file))
        checked = check_values(values, str(file), strict=True)
        _merge(merged, _rebased(_given(checked), file.absolute().parent))
    values = _without_ignored(_from_environment(), "environment")
    _merge(merged, _rebased(_given(check_values(values, "environment", spell=variable_of)), Path.cwd()))
    _merge(merged, _rebased(into_tables(options or {}), Path.cwd()))
    return check_values(merged, "settings of all sources together")


def check_values(
    values: OpenMapping,
    source: str = "",
    *,
    spell: Callable[[KeyPath], str] | None = None,
    strict: bool = False,
) -> ServerSettings:
    """Return the values as settings.

    Parameters
    ----------
    values
        By key, inside its table or outside.
    source
        What errors call their origin; empty for none.
    spell
        Makes the name of a key that errors use; ``simulate_daq_cfg.sim_module_ids[0]`` otherwise.
    strict
        Refuse ``"1"`` and ``true`` for 1; for values of a file, which have types.

    Raises
    ------
    ConfigError
        The first value that is not allowed, in one line.
    """
    where = f"{source}: " if source else ""
    try:
        nested = into_tables(values)
        if strict:
            return ServerSettings.model_validate_json(json.dumps(nested, default=str), strict=True)
        return ServerSettings.model_validate(nested)
    except ValidationError as error:
        details = error.errors(include_url=False)
        more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
        text = f"{where}{_describe(details[0], values, spell or _dotted)}{more}"
        raise ConfigError(" ".join(text.split())) from None
    except ValueError as error:
        raise ConfigError(f"{where}{error}") from None


def is_packaged(path: Path, base: Path) -> bool:
    """Return whether a path is the name of a file that comes with the package; one below `base` goes first."""
    return str(path) in packaged_configs() and not (base / path).exists()


def _describe(error: ErrorDetails, values: OpenMapping, spell: Callable[[KeyPath], str]) -> str:
    kind, value, key = error["type"], short(error["input"]), error["loc"]
    if not key:  # JSON text can escape half a character, which no text can hold
        return f"{error['msg']}; allowed: whole characters"
    name = spell(_as_given(key, values))
    path = tuple(part for part in key if isinstance(part, str))
    if kind == "extra_forbidden":
        return f"{name}: {value} is under an unknown key; allowed: {', '.join(allowed_keys(path[:-1]))}"
    match kind:
        case "finite_number":
            what = "not a finite number"
        case "too_short":
            what = "empty"
        case "value_error":
            what = str(error["ctx"]["error"])
        case _ if kind.startswith(("greater", "less")):
            what = "out of range"
        case "enum":
            what = "none of these"
        case _:
            what = "of the wrong type"
    field = BY_PATH[path].field if path in BY_PATH else ServerSettings.model_fields[path[0]]
    return f"{name}: {value} is {what}; allowed: {allowed_of(field)}"


def _as_given(key: KeyPath, values: OpenMapping) -> KeyPath:
    """`key` as it stands in `values`: inside its table or flat."""
    for flat, path in FLAT_KEYS.items():
        if key[:2] == path and flat in values:
            return (flat, *key[2:])
    return key


def _dotted(key: KeyPath) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).lstrip(".")


def _from_environment() -> OpenDict:
    """Return the values of the variables by key, unchecked, including those that are no setting."""
    values: OpenDict = {}
    for variable, text in server_variables().items():
        path: tuple[str, ...] = (variable,)
        table, separator, name = variable.partition(TABLE_SEPARATOR)
        if separator and table in ServerSettings.model_fields:
            path = (table, name)
        into = values if len(path) == 1 else values.setdefault(table, {})
        if isinstance(into, dict):  # else the variable of the whole table is no object, an error by itself
            into[path[-1]] = _decoded(path, text)
    return values


def _decoded(path: tuple[str, ...], text: str) -> object:
    """Return the value of a variable: a table is JSON, a list JSON or parts separated by commas, others text."""
    setting = BY_PATH.get(FLAT_KEYS.get(path[0], path) if len(path) == 1 else path)
    is_table = len(path) == 1 and path[0] in ServerSettings.model_fields and setting is None
    if setting is None and not is_table:
        # It may be a token, the name of its variable mistyped.
        return "a value not shown here" if "token" in path[-1] else text
    if setting is not None and not setting.is_list:
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text
    if is_table or isinstance(value, list):
        return value
    return [part.strip() for part in text.split(",") if part.strip()]


def _given(settings: ServerSettings) -> OpenDict:
    return settings.model_dump(exclude_unset=True)


def _without_ignored(values: OpenDict, source: str) -> OpenDict:
    """`values` without the predecessor's keys that mean nothing here; one log line names them."""
    ignored = sorted(values.keys() & _IGNORED)
    kept = {key: value for key, value in values.items() if key not in _IGNORED}
    simulation = kept.get(_SIMULATION)
    if isinstance(simulation, dict):
        ignored += [f"{_SIMULATION}.{key}" for key in sorted(simulation.keys() & _IGNORED_OF_SIMULATION)]
        kept[_SIMULATION] = {k: v for k, v in simulation.items() if k not in _IGNORED_OF_SIMULATION}
    if ignored:
        hint = (
            "; a quiet stream is not ended unless quiet_stream_timeout_seconds is set"
            if "reader_timeout" in ignored
            else ""
        )
        _log.warning("%s: ignored, for they mean nothing to this server: %s%s", source, ", ".join(ignored), hint)
    return kept


def _rebased(value: Any, base: Path) -> Any:
    """`value` with every relative path in it below `base`; the name of a packaged file stays."""
    if isinstance(value, Path):
        return value if is_packaged(value, base) else base / value
    if isinstance(value, Mapping):
        return {key: _rebased(one, base) for key, one in value.items()}
    return tuple(_rebased(one, base) for one in value) if isinstance(value, list | tuple) else value


def _merge(into: OpenDict, values: OpenMapping) -> None:
    for key, value in values.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            into[key].update(value)
        else:
            into[key] = value
