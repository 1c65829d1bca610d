"""UBX messages among other bytes."""

from __future__ import annotations

import random

import pytest
from support.receiver import second, ubx

from panoseti_daq.errors import ConfigError
from panoseti_daq.gnss.messages import UbxSplitter, decoded, poll


def test_messages_are_found_among_damage_in_pieces_of_any_size() -> None:
    wanted = [ubx("TIM-TP", qErr=i) for i in range(20)]
    damaged = bytearray(ubx("TIM-TP", qErr=99))
    damaged[9] ^= 1
    stream = b"$GPGGA*00\r\n" + b"\xb5\x62\x01\x07\xff\xff" + b"".join(w + damaged for w in wanted) + wanted[0][:9]
    for seed in range(5):
        chance, splitter, rest = random.Random(seed), UbxSplitter(), stream
        found: list[bytes] = []
        while rest:
            n = chance.randint(1, 40)
            found += splitter.feed(rest[:n])
            rest = rest[n:]
        assert found == wanted
        assert splitter.n_other_bytes == len(stream) - sum(map(len, wanted)) - 9


def test_a_message_is_decoded() -> None:
    *_, last = UbxSplitter().feed(second(5))
    message = decoded(last, 7, "roof")
    assert message is not None
    assert (message.name, message.fields["qErr"], message.unix_ns, message.receiver) == ("TIM-TP", -118, 7, "roof")


def test_only_questions_may_be_asked() -> None:
    assert poll("MON-VER") == bytes.fromhex("b5620a0400000e34")
    for name in ("CFG-RST", "CFG-VALGET", "NAV-NONSENSE"):
        with pytest.raises(ConfigError, match="allowed: MON-VER"):
            poll(name)
