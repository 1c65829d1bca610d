from __future__ import annotations

import io
import time

import numpy as np
import pytest
from rich.console import Console
from support.frames import each_product

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.client.images import Delivery
from panoseti_daq.pff import DataProduct, Header, Kind
from panoseti_daq.pff.quabos import CORNERS
from panoseti_daq.viewers import Surface, ViewerContext
from panoseti_daq.viewers.images.board import Board, Settings
from panoseti_daq.viewers.images.colors import ColorMap
from panoseti_daq.viewers.term import SPEC
from panoseti_daq.viewers.term.images import TermImages
from panoseti_daq.viewers.term.panels import cell_style

TAI_MINUS_UTC_S = 37


def frame_of(
    product: DataProduct = DataProduct.IMG16,
    module_id: int = 7,
    *,
    quabo: int = 0,
    bright: tuple[int, int] = (0, 0),
    age_s: float = 0.2,
    desync_s: int = 0,
    host: str = "daq1",
) -> ReceivedFrame:
    """A frame that is dark but for one pixel."""
    unix_s, rest_s = divmod(time.time() - age_s, 1)
    n = 1 if product.one_quabo else 4
    tai = (int(unix_s) + TAI_MINUS_UTC_S + desync_s) % 1024
    times = ((tai,) * n, (int(rest_s * 1e9),) * n, (int(unix_s),) * n, (int(rest_s * 1e6),) * n)
    header = Header((1,) * n, *times, quabo_num=quabo if product.one_quabo else None)
    image = np.ones(product.shape, product.dtype)  # zeros are no light
    image[bright] = 100
    return ReceivedFrame(product, module_id, "file", 12, image.tobytes(), header, delivery=Delivery(host))


def viewer_of(*frames: ReceivedFrame, refresh_period_s: float = 1.0, ascii_only: bool = True) -> TermImages:
    viewer = TermImages(Board(Settings(ColorMap.PLASMA), period_s=refresh_period_s), ascii_only=ascii_only)
    viewer.key("l")  # levels of each frame
    for frame in frames:
        viewer.update({frame.key: frame})
    return viewer


def text_of(viewer: TermImages, columns: int = 80, rows: int = 23) -> list[str]:
    text = ["".join(segment.text for segment in line) for line in viewer.lines(columns, rows, in_color=False)]
    assert len(text) == rows
    assert {len(line) for line in text} == {columns}
    return text


def printed(viewer: TermImages, color_system: str | None, encoding: str = "utf-8", **options: object) -> str:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=file, force_terminal=True, color_system=color_system, width=80, height=24, **options)  # type: ignore[arg-type]
    cell_style.cache_clear()  # rich keeps in a style what the first console made of it
    console.print(viewer.render(80, 23))
    file.seek(0)
    return file.read()


@each_product
@pytest.mark.parametrize("corner", [(0, 0), (0, -1), (-1, 0), (-1, -1)])
def test_a_bright_corner_pixel_is_the_same_corner_of_the_text(
    product: DataProduct, corner: tuple[int, int]
) -> None:
    text = text_of(viewer_of(frame_of(product, bright=corner)))[2:18]
    size = product.shape[0]
    picture = [line[:size] for line in text[: size // 2]]
    assert picture[corner[0]][corner[1]] == "@"
    assert "".join(picture).count("@") == 1


@pytest.mark.parametrize("quabo", range(4))
def test_a_ph256_image_stands_in_the_quadrant_of_its_quabo(quabo: int) -> None:
    text = text_of(viewer_of(frame_of(DataProduct.PH256, quabo=quabo)))[2:18]
    row, column = CORNERS[quabo]
    assert text[row // 2][column] == "@"
    assert sum(line[:32].count(" ") for line in text) == 3 * 16 * 8


def test_pulse_height_is_left_and_movie_right() -> None:
    text = text_of(viewer_of(frame_of(DataProduct.IMG8), frame_of(DataProduct.PH1024)))
    assert text[0].index("ph1024") < 32 < text[0].index("img8")


def test_the_title_tells_module_product_quabo_number_time_and_age() -> None:
    frame = frame_of(DataProduct.PH256, 224, quabo=2)
    text = text_of(viewer_of(frame))
    when = time.strftime("%H:%M:%S", time.gmtime(frame.time.unix_ns // 10**9))
    assert text[0].split() == ["module", "224", "ph256", "Q2", "#12"]
    assert text[1].startswith(when)
    assert text[1].rstrip().endswith("s old")
    assert text[19].split()[::2] == ["Q0", "Q1", "Q2", "Q3"]


@pytest.mark.parametrize("columns", [140, 60])
def test_modules_of_one_number_on_two_hosts_have_a_picture_each_with_its_host(columns: int) -> None:
    hosts = "head.observatory:50051", "head.observatory:50052"
    viewer = viewer_of(*(frame_of(host=host, bright=(i, 0)) for i, host in enumerate(hosts)))
    text = text_of(viewer, columns)
    first, second = text[0].index("50051"), text[0].index("50052")
    assert first < second
    assert text[0].count("img16") == 2
    if columns == 140:
        assert [text[2].index("@"), text[2].rindex("@")] == [0, 36]  # the upper of two rows, and the lower


def test_an_old_frame_is_grey() -> None:
    for age_s, is_old in ((1, False), (7, True)):
        title = viewer_of(frame_of(age_s=age_s)).lines(80, 23, in_color=True)[1]
        assert (title[0].style is not None and title[0].style.color is not None) is is_old


@pytest.mark.parametrize("n_modules", [1, 12])
def test_a_host_clock_is_warned_of(n_modules: int) -> None:
    frames = [frame_of(module_id=i, desync_s=100) for i in range(n_modules)]
    assert "host clock!" in text_of(viewer_of(*frames))[1]


def test_a_row_of_modules_scrolls_with_the_keys() -> None:
    viewer = viewer_of(*(frame_of(module_id=i) for i in range(64)))
    assert text_of(viewer)[0].split()[:1] == ["0"]
    assert "modules 1-8 of 64" in text_of(viewer)[-1]
    viewer.key("down")
    assert text_of(viewer)[0].split()[:1] == ["4"]
    for _ in range(99):
        viewer.key("down")
    assert "modules 57-64 of 64" in text_of(viewer)[-1]
    viewer.key("up")
    assert "modules 53-60 of 64" in text_of(viewer)[-1]


def test_pictures_are_full_while_all_modules_fit() -> None:
    viewer = viewer_of(frame_of(module_id=1), frame_of(module_id=2))
    assert text_of(viewer, 80, 23)[0].split()[:2] == ["module", "1"]
    assert text_of(viewer, 60, 23)[0].split()[:1] == ["1"]
    viewer.key("z")
    assert text_of(viewer, 60, 23)[0].split()[:2] == ["module", "1"]


def test_a_small_picture_has_the_means_of_four_pixels() -> None:
    viewer = viewer_of(frame_of(bright=(31, 31)))
    text = text_of(viewer, 30, 12)
    assert text[2 + 7][15] == "-"
    assert "".join(text[2:10]).count(".") == 16 * 8 - 1


def test_keys_choose_the_kinds() -> None:
    viewer = viewer_of(frame_of(DataProduct.IMG8), frame_of(DataProduct.PH256))
    for key, seen in (("m", {"img8"}), ("p", {"ph256"}), ("b", {"img8", "ph256"}), ("tab", {"img8"})):
        viewer.key(key)
        assert {product for product in ("img8", "ph256") if product in text_of(viewer)[0]} == seen


def test_a_kind_that_a_module_has_not_sent_yet_has_no_picture() -> None:
    viewer = viewer_of(frame_of(module_id=1), frame_of(DataProduct.PH256, module_id=2))
    assert "1: no pulse height yet" in "\n".join(text_of(viewer, 140, 23))
    assert {panel.kind for panel in viewer._board.panels.values()} == set(Kind)


def test_before_the_first_frame_it_says_so() -> None:
    assert text_of(viewer_of())[0].startswith("waiting for the first image")


@pytest.mark.parametrize(("columns", "rows"), [(1, 1), (10, 3), (20, 10), (200, 90)])
def test_every_size_is_filled_and_none_exceeded(columns: int, rows: int) -> None:
    text_of(viewer_of(*(frame_of(module_id=i) for i in range(5))), columns, rows)


def test_true_color_256_colors_and_ascii_are_what_the_terminal_can_do() -> None:
    viewer = viewer_of(frame_of(), ascii_only=False)
    assert "38;2;13;8;135" in printed(viewer, "truecolor")
    assert "38;5;" in printed(viewer, "256")
    assert "38;2;" not in printed(viewer, "256")
    for text in (
        printed(viewer, "standard"),
        printed(viewer, None),
        printed(viewer, "truecolor", no_color=True),
        printed(viewer, "truecolor", encoding="latin-1"),
        printed(viewer_of(frame_of()), "truecolor"),
    ):
        assert "\u2580" not in text
        assert "@..." in text


def test_the_viewer_is_made_without_options() -> None:
    assert SPEC.surface is Surface.TERMINAL
    assert isinstance(SPEC.make(ViewerContext(0.2)), TermImages)
