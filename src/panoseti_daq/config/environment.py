"""The server's settings in environment variables (SPEC 5.3)."""

from __future__ import annotations

import json
import os
from typing import Any, Final

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from panoseti_daq.config.settings import SIMULATION, ServerSettings, SimulationSettings
from panoseti_daq.config.variables import CLIENT_KEYS, ENV_PREFIX

_NESTED: Final = "__"
_NOT_SETTINGS: Final = {"config", *CLIENT_KEYS}  # PANOSETI_DAQ_CONFIG is the file itself


class _Fields(ServerSettings, BaseSettings):
    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, env_nested_delimiter=_NESTED, env_ignore_empty=True)


class _Environment(EnvSettingsSource):
    """Variables by key; a list is JSON or its parts with commas between them."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            return json.loads(value)
        except ValueError:
            if field.annotation is SimulationSettings:
                return value
            return [part.strip() for part in value.split(",") if part.strip()]


def from_environment() -> dict[str, Any]:
    """What the variables say, by key, not yet checked; also those that are no setting."""
    values = dict(_Environment(_Fields)())
    known = _NOT_SETTINGS | ServerSettings.model_fields.keys()
    for name, value in os.environ.items():
        key = name[len(ENV_PREFIX) :].lower()
        is_ours = value and name.upper().startswith(ENV_PREFIX)
        if is_ours and key not in known and not key.startswith(SIMULATION + _NESTED):
            if "token" in key:
                value = "a value not shown here"  # it may be a token, the name of its variable mistyped
            values[key] = value  # pydantic-settings leaves it out, but it is a mistake like any unknown key
    return values


def variable_of(key: tuple[str | int, ...]) -> str:
    """Name of the variable of a key."""
    variable = _NESTED.join(str(part) for part in key if isinstance(part, str))
    return f"{ENV_PREFIX}{variable}".upper()
