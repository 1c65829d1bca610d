"""The rate rule: bounds for any arrivals, and nothing lost of a source that is as fast as the interval."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.frames import block_of
from support.virtual_time import run_in_virtual_time

from panoseti_daq.hub import Hub
from panoseti_daq.pff import Selection

I_S = 1.0  # the interval
Sent = list[tuple[float, int]]


def sent(arrivals: Sequence[float], interval_s: float = I_S) -> Sent:
    """When a consumer that waits gets which of the frames that arrive at these times."""

    async def main() -> Sent:
        loop = asyncio.get_running_loop()
        hub, got = Hub(), Sent()
        with hub.subscribe(Selection(update_interval_s=interval_s)) as subscription:

            async def consume() -> None:
                async for frame in subscription:
                    got.append((loop.time(), frame.frame_number))

            consumer = asyncio.create_task(consume())
            begin = loop.time()
            for number, at in enumerate(arrivals):
                await asyncio.sleep(begin + at - loop.time())
                hub.publish(block_of(first=number))
            await asyncio.sleep(10 * abs(interval_s))
            consumer.cancel()
        return [(time - begin, number) for time, number in got]

    return run_in_virtual_time(main())


def times(distances: list[float]) -> list[float]:
    return list(itertools.accumulate(distances))


@given(st.lists(st.floats(0, 3), min_size=1, max_size=60).map(times))
@example([0, 0.5, 1.0, 1.5, 2.0])
@settings(deadline=None)
def test_whatever_arrives_there_are_at_most_n_plus_one_in_n_intervals_the_last_always_and_none_twice(
    arrivals: list[float],
) -> None:
    got = sent(arrivals)
    at, numbers = [time for time, _ in got], [number for _, number in got]
    for n in range(1, len(at)):
        for first, last in zip(at, at[n + 1 :], strict=False):  # n + 2 frames
            assert last - first > n * I_S
    assert all(b - a >= I_S / 2 - 1e-9 for a, b in itertools.pairwise(at))
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == len(arrivals) - 1
    assert at[-1] - arrivals[-1] <= 1.25 * I_S + 1e-9
    assert all(time >= arrivals[number] - 1e-9 for time, number in got)


@given(st.lists(st.floats(0, 0.49), min_size=1, max_size=100))
@settings(deadline=None)
def test_a_source_as_fast_as_the_interval_loses_nothing_by_being_late_by_up_to_half_of_it(
    late: list[float],
) -> None:
    arrivals = [number + late_by for number, late_by in enumerate(late)]
    got = sent(arrivals)
    assert [number for _, number in got] == list(range(len(late)))
    assert [time for time, _ in got] == pytest.approx(arrivals, abs=1e-9)


@pytest.mark.parametrize("drift", [0.0, 1e-3, -1e-3])
def test_hiccups_and_clocks_that_drift_cost_a_frame_now_and_then_and_no_delay(drift: float) -> None:
    random.seed(5)
    arrivals: list[float] = []
    for number in range(3000):
        hiccup = random.uniform(0, 0.9) if random.random() < 0.01 else random.uniform(0, 0.1)
        arrivals.append(max(number * (1 - drift) + hiccup, arrivals[-1] if arrivals else 0))
    got = sent(arrivals)
    delays = [time - arrivals[number] for time, number in got]
    assert len(got) >= 0.995 * len(arrivals)
    assert sorted(delays)[int(0.98 * len(delays))] < 1e-9


@pytest.mark.parametrize("period_s", [0.001, 0.1, 0.4, 0.6, 0.9])
def test_of_a_faster_source_one_frame_comes_per_interval_and_it_is_new(period_s: float) -> None:
    arrivals = [number * period_s for number in range(int(60 / period_s))]
    got = sent(arrivals)
    assert 40 <= sum(time <= 60 for time, _ in got) <= 61
    assert max(time - arrivals[number] for time, number in got[:-1]) <= period_s + 1e-9


def test_an_event_after_two_quick_ones_does_not_wait_for_long() -> None:
    time, number = sent([0, 0.5, 0.6])[2]
    assert (number, round(time, 6)) == (2, 1.001)
