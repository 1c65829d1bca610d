"""Which keys a selection holds, and what is invalid in one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.frames import block_of

from panoseti_daq.errors import ConfigError
from panoseti_daq.pff import DataProduct, Key, Kind, Selection
from panoseti_daq.pff.block import FEW_FRAMES
from panoseti_daq.pff.selection import kinds_of

IMG8, IMG16, PH256, PH1024 = DataProduct
KEYS = [Key(module, product, None) for module in (1, 2) for product in (IMG8, IMG16, PH1024)]
KEYS += [Key(module, PH256, quabo) for module in (1, 2) for quabo in range(4)]


def held(selection: Selection) -> set[Key]:
    return {key for key in KEYS if key in selection}


def test_by_default_it_holds_everything() -> None:
    assert held(Selection()) == set(KEYS)


@pytest.mark.parametrize(
    ("selection", "holds"),
    [
        (Selection({Kind.MOVIE}), lambda key: key.product in (IMG8, IMG16)),
        (Selection(module_ids=[2]), lambda key: key.module_id == 2),
        (Selection(products=[IMG8, PH1024]), lambda key: key.product in (IMG8, PH1024)),
        (Selection(quabos=[1, 3]), lambda key: key.quabo in (None, 1, 3)),
        (Selection(module_ids=[1], products=[PH256], quabos=[0]), lambda key: key == Key(1, PH256, 0)),
        (Selection(kinds_of(False, False)), lambda key: False),
    ],
)
def test_it_holds_what_meets_every_criterion(selection: Selection, holds: Any) -> None:
    assert held(selection) == {key for key in KEYS if holds(key)}


def test_products_may_be_tokens_and_numbers_those_of_numpy() -> None:
    selection = Selection.of(products=["ph256"], module_ids=np.array([3]))
    assert selection == Selection(products={PH256}, module_ids={3})


def test_none_stands_for_all() -> None:
    assert Selection.of(module_ids=None, products=None, quabos=None) == Selection()


def test_what_is_no_list_is_invalid() -> None:
    with pytest.raises(ConfigError, match="invalid module_ids: 3; allowed: a list"):
        Selection.of(module_ids=3)  # type: ignore[arg-type]


def test_an_interval_below_zero_is_none() -> None:
    assert Selection(update_interval_s=-1).update_interval_s == 0.0


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"module_ids": [3, 256]}, "invalid module_ids: 256; allowed: 0 to 255"),
        ({"module_ids": [-1]}, "invalid module_ids: -1; allowed: 0 to 255"),
        ({"module_ids": ["x"]}, "invalid module_ids: ['x']; allowed: whole numbers from 0 to 255"),
        ({"quabos": [4]}, "invalid quabos: 4; allowed: 0 to 3"),
        ({"products": ["img32"]}, "invalid products: ['img32']; allowed: img8, img16, ph256, ph1024"),
        (
            {"kinds": {Kind.MOVIE}, "products": {PH256}},
            "invalid products: ph256; allowed for these kinds: img8, img16",
        ),
        ({"update_interval_s": float("nan")}, "invalid update_interval_seconds: nan is not a number"),
        ({"update_interval_s": None}, "invalid update_interval_seconds: None is not a number"),
    ],
)
def test_an_invalid_value_is_told_with_key_value_and_what_is_allowed(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as invalid:
        Selection(**fields)
    assert str(invalid.value) == text


def test_it_reads_like_a_line_of_a_log() -> None:
    assert str(Selection(update_interval_s=0.5)) == "movie and pulse height, all modules, every 0.5 s"
    narrow = Selection({Kind.PULSE_HEIGHT}, [2, 1], [PH256], [3, 0])
    assert str(narrow) == "pulse height, modules 1, 2, ph256, quabos 0, 3, every 0 s"


@pytest.mark.parametrize("n_times", [1, FEW_FRAMES])
def test_a_block_has_parts_of_the_consecutive_frames_of_some_quabos(n_times: int) -> None:
    block = block_of(PH256, quabos=[0, 1, 1, 2, 3, 3, 0, 1] * n_times, first=10)
    parts = list(block.of_quabos({1, 2}))
    assert [(part.first_frame_number, len(part)) for part in parts[:3]] == [(11, 3), (17, 1), (19, 3)][
        : len(parts)
    ]
    numbers = [frame.frame_number for part in parts for frame in part]
    assert numbers == [frame.frame_number for frame in block if frame.header.quabo_num in (1, 2)]
    assert all(frame.header == block[frame.frame_number - 10].header for part in parts for frame in part)


def test_a_block_of_another_product_is_of_all_quabos() -> None:
    block = block_of(IMG16, 3)
    assert list(block.of_quabos({1})) == [block]


@pytest.mark.parametrize(
    ("wanted", "modules", "products", "held"),
    [
        (Selection(), (), tuple(DataProduct), {1, 2}),
        (Selection(), (2,), tuple(DataProduct), {2}),
        (Selection(module_ids=(1,)), (2,), tuple(DataProduct), set()),
        (Selection(module_ids=(1, 2)), (2, 3), (DataProduct.IMG16,), {2}),
        (Selection(products=(DataProduct.IMG16,)), (), (DataProduct.IMG8,), set()),
    ],
)
def test_a_selection_within_what_is_followed(
    wanted: Selection, modules: tuple[int, ...], products: tuple[DataProduct, ...], held: set[int]
) -> None:
    # odd night 68
    within = wanted.within(modules, products)
    assert {module for module in (1, 2, 3) if Key(module, DataProduct.IMG16, None) in within} & {1, 2} == held
