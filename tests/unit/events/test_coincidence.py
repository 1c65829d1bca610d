from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.events import (
    BEGIN_NS,
    NS,
    block_from,
    cut,
    engine_of,
    found_in,
    header_at,
    ph256,
    pulse_height,
    received,
    shuffled,
)

from panoseti_daq.errors import ConfigError
from panoseti_daq.events import Candidate, Shape, Tense, find_trigger
from panoseti_daq.pff import DataProduct, TimeStatus, encode_frame


def members(candidate: Candidate) -> list[tuple[int, int, int]]:
    return [(m.module_id, m.quabo, m.unix_ns - BEGIN_NS) for m in candidate.members]


@pytest.mark.parametrize(("dt_ns", "n_found"), [(0, 1), (50, 1), (900, 1), (1000, 1), (1001, 0), (1100, 0)])
def test_a_pair_is_found_up_to_a_microsecond_apart(dt_ns: int, n_found: int) -> None:
    found = found_in([ph256(1, [0]), ph256(3, [dt_ns])])
    assert len(found) == n_found
    assert all(candidate.duration_ns == dt_ns for candidate in found)


def test_members_say_from_which_host_they_are() -> None:
    (found,) = found_in([received(ph256(1, [0]), "daq1"), received(ph256(3, [0]), "daq2")])
    assert [member["host"] for member in found.as_dict(Tense.CURRENT)["members"]] == ["daq1", "daq2"]
    (recorded,) = found_in([ph256(1, [0]), ph256(3, [0])])
    assert (recorded.id, recorded.members[0].host) == (found.id, "")


def test_quabos_of_a_module_within_300_ns_are_one_event() -> None:
    frames = [pulse_height(BEGIN_NS + ns, quabo) for ns, quabo in ((0, 1), (300, 2), (601, 3))]
    (found,) = found_in([block_from(frames, DataProduct.PH256, 1), ph256(3, [40])])
    assert members(found) == [(1, 1, 0), (1, 2, 300), (3, 0, 40)]


def test_after_an_event_a_module_is_deaf_for_a_millisecond() -> None:
    first = ph256(1, [0, 999_999])
    assert found_in([first, ph256(3, [999_999])]) == []
    assert len(found_in([first, ph256(3, [999_999])], dead_time_ns=1000)) == 1
    assert len(found_in([ph256(1, [0, 1_000_000]), ph256(3, [1_000_000])])) == 1


def test_a_zero_frame_makes_no_event_and_is_listed_with_the_one_it_came_with() -> None:
    zero = pulse_height(BEGIN_NS, 3, zero=True)
    assert found_in([block_from([zero], DataProduct.PH256, 1), ph256(3, [0])]) == []
    both = block_from([zero, pulse_height(BEGIN_NS + 18, 2)], DataProduct.PH256, 1)
    (found,) = found_in([both, ph256(3, [40])])
    assert members(found) == [(1, 3, 0), (1, 2, 18), (3, 0, 40)]
    assert [m.flags for m in found.members] == [("zero_image",), (), ()]


def test_a_32x32_frame_with_a_missing_quabo_makes_no_event() -> None:
    image = np.zeros((32, 32), np.int16)
    image[4, 20] = 300
    frames = {missing: encode_frame(header_at(BEGIN_NS, missing=missing), image, DataProduct.PH1024)
              for missing in ((), (2,))}  # fmt: skip
    whole, torn = (block_from([frames[missing]], DataProduct.PH1024, 1) for missing in ((), (2,)))
    (found,) = found_in([whole, ph256(3, [0])])
    assert (found.members[0].quabo, found.members[0].pixel, found.members[0].value) == (1, (4, 20), 300)
    assert found_in([torn, ph256(3, [0])]) == []


def test_a_clamped_nanosecond_is_no_time() -> None:
    odd = ph256(1, [NS - 1])
    engine = engine_of([odd])
    engine.feed(odd)
    assert engine.reports()[0].counters["left_out_no_time"] == 1


def test_modules_whose_clocks_disagree_take_part_only_when_asked_and_say_so() -> None:
    blocks = [ph256(1, [0], desync_s=50), ph256(3, [50 * NS + 100_000])]
    assert found_in(blocks) == []
    (found,) = found_in(blocks, host_clock_window_ns=1_000_000)
    assert [m.time_status for m in found.members] == [TimeStatus.HOST_CLOCK, TimeStatus.WHITE_RABBIT]
    assert found.uncertainty_ns == 1000


def test_a_pixel_that_is_the_brightest_too_often_makes_no_event() -> None:
    times = [i * 10_000_000 for i in range(2048)]
    hot = ph256(1, times)
    partner = ph256(3, [times[-1] + 10], pixel=(1, 1))
    assert found_in([hot, partner]) == []
    assert len(found_in([hot, partner], hot_fraction=1)) == 1


def test_faint_frames_can_be_left_out() -> None:
    blocks = [ph256(1, [0], adc=99), ph256(3, [0], adc=100)]
    assert len(found_in(blocks, min_adc=99)) == 1
    assert found_in(blocks, min_adc=100) == []


def test_four_pixels_are_a_point_and_more_are_extended() -> None:
    spot = np.random.default_rng(1).integers(-8, 9, (16, 16))
    for n_side, shape in ((2, Shape.POINT), (3, Shape.EXTENDED)):
        image = spot.copy()
        image[4 : 4 + n_side, 4 : 4 + n_side] = 400
        wide = block_from([encode_frame(header_at(BEGIN_NS, 0), image, DataProduct.PH256)], DataProduct.PH256, 1)
        (found,) = found_in([wide, ph256(3, [0])])
        assert found.shape is shape


def test_every_candidate_says_what_chance_gives() -> None:
    half = NS // 2
    first, second = [i * NS for i in range(100)], [i * NS + half for i in range(99)]
    (found,) = found_in([ph256(1, first), ph256(3, [*second, 99 * NS])])
    # one event a second in each: 2 tau R1 R2
    assert found.false_per_hour == pytest.approx(3600 * 2 * 1e-6 * 1 * 1, rel=0.05)


def test_the_accidentals_are_those_of_two_poisson_processes() -> None:
    random = np.random.default_rng(5)
    rate_hz, duration_s, window_ns = 20.0, 200.0, 250_000
    blocks = []
    for module_id in (1, 3):
        times = np.sort(random.integers(0, int(duration_s * NS), random.poisson(rate_hz * duration_s)))
        blocks.append(ph256(module_id, times.tolist()))
    expected = 2 * window_ns / NS * rate_hz**2 * duration_s  # 40
    engine = engine_of(blocks, window_ns=window_ns, dead_time_ns=0, hot_fraction=1, n_shifts=20)
    n_found = sum(len(engine.feed(block)) for block in blocks) + len(engine.finish())
    background = engine.reports()[0].counters["accidentals"]
    assert abs(n_found - expected) < 3 * expected**0.5
    # The shifted modules overlap a little less than the true ones.
    assert background == pytest.approx(expected, rel=0.2)


def test_an_option_of_the_wrong_kind_is_named() -> None:
    spec = find_trigger("coincidence")
    for options, said in (
        ({"window_ns": -1}, "invalid window_ns: -1; allowed: greater than or equal to 0$"),
        ({"windw": 1}, "option windw not found; there are: window_ns"),
        ({"offsets_ns": {"3:1": 5}}, r"invalid offsets_ns: \{.3:1.: 5\}: .3:1. is not LOWER:HIGHER"),
    ):
        with pytest.raises(ConfigError, match=said):
            spec.make_with(options)


TIMES = st.lists(st.integers(0, 40), min_size=1, max_size=30).map(sorted)


@settings(max_examples=60)
@given(
    st.lists(TIMES, min_size=2, max_size=4),
    st.lists(st.integers(0, 30), max_size=8),
    st.integers(0, 2**32),
)
def test_blocks_cut_anywhere_and_streams_in_any_order_give_the_same_candidates(
    times: list[list[int]], cuts: list[int], seed: int
) -> None:
    # Steps of 0.3 s, so that there are flushes on the way, and pairs at the edge of the window.
    streams = [
        ph256(module_id, [300_000_000 * (t // 3) + 500 * (t % 3) for t in of_module])
        for module_id, of_module in enumerate(times, 1)
    ]
    whole = found_in(streams, dead_time_ns=400)
    pieces = shuffled([cut(stream, cuts) for stream in streams], seed)
    assert [c.as_json(Tense.ARCHIVAL) for c in found_in(pieces, dead_time_ns=400)] == [
        c.as_json(Tense.ARCHIVAL) for c in whole
    ]
