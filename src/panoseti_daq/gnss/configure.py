"""Conversation that configures a receiver: who it is, what it is to be, and what it says that it is then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from panoseti_daq.errors import ConfigError, DaqError
from panoseti_daq.gnss.f9t import MODEL, SIGNALS, F9tConfig, F9tSetting, get_message, in_parts, values_in
from panoseti_daq.gnss.messages import UbxMessage
from panoseti_daq.gnss.receiver import GnssReceiver

_log = logging.getLogger(__name__)

ANSWER_S: Final = 2.5
_CLASS_CFG, _VALSET, _VALGET = 0x06, 0x8A, 0x8B


class NotConfiguredError(DaqError):
    """A receiver that did not take its configuration, or has another one than was written."""


async def unique_id(receiver: GnssReceiver, timeout_s: float = ANSWER_S) -> str:
    """Return the ten digits of SEC-UNIQID.

    Raises
    ------
    ConfigError
        The receiver is no ZED-F9T.
    TimeoutError
        It does not answer.
    OSError
        It is not connected, was lost, or is a recording.
    """
    version = await receiver.poll("MON-VER", timeout_s)
    texts = [str(text) for name, text in version.fields.items() if name.startswith("extension")]
    model = next((text.removeprefix("MOD=") for text in texts if text.startswith("MOD=")), "unknown")
    if not model.startswith(MODEL):
        raise ConfigError(f"invalid model of {receiver.source.name}: {model}; allowed: {MODEL}")
    return str((await receiver.poll("SEC-UNIQID", timeout_s)).fields["uniqueId"])


async def configure(
    receiver: GnssReceiver, config: F9tConfig, timeout_s: float = ANSWER_S, pause_s: float = 0.3
) -> None:
    """Write a configuration, and read it back.

    Parameters
    ----------
    receiver
        Which is known to be the one of the configuration.
    config
        What it is to be.
    timeout_s, pause_s
        How long an answer may take, and how long it is left alone after its signals changed, s.

    Raises
    ------
    NotConfiguredError
        It refused a message, or holds other values; says what of each key.
    TimeoutError, OSError
        As for `unique_id`.
    """
    refused = False
    for message, part in config.set_messages():
        answer = await receiver.ask(message, lambda found: _answers(found, _VALSET), timeout_s)
        if refused := answer.name == "ACK-NAK":
            break
        if part[0].name.startswith(SIGNALS):
            await asyncio.sleep(pause_s)
    held = await _read(receiver, config.settings, config.read_layer, timeout_s)
    differing = [one for one in config.settings if held.get(one.key_id) != one.encoded]
    if refused or differing:
        raise NotConfiguredError(_report(receiver.source.name, differing, held, refused=refused))


async def _read(
    receiver: GnssReceiver, settings: Sequence[F9tSetting], layer: int, timeout_s: float
) -> dict[int, bytes]:
    held: dict[int, bytes] = {}
    waiting = in_parts(settings)
    while waiting:
        part = waiting.pop()

        def is_answer(found: UbxMessage, first: int = part[0].key_id) -> bool:
            return (found.name == "CFG-VALGET" and first in values_in(found.data)) or (
                found.name == "ACK-NAK" and _answers(found, _VALGET)
            )

        answer = await receiver.ask(get_message(part, layer), is_answer, timeout_s)
        if answer.name == "CFG-VALGET":
            held.update(values_in(answer.data))
        elif len(part) > 1:  # it does not know one of them, and gives none: ask for halves
            half = len(part) // 2
            waiting += [part[:half], part[half:]]
    return held


def _answers(found: UbxMessage, message_id: int) -> bool:
    fields = found.fields
    is_ack = found.name in ("ACK-ACK", "ACK-NAK")
    return is_ack and (fields["clsID"], fields["msgID"]) == (_CLASS_CFG, message_id)


def _report(name: str, differing: Sequence[F9tSetting], held: dict[int, bytes], *, refused: bool) -> str:
    unknown_first = sorted(differing, key=lambda one: one.key_id in held)
    lines = [f"{one.name}: wanted {one.value!r}, has {one.shown(held.get(one.key_id))}" for one in unknown_first]
    for line in lines:
        _log.warning("gnss %s: %s", name, line)
    why = "refused its configuration" if refused else "holds other values than were written"
    n_keys = "1 key differs" if len(lines) == 1 else f"{len(lines)} keys differ"
    return f"{name} {why}; {n_keys}: {'; '.join(lines)}"
