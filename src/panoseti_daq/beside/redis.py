"""Reader of the observatory's Redis: read-only, never waited for, and silent when Redis is gone."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from panoseti_daq.beside.kinds import kind_of
from panoseti_daq.beside.surroundings import Surroundings, chosen
from panoseti_daq.errors import ConfigError
from panoseti_daq.installation import needing

if TYPE_CHECKING:
    from redis.asyncio import Redis

_log = logging.getLogger(__name__)

INTERVAL_S: Final = 2.0  # of the observatory's own readers; quabos are written every 3 s
SCHEMES: Final = ("redis", "rediss", "unix")
_MOST_HASHES: Final = 2000  # 64 modules have 256 quabos
_SCAN_COUNT: Final = 1000


class RedisReader:
    """Keeps what the observatory's Redis says; its `run` is one task, for one event loop.

    Only SCAN and HGETALL are called, on names of known kinds. A Redis that is gone, slow or wrong is a trouble
    that `surroundings` names; values stay, and age.

    Parameters
    ----------
    url
        ``redis://HOST:PORT/DB``, ``rediss://...`` or ``unix:///PATH``.
    interval_s
        Between two readings, s; also the limit of each answer.

    Raises
    ------
    ConfigError
        The address cannot be used.
    MissingExtraError
        The package redis is not installed.
    """

    def __init__(self, url: str, interval_s: float = INTERVAL_S) -> None:
        self.source = without_password(url)
        self._interval_s = interval_s
        self._redis = _client(url, self.source, interval_s)
        self._hashes: dict[str, Mapping[str, str]] = {}
        self._read_at = float("nan")
        self._trouble = "not read yet"

    def surroundings(self) -> Surroundings:
        """Return what was read last, with ages that count to now."""
        now = asyncio.get_running_loop().time()
        return Surroundings.at(self._hashes, time.time(), self.source, self._trouble, now - self._read_at)

    async def run(self) -> None:
        """Read again and again until cancelled."""
        from redis.exceptions import RedisError

        async with aclosing(self._redis):
            while True:
                try:
                    async with asyncio.timeout(2 * self._interval_s):
                        self._hashes = await self._read()
                    self._read_at = asyncio.get_running_loop().time()
                    self._note("")
                except TimeoutError:
                    self._note(f"no answer within {2 * self._interval_s:g} s")
                except (RedisError, OSError) as error:
                    self._note(str(error) or type(error).__name__)
                await asyncio.sleep(self._interval_s)

    def _note(self, trouble: str) -> None:
        """Log a change only."""
        if trouble and trouble != self._trouble:
            _log.warning("context: cannot read %s: %s", self.source, trouble)
        elif self._trouble and not trouble:
            _log.info("context: reading %s, %d hashes", self.source, len(self._hashes))
        self._trouble = trouble

    async def _read(self) -> dict[str, Mapping[str, str]]:
        names = [name async for name in self._redis.scan_iter(count=_SCAN_COUNT, _type="HASH") if kind_of(name)]
        names = sorted(names)[:_MOST_HASHES]
        async with self._redis.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.hgetall(name)
            answers = await pipeline.execute(raise_on_error=False)
        found: dict[str, Mapping[str, str]] = {}
        for name, answer in zip(names, answers, strict=True):
            if isinstance(answer, dict) and answer:  # else an error, of a key that became something else
                found[name] = chosen(name, answer) or {}
        return found


def _client(url: str, shown: str, interval_s: float) -> Redis:
    with needing("redis", "redis"):
        from redis.asyncio import Redis
    if urlsplit(url).scheme not in SCHEMES:
        raise ConfigError(
            f"invalid context: {shown}; allowed: redis://HOST:PORT, rediss://HOST:PORT, unix:///PATH"
        )
    try:
        return Redis.from_url(
            url,
            decode_responses=True,
            encoding_errors="replace",
            socket_timeout=interval_s,
            socket_connect_timeout=interval_s,
            max_connections=2,
        )
    except ValueError as error:
        raise ConfigError(f"invalid context: {shown}: {error}") from error


def without_password(url: str) -> str:
    """Return an address without the user and password in it."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
