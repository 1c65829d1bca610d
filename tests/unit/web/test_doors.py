"""Doors of the web server: tokens, links, names, origins, and what ends a session."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panoseti_daq.errors import ConfigError
from panoseti_daq.service.access.tokens import AllowedToken, Role, make_token
from panoseti_daq.web.doors import (
    MAX_FAILURES_PER_MINUTE,
    MAX_SOCKETS_PER_ADDRESS,
    SESSION_S,
    Doors,
    read_link,
    sign_link,
)

KEY = b"k" * 64
NOW_S = 1_767_225_600.0


class House:
    """Doors with tokens, a key and a clock that a test may change."""

    def __init__(self) -> None:
        self.token, line = make_token("ada", Role.READ)
        self.tokens: tuple[AllowedToken, ...] = (line,)
        self.key, self.now_s = KEY, NOW_S
        self.doors = Doors(lambda: self.tokens, lambda: self.key, ["head.example"], lambda: self.now_s)


@pytest.fixture
def house() -> House:
    return House()


def test_without_tokens_anybody_may_look() -> None:
    who = Doors().who(None)
    assert who is not None
    assert Doors().still(who)


def test_a_token_opens_a_session_and_nothing_else_does(house: House) -> None:
    assert house.doors.who(None) is None
    assert house.doors.who("guessed") is None
    assert house.doors.admit("pdaq_wrong", "a") is None
    session = house.doors.admit(house.token, "a")
    visitor = house.doors.who(session)
    assert visitor is not None
    assert (visitor.name, visitor.modules) == ("ada", frozenset())
    assert house.doors.who(None, f"Bearer {house.token}") is not None
    assert house.doors.who(None, "Bearer pdaq_wrong") is None


def test_a_revoked_token_ends_its_sessions(house: House) -> None:
    session = house.doors.admit(house.token, "a")
    visitor = house.doors.who(session)
    assert visitor is not None
    house.tokens = ()
    assert not house.doors.still(visitor)
    assert house.doors.who(session) is None


def test_a_session_ends_after_a_night(house: House) -> None:
    session = house.doors.admit(house.token, "a")
    house.now_s += SESSION_S
    assert house.doors.who(session) is None


def test_a_link_shows_its_modules_until_it_expires_or_its_key_is_replaced(house: House) -> None:
    link = sign_link(KEY, [3, 1], int(NOW_S) + 60)
    session = house.doors.admit(link, "a")
    visitor = house.doors.who(session)
    assert visitor is not None
    assert visitor.modules == {1, 3}
    house.key = b"other" * 10
    assert not house.doors.still(visitor)
    house.key = KEY
    assert house.doors.still(visitor)
    house.now_s += 60
    assert not house.doors.still(visitor)
    assert house.doors.admit(link, "a") is None


@given(st.integers(0, 200), st.integers(1, 255))
def test_a_link_that_was_changed_anywhere_is_refused(place: int, change: int) -> None:
    link = sign_link(KEY, [1], int(time.time()) + 60)
    assert read_link(KEY, link, time.time()) is not None
    at = len("share_") + place % (len(link) - len("share_") - 1)
    changed = link[:at] + chr(ord(link[at]) ^ change) + link[at + 1 :]
    assert read_link(KEY, changed, time.time()) is None


@given(st.text(max_size=300))
def test_any_text_may_knock(text: str) -> None:
    house = House()
    assert house.doors.admit(text, "a") is None
    assert house.doors.admit("share_" + text, "b") is None
    assert house.doors.who(text, text) is None
    assert house.doors.check_name(text) in (True, False)
    assert not house.doors.check_origin("https://evil.example", text) or text == "evil.example"


def test_guessing_is_slow(house: House) -> None:
    for _ in range(MAX_FAILURES_PER_MINUTE):
        house.doors.admit("pdaq_wrong", "a")
    assert house.doors.admit(house.token, "a") is None
    assert house.doors.admit(house.token, "b") is not None
    house.now_s += 60
    assert house.doors.admit(house.token, "a") is not None


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "HEAD.example", "10.0.1.2"])
def test_names_of_ours(host: str, house: House) -> None:
    assert house.doors.check_name(host)


@pytest.mark.parametrize("host", ["", "evil.example", "head.example.evil.example", "[", "localhost.evil:1"])
def test_names_of_others(host: str, house: House) -> None:
    assert not house.doors.check_name(host)


def test_only_our_own_page_may_ask() -> None:
    assert Doors.check_origin(None, "a:1")
    assert Doors.check_origin("http://a:1", "a:1")
    for origin in ("http://b:1", "http://a:2", "null", "", "http://["):
        assert not Doors.check_origin(origin, "a:1")


def test_sockets_of_an_address_are_counted() -> None:
    doors = Doors()
    for _ in range(MAX_SOCKETS_PER_ADDRESS):
        doors.enter("a")
    with pytest.raises(ConfigError, match="from this address"):
        doors.enter("a")
    doors.enter("b")
    doors.leave("a")
    doors.enter("a")
