"""Webhook: candidates by HTTP POST, signed, in order, sent again from the JSON lines until they are taken.

Signed as Standard Webhooks (standardwebhooks.com) says: ``webhook-id``, ``webhook-timestamp`` and
``webhook-signature: v1,BASE64(HMAC-SHA256(secret, id.timestamp.body))``. A receiver drops what comes with an id
that it knows. The byte up to which the lines are sent stands in a file beside them, so a restart sends the rest.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from panoseti_daq.config.nodes import is_local
from panoseti_daq.errors import ConfigError
from panoseti_daq.events.sinks.jsonl import read_lines, write_atomically
from panoseti_daq.open_types import OpenDict, OpenMapping

_log = logging.getLogger(__name__)

_LONGEST_DELAY_S: Final = 300.0
_TIMEOUT_S: Final = 10.0
_SECRET_PREFIX: Final = "whsec_"


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Where and how to send.

    Attributes
    ----------
    url
        ``https://...``; ``http://`` to the same machine, or to another one when `allow_http`.
    secret
        Key of the signature; empty for none. ``whsec_...`` holds it in base 64.
    allow_http
        Whether candidates may go to other machines unencrypted.
    per_minute
        Candidates sent in a minute at most; more are one summary.

    Raises
    ------
    ConfigError
        The address is not allowed.
    """

    url: str
    secret: str = ""
    allow_http: bool = False
    per_minute: int = 60

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"invalid webhook: {self.url}; allowed: https://HOST/..., http:// to this machine")
        if parts.scheme == "http" and not self.allow_http and not is_local(parts.hostname):
            raise ConfigError(
                f"invalid webhook: {self.url}; allowed: https://, or http:// with --webhook-allow-http"
            )
        if self.per_minute < 1:
            raise ConfigError(f"invalid webhook-per-minute: {self.per_minute}; allowed: 1 or more")
        self.key  # noqa: B018 - says at once that it is not base 64

    @property
    def key(self) -> bytes:
        """Key of the signature."""
        if not self.secret.startswith(_SECRET_PREFIX):
            return self.secret.encode()
        try:
            return base64.b64decode(self.secret.removeprefix(_SECRET_PREFIX), validate=True)
        except binascii.Error:
            raise ConfigError(
                f"invalid webhook secret; allowed: {_SECRET_PREFIX} and base 64, or any text"
            ) from None


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of ``webhook-signature``."""
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


class Webhook:
    """Sends the lines of a file, from where it was left; run it as a task, and `wake` it when there are new ones.

    Parameters
    ----------
    settings
        Where and how to send.
    lines
        The JSON lines; ``NAME.sent`` beside it holds the byte up to which they are sent.
    clock_s, unix_s, sleep
        Monotonic time and Unix time, s, and how to wait.
    first_delay_s
        How long to wait before a message is sent again, s; doubled each time.

    Attributes
    ----------
    n_sent, n_failed
        Messages that were taken, and attempts that were not.
    """

    def __init__(
        self,
        settings: WebhookSettings,
        lines: Path,
        clock_s: Callable[[], float] = time.monotonic,
        unix_s: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        first_delay_s: float = 1.0,
    ) -> None:
        self.n_sent = self.n_failed = 0
        self._settings = settings
        self._lines = lines
        self._sent_path = lines.with_name(lines.name + ".sent")
        self._clock_s, self._unix_s, self._sleep = clock_s, unix_s, sleep
        self._first_delay_s = first_delay_s
        self._new = asyncio.Event()
        self._new.set()
        self._sent_at: list[float] = []
        self._opener = urllib.request.build_opener(_NoRedirect)
        try:
            self._at = int(self._sent_path.read_text())
        except (OSError, ValueError):
            self._at = 0

    def wake(self) -> None:
        """There are new lines."""
        self._new.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._new.wait()
            self._new.clear()
            await self.send_all()

    async def send_all(self) -> None:
        """Send what is there; waits and sends again as long as it is not taken."""
        while True:
            found = await asyncio.to_thread(lambda: list(read_lines(self._lines, self._at)))
            if not found:
                return
            room = self._room()
            if room > 0:
                for fields, end in found[:room]:
                    await self._deliver(fields["id"], fields, end)
                continue
            # No room: what came until the minute is over goes as one summary.
            await self._sleep(max(0.0, 60 - (self._clock_s() - self._sent_at[0])))
            found = await asyncio.to_thread(lambda: list(read_lines(self._lines, self._at)))
            if len(found) > 1:
                summary = _summary([fields for fields, _ in found])
                await self._deliver(summary["id"], summary, found[-1][1])

    def _room(self) -> int:
        now = self._clock_s()
        self._sent_at = [at for at in self._sent_at if now - at < 60]
        return self._settings.per_minute - len(self._sent_at)

    async def _deliver(self, message_id: str, fields: OpenMapping, end: int) -> None:
        body = json.dumps(fields, separators=(",", ":")).encode()
        delay_s = self._first_delay_s
        while (problem := await asyncio.to_thread(self._post, message_id, body)) is not None:
            self.n_failed += 1
            _log.warning(
                "webhook %s does not take %s, again in %.0f s: %s",
                self._settings.url,
                message_id,
                delay_s,
                problem,
            )
            await self._sleep(delay_s)
            delay_s = min(2 * delay_s, _LONGEST_DELAY_S)
        self.n_sent += 1
        self._sent_at.append(self._clock_s())
        self._at = end
        await asyncio.to_thread(write_atomically, self._sent_path, str(end).encode())

    def _post(self, message_id: str, body: bytes) -> str | None:
        """Send a message once; why it was not taken, or None."""
        timestamp = int(self._unix_s())
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
        }
        if self._settings.secret:
            headers["webhook-signature"] = signature(self._settings.key, message_id, timestamp, body)
        request = urllib.request.Request(self._settings.url, body, headers, method="POST")
        try:
            with self._opener.open(request, timeout=_TIMEOUT_S):
                return None
        except urllib.error.HTTPError as error:
            return f"HTTP {error.code}"
        except (OSError, ValueError) as error:
            return str(error)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A signed message goes where it was addressed to and nowhere else."""

    def redirect_request(self, *args: object, **kwargs: object) -> None:
        return None


def _summary(candidates: list[OpenMapping]) -> OpenDict:
    ids = [fields["id"] for fields in candidates]
    return {
        "id": f"summary-{ids[0]}-{len(ids)}",
        "trigger": "summary",
        "n_candidates": len(ids),
        "first_trigger_time": candidates[0]["trigger_time"],
        "last_trigger_time": candidates[-1]["trigger_time"],
        "ids": ids,
    }
