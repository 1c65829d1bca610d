"""Demand of all clients together."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panoseti_daq.gateway.demand import Demand, DemandWatch, covers, union_of
from panoseti_daq.hub import Hub
from panoseti_daq.pff import DataProduct, Key, Kind, Selection

MOVIES = Selection({Kind.MOVIE}, module_ids={1}, update_interval_s=1.0)
PULSES = Selection(
    {Kind.PULSE_HEIGHT}, module_ids={2}, products={DataProduct.PH256}, quabos={0}, update_interval_s=0.1
)

selections = st.builds(
    Selection,
    st.sets(st.sampled_from(Kind), min_size=1),
    st.sets(st.integers(0, 3)),
    st.just(frozenset()),
    st.sets(st.integers(0, 3)),
    st.floats(0, 10),
)
keys = st.builds(Key, st.integers(0, 3), st.sampled_from(DataProduct), st.none() | st.integers(0, 3))


def test_the_fastest_interval_is_that_of_all() -> None:
    assert union_of([MOVIES, PULSES]) == Selection(frozenset(Kind), module_ids={1, 2}, update_interval_s=0.1)
    assert union_of([]) is None


@given(st.lists(selections, min_size=1, max_size=4), keys)
def test_what_one_wants_all_together_want(some: list[Selection], key: Key) -> None:
    together = union_of(some)
    assert together is not None
    if any(key in one for one in some):
        assert key in together
    assert all(covers(Demand(together), Demand(one)) for one in some)


def test_less_and_the_same_are_covered_and_more_is_not() -> None:
    both = Demand(union_of([MOVIES, PULSES]) or MOVIES)
    assert covers(both, Demand(MOVIES)) and covers(both, None) and covers(both, both) and covers(None, None)
    assert not covers(Demand(MOVIES), both)
    assert not covers(None, both)
    assert not covers(both, Demand(MOVIES, frozenset({"another gateway"})))


@pytest.mark.anyio
async def test_more_is_reported_at_once_and_less_when_it_has_lasted() -> None:
    hub, told = Hub(), asyncio.Queue[Demand | None]()
    watch = DemandWatch(hub, frozenset, told.put_nowait, linger_s=0.05)
    running = asyncio.create_task(watch.run())
    with hub.subscribe(MOVIES):
        assert await told.get() == Demand(MOVIES)
        with hub.subscribe(PULSES):
            both = await told.get()
            assert both and both.selection == union_of([MOVIES, PULSES])
        assert await told.get() == Demand(MOVIES)
    assert await told.get() is None
    running.cancel()


@pytest.mark.anyio
async def test_who_comes_back_soon_changes_nothing_and_lingering_can_be_ended() -> None:
    hub, told = Hub(), asyncio.Queue[Demand | None]()
    watch = DemandWatch(hub, frozenset, told.put_nowait, linger_s=1000.0)
    running = asyncio.create_task(watch.run())
    for _ in range(3):
        with hub.subscribe(MOVIES):
            await asyncio.sleep(0.01)
    assert told.get_nowait() == Demand(MOVIES) and told.empty()
    watch.stop_lingering()
    assert told.get_nowait() is None
    running.cancel()
