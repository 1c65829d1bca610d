from __future__ import annotations

import numpy as np
import pytest
import typer
from support.received import DETECTED_NS, Clock, by_key, received

from panoseti_daq.pff import DataProduct
from panoseti_daq.pff.quabos import quadrant
from panoseti_daq.viewers.charts.series import TimeSeries, breaks, drawable, thinned
from panoseti_daq.viewers.lightcurve import parse_pixel
from panoseti_daq.viewers.lightcurve.curves import CAPACITY, CurveName, LightCurves
from panoseti_daq.viewers.masks import PixelMasks
from panoseti_daq.viewers.modules import Module

IMG8, IMG16 = DataProduct.IMG8, DataProduct.IMG16
CURVE = CurveName(7, IMG16, "node")


def at(seconds: float) -> int:
    return DETECTED_NS + round(seconds * 1e9)


@pytest.mark.parametrize("product", [IMG8, IMG16], ids=lambda product: product.token)
def test_points_are_the_means_and_pixels_of_the_images_at_their_own_time(product: DataProduct) -> None:
    light = LightCurves(300, [(3, 4), (31, 0)])
    images = np.random.default_rng(2).integers(0, 256, (5, 32, 32))
    for i, image in enumerate(images):
        light.update(by_key(received(product, image, number=i, unix_ns=at(i))))
    times_s, values = light.curve(CurveName(7, product, "node"))
    assert times_s.tolist() == [at(i) / 1e9 for i in range(5)]
    assert values[:, 0] == pytest.approx(images.mean(axis=(1, 2)))
    assert values[:, 1].tolist() == images[:, 3, 4].tolist()
    assert values[:, 2].tolist() == images[:, 31, 0].tolist()


def test_quabos_of_zeros_and_masked_pixels_are_no_light() -> None:
    masks = PixelMasks()
    masks.toggle(Module("", 7), 31, 31)
    light = LightCurves(300, [(3, 4), (31, 31)], masks=masks)
    image = np.full((32, 32), 100)
    light.update(by_key(received(IMG16, image, unix_ns=at(0))))
    image[quadrant(0)] = 0
    image[31, 31] = 9000
    light.update(by_key(received(IMG16, image, number=1, unix_ns=at(1))))
    light.update(by_key(received(IMG16, 0, number=2, unix_ns=at(2))))

    _, values = light.curve(CURVE)
    assert values[:, 0].tolist() == [100, 100]
    assert values[0, 1] == 100
    assert np.isnan([values[1, 1], values[0, 2], values[1, 2]]).all()


def test_a_frame_without_time_is_left_out() -> None:
    light = LightCurves(300)
    light.update(by_key(received(IMG16, 5, unix_ns=0)))
    assert light.names == []
    assert light.n_without_time == 1


def test_modules_of_one_number_on_two_hosts_have_a_curve_each() -> None:
    light = LightCurves(300)
    for i in range(3):
        for host, value in (("daq1", 10), ("daq2", 90)):
            light.update(by_key(received(IMG16, value, number=i, unix_ns=at(i), host=host)))
    assert [light.curve(name)[1][:, 0].tolist() for name in light.names] == [[10] * 3, [90] * 3]


def test_while_a_picture_stands_its_axis_does_and_the_curve_goes_on() -> None:
    clock = Clock()
    light = LightCurves(60, monotonic=clock.monotonic)
    frames = [by_key(received(IMG16, i, number=i, unix_ns=at(i))) for i in range(1, 5)]
    light.update(frames[0])
    for later in frames[1:3]:
        light.keep(later)
        clock.advance(1)
    assert light.now_s == at(1) / 1e9
    assert light.curve(CURVE)[1][:, 0].tolist() == [1]
    light.update(frames[3])
    assert light.curve(CURVE)[1][:, 0].tolist() == [1, 2, 3, 4]


def test_frames_that_are_shown_again_are_known() -> None:
    light = LightCurves(60)
    frames = [by_key(received(IMG16, i, number=i, unix_ns=at(i))) for i in range(1, 4)]
    for frame in (*frames, *frames[:2], frames[2]):
        light.update(frame)
    assert light.curve(CURVE)[1][:, 0].tolist() == [1, 2, 3]


def test_pulse_heights_are_left_out() -> None:
    light = LightCurves(300)
    light.update(by_key(received(DataProduct.PH256, 2), received(IMG16, 3)))
    assert light.names == [CURVE]


def test_points_leave_as_time_passes() -> None:
    clock = Clock()
    light = LightCurves(60, monotonic=clock.monotonic)
    for i in range(3):
        light.update(by_key(received(IMG16, 1 + i, unix_ns=at(20 * i))))
        clock.advance(20)
    assert light.curve(CURVE)[1][:, 0].tolist() == [1, 2, 3]
    clock.advance(30)
    assert light.curve(CURVE)[1][:, 0].tolist() == [3]
    clock.advance(60)
    assert len(light.curve(CURVE)[0]) == 0


def test_the_axis_ends_now_by_the_clock_of_the_typical_module() -> None:
    clock = Clock()
    light = LightCurves(60, monotonic=clock.monotonic)
    light.update(by_key(*(received(IMG16, 1, module_id=m, unix_ns=at(0)) for m in range(4))))
    light.update(by_key(received(IMG16, 1, module_id=9, unix_ns=at(1e6))))
    clock.advance(5)
    assert light.now_s == pytest.approx(at(5) / 1e9)


def test_memory_is_bounded_and_the_whole_span_is_kept() -> None:
    clock = Clock()
    light = LightCurves(3000, monotonic=clock.monotonic)
    for i in range(4 * CAPACITY):  # four a second, for the whole span
        light.update(by_key(received(IMG16, 1, number=i, unix_ns=at(i / 4))))
        clock.advance(0.25)
    times_s, _ = light.curve(CURVE)
    assert len(times_s) <= CAPACITY
    assert times_s[-1] - times_s[0] > 2990


def test_a_full_series_keeps_the_newest_in_order() -> None:
    series = TimeSeries(4, 2)
    for i in range(11):
        series.append(i, 10 * i, 100 * i)
        assert series.times_s.tolist() == list(range(max(0, i - 3), i + 1))
    assert series.values.tolist() == [[70, 700], [80, 800], [90, 900], [100, 1000]]
    assert len(series) == 4


def test_a_line_is_broken_where_nothing_came_and_where_time_goes_back() -> None:
    times_s = np.array([0.0, 1, 2, 3, 10, 11, 5, 6])
    assert np.flatnonzero(breaks(times_s, 1.0)).tolist() == [3, 5]
    x, y = drawable(times_s, times_s + 1, 100, 1.0)
    assert len(x) == 10
    assert np.flatnonzero(np.isnan(y)).tolist() == [4, 7]
    assert y[~np.isnan(y)].tolist() == (times_s + 1).tolist()


def test_a_slow_but_steady_curve_has_no_gaps() -> None:
    assert not breaks(np.arange(0.0, 300, 20), 1.0).any()


def test_thinning_keeps_a_flash() -> None:
    times_s, values = np.arange(10_000.0), np.zeros(10_000)
    values[4321] = 500
    x, y = thinned(times_s, values, 600)
    assert len(x) == len(y) <= 700
    assert y.max() == 500
    assert abs(x[y.argmax()] - 4321) < 40
    assert (np.diff(x) >= 0).all()


def test_a_pixel_is_row_and_column() -> None:
    assert parse_pixel("3,31") == (3, 31)


@pytest.mark.parametrize("text", ["3", "3,4,5", "a,b", "32,0", "0,-1", ""])
def test_what_is_no_pixel_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="--pixel"):
        parse_pixel(text)


def test_no_line_is_drawn_across_a_gap_of_a_curve_with_many_points() -> None:
    times_s = np.concatenate((np.arange(0, 150, 0.1), np.arange(151.5, 300, 0.1)))
    x, y = drawable(times_s, np.sin(times_s), 300, 1.0)
    assert len(x) < 400
    [at] = np.flatnonzero(np.isnan(y))
    assert (x[at - 1], x[at + 1]) == pytest.approx((149.9, 151.5), abs=1)
    drawn = np.diff(x)[~(np.isnan(y[1:]) | np.isnan(y[:-1]))]
    assert drawn.max() < 1.5
