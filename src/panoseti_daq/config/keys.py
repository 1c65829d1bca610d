"""Names of every setting (key, variable, option) with its help, allowed values and default."""

from __future__ import annotations

import ast
import enum
import inspect
import operator
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Final, get_args, get_origin

from pydantic.fields import FieldInfo

from panoseti_daq.config import settings
from panoseti_daq.config.environment import variable_of
from panoseti_daq.config.flat_keys import FLAT_KEYS, table_of
from panoseti_daq.config.settings import ServerSettings
from panoseti_daq.config.values import Allowed, Option
from panoseti_daq.pff import DataProduct

_SUFFIXES: Final = ("_seconds", "_file")  # which no option has
_FLAT_OF: Final[dict[tuple[str, ...], str]] = {path: flat for flat, path in FLAT_KEYS.items()}


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of the server.

    Attributes
    ----------
    path
        Its key, after that of its table if it has one.
    field
        Its declaration.
    help
        Purpose, in one sentence.
    """

    path: tuple[str, ...]
    field: FieldInfo
    help: str

    @property
    def key(self) -> str:
        """Key without a table where there is one, as ``tls_key``; else ``TABLE.KEY``."""
        return _FLAT_OF.get(self.path, ".".join(self.path))

    @property
    def variable(self) -> str:
        """Environment variable."""
        return variable_of(self.key.split("."))

    @property
    def option(self) -> str:
        """Option of ``serve``."""
        if self._named.name:
            return self._named.name
        name = self.key
        for suffix in _SUFFIXES:
            name = name.removesuffix(suffix)
        return f"--{name.removesuffix('s') if self.is_list else name}".replace("_", "-")

    @property
    def former_option(self) -> str:
        """Former name of the option; empty for none."""
        return self._named.former

    @property
    def also_option(self) -> str:
        """Another name of the option that is as good; empty for none."""
        return self._named.also

    @property
    def _named(self) -> Option:
        return next((one for one in self.field.metadata if isinstance(one, Option)), Option())

    @property
    def is_list(self) -> bool:
        """Whether it has several values."""
        return get_origin(self.field.annotation) is tuple

    @property
    def value_type(self) -> Any:
        """Type as which a text is read: bool, int, float, str, Path, or a tuple of one of these."""
        if self.is_list:
            return tuple[_plain(get_args(self.field.annotation)[0]), ...]  # type: ignore[misc]
        return _plain(self.field.annotation)

    @property
    def allowed(self) -> str:
        """Values that it may have."""
        return allowed_of(self.field)

    @property
    def default(self) -> str:
        """Default as a user would write it."""
        return _written(self.field.default)

    def of(self, settings: ServerSettings) -> object:
        """Return its value."""
        value: object = operator.attrgetter(".".join(self.path))(settings)
        return value


def allowed_of(field: FieldInfo) -> str:
    """Return what the value of a field may be."""
    texts = [one.text for one in field.metadata if isinstance(one, Allowed)]
    table = table_of(field)
    return texts[-1] if texts else f"an object with {', '.join(table.model_fields)}" if table else ""


def allowed_keys(path: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the keys that may stand in a table, or outside all tables."""
    if not path:
        return tuple(dict.fromkeys(setting.key.partition(".")[0] for setting in SETTINGS))
    return tuple(setting.path[-1] for setting in SETTINGS if setting.path[:-1] == path)


def _plain(annotation: Any) -> Any:
    """Type without its checks and None; str for an enum."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    [kind] = [kind for kind in get_args(annotation) or (annotation,) if kind is not type(None)]
    return str if issubclass(kind, enum.Enum) else kind


def _written(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_written, value)) or "none"
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, DataProduct):
        return value.token
    return f"{value:g}" if isinstance(value, float) else str(value)


def _docstrings() -> dict[tuple[str, str], str]:
    """Return the docstring of every setting, by class and key.

    Pydantic would search for the source of each class by itself, and take longer than for all else it does here.
    """
    found: dict[tuple[str, str], str] = {}
    for table in ast.parse(inspect.getsource(settings)).body:
        for pair in pairwise(getattr(table, "body", ())):
            match table, *pair:
                case (
                    ast.ClassDef(name=name),
                    ast.AnnAssign(target=ast.Name(id=key)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    found[name, key] = inspect.cleandoc(text)
    return found


def _settings() -> Iterator[Setting]:
    for key, field in ServerSettings.model_fields.items():
        table = table_of(field)
        if table is None:
            yield Setting((key,), field, DOCSTRINGS[ServerSettings.__name__, key])
        else:
            for name, inner in table.model_fields.items():
                yield Setting((key, name), inner, DOCSTRINGS[table.__name__, name])


DOCSTRINGS: Final = _docstrings()
"""What a setting or a table is for, by class and key."""
SETTINGS: Final = tuple(_settings())
BY_PATH: Final = {setting.path: setting for setting in SETTINGS}
