"""Values of options, read without pydantic where they are plain.

Typer imports pydantic, which takes 70 ms, and makes a reader of each option, even of one that is not given.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from typer.core import TyperGroup

_NUMBER: Final = re.compile("0|[1-9][0-9]{0,8}")


class CommandGroup(TyperGroup):
    """Commands, with options of their own that are read late."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options and arguments."""
        return read_late(super().get_params(ctx))


def read_late(parameters: list[Any]) -> list[Any]:
    """Return options and arguments of a command, whose readers are made when there is something to read."""
    for parameter in parameters:
        if "get_runtime_param" not in vars(parameter):  # else it was here before
            with suppress(AttributeError):  # another typer, which reads its options as it likes
                parameter.get_runtime_param = _Late(parameter).itself
    return parameters


class _Late:
    def __init__(self, parameter: Any) -> None:
        self._make = parameter.get_runtime_param
        declared = parameter.type_descriptor
        self._info = declared.parameter_info
        self._kind = None if self._info.parser else declared.annotation

    def itself(self) -> _Late:
        return self

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return what typer would."""
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        if type(value) is self._kind and (value is param.default or self._kind is str):
            return value
        if self._kind == list[str] and all(type(one) is str for one in value):
            return list(value)
        plain = self._plain(value) if type(value) is str else None
        return self._make().coerce(value, param=param, ctx=ctx) if plain is None else plain

    def _plain(self, text: str) -> int | Path | None:
        """Return a number within limits, or a path that is readable or not there; None for what typer judges."""
        info = self._info
        if self._kind is int and _NUMBER.fullmatch(text):
            number = int(text)
            if (info.min is None or info.min <= number) and (info.max is None or number <= info.max):
                return number
        if self._kind is Path and info.path_type is None and info.file_okay and info.dir_okay:
            is_good = os.access(text, os.R_OK) or not (info.exists or os.path.exists(text))
            if is_good and not (info.resolve_path or info.writable or info.allow_dash):
                return Path(text)
        return None
