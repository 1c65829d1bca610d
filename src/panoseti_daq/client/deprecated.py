"""Deprecated forms of the clients, which work for one more version."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, Final, ParamSpec, TypeVar

from panoseti_daq.errors import ConfigError

_PACKAGE: Final = __name__.partition(".")[0]

_METHODS: Final[dict[object, str]] = {"newest": "stream_frames", "all": "stream_blocks"}

FORMER_NAMES: Final = {"stream_movie_data": "movie", "stream_pulse_height_data": "pulse_height"}

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Client = TypeVar("_Client")


def also_by_mode(method: Callable[Concatenate[_Client, _P], _T]) -> Callable[Concatenate[_Client, _P], _T]:
    """Let `stream_frames` take ``mode``: ``mode="all"`` is `stream_blocks`. Types know the new methods only."""

    @wraps(method)
    def call(client: _Client, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        if (mode := kwargs.pop("mode", None)) is None:
            return method(client, *args, **kwargs)
        if mode not in _METHODS:
            raise ConfigError(f"invalid mode: {mode!r}; allowed: newest, all")
        warn("stream_frames(mode=...) is deprecated; use stream_frames() or stream_blocks()")
        meant: Callable[_P, _T] = getattr(client, _METHODS[mode])
        return meant(*args, **kwargs)

    return call


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
                warn(f"{function.__name__}({old}=...) is deprecated; use {new}")
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return call

    return decorate


def warn(message: str) -> None:
    """Warn of a deprecated form, at the line of the caller outside of this package."""
    depth = 1
    while sys._getframe(depth).f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        depth += 1
    warnings.warn(message, DeprecationWarning, stacklevel=depth + 1)
