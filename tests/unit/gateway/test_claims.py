"""Two nodes with the same module."""

from __future__ import annotations

from panoseti_daq.gateway.claims import Claims


def test_the_first_keeps_a_module_until_it_is_lost() -> None:
    claims = Claims()
    assert claims.claim(1, "daq1") and claims.claim(2, "daq2")
    assert not claims.claim(1, "daq2")
    assert claims.claim(1, "daq1")
    assert (claims.of("daq1"), claims.of("daq2"), claims.left_out("daq2")) == ([1], [2], [1])
    assert claims.release("daq1") == [1]
    assert claims.claim(1, "daq2")
    assert not claims.claim(1, "daq1")
    assert (claims.left_out("daq2"), claims.left_out("daq1"), claims.owner(1)) == ([], [1], "daq2")


def test_a_preferred_node_takes_a_module_from_another() -> None:
    claims = Claims(prefer="daq2")
    assert claims.claim(1, "daq1")
    assert claims.claim(1, "daq2")
    assert not claims.claim(1, "daq1")
    assert claims.left_out("daq1") == [1]
