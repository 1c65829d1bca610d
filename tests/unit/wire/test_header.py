"""Headers in a few bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panoseti_daq.pff import Header
from panoseti_daq.wire.header import pack, quabo_of, unpack

U16, U32 = st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1)


def columns(n_quabos: int) -> st.SearchStrategy[Header]:
    def column(value: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[int, ...]]:
        same = value.map(lambda v: (v,) * n_quabos)
        return same | st.tuples(*[value] * n_quabos)

    quabo_num = st.integers(0, 3) if n_quabos == 1 else st.none()
    columns = st.tuples(column(U16), column(U16), column(U32), column(U32), column(U32), quabo_num)
    return columns.map(lambda values: Header(*values))


@given(columns(1) | columns(4))
def test_a_header_comes_back(header: Header) -> None:
    assert unpack(pack(header)) == header


@given(columns(1) | columns(4))
def test_the_quabo_is_known_without_unpacking(header: Header) -> None:
    assert quabo_of(pack(header)) == header.quabo_num


def test_quabos_of_one_second_share_their_seconds() -> None:
    header = Header((1, 2, 3, 4), (529,) * 4, (7, 8, 9, 10), (1721882092,) * 4, (11, 12, 13, 14))
    assert len(pack(header)) == 46


def test_numbers_that_do_not_fit_are_not_packed() -> None:
    assert pack(Header((2**16,) * 4, (0,) * 4, (0,) * 4, (0,) * 4, (0,) * 4)) == b""
    assert pack(Header((0,), (0,), (0,), (2**32,), (0,), 1)) == b""


@pytest.mark.parametrize("n_bytes", [0, 1, 16, 18, 45, 63, 65])
def test_other_lengths_are_refused(n_bytes: int) -> None:
    with pytest.raises(ValueError, match="17, 46, 64 bytes"):
        unpack(bytes(n_bytes))
