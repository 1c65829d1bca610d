from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from panoseti_daq.events.anchored import CoincidenceWindow, coincident
from panoseti_daq.events.watermark import END_NS

Events = list[tuple[int, int]]


def groups(events: Events, window: CoincidenceWindow, by_host: tuple[int, ...] = ()) -> list[list[int]]:
    """Times of the members of each group."""
    events = sorted(events)
    times, modules = (
        np.array(column, kind)
        for column, kind in zip(zip(*events, strict=True), (np.int64, np.uint8), strict=True)
    )
    flags = np.array([module in by_host for _, module in events])
    found, _ = coincident(times, modules, flags, window, END_NS)
    return [[events[i][0] for i in group] for group in found]


def test_two_events_are_coincident_up_to_the_window_and_not_beyond() -> None:
    window = CoincidenceWindow(1000)
    assert groups([(0, 1), (1000, 3)], window) == [[0, 1000]]
    assert groups([(0, 1), (1001, 3)], window) == []


def test_nanoseconds_are_exact_at_todays_unix_time() -> None:
    now = 1_721_882_693_382_893_230  # a float64 has steps of 238 ns here
    window = CoincidenceWindow(1)
    assert groups([(now, 1), (now + 1, 3)], window) == [[now, now + 1]]
    assert groups([(now, 1), (now + 2, 3)], window) == []


def test_events_of_one_module_are_not_coincident() -> None:
    assert groups([(0, 1), (10, 1)], CoincidenceWindow(1000)) == []


def test_the_earliest_event_anchors_and_the_search_goes_on_after_its_members() -> None:
    assert groups([(0, 1), (600, 3), (1200, 5)], CoincidenceWindow(1000)) == [[0, 600]]
    assert groups([(0, 1), (600, 3), (1200, 5), (1300, 1)], CoincidenceWindow(1000)) == [[0, 600], [1200, 1300]]


def test_of_a_module_with_two_events_the_nearest_is_taken() -> None:
    assert groups([(0, 1), (100, 3), (300, 3)], CoincidenceWindow(1000)) == [[0, 100]]


def test_the_offset_of_a_pair_moves_its_window() -> None:
    window = CoincidenceWindow(100, offsets_ns={(1, 3): -500})
    assert groups([(0, 3), (500, 1)], window) == [[0, 500]]
    assert groups([(0, 3), (601, 1)], window) == []
    assert groups([(0, 1), (500, 3)], window) == []


def test_modules_of_one_dome_are_no_coincidence_and_take_part_in_one() -> None:
    window = CoincidenceWindow(1000, domes={1: "north", 2: "north"})
    assert groups([(0, 1), (10, 2)], window) == []
    assert groups([(0, 1), (10, 2), (20, 3)], window) == [[0, 10, 20]]


def test_three_domes_can_be_asked_for() -> None:
    window = CoincidenceWindow(1000, multiplicity=3)
    assert groups([(0, 1), (10, 2)], window) == []
    assert groups([(0, 1), (10, 2), (20, 3)], window) == [[0, 10, 20]]


def test_the_time_of_the_host_clock_takes_part_only_when_asked_and_with_its_own_window() -> None:
    events = [(0, 1), (500_000, 3)]
    assert groups([(0, 1), (10, 3)], CoincidenceWindow(1000), by_host=(3,)) == []
    assert groups(events, CoincidenceWindow(1000, host_window_ns=1_000_000), by_host=(3,)) == [[0, 500_000]]
    assert groups(events, CoincidenceWindow(1000, host_window_ns=1_000_000)) == []


EVENTS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 4)), min_size=1, max_size=25, unique=True)


def by_definition(events: Events, window_ns: int, multiplicity: int) -> list[list[int]]:
    """The same, written as the definition says, for events without offsets and domes."""
    left, found = sorted(events), []
    while left:
        anchor = left[0]
        members, modules = [anchor], {anchor[1]}
        for event in left[1:]:
            if event[0] - anchor[0] <= window_ns and event[1] not in modules:
                members.append(event)
                modules.add(event[1])
        if len(modules) >= multiplicity:
            found.append([time for time, _ in members])
            left = [event for event in left if event not in members]
        else:
            left = left[1:]
    return found


@given(EVENTS, st.integers(0, 15), st.integers(2, 3))
def test_it_is_the_anchored_window_of_the_definition(events: Events, window_ns: int, multiplicity: int) -> None:
    assert groups(events, CoincidenceWindow(window_ns, multiplicity=multiplicity)) == by_definition(
        events, window_ns, multiplicity
    )


@given(EVENTS, st.lists(st.integers(0, 80), max_size=4), st.integers(0, 15))
def test_searched_bit_by_bit_the_groups_are_the_same(events: Events, marks: list[int], window_ns: int) -> None:
    events, window, found = sorted(events), CoincidenceWindow(window_ns), []
    left: Events = []
    for begin, end in pairwise([-1, *sorted(marks), 1000]):
        left += [event for event in events if begin <= event[0] < end]
        times = np.array([time for time, _ in left], np.int64)
        modules = np.array([module for _, module in left], np.uint8)
        new, is_done = coincident(times, modules, np.zeros(len(left), np.bool_), window, end - window_ns)
        found += [[left[i] for i in group] for group in new]
        left = [event for event, done in zip(left, is_done, strict=True) if not done]
    assert [[time for time, _ in group] for group in found] == groups(events, window)
