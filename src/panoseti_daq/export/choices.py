"""Options of an export; imports nothing, for the command line."""

from __future__ import annotations

import enum


class Codec(enum.StrEnum):
    """How chunks are compressed."""

    BLOSC = "blosc-zstd"
    """Blosc with zstd and bitshuffle: twice as fast as plain zstd, and a tenth smaller."""
    ZSTD = "zstd"
    """What pypff writes unless it is asked otherwise."""


class TimeRule(enum.StrEnum):
    """Whose rule gives ``unix_t_ns`` where White Rabbit and host clock differ by more than a second."""

    HOST = "host"
    """The host clock (SPEC 1.7)."""
    PYPFF = "pypff"
    """That of pypff: seconds of the host clock and nanoseconds of White Rabbit, of quabo 0 only."""
