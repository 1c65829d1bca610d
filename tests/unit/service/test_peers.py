"""Log lines of a call."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from panoseti_daq.service.peers import PeerLog, caller_name

_log = logging.getLogger(__name__)


class Call:
    """The part of a call's context that says who calls."""

    def peer(self) -> str:
        return "ipv6:%5Bfe80::1%25eth0%5D:50"


@pytest.fixture
def named() -> Iterator[None]:
    token = caller_name.set("observer")
    yield
    caller_name.reset(token)


def log_of(call: Any) -> PeerLog:
    return PeerLog(_log, call)


def test_a_line_begins_with_the_peer_whose_address_may_hold_a_percent_sign(
    caplog: pytest.LogCaptureFixture, named: None
) -> None:
    log_of(Call()).warning("refused %s", "it")
    log_of(Call()).warning("uploads")
    assert [record.getMessage() for record in caplog.records] == [
        "ipv6:[fe80::1%eth0]:50 (observer): refused it",
        "ipv6:[fe80::1%eth0]:50 (observer): uploads",
    ]


def test_the_record_has_the_peer_and_the_place_of_who_logs(caplog: pytest.LogCaptureFixture) -> None:
    log_of(Call()).error("one")
    try:
        raise KeyError(1)
    except KeyError:
        log_of(Call()).exception("two")
    one, two = caplog.records
    assert one.peer == two.peer == "ipv6:[fe80::1%eth0]:50"  # type: ignore[attr-defined]
    assert one.pathname == two.pathname == __file__
    assert one.exc_info is None
    assert two.exc_info is not None
