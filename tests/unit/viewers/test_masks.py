from __future__ import annotations

from pathlib import Path

import pytest

from panoseti_daq.errors import ViewerError
from panoseti_daq.viewers.masks import PixelMasks, load_masks
from panoseti_daq.viewers.modules import Module


def test_masks_are_saved_and_loaded(tmp_path: Path) -> None:
    masks = PixelMasks()
    assert masks.toggle(Module("", 7), 3, 20)
    masks.toggle(Module("", 224), 31, 0)
    masks.save(tmp_path / "mask.json")

    assert load_masks(tmp_path / "mask.json").as_lists() == {"7": [[3, 20]], "224": [[31, 0]]}


def test_a_pixel_that_is_toggled_twice_is_not_masked() -> None:
    masks = PixelMasks()
    masks.toggle(Module("", 7), 3, 20)

    assert not masks.toggle(Module("", 7), 3, 20)
    assert masks.as_lists() == {}


@pytest.mark.parametrize("text", ["", "[1]", '{"7": [[3, 32]]}', '{"x": [[1, 1]]}', '{"7": 3}'])
def test_a_file_without_masks_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "mask.json"
    file.write_text(text)

    with pytest.raises(ViewerError, match="holds no masks"):
        load_masks(file)
