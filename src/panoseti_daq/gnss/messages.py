"""UBX messages: found among other bytes, checked, and decoded by pyubx2 (extra ``gnss``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from panoseti_daq.errors import ConfigError
from panoseti_daq.installation import needing
from panoseti_daq.open_types import OpenMapping

_SYNC: Final = b"\xb5\x62"
_MAX_PAYLOAD_BYTES: Final = 8192  # of a length that is larger, the two bytes before are no beginning
_HEAD_BYTES: Final = 6
_POLLED: Final = ("MON-VER", "SEC-UNIQID", "NAV-")


@dataclass(frozen=True, slots=True)
class UbxMessage:
    """One message of a receiver.

    Attributes
    ----------
    name
        Such as ``TIM-TP``.
    fields
        What pyubx2 finds in it: numbers, texts, bytes and the unique id as hexadecimal digits.
    data
        The whole message, with its checksum.
    unix_ns
        When it was read, UTC ns since 1970.
    receiver
        Name of the receiver.
    """

    name: str
    fields: OpenMapping
    data: bytes
    unix_ns: int
    receiver: str = ""


class UbxSplitter:
    """Splits bytes into UBX messages; NMEA, RTCM and damage between them are counted and left out.

    Attributes
    ----------
    n_other_bytes
        Bytes that are in no message.
    """

    def __init__(self) -> None:
        self.n_other_bytes = 0
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the messages that are whole now; the beginning of another waits."""
        held = self._held
        held += data
        while True:
            at = held.find(_SYNC)
            if at < 0:
                at = len(held) - held.endswith(_SYNC[:1])
            self.n_other_bytes += at
            del held[:at]
            if len(held) < _HEAD_BYTES:
                return
            size = int.from_bytes(held[4:6], "little")
            end = _HEAD_BYTES + size + 2
            is_whole = len(held) >= end
            if size > _MAX_PAYLOAD_BYTES or (is_whole and _checksum(held[2 : end - 2]) != held[end - 2 : end]):
                self.n_other_bytes += len(_SYNC)
                del held[: len(_SYNC)]
                continue
            if not is_whole:
                return
            message = bytes(held[:end])
            del held[:end]
            yield message


def _checksum(data: bytes | bytearray) -> bytes:
    """Return the 8-bit Fletcher checksum of u-blox."""
    a = b = 0
    for byte in data:
        a = (a + byte) & 0xFF
        b = (b + a) & 0xFF
    return bytes((a, b))


def decoded(data: bytes, unix_ns: int, receiver: str) -> UbxMessage | None:
    """Return a message, decoded; None when pyubx2 does not know it."""
    pyubx2 = require_pyubx2()
    try:
        parsed = pyubx2.UBXReader.parse(data, validate=pyubx2.VALCKSUM)
    except (pyubx2.UBXParseError, pyubx2.UBXMessageError, pyubx2.UBXTypeError, pyubx2.UBXStreamError):
        return None
    plain = _text if parsed.identity == "MON-VER" else _plain
    fields = {name: plain(value) for name, value in vars(parsed).items() if not name.startswith("_")}
    if parsed.identity == "SEC-UNIQID":
        fields["uniqueId"] = f"{fields['uniqueId']:010X}"  # as configurations have it
    return UbxMessage(parsed.identity, fields, data, unix_ns, receiver)


def poll(name: str) -> bytes:
    """Return the message that asks for another.

    Raises
    ------
    ConfigError
        It is none of those that may be asked for.
    """
    pyubx2 = require_pyubx2()
    if not name.startswith(_POLLED) or name not in pyubx2.UBX_PAYLOADS_POLL:
        raise ConfigError(f"invalid message: {name}; allowed: MON-VER, SEC-UNIQID, NAV-*")
    data: bytes = pyubx2.UBXMessage(name.partition("-")[0], name, pyubx2.POLL).serialize()
    return data


def require_pyubx2() -> Any:
    """Return the module pyubx2.

    Raises
    ------
    MissingExtraError
        It is not installed.
    """
    with needing("pyubx2", "gnss"):
        import pyubx2
    return pyubx2


def _text(value: object) -> int | float | str:
    return value.rstrip(b"\0").decode("latin-1") if isinstance(value, bytes) else _plain(value)


def _plain(value: object) -> int | float | str:
    if isinstance(value, bytes):
        return value.hex()
    return value if isinstance(value, int | float | str | bool) else str(value)
