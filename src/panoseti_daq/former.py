"""Former names of arguments and attributes, which work for one more version."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import partial, wraps
from typing import Final, ParamSpec, TypeVar

from panoseti_daq.errors import ConfigError

_PACKAGE: Final = __name__.partition(".")[0]

_P = ParamSpec("_P")
_T = TypeVar("_T")


def also_named(**names: str) -> Callable[[Callable[_P, _T]], Callable[_P, _T]]:
    """Let a function take arguments by their former names, too: ``new="old"``. Types know the new names only."""
    new_of = {old: new for new, old in names.items()}

    def decorate(function: Callable[_P, _T]) -> Callable[_P, _T]:
        @wraps(function)
        def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            for old in new_of.keys() & kwargs.keys():
                new = new_of[old]
                if new in kwargs:
                    raise ConfigError(f"invalid {old}: it is the former name of {new}; allowed: one of them")
                name = (
                    function.__name__ if function.__name__ != "__init__" else function.__qualname__.split(".")[-2]
                )
                warn(f"{name}({old}=...) is deprecated; use {new}")
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return call

    return decorate


def with_former(**names: str) -> Callable[[type[_T]], type[_T]]:
    """Let a class be made with, and asked for, the former names of what it holds: ``new="old"``."""

    def decorate(made: type[_T]) -> type[_T]:
        setattr(made, "__init__", also_named(**names)(made.__init__))  # noqa: B010 - types know it as it was
        for new, old in names.items():
            if new in getattr(made, "__slots__", ()):
                setattr(made, old, property(partial(_former, old, new), doc=f"Former name of {new}."))
        return made

    return decorate


def _former(old: str, new: str, owner: object) -> object:
    warn(f"{type(owner).__name__}.{old} is deprecated; use {new}")
    return getattr(owner, new)


def warn(message: str) -> None:
    """Warn of a deprecated form, at the line of the caller outside of this package."""
    depth = 1
    while sys._getframe(depth).f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        depth += 1
    warnings.warn(message, DeprecationWarning, stacklevel=depth + 1)
