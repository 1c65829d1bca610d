from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from support.received import NOW_S, frame_of

from panoseti_daq.errors import ViewerError
from panoseti_daq.pff import DataProduct, Key
from panoseti_daq.viewers.images.pedestal import (
    LENGTH_S,
    History,
    PedestalMode,
    Pedestals,
    key_name,
    load_darks,
    parse_key_name,
    save_darks,
    save_images,
)
from panoseti_daq.viewers.modules import Source

KEY = Key(7, DataProduct.IMG16, None)
MOVIE = Source("daq1", KEY)
QUABO = Key(224, DataProduct.PH256, 3)


def history_of(*values: int) -> History:
    history = History(DataProduct.IMG16)
    for i, value in enumerate(values):
        history.add(NOW_S + i, frame_of(value).pixels)
    return history


def pixel(row: int, column: int) -> npt.NDArray[np.bool_]:
    region = np.zeros((32, 32), np.bool_)
    region[row, column] = True
    return region


def test_the_median_is_that_of_each_pixel_over_the_last_images() -> None:
    image = frame_of(12).image

    assert (Pedestals(PedestalMode.MEDIAN).subtracted(MOVIE, image, history_of(10, 10, 90)) == 2).all()


def test_the_median_follows_new_images() -> None:
    pedestals, history = Pedestals(PedestalMode.MEDIAN), history_of(10)
    pedestals.median(MOVIE, history)
    for i in range(1, 4):
        history.add(NOW_S + i, frame_of(50).pixels)

    assert (pedestals.median(MOVIE, history) == 50).all()


def test_without_a_pedestal_the_image_is_as_it_came() -> None:
    image = frame_of(12).image

    assert Pedestals().subtracted(MOVIE, image, history_of(10)) is image


def test_a_dark_is_subtracted_and_leaves_negative_pixels() -> None:
    pedestals = Pedestals(PedestalMode.DARK, {MOVIE: np.full((32, 32), 20, np.float32)})

    assert (pedestals.subtracted(MOVIE, frame_of(12).image, history_of()) == -8).all()


def test_a_key_without_a_dark_stays_as_it_is() -> None:
    image = frame_of(12).image

    assert Pedestals(PedestalMode.DARK).subtracted(MOVIE, image, history_of()) is image


@pytest.mark.parametrize(("key", "name"), [(KEY, "module_7.img16"), (QUABO, "module_224.ph256.Q3")])
def test_a_key_can_be_read_from_its_name(key: Key, name: str) -> None:
    assert key_name(key) == name
    assert parse_key_name(name) == key


@pytest.mark.parametrize(
    "name", ["x", "module_7", "module_7.img17", "module_7.ph256", "module_256.img8", "module_7.img8.Q1"]
)
def test_a_name_that_is_no_key_is_refused(name: str) -> None:
    with pytest.raises(ValueError):
        parse_key_name(name)


def test_darks_survive_in_their_files(tmp_path: Path) -> None:
    of_any, of_one = Source("", KEY), Source("daq1:50051", KEY)
    darks = {
        of_any: np.full((32, 32), 1.5, np.float32),
        of_one: np.full((32, 32), 2.5, np.float32),
        Source("", QUABO): np.zeros((16, 16), np.float32),
    }

    save_darks(tmp_path / "dark", darks)
    loaded = load_darks(tmp_path / "dark")

    assert loaded.keys() == darks.keys()
    assert (loaded[of_any] == 1.5).all()
    assert (loaded[of_one] == 2.5).all()
    assert (tmp_path / "dark" / "module_7.img16.npy").exists()


@pytest.mark.parametrize("content", [None, b"no array"])
def test_a_directory_without_darks_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content:
        (tmp_path / "module_7.img16.npy").write_bytes(content)

    with pytest.raises(ViewerError, match=str(tmp_path)):
        load_darks(tmp_path)


def test_a_dark_of_the_wrong_shape_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "module_7.img16.npy", np.zeros((16, 16)))

    with pytest.raises(ViewerError, match="shape"):
        load_darks(tmp_path)


def test_images_are_saved_under_module_product_and_time(tmp_path: Path) -> None:
    frame = frame_of(3, DataProduct.PH256, 224, quabo=1, unix_s=NOW_S + 0.5)
    save_images(tmp_path / "view", {Source("", frame.key): frame})

    (file,) = (tmp_path / "view").iterdir()
    assert file.name == "module_224.ph256.Q1.2026-01-01T00-00-00.500.npy"
    assert np.load(file).dtype == np.dtype("<i2")


def test_a_history_takes_one_image_a_second() -> None:
    history = History(DataProduct.IMG16)
    for i in range(40):
        history.add(NOW_S + i / 20, frame_of(i).pixels)

    assert [value for _, value in history.curve(pixel(0, 0))] == [0, 19, 38]


def test_a_history_forgets_after_five_minutes() -> None:
    history = history_of(*range(400))

    assert len(history) == LENGTH_S
    assert history.curve(pixel(5, 6))[0].tolist() == [NOW_S + 100, 100]
