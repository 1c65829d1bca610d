"""Doors of the web server: names it answers to, sessions behind cookies, signed links, sockets per address."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import json
import secrets
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from panoseti_daq.errors import ConfigError
from panoseti_daq.service.access.tokens import AllowedToken, find

COOKIE: Final = "panoseti_session"
SESSION_S: Final = 12 * 3600
"""A session ends after a night."""
MAX_SESSIONS: Final = 10_000
MAX_SOCKETS_PER_ADDRESS: Final = 20
MAX_FAILURES_PER_MINUTE: Final = 10
"""Wrong tokens of one address; more are refused unseen until the minute is over."""
MAX_ADDRESSES: Final = 100_000
_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who may look.

    Attributes
    ----------
    name
        Owner of the token, ``shared link``, or ``anyone`` where there are no tokens.
    modules
        What may be seen; empty for all.
    expires_unix_s
        When that ends, UTC s since 1970; infinity for never.
    digest
        Of the token, or of the key that signed the link; empty where there are no tokens.
    """

    name: str
    modules: frozenset[int] = frozenset()
    expires_unix_s: float = float("inf")
    digest: bytes = b""


ANYONE: Final = Visitor("anyone")


def sign_link(key: bytes, modules: Collection[int], expires_unix_s: int) -> str:
    """Return the signed text of a link: which modules it shows, and until when (UTC s since 1970)."""
    claims = json.dumps([sorted(modules), expires_unix_s], separators=(",", ":")).encode()
    signature = hmac.digest(key, claims, hashlib.sha256)
    return "share_" + base64.urlsafe_b64encode(signature + claims).decode().rstrip("=")


def read_link(key: bytes, text: str, now_unix_s: float) -> Visitor | None:
    """Return whom a signed text admits; None when it was not signed with `key`, or has expired."""
    body = text.removeprefix("share_")
    try:
        data = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    except (binascii.Error, ValueError):
        return None
    if base64.urlsafe_b64encode(data).decode().rstrip("=") != body:  # the last character has bits to spare
        return None
    signature, claims = data[:_KEY_BYTES], data[_KEY_BYTES:]
    if not hmac.compare_digest(signature, hmac.digest(key, claims, hashlib.sha256)):
        return None
    modules, expires_unix_s = json.loads(claims)  # ours, since it is signed
    if now_unix_s >= expires_unix_s:
        return None
    return Visitor("shared link", frozenset(modules), expires_unix_s, hashlib.sha256(key).digest())


class PerAddress:
    """Counts what addresses do in each minute.

    Parameters
    ----------
    most
        Of one address per minute.
    now
        UTC, s since 1970.
    """

    def __init__(self, most: int, now: Callable[[], float] = time.time) -> None:
        self._most, self._now = most, now
        self._counts: Counter[str] = Counter()
        self._minute = 0

    def is_over(self, address: str) -> bool:
        """Return whether an address has done enough for this minute."""
        minute = int(self._now() // 60)
        # Also when they are too many: a flood of addresses is not to fill the memory.
        if minute != self._minute or len(self._counts) > MAX_ADDRESSES:
            self._minute = minute
            self._counts.clear()
        return self._counts[address] >= self._most

    def count(self, address: str) -> None:
        """Count one more."""
        self._counts[address] += 1


class Doors:
    """Decides who comes in; for one event loop.

    Parameters
    ----------
    tokens
        Returns the tokens that are in force; None to admit everybody.
    share_key
        Returns the key that links are signed with; None when there are no links.
    names
        Names of this server that are neither IP addresses nor ``localhost``.
    now
        UTC, s since 1970.
    """

    def __init__(
        self,
        tokens: Callable[[], tuple[AllowedToken, ...]] | None = None,
        share_key: Callable[[], bytes] | None = None,
        names: Collection[str] = (),
        now: Callable[[], float] = time.time,
    ) -> None:
        self._tokens, self._share_key, self._now = tokens, share_key, now
        self._names = {name.lower() for name in names}
        self._sessions: dict[str, Visitor] = {}
        self._failures = PerAddress(MAX_FAILURES_PER_MINUTE, now)
        self.sockets: Counter[str] = Counter()

    @property
    def are_open(self) -> bool:
        """Whether everybody comes in."""
        return self._tokens is None

    def check_name(self, host: str) -> bool:
        """Return whether the header Host names this server.

        A page elsewhere may have its own name resolve to our address, and would then be of our origin; it can
        neither be an IP address nor a name of ours.
        """
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        return name == "localhost" or name in self._names or _is_address(name)

    @staticmethod
    def check_origin(origin: str | None, host: str) -> bool:
        """Return whether a request comes from our own page, or from no page at all."""
        if origin is None:
            return True
        try:
            return urlsplit(origin).netloc.lower() == host.lower()
        except ValueError:
            return False

    def admit(self, secret: str, address: str) -> str | None:
        """Open a session for a token or the text of a link; return its id, None when it is refused."""
        # Before the secret is looked at: else the answer would still say whether a guess was right.
        if self._failures.is_over(address):
            return None
        visitor = self._visitor_of(secret)
        if visitor is None:
            self._failures.count(address)
            return None
        # The oldest goes, so that somebody with a link cannot keep others out by opening sessions. Those that are
        # over are not looked for, which takes 13 ms for a full table.
        if len(self._sessions) >= MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        session = secrets.token_urlsafe(_KEY_BYTES)
        self._sessions[session] = visitor
        return session

    def who(self, session: str | None, authorization: str | None = None) -> Visitor | None:
        """Return whose session it is, or whose token a script shows; None for nobody's."""
        if authorization and authorization.startswith("Bearer "):
            return self._visitor_of(authorization[7:])
        visitor = self._sessions.get(session or "")
        if visitor is not None:
            return visitor if self.still(visitor) else None
        return ANYONE if self.are_open else None

    def still(self, visitor: Visitor) -> bool:
        """Return whether somebody who came in may stay: neither expired nor revoked."""
        if self._now() >= visitor.expires_unix_s:
            return False
        if not visitor.digest:
            return self.are_open
        if visitor.name == "shared link":
            return self._share_key is not None and hashlib.sha256(self._share_key()).digest() == visitor.digest
        return self._tokens is not None and any(token.digest == visitor.digest for token in self._tokens())

    def enter(self, address: str) -> None:
        """Count a socket of an address.

        Raises
        ------
        ConfigError
            It has too many.
        """
        if self.sockets[address] >= MAX_SOCKETS_PER_ADDRESS:
            raise ConfigError(f"{MAX_SOCKETS_PER_ADDRESS} pages are open from this address")
        self.sockets[address] += 1

    def leave(self, address: str) -> None:
        """Count a socket no more."""
        self.sockets[address] -= 1
        if not self.sockets[address]:
            del self.sockets[address]

    def _visitor_of(self, secret: str) -> Visitor | None:
        if secret.startswith("share_"):
            return None if self._share_key is None else read_link(self._share_key(), secret, self._now())
        if self._tokens is None or (token := find(secret, self._tokens())) is None:
            return None
        return Visitor(token.name, frozenset(), self._now() + SESSION_S, token.digest)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
