from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest
from support.received import DETECTED_NS, Clock, by_key, received

from panoseti_daq.client import ReceivedBlock, ReceivedFrame
from panoseti_daq.pff import DataProduct, Layout, encode_frame
from panoseti_daq.pff.quabos import quabo_at
from panoseti_daq.viewers import clock as ages
from panoseti_daq.viewers.masks import PixelMasks
from panoseti_daq.viewers.modules import Module
from panoseti_daq.viewers.phdist.pulses import CAPACITY, PulseHeights, bin_edges, histogram

PH256, PH1024 = DataProduct.PH256, DataProduct.PH1024
SEVEN = Module("node", 7)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pulses(clock: Clock) -> PulseHeights:
    return PulseHeights(600, ages.Clock(clock.monotonic, clock.wall_ns))


def block_of(frame: ReceivedFrame) -> ReceivedBlock:
    data = encode_frame(frame.header, frame.image, frame.product)
    layout = Layout.discover(data, frame.product)
    assert layout is not None
    return ReceivedBlock(
        data, layout, 7, frame.file, frame.frame_number, detected_unix_ns=DETECTED_NS, host=frame.host
    )


@pytest.mark.parametrize("product", [PH256, PH1024], ids=lambda product: product.token)
def test_the_largest_pixel_of_a_frame_is_kept(pulses: PulseHeights, product: DataProduct) -> None:
    image = np.random.default_rng(1).integers(-50, 900, product.shape)
    pulses.update(by_key(received(product, image)))
    assert pulses.window(SEVEN, 10).max_adc.tolist() == [image.max()]


@pytest.mark.parametrize("in_blocks", [False, True])
@pytest.mark.parametrize("product", [PH256, PH1024], ids=lambda product: product.token)
def test_masked_pixels_and_zeros_are_no_pulses(clock: Clock, product: DataProduct, in_blocks: bool) -> None:
    masks = PixelMasks()
    masks.toggle(SEVEN, 20, 20)  # quabo 2
    pulses = PulseHeights(600, ages.Clock(clock.monotonic, clock.wall_ns), masks)
    image = np.full(product.shape, 50)
    image[4 if product.one_quabo else 20, 4 if product.one_quabo else 20] = 3000
    frames = [received(product, one, quabo=quabo_at(20, 20), number=i) for i, one in enumerate([image, 0 * image])]
    for frame in frames:
        if in_blocks:
            pulses.update_blocks([block_of(frame)])
        else:
            pulses.update(by_key(frame))

    assert pulses.window(SEVEN, 10).max_adc.tolist() == [50]


def test_a_movie_frame_is_no_event(pulses: PulseHeights) -> None:
    pulses.update(by_key(received(DataProduct.IMG16, 5)))
    assert pulses.modules == []


def test_each_quabo_is_an_event_of_its_module(pulses: PulseHeights) -> None:
    pulses.update(by_key(*(received(PH256, 10 + quabo, quabo=quabo, number=quabo) for quabo in range(4))))
    assert sorted(pulses.window(SEVEN, 10).max_adc) == [10, 11, 12, 13]


def test_an_event_leaves_the_windows_one_after_the_other_as_time_passes(
    pulses: PulseHeights, clock: Clock
) -> None:
    pulses.update(by_key(received(PH256, 100)))
    inside = []
    for step_s in (0, 9, 2, 48, 2, 538, 2):
        clock.advance(step_s)
        inside.append([len(pulses.window(SEVEN, window_s).max_adc) for window_s in (10, 60, 600)])
    assert inside == [[1, 1, 1], [1, 1, 1], [0, 1, 1], [0, 1, 1], [0, 0, 1], [0, 0, 1], [0, 0, 0]]


def test_an_event_stands_where_its_own_time_says_and_not_where_it_was_received(pulses: PulseHeights) -> None:
    pulses.update(by_key(received(PH256, 100, unix_ns=DETECTED_NS - 20_000_000_000)))
    assert len(pulses.window(SEVEN, 10).max_adc) == 0
    assert len(pulses.window(SEVEN, 60).max_adc) == 1


def test_the_time_an_event_waited_in_the_server_counts(pulses: PulseHeights) -> None:
    pulses.update(by_key(received(PH256, 100, queued_ns=30_000_000_000)))
    assert len(pulses.window(SEVEN, 10).max_adc) == 0
    assert len(pulses.window(SEVEN, 60).max_adc) == 1


def test_an_event_without_time_stands_where_the_server_read_it(pulses: PulseHeights) -> None:
    pulses.update(by_key(received(PH256, 100, unix_ns=0, queued_ns=5_000_000_000)))
    assert pulses.window(SEVEN, 4).n_events == 0
    assert pulses.window(SEVEN, 10).n_events == 1


def test_an_event_of_a_server_that_does_not_tell_is_dated_by_our_clock(pulses: PulseHeights, clock: Clock) -> None:
    old_ns = clock.wall_ns() - 20_000_000_000
    pulses.update(by_key(received(PH256, 100, unix_ns=old_ns, detected_ns=0)))
    assert len(pulses.window(SEVEN, 10).max_adc) == 0
    assert len(pulses.window(SEVEN, 60).max_adc) == 1


def test_the_last_frame_of_a_run_that_ended_long_ago_is_left_out(pulses: PulseHeights) -> None:
    pulses.update(by_key(received(PH256, 100, unix_ns=DETECTED_NS - 3600_000_000_000)))
    assert pulses.modules == []


def test_a_replayed_run_counts_as_it_comes(pulses: PulseHeights) -> None:
    for number in range(5):
        pulses.update(by_key(received(PH256, 100, number=number, unix_ns=10**18 + number)))
    assert len(pulses.window(SEVEN, 10).max_adc) == 4


def test_a_frame_that_is_sent_again_counts_once(pulses: PulseHeights) -> None:
    for _ in range(2):
        pulses.update(by_key(received(PH256, 100)))
    assert len(pulses.window(SEVEN, 10).max_adc) == 1


def test_the_rate_counts_the_frames_of_a_burst_that_were_not_seen(pulses: PulseHeights, clock: Clock) -> None:
    for burst in range(20):
        clock.advance(1)
        pulses.update(by_key(received(PH256, 100, number=6 * burst, unix_ns=clock.wall_ns())))
    assert pulses.window(SEVEN, 10).rate_hz == pytest.approx(6, abs=0.7)
    assert len(pulses.window(SEVEN, 10).max_adc) == 11


def test_frames_missed_in_a_long_silence_are_not_all_of_the_shortest_window(
    pulses: PulseHeights, clock: Clock
) -> None:
    pulses.update(by_key(received(PH256, 100, number=0)))
    clock.advance(100)
    pulses.update(by_key(received(PH256, 100, number=1000)))
    assert pulses.window(SEVEN, 10).n_events == pytest.approx(100, rel=0.05)
    assert pulses.window(SEVEN, 600).n_events == pytest.approx(1001)


def test_a_new_file_begins_to_count_again(pulses: PulseHeights) -> None:
    pulses.update(by_key(received(PH256, 1, number=500, file="a")))
    pulses.update(by_key(received(PH256, 1, number=3, file="b")))
    assert pulses.window(SEVEN, 10).n_events == 2


def test_memory_is_bounded(pulses: PulseHeights) -> None:
    for number in range(CAPACITY + 10):
        pulses.update(by_key(received(PH256, 1 + number % 4000, number=number)))
    kept = pulses.window(SEVEN, 600).max_adc
    assert len(kept) == CAPACITY
    assert kept[-1] == 1 + (CAPACITY + 9) % 4000


def test_clocks_default_to_those_of_the_process() -> None:
    pulses = PulseHeights(60)
    now_ns = time.time_ns()
    pulses.update(by_key(received(PH256, 100, unix_ns=now_ns, detected_ns=now_ns)))
    assert len(pulses.window(SEVEN, 10).max_adc) == 1


@pytest.mark.parametrize("log", [False, True])
def test_bins_hold_every_value_between_whole_counts(log: bool) -> None:
    values = np.random.default_rng(3).integers(90, 4000, 2000).astype(float)
    edges = bin_edges(values, log=log)
    assert (edges % 1 == 0.5).all()
    assert (np.diff(edges) >= 1).all()
    expected = [int(((values > low) & (values < high)).sum()) for low, high in pairwise(edges)]
    assert histogram(values, edges).tolist() == expected
    assert histogram(values, edges).sum() == len(values)


def test_values_below_one_count_in_the_first_bin_of_a_log_axis() -> None:
    values = np.array([-20.0, 0.0, 1.0, 50.0])
    assert histogram(values, bin_edges(values, log=True))[0] == 3


@pytest.mark.parametrize("log", [False, True])
def test_a_single_value_has_bins(log: bool) -> None:
    assert histogram(np.array([120.0]), bin_edges(np.array([120.0]), log=log)).sum() == 1


@pytest.mark.parametrize("in_blocks", [False, True])
def test_pulses_of_one_module_number_on_two_hosts_are_counted_apart(pulses: PulseHeights, in_blocks: bool) -> None:
    for host, value in (("daq1", 10), ("daq2", 90)):
        frame = received(PH256, value, host=host)
        if in_blocks:
            pulses.update_blocks([block_of(frame)])
        else:
            pulses.update(by_key(frame))
    assert [pulses.window(module, 10).max_adc.tolist() for module in pulses.modules] == [[10], [90]]
