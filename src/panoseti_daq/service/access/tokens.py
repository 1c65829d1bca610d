"""Tokens that a server accepts: a file with a name, a role and a hash for each."""

from __future__ import annotations

import enum
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from panoseti_daq.config.files import read_bytes
from panoseti_daq.errors import ConfigError

TOKEN_BYTES: Final = 32  # nobody guesses 256 random bits, so their hash needs neither salt nor time
MAX_TOKEN_LENGTH: Final = 512
_PREFIX: Final = "pdaq_"  # scanners for secrets that leaked find it
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
_HASH: Final = re.compile(r"sha256:([0-9a-f]{64})", re.IGNORECASE)
_KEY: Final = "allowed_tokens_file"


class Role(enum.StrEnum):
    """Role of a token."""

    READ = "read"
    """Streams, status, ping, health, reflection."""
    CONTROL = "control"
    """The same, and InitHpIo and UploadImages."""


_ALLOWED: Final = f"lines NAME {'|'.join(Role)} sha256:HEX, as panoseti-daq token prints them"


@dataclass(frozen=True, slots=True)
class AllowedToken:
    """One line of the file.

    Attributes
    ----------
    name
        Name of its owner; for logs and status.
    role
        Calls that it allows.
    digest
        SHA-256 of the token.
    """

    name: str
    role: Role
    digest: bytes = field(repr=False)

    def __str__(self) -> str:
        return f"{self.name} {self.role} sha256:{self.digest.hex()}"


def make_token(name: str, role: Role) -> tuple[str, AllowedToken]:
    """Make a token, and the line of a server's file for it.

    Raises
    ------
    ConfigError
        The name is invalid.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"invalid name: {name!r}; allowed: up to 64 letters, digits and _ . @ -")
    token = _PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    return token, AllowedToken(name, role, _digest(token))


def read_tokens(file: Path) -> tuple[AllowedToken, ...]:
    """Tokens of a file; one name may have several, as while it is given a new one.

    Raises
    ------
    ConfigError
        It cannot be read, or a line is invalid; the line itself is not shown, because it may hold a token.
    """
    lines = read_bytes(file, _ALLOWED, _KEY).decode("utf-8", "replace").splitlines()
    parts = ((number, line.partition("#")[0].split()) for number, line in enumerate(lines, 1))
    return tuple(_parse(words, f"{file}, line {number}") for number, words in parts if words)


def _parse(words: list[str], where: str) -> AllowedToken:
    if len(words) != 3:
        raise ConfigError(f"{_KEY}: {where} has {len(words)} words; allowed: {_ALLOWED}")
    name, role, digest = words
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{_KEY}: {where} begins with an invalid name; allowed: {_ALLOWED}")
    if role not in list(Role):
        raise ConfigError(f"{_KEY}: {where} has an unknown role; allowed: {_ALLOWED}")
    if not (match := _HASH.fullmatch(digest)):
        raise ConfigError(f"{_KEY}: {where} does not end with a hash; allowed: {_ALLOWED}")
    return AllowedToken(name, Role(role), bytes.fromhex(match[1]))


def find(token: str, allowed: tuple[AllowedToken, ...]) -> AllowedToken | None:
    """Return the allowed token that matches `token`, in a time that does not depend on which one does."""
    if not token:
        return None
    digest = _digest(token[:MAX_TOKEN_LENGTH])
    found = None
    for one in allowed:
        if hmac.compare_digest(one.digest, digest):
            found = one
    return found


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
