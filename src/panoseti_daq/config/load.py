"""Collects the server's settings: option before environment before file before default (SPEC 5.3).

Each source is checked by itself, so that an error names the file or variable it stands in, even where another
source overrides it. Every error is one line: source, key, value, what is wrong, what is allowed.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from panoseti_daq.config.files import read_object, short
from panoseti_daq.config.packaged import packaged_configs
from panoseti_daq.config.settings import SIMULATION, ServerSettings
from panoseti_daq.config.variables import ENV_PREFIX
from panoseti_daq.errors import ConfigError

_log = logging.getLogger(__name__)

_FILES: Final = ("tls_certificate", "tls_key", "tls_client_ca", "allowed_tokens_file")

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

_Model = TypeVar("_Model", bound=BaseModel)


def load_settings(file: Path | None, options: Mapping[str, Any] | None = None) -> ServerSettings:
    """Settings from a file, the environment and options.

    Parameters
    ----------
    file
        TOML or JSON, `ServerSettings` keys; None for none.
    options
        Values that beat all others, by key; `check_values` has seen them.

    Raises
    ------
    ConfigError
        A source cannot be read or holds what is not allowed.
    """
    merged: dict[str, Any] = {}
    if file is not None:
        _merge(merged, _from_file(file))
    if any(name.upper().startswith(ENV_PREFIX) for name in os.environ):  # else it need not be imported
        from panoseti_daq.config.environment import from_environment, variable_of

        values = _without_ignored(from_environment(), "environment")
        checked = check_values(ServerSettings, values, "environment", spell=variable_of)
        _merge(merged, _rebased(checked.model_dump(exclude_unset=True), Path.cwd()))
    _merge(merged, _rebased(dict(options or {}), Path.cwd()))
    return check_values(ServerSettings, merged, "settings of all sources together")


def check_values(
    model: type[_Model],
    values: Mapping[str, Any],
    source: str,
    *,
    spell: Callable[[tuple[str | int, ...]], str] | None = None,
    strict: bool = False,
) -> _Model:
    """Values as a model.

    Parameters
    ----------
    model
        Its field descriptions say what is allowed.
    values
        By key.
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
    try:
        if strict:
            return model.model_validate_json(json.dumps(values, default=str), strict=True)
        return model.model_validate(values)
    except ValidationError as error:
        details = error.errors(include_url=False)
        where = f"{source}: " if source else ""
        more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
        text = f"{where}{_describe(model, details[0], spell or _dotted)}{more}"
        raise ConfigError(" ".join(text.split())) from None


def _describe(model: type[BaseModel], error: ErrorDetails, spell: Callable[[tuple[str | int, ...]], str]) -> str:
    kind, value, key = error["type"], short(error["input"]), error["loc"]
    if kind == "extra_forbidden":
        owner = _model_at(model, key[:-1])
        return f"{spell(key)}: {value} is under an unknown key; allowed: {', '.join(owner.model_fields)}"
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
    return f"{spell(key)}: {value} is {what}; allowed: {_allowed(model, key)}"


def _fields(model: type[BaseModel], key: tuple[str | int, ...]) -> Iterator[FieldInfo]:
    for name in key:
        field = model.model_fields.get(name) if isinstance(name, str) else None
        if field is None:
            return
        yield field
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            model = field.annotation


def _model_at(model: type[BaseModel], key: tuple[str | int, ...]) -> type[BaseModel]:
    for field in _fields(model, key):
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            model = field.annotation
    return model


def _allowed(model: type[BaseModel], key: tuple[str | int, ...]) -> str:
    texts = [field.description for field in _fields(model, key) if field.description]
    return texts[-1] if texts else f"an object with {', '.join(model.model_fields)}"


def _dotted(key: tuple[str | int, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).lstrip(".")


def _from_file(file: Path) -> dict[str, Any]:
    values = _without_ignored(read_object(file), str(file))
    checked = check_values(ServerSettings, values, str(file), strict=True)
    return _rebased(checked.model_dump(exclude_unset=True), file.absolute().parent)


def _without_ignored(values: dict[str, Any], source: str) -> dict[str, Any]:
    """`values` but for keys of the predecessor that mean nothing here; one log line names them."""
    ignored = sorted(values.keys() & _IGNORED)
    kept = {key: value for key, value in values.items() if key not in _IGNORED}
    simulation = kept.get(SIMULATION)
    if isinstance(simulation, dict):
        ignored += [f"{SIMULATION}.{key}" for key in sorted(simulation.keys() & _IGNORED_OF_SIMULATION)]
        kept[SIMULATION] = {k: v for k, v in simulation.items() if k not in _IGNORED_OF_SIMULATION}
    if ignored:
        hint = (
            "; a quiet stream is not ended unless quiet_stream_timeout_seconds is set"
            if "reader_timeout" in ignored
            else ""
        )
        _log.warning("%s: ignored, for they mean nothing to this server: %s%s", source, ", ".join(ignored), hint)
    return kept


def _rebased(values: dict[str, Any], base: Path) -> dict[str, Any]:
    """`values` with relative paths below `base`; the bare name of a packaged file stays unless `base` has it."""
    if "data_roots" in values:
        values["data_roots"] = tuple(base / root for root in values["data_roots"])
    for key in _FILES:
        if values.get(key) is not None:
            values[key] = base / values[key]
    if (name := values.get("default_hp_io_config_file")) is not None:
        beside = base / name
        if beside.exists() or str(name) not in packaged_configs():
            values["default_hp_io_config_file"] = beside
    return values


def _merge(into: dict[str, Any], values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            into[key].update(value)
        else:
            into[key] = value
