"""The chart windows without a display: what they draw is compared with arrays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.frames import block_of
from support.qt import application, process_events
from support.received import DETECTED_NS, Clock, by_key, received
from support.rig import run_command, serving_process

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client import ReceivedBlock
from panoseti_daq.pff import DataProduct
from panoseti_daq.viewers import clock as ages
from panoseti_daq.viewers.host import theme
from panoseti_daq.viewers.lightcurve.curves import CurveName, LightCurves
from panoseti_daq.viewers.modules import Module
from panoseti_daq.viewers.phdist.pulses import PulseHeights
from panoseti_daq.viewers.rates.book import RateBook

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication, QWidget

__all__ = ["application"]

PH1024, IMG16 = DataProduct.PH1024, DataProduct.IMG16


def colors_in(widget: QWidget, path: Path) -> set[tuple[int, int, int]]:
    """Colors of the picture, and the picture for whoever wants to look."""
    widget.resize(1100, 750)
    image = widget.grab().toImage()
    assert image.save(str(path))
    image = image.convertToFormat(image.Format.Format_RGB32)
    pixels = np.unique(np.frombuffer(image.constBits(), np.uint32)) & 0xFFFFFF
    return {(pixel >> 16, pixel >> 8 & 0xFF, pixel & 0xFF) for pixel in pixels.tolist()}


@pytest.mark.parametrize("log", [True, False])
def test_histograms_hold_the_events_of_their_window(application: QApplication, tmp_path: Path, log: bool) -> None:
    from panoseti_daq.viewers.phdist.chart import PulseHeightChart

    clock = Clock()
    chart = PulseHeightChart(
        (10, 60), log=log, log_adc=log, pulses=PulseHeights(60, ages.Clock(clock.monotonic, clock.wall_ns))
    )
    random = np.random.default_rng(5)
    heights = {module_id: random.integers(100, 900, 40) for module_id in (3, 14)}
    for i in range(40):
        clock.advance(1)
        now_ns = clock.wall_ns()
        chart.update(
            by_key(*(received(PH1024, h[i], module_id=m, number=i, unix_ns=now_ns) for m, h in heights.items()))
        )
    chart.redraw()
    for panel, n in zip(chart.panels, (11, 40), strict=True):
        for module_id, expected in heights.items():
            edges, counts = panel.curves[Module("node", module_id), None]
            if log:
                edges, counts = 10**edges, np.where(counts < 0, 0, 10**counts)
            assert np.rint(counts).tolist() == np.histogram(expected[-n:], edges)[0].tolist()
    assert [row.texts for row in chart.table.rows] == [
        ("all", "22", "2.2", "80", "2.0"),
        ("3", "11", "1.1", "40", "1.0"),
        ("14", "11", "1.1", "40", "1.0"),
    ]
    assert {theme.module_color(3), theme.module_color(14)} <= colors_in(chart.widget, tmp_path / "phdist.png")


def test_many_modules_are_drawn_below_their_sum(application: QApplication) -> None:
    from panoseti_daq.viewers.phdist.chart import PulseHeightChart

    chart = PulseHeightChart((10,), log=False)
    chart.update(by_key(*(received(PH1024, 100 + m % 2, module_id=m) for m in range(64))))
    chart.redraw()
    (panel,) = chart.panels
    assert len(panel.curves) == 65
    assert panel.curves["all"][1].sum() == 64
    assert len(chart.table.rows) == 65


def test_a_window_without_events_says_so(application: QApplication) -> None:
    from panoseti_daq.viewers.phdist.chart import PulseHeightChart

    clock = Clock()
    chart = PulseHeightChart((10, 60), pulses=PulseHeights(60, ages.Clock(clock.monotonic, clock.wall_ns)))
    chart.redraw()
    assert "No pulse-height frames yet" in chart.widget.text
    chart.update(by_key(received(PH1024, 100)))
    clock.advance(30)
    chart.redraw()
    assert chart.widget.text == ""
    assert not chart.panels[0].curves
    assert chart.panels[1].curves
    clock.advance(60)
    chart.redraw()
    assert not chart.panels[1].curves


def test_light_curves_are_the_means_with_a_gap_where_nothing_came(
    application: QApplication, tmp_path: Path
) -> None:
    from panoseti_daq.viewers.lightcurve.chart import LightCurveChart

    clock = Clock()
    chart = LightCurveChart(LightCurves(60, [(1, 2)], monotonic=clock.monotonic), [(1, 2)])
    chart.redraw()
    assert "No movie frames yet" in chart.widget.text
    images = np.random.default_rng(4).integers(0, 500, (6, 32, 32))
    for i, image in enumerate(images):
        clock.advance(10 if i == 4 else 0.5)
        chart.update(by_key(received(IMG16, image, module_id=224, number=i, unix_ns=clock.wall_ns())))
    chart.redraw()
    for panel, expected in zip(chart.panels, (images.mean(axis=(1, 2)), images[:, 1, 2]), strict=True):
        _, y = panel.curves[CurveName(224, IMG16, "node")]
        assert np.flatnonzero(np.isnan(y)).tolist() == [4]
        assert y[~np.isnan(y)] == pytest.approx(expected)
    assert theme.module_color(224) in colors_in(chart.widget, tmp_path / "lightcurve.png")


def test_light_curves_of_two_hosts_with_one_module_differ_and_say_their_host(application: QApplication) -> None:
    from panoseti_daq.viewers.lightcurve.chart import LightCurveChart

    chart = LightCurveChart(LightCurves(60))
    for number, module_id, host in ((0, 7, "daq1:50051"), (1, 7, "daq2:50051"), (2, 8, "daq1:50051")):
        frame = received(IMG16, 1, module_id=module_id, number=number, unix_ns=DETECTED_NS, host=host)
        chart.update(by_key(frame))
    chart.redraw()
    assert [row.texts[0] for row in chart.table.rows] == ["7 img16 daq1:50051", "7 img16 daq2:50051", "8 img16"]
    assert len({row.pen for row in chart.table.rows}) == 3


def test_a_light_curve_stands_with_its_picture_and_has_no_gap_afterwards(application: QApplication) -> None:
    from panoseti_daq.viewers.host.feed import WindowFeed
    from panoseti_daq.viewers.host.pages import Page
    from panoseti_daq.viewers.host.window import HostWindow
    from panoseti_daq.viewers.lightcurve.chart import LightCurveChart

    chart, feed = LightCurveChart(LightCurves(60)), WindowFeed("daq1")
    window = HostWindow([Page("lightcurve", chart)], feed, 60.0)

    def come(i: int) -> int:
        at_ns = DETECTED_NS + i * 1_000_000_000
        feed.frames.put(received(IMG16, 1 + i, number=i, unix_ns=at_ns))
        process_events()
        window._redraw()
        [(times_s, _)] = chart.panels[0].curves.values()
        return len(times_s)

    assert [come(i) for i in range(3)] == [1, 2, 3]
    window._set_paused(True)
    assert [come(i) for i in range(3, 6)] == [3, 3, 3]
    window._set_paused(False)
    assert come(6) == 7
    window.close()


def test_a_viewer_of_frames_without_time_says_why_it_is_empty(application: QApplication) -> None:
    from panoseti_daq.viewers.lightcurve.chart import LightCurveChart

    chart = LightCurveChart(LightCurves(60))
    chart.update(by_key(received(IMG16, 1, unix_ns=0)))
    chart.redraw()
    assert "1 frames had no time" in chart.widget.text


def key_status(module_id: int, age_s: float, product: str = "img16", quabo: int | None = None) -> pb.KeyStatus:
    unix_ns = DETECTED_NS - round(age_s * 1e9)
    return pb.KeyStatus(
        module_id=module_id,
        product=product,
        quabo=quabo,
        frames_per_second=20,
        bytes_per_second=50_800,
        unix_ns=unix_ns,
    )


def test_keys_stand_below_their_host_in_a_fixed_order_and_old_ones_are_red(
    application: QApplication, tmp_path: Path
) -> None:
    from panoseti_daq.viewers.rates.chart import RateChart

    clock = Clock()
    chart = RateChart(RateBook(1.0, ages.Clock(clock.monotonic, clock.wall_ns), clock.wall_ns), 1.0, clock.wall_ns)
    chart.redraw()
    assert "No server has answered" in chart.widget.text
    keys = [key_status(1, 0.2), key_status(2, 7), key_status(3, 9, "ph256", 2), key_status(4, 4.9)]
    chart.update_status("node", pb.StatusResponse(keys=keys))
    chart.redraw()
    host, *rows = chart.table.rows
    assert host.texts == ("node", "80.0", "203.2", "9.0", "0")
    assert [(row.texts[0], bool(row.alarm)) for row in rows] == [
        ("  1 img16", False),
        ("  2 img16", True),
        ("  3 ph256 Q2", False),
        ("  4 img16", False),
    ]
    assert theme.rgb(theme.now().alarm) in colors_in(chart.widget, tmp_path / "rates.png")


def test_rates_are_drawn_as_the_server_said_them(application: QApplication) -> None:
    from panoseti_daq.viewers.rates.chart import RateChart

    clock = Clock()
    chart = RateChart(RateBook(1.0, ages.Clock(clock.monotonic, clock.wall_ns), clock.wall_ns), 1.0, clock.wall_ns)
    for second in range(5):
        clock.advance(1)
        key = pb.KeyStatus(module_id=9, product="img16", frames_per_second=10 + second, unix_ns=clock.wall_ns())
        streams = [pb.StreamStatus(peer="slow", dropped=3 * second)]
        chart.update_status("node", pb.StatusResponse(keys=[key], streams=streams))
        chart.redraw()
    times_s, frames = chart.panels[0].curves[(Module("node", 9), "img16"), 0]
    assert 10**frames == pytest.approx([10, 11, 12, 13, 14])
    assert (times_s - DETECTED_NS / 1e9).tolist() == pytest.approx([1, 2, 3, 4, 5])
    assert chart.panels[3].curves["node"][1] == pytest.approx([3, 3, 3, 3])


def test_rates_of_many_modules_are_drawn_per_product(application: QApplication) -> None:
    from panoseti_daq.viewers.rates.chart import RateChart

    clock = Clock()
    chart = RateChart(RateBook(1.0, ages.Clock(clock.monotonic, clock.wall_ns), clock.wall_ns), 1.0, clock.wall_ns)
    chart.update_status("node", pb.StatusResponse(keys=[key_status(m, m / 10) for m in range(64)]))
    chart.redraw()
    assert set(chart.panels[0].curves) == {((None, "img16"), 0), ((None, "img16"), 3)}
    assert 10 ** chart.panels[0].curves[(None, "img16"), 0][1] == pytest.approx([64 * 20])
    assert 10 ** chart.panels[2].curves[(None, "img16"), 2][1] == pytest.approx([6.3])
    assert len(chart.table.rows) == 2 + 64


def test_pulses_of_blocks_count_once_and_all_and_per_quabo_on_request(application: QApplication) -> None:
    from panoseti_daq.viewers.phdist.chart import PulseHeightChart

    chart = PulseHeightChart((10,))
    block = block_of(DataProduct.PH256, 40, module_id=9, first=1, quabos=[i % 4 for i in range(40)])
    chart.update_blocks([ReceivedBlock(block.data, block.layout, 9, block.file, 1)])
    chart.redraw()
    assert [row.texts[:2] for row in chart.table.rows] == [("9", "40")]
    chart.widget.actions()[2].trigger()
    names = [(row.name, row.texts[1]) for row in chart.table.rows[1:]]
    assert names == [((Module("", 9), quabo), "10") for quabo in range(4)]
    chart.widget.actions()[0].trigger()
    assert not chart.panels[0].left.is_log


def test_a_click_on_a_row_highlights_its_curve_and_the_right_button_hides_it(application: QApplication) -> None:
    from PySide6 import QtCore
    from PySide6.QtTest import QTest

    from panoseti_daq.viewers.phdist.chart import PulseHeightChart

    chart = PulseHeightChart((10,))
    chart.update(by_key(*(received(PH1024, 100, module_id=m) for m in (1, 2))))
    chart.widget.resize(1100, 700)
    chart.widget.show()
    chart.redraw()
    table, curves = chart.table, chart.panels[0]._curves
    row = table.visualRect(table.model().index(1, 0)).center()
    for button, alphas in (
        (QtCore.Qt.MouseButton.LeftButton, (255, 60)),
        (QtCore.Qt.MouseButton.RightButton, (0, 60)),
    ):
        QTest.mouseClick(table.viewport(), button, pos=row)
        assert tuple(curves[Module("node", m), None].opts["pen"].color().alpha() for m in (1, 2)) == alphas
    chart.widget.close()


@pytest.mark.parametrize("width", [480, 700, 1100, 1900])
def test_a_table_takes_at_most_a_third_of_the_window(application: QApplication, width: int) -> None:
    from panoseti_daq.viewers.phdist.chart import PulseHeightChart

    chart = PulseHeightChart((10, 60, 600))
    chart.update(by_key(received(PH1024, 100)))
    chart.redraw()
    chart.widget.resize(width, 750)
    chart.widget.show()
    process_events()
    needed = chart.table.fontMetrics().horizontalAdvance(" 224 Q3 ")
    assert chart.table.columnWidth(0) >= needed  # a name is never drawn over its numbers
    assert not chart.table.horizontalScrollBar().isVisible()
    assert chart.table.width() * chart.table.height() <= chart.widget.width() * chart.widget.height() / 2.9
    chart.widget.close()


def test_each_chart_writes_a_picture_of_a_simulation(tmp_path: Path) -> None:
    with serving_process("--simulate") as (_, host):
        for name in ("phdist", "rates", "lightcurve"):
            picture = tmp_path / f"{name}.png"
            command = ("plot", name, "--host", host, "--snapshot", picture, "--after", 1.5)
            result = run_command(*command, "--refresh-period", 0.2)
            assert (result.returncode, result.stderr) == (0, "")
            assert picture.stat().st_size > 10_000


def test_what_cannot_be_drawn_is_a_wrong_option() -> None:
    result = run_command("plot", "lightcurve", "--pixel", "40,1", "--snapshot", "a.png", "--after", 0)
    assert result.returncode == 2
    assert "outside of the image" in result.stderr
    assert "Traceback" not in result.stderr


def test_pulses_and_rates_of_two_hosts_with_one_module_have_curves_and_rows_of_their_own(
    application: QApplication,
) -> None:
    from panoseti_daq.viewers.phdist.chart import PulseHeightChart
    from panoseti_daq.viewers.rates.chart import RateChart

    clock = Clock()
    times = ages.Clock(clock.monotonic, clock.wall_ns)
    pulses, rates = PulseHeightChart((10,)), RateChart(RateBook(1.0, times, clock.wall_ns), 1.0, clock.wall_ns)
    for host in ("daq1", "daq2"):
        pulses.update(by_key(received(PH1024, 100, host=host)))
        rates.update_status(host, pb.StatusResponse(keys=[key_status(7, 0.1)]))
    pulses.redraw()
    rates.redraw()

    assert [row.texts[0] for row in pulses.table.rows] == ["all", "7 daq1", "7 daq2"]
    assert [row.texts[0] for row in rates.table.rows] == ["daq1", "  7 img16", "daq2", "  7 img16"]
    assert "oldest: module 7 img16 daq1" in rates.panels[2]._title
    assert len(pulses.panels[0].curves) == len(rates.panels[0].curves) == 2
    for chart in (pulses, rates):
        assert len({row.pen for row in chart.table.rows if row.pen}) == 2
