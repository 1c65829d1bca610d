"""Deprecated forms of the clients, which work for one more version."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, Final, ParamSpec, TypeVar

from panoseti_daq.errors import ConfigError
from panoseti_daq.former import warn

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
