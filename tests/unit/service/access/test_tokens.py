from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.errors import ConfigError
from panoseti_daq.service.access.access import role_for
from panoseti_daq.service.access.tokens import Role, find, make_token, read_tokens

HASH = f"sha256:{'0' * 64}"


def test_a_token_is_found_by_its_hash_and_no_other(tmp_path: Path) -> None:
    made = [make_token(name, role) for name in ("a", "b") for role in Role]
    file = tmp_path / "tokens"
    file.write_text("\n".join(str(line) for _, line in made))
    allowed = read_tokens(file)
    assert allowed == tuple(line for _, line in made)
    for secret, line in made:
        assert find(secret, allowed) == line
        assert secret not in str(line) + repr(line)
    assert find("", allowed) is None


def test_the_hash_of_nothing_lets_nobody_in(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text(f"empty control sha256:{hashlib.sha256(b'').hexdigest()}")
    assert find("", read_tokens(tmp_path / "tokens")) is None


@given(st.text(max_size=2000))
def test_no_text_is_a_token_by_chance_or_an_error(text: str) -> None:
    _, line = make_token("me", Role.READ)
    assert find(text, (line,)) is None


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("secret", "has 1 words"),
        (f"me admin {HASH}", "has an unknown role"),
        (f"-me read {HASH}", "begins with an invalid name"),
        ("me read secret", "does not end with a hash"),
        ("me read sha256:secret", "does not end with a hash"),
        (f"me read {HASH} more", "has 4 words"),
    ],
)
def test_a_line_that_is_none_is_refused_by_its_number_and_not_shown(line: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text(f"# comment\n\nme read {HASH}\n{line}\n")
    with pytest.raises(ConfigError, match=says) as error:
        read_tokens(tmp_path / "tokens")
    assert "tokens, line 4 " in str(error.value)
    assert "secret" not in str(error.value)


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_bytes(b"#" * (1 << 21))
    with pytest.raises(ConfigError, match="more than 1048576 bytes"):
        read_tokens(tmp_path / "tokens")


def test_every_call_of_ours_has_the_role_that_was_decided() -> None:
    methods = [method.name for method in pb.DESCRIPTOR.services_by_name["DaqData"].methods]
    may_read = {name for name in methods if role_for(f"/daqdata.DaqData/{name}") is Role.READ}
    assert may_read == {"StreamImages", "StreamFrames", "Status", "Ping"}
    assert {"InitHpIo", "UploadImages"} == set(methods) - may_read
    assert role_for("/grpc.health.v1.Health/Watch") is Role.READ
    assert role_for("/daqdata.DaqData/WhatMayCome") is Role.CONTROL
    of_receivers = {name: role_for(f"/ubloxcontrol.UbloxControl/{name}") for name in ("CaptureUblox", "InitF9t")}
    assert of_receivers == {"CaptureUblox": Role.READ, "InitF9t": Role.CONTROL}
