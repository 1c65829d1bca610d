from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.events import BEGIN_NS, cut, engine_of, found_in, movie, received, shuffled

from panoseti_daq.events import Candidate, Shape, Tense
from panoseti_daq.pff import FrameBlock

Images = npt.NDArray[np.int64]

MS_NS = 1_000_000
LEARNT = 2048  # frames that are enough to know the noise
SKY_ADC = 200.0
SIGMA_ADC = SKY_ADC**0.5


@functools.cache
def _sky(n_frames: int, seed: int) -> Images:
    return np.random.default_rng(seed).poisson(SKY_ADC, (n_frames, 32, 32))


def sky(n_frames: int = LEARNT + 512, seed: int = 1) -> Images:
    """Poisson noise."""
    return _sky(n_frames, seed).copy()


def pulses(images: Images, **options: Any) -> list[Candidate]:
    return found_in([movie(images)], "pulse", **options)


def counters(blocks: Sequence[FrameBlock], **options: Any) -> dict[str, float]:
    engine = engine_of(blocks, "pulse", **options)
    for block in blocks:
        engine.feed(block)
    engine.finish()
    return dict(engine.reports()[0].counters)


def test_modules_of_one_number_on_two_hosts_are_searched_each_by_itself() -> None:
    blocks = []
    for host, seed in (("daq1", 1), ("daq2", 2)):
        images = sky(seed=seed)
        images[LEARNT + 200, 9, seed] += round(14 * SIGMA_ADC)
        blocks += [received(block, host) for block in cut(movie(images), [300, 600, 900])]
    found = found_in([block for pair in zip(blocks[:4], blocks[4:], strict=True) for block in pair], "pulse")
    members = [candidate.as_dict(Tense.CURRENT)["members"][0] for candidate in found]
    assert sorted((member["host"], member["pixel"]) for member in members) == [("daq1", [9, 1]), ("daq2", [9, 2])]


@pytest.mark.parametrize("width", [1, 3, 4, 16, 64])
def test_a_pulse_is_found_where_and_when_it_was(width: int) -> None:
    images, begin = sky(), LEARNT + 200  # over the end of a chunk
    images[begin : begin + width, 20, 12] += round(14 * SIGMA_ADC / width**0.5)
    (found,) = pulses(images)
    (member,) = found.members
    assert (member.module_id, member.quabo, member.pixel, found.shape) == (1, 3, (20, 12), Shape.POINT)
    assert member.unix_ns == BEGIN_NS + member.frame_number * MS_NS
    assert abs(member.frame_number - begin) <= max(1, width // 2)
    assert found.snr == pytest.approx(14, abs=4)
    assert found.duration_ns in (width * MS_NS, 2 * width * MS_NS, 4 * MS_NS)
    assert member.image is not None
    assert divmod(int(member.image.argmax()), 32) == (20, 12)


def test_noise_has_no_pulse() -> None:
    assert pulses(sky(6000)) == []


def test_what_was_brighter_before_the_noise_was_learnt_is_not_found() -> None:
    images = sky()
    images[300:310, 3, 3] += 500
    assert pulses(images) == []
    assert counters([movie(images)])["dead_s"] == pytest.approx(1.536)


def test_neighbors_that_light_up_together_are_one_candidate_with_a_member_for_each() -> None:
    images, begin = sky(), LEARNT + 100
    images[begin, 3, 3] += 300
    images[begin, 3, 4] += 200
    (found,) = pulses(images)
    assert [member.pixel for member in found.members] == [(3, 3), (3, 4)]


def test_pulses_far_apart_in_the_image_are_two_candidates() -> None:
    images, begin = sky(), LEARNT + 100
    images[begin, [3, 20], [3, 30]] += 300
    assert {candidate.members[0].pixel for candidate in pulses(images)} == {(3, 3), (20, 30)}


def test_a_pixel_that_has_pulses_again_and_again_is_hot() -> None:
    images, begin = sky(), LEARNT + 20
    images[begin::70, 3, 3] += 300
    images[begin::256, 20, 3] += 300
    found = [candidate.members[0].pixel for candidate in pulses(images)]
    assert (found.count((3, 3)), found.count((20, 3))) == (4, 2)
    assert counters([movie(images)])["vetoed_hot_pixel"] == 4


def test_what_lasts_longer_than_a_few_of_the_widest_sums_is_slow_and_hides_no_pulse() -> None:
    images, begin = sky(LEARNT + 1024), LEARNT + 100
    images[begin : begin + 500, 3, 3] += 60
    images[begin + 250, 20, 30] += 300
    (found,) = pulses(images)
    assert found.members[0].pixel == (20, 30)
    assert counters([movie(images)])["vetoed_slow"] == 1


def test_pulses_of_one_pixel_far_apart_are_two_candidates() -> None:
    images, begin = sky(), LEARNT + 20
    images[[begin, begin + 100], 3, 3] += 300
    assert [found.members[0].frame_number for found in pulses(images)] == [begin, begin + 100]


def test_a_step_of_a_whole_quabo_is_no_pulse() -> None:
    images, begin = sky(), LEARNT + 100
    images[begin : begin + 8, :16, 16:] += 100
    assert pulses(images) == []
    assert counters([movie(images)])["vetoed_quabo_step"] == 1
    (found,) = pulses(images, keep_vetoed=True)
    assert found.shape is Shape.QUABO_STEP


def test_light_on_the_whole_image_is_a_flash_when_short_and_a_cloud_when_long() -> None:
    images, begin = sky(LEARNT + 1024), LEARNT + 100
    images[begin : begin + 4] += 100
    images[begin + 400 :] += 100
    assert pulses(images) == []
    counted = counters([movie(images)])
    assert counted["vetoed_flash"] == 1
    assert counted["vetoed_cloud"] >= 1


def test_a_light_that_wanders_is_a_satellite() -> None:
    images, begin = sky(LEARNT + 1024), LEARNT + 100
    for i in range(600):
        images[begin + i, 4 + i // 30, 6 + i // 40] += 100
    counted = counters([movie(images)])
    assert counted["vetoed_satellite"] == 1
    assert "vetoed_many_pixels" not in counted


def test_a_star_that_drifts_into_a_pixel_is_no_pulse() -> None:
    n_frames = 8192
    rise = 40.0 * np.arange(n_frames) / 1000  # ADC counts: as fast as a bright star comes into a pixel
    images = np.random.default_rng(2).poisson(SKY_ADC, (n_frames, 32, 32))
    images[:, 5, 5] = np.random.default_rng(3).poisson(SKY_ADC + rise)
    assert pulses(images) == []


def test_frames_that_are_zero_are_left_out() -> None:
    images = sky()
    images[1000] = 0
    images[LEARNT + 300] = 0
    assert pulses(images) == []
    assert counters([movie(images)])["left_out_frames"] == 2


def test_no_pulse_reaches_over_a_break() -> None:
    before, after = sky(LEARNT), sky(600, seed=4)
    before[-8:, 9, 9] += 37  # 7.4 sigma, and 10.5 with the other half
    after[:8, 9, 9] += 37
    apart = [movie(before), movie(after, first=LEARNT + 20_000)]
    assert found_in(apart, "pulse", false_per_hour=1e-4) == []
    together = [movie(before), movie(after, first=LEARNT)]
    assert len(found_in(together, "pulse", false_per_hour=1e-4)) == 1


def test_as_many_false_pulses_come_as_were_accepted() -> None:
    # 7 million samples; the long form, of 1e9, is a nox session
    images = np.random.default_rng(7).poisson(SKY_ADC, (8192, 32, 32))
    engine = engine_of([movie(images)], "pulse", false_per_hour=20_000)
    n_found = len(engine.feed(movie(images))) + len(engine.finish())
    expected = engine.reports()[0].counters["accidentals"]
    assert expected == pytest.approx(37, abs=1)
    assert expected / 2 < n_found < 2 * expected


@settings(max_examples=12)
@given(st.lists(st.integers(1, LEARNT + 511), max_size=12), st.integers(0, 2**32))
def test_blocks_cut_anywhere_and_modules_in_any_order_give_the_same_pulses(cuts: list[int], seed: int) -> None:
    streams = _two_movies()
    pieces = shuffled([cut(stream, cuts) for stream in streams], seed)
    assert _lines(found_in(pieces, "pulse", false_per_hour=20_000)) == _lines_of_whole()


@functools.cache
def _two_movies() -> tuple[FrameBlock, FrameBlock]:
    images = sky(), sky(seed=2)
    for begin, width in ((LEARNT - 3, 5), (LEARNT + 250, 16), (LEARNT + 400, 64)):
        images[0][begin : begin + width, 7, 7] += round(9 * SIGMA_ADC / width**0.5)
    return movie(images[0], 1), movie(images[1], 2)


@functools.cache
def _lines_of_whole() -> list[str]:
    lines = _lines(found_in(_two_movies(), "pulse", false_per_hour=20_000))
    assert len(lines) >= 3
    return lines


def _lines(found: list[Candidate]) -> list[str]:
    return sorted(candidate.as_json(Tense.ARCHIVAL) for candidate in found)
