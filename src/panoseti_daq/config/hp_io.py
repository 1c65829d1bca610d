"""Configuration of hp_io: one type and one validator for the file, the client and the server."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import Final

from panoseti_daq.config.files import ConfigSource, content_of, read_object, short
from panoseti_daq.config.packaged import packaged_config
from panoseti_daq.errors import ConfigError
from panoseti_daq.open_types import OpenMapping
from panoseti_daq.pff.product import MAX_MODULE_ID

_INTERVAL: Final = "update_interval_seconds"
_SECONDS: Final = "a number of seconds above 0"
_KEYS: Final = ("data_dir", _INTERVAL, "force", "simulate_daq", "module_ids", "comments")
_HALF_CHARACTER: Final = re.compile("[\ud800-\udfff]")  # JSON can hold one, UTF-8 and so a request cannot
_MODULE_IDS: Final = f"a list of integers, 0 to {MAX_MODULE_ID}"


@dataclass(frozen=True, slots=True)
class HpIoConfig:
    """Configuration of what to follow: the fields of InitHpIoRequest, and those that only the server can choose.

    Attributes
    ----------
    data_dir
        Holds the ``module_N`` directories; not used by a simulation.
    update_interval_s
        Shortest interval between two frames of one key that any stream gets.
    module_ids
        Modules to follow; empty for all.
    simulate
        Follow the server's own simulation.
    uploads_only
        Follow nothing but what clients push.
    sockets_only
        Follow nothing but what Hashpipe sends to sockets.
    replay, speed
        Follow a recorded run as if it came now, `speed` times as fast as it was taken; empty for none.
    gateway
        Hand on the frames of other servers, the nodes of a gateway.
    force
        End the streams there are to follow this; says how, not what, and is not compared.
    """

    data_dir: str = ""
    update_interval_s: float = 0.001
    module_ids: tuple[int, ...] = ()
    simulate: bool = False
    uploads_only: bool = False
    sockets_only: bool = False
    replay: str = ""
    speed: float = 1.0
    gateway: bool = False
    force: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        what = f"data_dir {self.data_dir!r}"
        if self.simulate or self.uploads_only:
            what = "the simulation" if self.simulate else "what clients upload"
        elif self.sockets_only:
            what = "what Hashpipe sends to sockets"
        elif self.gateway:
            what = "the nodes of this gateway"
        elif self.replay:
            what = f"the replay of {self.replay!r}"
        modules = f"modules {', '.join(map(str, self.module_ids))}" if self.module_ids else "all modules"
        return f"{what}, {modules}, at most one frame per key and {self.update_interval_s:g} s"

    @property
    def is_data_dir(self) -> bool:
        """Whether a data directory is to be followed, and nothing else."""
        return not (self.simulate or self.uploads_only or self.sockets_only or self.replay or self.gateway)

    def check(self, min_interval_s: float = 0.0) -> None:
        """Check the values.

        Parameters
        ----------
        min_interval_s
            Shortest update interval that is allowed; 0 for any above 0.

        Raises
        ------
        ConfigError
            One is out of range; names key, value and what is allowed.
        """
        interval_s = self.update_interval_s
        if not math.isfinite(interval_s) or interval_s <= 0 or interval_s < min_interval_s:
            allowed = f"{min_interval_s:g} s or more" if min_interval_s else _SECONDS
            raise ConfigError(f"{_INTERVAL} is {interval_s:g}; allowed: {allowed}")
        check_module_ids(self.module_ids)


def check_module_ids(module_ids: Iterable[int]) -> None:
    """Check that a module can have each of these numbers.

    Raises
    ------
    ConfigError
        One is out of range.
    """
    for index, module_id in enumerate(module_ids):
        if not 0 <= module_id <= MAX_MODULE_ID:
            raise ConfigError(f"module_ids[{index}]: {module_id} is out of range; allowed: {_MODULE_IDS}")


def read_hp_io(file: Path) -> HpIoConfig:
    """Return what an ``hp_io_config`` file says; a bare name is that of a file that comes with the package.

    Raises
    ------
    ConfigError
        The file cannot be read or holds what is not allowed.
    """
    path = packaged_config(str(file)) if file.parent == Path() else file
    return _parsed(read_object(path), str(path))


def hp_io_of(source: ConfigSource | None, key: str) -> HpIoConfig:
    """Return what `source` says: a path of an ``hp_io_config`` file, or its content.

    Raises
    ------
    ConfigError, FileNotFoundError
        `source` cannot be used; `key` is the argument that errors name.
    """
    return _parsed(content_of(source, key), key if isinstance(source, Mapping) else f"{key}: {source}")


def _parsed(content: OpenMapping, source: str) -> HpIoConfig:
    """Configuration of the content of a file (SPEC 5.1)."""
    try:
        _check_keys(content)
        module_ids = _module_ids(content.get("module_ids"))
        config = HpIoConfig(
            data_dir=_path(content.get("data_dir")),
            update_interval_s=_seconds(content, _INTERVAL, HpIoConfig().update_interval_s),
            module_ids=tuple(sorted(set(module_ids))),
            simulate=_flag(content, "simulate_daq"),
            force=_flag(content, "force"),
        )
        check_module_ids(module_ids)  # in their order
        config.check()
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from None
    return config


def _check_keys(content: OpenMapping) -> None:
    """Refuse a key that has no effect, because it may be a known one that is misspelled."""
    for key in content:
        if key not in _KEYS and not key.startswith("_"):
            allowed = f"{', '.join(_KEYS)}, and keys that begin with _"
            raise ConfigError(f"{key}: {short(content[key])} is under an unknown key; allowed: {allowed}")


def _module_ids(value: object) -> tuple[int, ...]:
    if value is None:
        return ()
    if not isinstance(value, Collection) or isinstance(value, str | bytes | Mapping):
        raise _wrong_type("module_ids", value, _MODULE_IDS)
    for index, module_id in enumerate(value):
        if not isinstance(module_id, Integral) or isinstance(module_id, bool):  # numpy's integers are Integral
            raise _wrong_type(f"module_ids[{index}]", module_id, _MODULE_IDS)
    return tuple(map(int, value))


def _path(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or _HALF_CHARACTER.search(value):
        raise _wrong_type("data_dir", value, "a path")
    return value


def _seconds(content: OpenMapping, key: str, default: float) -> float:
    value = content.get(key, default)
    if not isinstance(value, Real) or isinstance(value, bool):
        raise _wrong_type(key, value, _SECONDS)
    try:
        return float(value)
    except OverflowError:  # of an integer with hundreds of digits
        raise ConfigError(f"{key}: {short(value)} is out of range; allowed: {_SECONDS}") from None


def _flag(content: OpenMapping, key: str) -> bool:
    value = content.get(key, False)
    if not isinstance(value, bool):
        raise _wrong_type(key, value, "true or false")
    return value


def _wrong_type(key: str, value: object, allowed: str) -> ConfigError:
    return ConfigError(f"{key}: {short(value)} is of the wrong type; allowed: {allowed}")
