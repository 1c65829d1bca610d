from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from support.received import NOW_S, by_key, frame_of, local

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.pff import DataProduct, Kind, TimeStatus
from panoseti_daq.viewers.clock import Clock
from panoseti_daq.viewers.images.board import Board, Settings
from panoseti_daq.viewers.images.colors import N_COLORS, NO_DATA, Levels, LevelsMode, Scale
from panoseti_daq.viewers.images.looks import Looks
from panoseti_daq.viewers.images.panel import Panel
from panoseti_daq.viewers.images.pedestal import PedestalMode, Pedestals
from panoseti_daq.viewers.images.pixels import Orientation
from panoseti_daq.viewers.images.titles import Line
from panoseti_daq.viewers.masks import PixelMasks
from panoseti_daq.viewers.modules import ByHost, Module, Source

PH256, PH1024, IMG8, IMG16 = DataProduct.PH256, DataProduct.PH1024, DataProduct.IMG8, DataProduct.IMG16


def board_with(*frames: ReceivedFrame, settings: Settings | None = None) -> Board:
    board = Board(settings or Settings(), Pedestals(), clock=Clock(lambda: 1000.0))
    put(board, *frames)
    return board


def put(board: Board, *frames: ReceivedFrame) -> list[Panel]:
    board.update(by_key(*frames))
    return board.refresh()


def only(board: Board) -> Panel:
    (panel,) = board.panels.values()
    return panel


def one(row: int, column: int, value: int = 1000) -> Any:
    """Ones, because zeros are no light, but for one pixel."""
    image = np.ones((32, 32))
    image[row, column] = value
    return image


def text(lines: Iterable[Line]) -> str:
    return "\n".join(" ".join(span.text for span in line) for line in lines)


@pytest.mark.parametrize(("quabo", "row", "column"), [(0, 0, 0), (1, 0, 31), (2, 31, 31), (3, 31, 0)])
def test_a_ph256_frame_stands_in_its_quadrant(quabo: int, row: int, column: int) -> None:
    panel = only(board_with(frame_of(9, PH256, quabo=quabo)))

    assert panel.image[row, column] == 9
    assert (panel.indices == NO_DATA).sum() == 3 * 256


def test_quabos_stay_until_their_next_frame() -> None:
    board = board_with(frame_of(1, PH256, quabo=0))
    put(board, frame_of(2, PH256, quabo=2))

    assert {only(board).image[0, 0], only(board).image[31, 31]} == {1, 2}


def test_the_worst_age_of_the_quabos_is_told_and_each_one_in_the_details() -> None:
    board = board_with(
        frame_of(1, PH256, quabo=0, unix_s=NOW_S - 1), frame_of(1, PH256, quabo=3, unix_s=NOW_S - 46)
    )
    panel = only(board)

    assert text(panel.caption(1000.0).lines) == "module 7 ph256\n46 s 23:59:59.000"
    assert panel.silent(1000.0) == {3: pytest.approx(46)}
    assert not panel.is_silent(1000.0)
    assert "Q3  2025-12-31 23:59:14.000 UTC  frame 1  46 s old" in "\n".join(panel.details(1000.0))


def test_a_ph1024_frame_fills_the_whole_image() -> None:
    panel = only(board_with(frame_of(one(-1, -1), PH1024)))

    assert panel.valid is None
    assert panel.image[31, 31] == 1000


def test_a_frame_of_another_product_takes_the_place() -> None:
    board = board_with(frame_of(1, PH256, quabo=0))
    put(board, frame_of(5, PH1024))

    assert (only(board).image == 5).all()


def test_of_two_products_the_newer_is_shown() -> None:
    board = board_with(frame_of(1, IMG8, unix_s=NOW_S), frame_of(2, IMG16, unix_s=NOW_S - 1))

    assert only(board).product is IMG8


def test_a_silent_quabo_is_no_data_and_told() -> None:
    image = np.full((32, 32), 200)
    image[16:, :16] = 0

    panel = only(board_with(frame_of(image, silent=[3])))

    assert (panel.indices[16:, :16] == NO_DATA).all()
    assert panel.levels.low == 200
    assert "Q3 missing" in text(panel.caption(1000.0).lines)


def test_the_worst_clock_of_the_quabos_counts() -> None:
    board = board_with(frame_of(1, PH256, quabo=0), frame_of(1, PH256, quabo=1, clocks_differ_s=300))

    assert only(board).status is TimeStatus.HOST_CLOCK


def test_modules_appear_as_they_arrive_in_order() -> None:
    board = board_with(frame_of(1, module_id=9))
    put(board, frame_of(1, module_id=3))

    assert [module.module_id for module in board.modules] == [3, 9]


def test_pulse_height_stands_left_of_the_movie() -> None:
    board = board_with(frame_of(1, IMG16), frame_of(1, PH256))

    assert board.kinds == [Kind.PULSE_HEIGHT, Kind.MOVIE]


def test_modules_share_their_levels_and_kinds_do_not() -> None:
    images = [np.linspace(1, 100 + i, 1024).reshape(32, 32) for i in range(5)]
    movies = [frame_of(image, module_id=i) for i, image in enumerate(images)]
    board = board_with(*movies, frame_of(9, PH1024))

    assert len({panel.levels for panel in board.panels.values() if panel.kind is Kind.MOVIE}) == 1
    assert list(board.levels) == [IMG16, PH1024] or list(board.levels) == [PH1024, IMG16]
    assert board.levels[PH1024] == (9, 9)


def test_a_dying_quabo_does_not_dim_the_sky() -> None:
    board = board_with(frame_of(np.linspace(100, 200, 1024).reshape(32, 32)))
    before = board.levels[IMG16]
    image = np.linspace(100, 200, 1024).reshape(32, 32)
    image[:16, :16] = 0
    for i in range(40):
        put(board, frame_of(image, unix_s=NOW_S + i))

    assert before.low <= board.levels[IMG16].low < 110
    assert only(board).bad == {0: "zeros"}


def test_levels_of_pulse_heights_are_steadier() -> None:
    def board_after(product: DataProduct) -> Board:
        board = board_with()
        for i in range(80):
            image = np.linspace(1, 100 if i < 40 else 110, 1024).reshape(32, 32)
            put(board, frame_of(image, product, unix_s=NOW_S + i))
        return board

    assert board_after(IMG16).levels[IMG16].high > 105
    assert board_after(PH1024).levels[PH1024].high < 101


@pytest.mark.parametrize("scale", Scale)
def test_scales_begin_and_end_with_the_same_colors_and_rise(scale: Scale) -> None:
    image = np.linspace(1, 1025, 1024).reshape(32, 32)
    panel = only(board_with(frame_of(image), settings=Settings(levels=LevelsMode.FRAME, scale=scale)))

    assert (panel.indices[0, 0], panel.indices[-1, -1]) == (0, N_COLORS - 1)
    assert (np.diff(panel.indices.ravel().astype(int)) >= 0).all()
    assert (panel.indices[16, 0] > N_COLORS * 0.6) == (scale is not Scale.LINEAR)


def test_only_what_is_new_changes() -> None:
    board = board_with(frame_of(1, module_id=1), frame_of(1, module_id=2))

    assert [panel.module.module_id for panel in put(board, frame_of(1, module_id=2))] == [2]
    assert board.refresh() == []


def test_fixed_levels_are_those_given() -> None:
    settings = Settings(levels=LevelsMode.FIXED, fixed={Kind.MOVIE: Levels(0, 100)})
    panel = only(board_with(frame_of(100), settings=settings))

    assert panel.levels == (0, 100)
    assert (panel.indices == N_COLORS - 1).all()


def test_without_given_levels_fixed_means_those_of_now() -> None:
    board = board_with(frame_of(np.linspace(0, 100, 1024).reshape(32, 32)))
    before = only(board).levels
    board.hold_levels()
    board.settings.levels = LevelsMode.FIXED
    put(board, frame_of(4000))

    assert only(board).levels == before


def test_levels_per_frame_span_this_frame() -> None:
    board = board_with(frame_of(4000), settings=Settings(levels=LevelsMode.FRAME))
    put(board, frame_of(one(0, 0, 70)))

    assert only(board).levels == (1, 70)


def test_the_dark_of_now_makes_everything_zero() -> None:
    board = board_with(frame_of(300))
    board.pedestals.darks.update(board.darks())
    board.pedestals.mode = PedestalMode.DARK
    board.recompose()

    assert not any(panel.image.any() for panel in board.panels.values())


def test_a_dark_is_not_made_of_pulse_heights() -> None:
    assert board_with(frame_of(-5, PH256)).darks() == {}


def test_captions_say_what_is_wrong_right_after_the_age() -> None:
    panel = only(board_with(frame_of(1, clocks_differ_s=300, module_id=224)))

    assert text(panel.caption(1000.0).lines).startswith("module 224 img16\n0.0 s host clock!")


def test_hot_and_dead_pixels_are_found_in_the_stream() -> None:
    random = np.random.default_rng(5)
    images = random.poisson(200, (10, 32, 32))
    images[:, 3, 20] = 9000 + np.arange(10)
    images[:, 8, 8] = 77
    clock = [1000.0]
    board = Board(Settings(), clock=Clock(lambda: clock[0]))
    for image in images:
        clock[0] += 1.0
        put(board, frame_of(image, unix_s=NOW_S + clock[0]))
    board.find_odd_pixels()
    masks = board.masks.as_lists()

    assert masks == {"7": [[3, 20], [8, 8]]}


def test_a_pixel_leads_to_the_frame_it_comes_from() -> None:
    panel = only(board_with(frame_of(1, PH256, quabo=2)))
    found = panel.stamp_at(20, 31)

    assert found is not None
    assert (found[0].frame.key.quabo, found[1:]) == (2, (4, 15))
    assert panel.stamp_at(0, 0) is None


def replayed(board: Board, clock: Clock, at_s: float, *frames: ReceivedFrame) -> list[Panel]:
    clock.replay(at_s)
    return put(board, *frames)


def test_a_replay_that_steps_back_shows_only_what_was_there() -> None:
    clock = Clock(lambda: 1000.0)
    board = Board(Settings(), clock=clock)
    replayed(board, clock, NOW_S + 60, frame_of(5, unix_s=NOW_S + 60), frame_of(6, module_id=8, unix_s=NOW_S + 60))
    replayed(board, clock, NOW_S + 20, frame_of(4, unix_s=NOW_S + 20))

    later = board.panels[local(8), Kind.MOVIE]
    assert not later.stamps
    assert (later.indices == NO_DATA).all()
    assert later.stamp_at(3, 20) is None
    assert board.panels[local(7), Kind.MOVIE].raw[0, 0] == 4


def test_ages_are_right_again_after_a_replay() -> None:
    clock = Clock(lambda: 1000.0, lambda: round(NOW_S * 1e9))
    board = Board(Settings(), clock=clock)
    put(board, frame_of(5))
    replayed(board, clock, NOW_S - 60, frame_of(4, unix_s=NOW_S - 60))
    clock.replay(None)
    put(board, frame_of(5))

    assert only(board).silent(clock.now_s()) == {}
    assert only(board).raw[0, 0] == 5


def test_the_history_of_a_live_stream_outlives_a_look_back() -> None:
    clock = Clock(lambda: 1000.0)
    board = Board(Settings(), clock=clock)
    for i in range(3):
        put(board, frame_of(i, unix_s=NOW_S + i))
    replayed(board, clock, NOW_S, frame_of(0))
    clock.replay(None)
    put(board, frame_of(9, unix_s=NOW_S + 5))

    (history,) = board.histories.values()
    assert [unix_s - NOW_S for unix_s, _ in history.curve(np.ones((32, 32), np.bool_))] == [0, 1, 2, 5]


def of_two_hosts(settings: Settings | None = None) -> Board:
    """Module 7 of two hosts: ones and twos."""
    board = board_with(settings=settings)
    for host, value in (("daq1", 1), ("daq2", 2)):
        put(board, frame_of(value, host=host))
    return board


def test_modules_of_one_number_on_two_hosts_have_an_image_each() -> None:
    board = of_two_hosts()

    assert [module.host for module in board.modules] == ["daq1", "daq2"]
    assert {module.host: panel.raw[0, 0] for (module, _), panel in board.panels.items()} == {"daq1": 1, "daq2": 2}
    assert [len(history) for history in board.histories.values()] == [1, 1]
    assert [str(board.called(module)) for module in board.modules] == ["7 daq1", "7 daq2"]


def test_a_module_that_no_other_host_has_is_called_by_its_number() -> None:
    board = of_two_hosts()
    put(board, frame_of(3, module_id=8, host="daq2"))

    assert [str(board.called(module)) for module in board.modules] == ["7 daq1", "7 daq2", "8"]


def test_each_host_has_its_own_orientation_mask_and_dark_and_those_without_a_host_hold_for_all() -> None:
    settings = Settings(orientations=ByHost({Module("", 7): Orientation.TRANSPOSE}))
    board = of_two_hosts(settings)
    first, second = board.modules
    board.masks.toggle(Module("", 7), 5, 5)
    Looks(board).next_orientation(second)
    board.masks.toggle(board.called(second), 3, 20)
    board.pedestals.darks.update(board.darks())
    board.pedestals.mode = PedestalMode.DARK
    board.recompose()

    assert settings.orientation_of(first) is Orientation.TRANSPOSE
    assert settings.orientation_of(second) is Orientation.ANTI_TRANSPOSE
    assert board.masks.as_lists() == {"7": [[5, 5]], "7 daq2": [[3, 20], [5, 5]]}
    assert PixelMasks.of_lists(board.masks.as_lists()).as_lists() == board.masks.as_lists()
    assert not any(panel.image.any() for panel in board.panels.values())


def test_choices_of_each_host_are_remembered() -> None:
    board, again = of_two_hosts(), of_two_hosts()
    Looks(board).next_orientation(board.modules[1])
    board.settings.names[board.modules[0]] = "roof"
    Looks(again).restore(Looks(board).state())

    assert again.settings.orientations == {Module("daq2", 7): Orientation.ROTATE_90}
    assert again.settings.names == {Module("daq1", 7): "roof"}


def test_with_one_host_choices_are_remembered_by_the_number_of_a_module_as_ever() -> None:
    board = board_with(frame_of(1))
    Looks(board).next_orientation(board.modules[0])
    board.masks.toggle(board.called(board.modules[0]), 3, 20)
    board.settings.names[board.called(board.modules[0])] = "roof"
    state = Looks(board).state()

    assert (state["orientations"], state["masked"]) == ({"7": "rotate-90"}, {"7": [[3, 20]]})
    assert state["names"] == {"7": "roof"}
    assert list(board.darks()) == [Source("", board.panels[local(7), Kind.MOVIE].newest.frame.key)]
