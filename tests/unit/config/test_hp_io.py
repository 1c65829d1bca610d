from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from panoseti_daq.config.hp_io import HpIoConfig, hp_io_of, read_hp_io
from panoseti_daq.errors import ConfigError
from panoseti_daq.wire.init import init_request


def _file(tmp_path: Path, content: dict[str, Any]) -> Path:
    path = tmp_path / "hp_io.json"
    path.write_text(json.dumps(content))
    return path


def test_an_hp_io_file_says_what_to_follow(tmp_path: Path) -> None:
    content = {"data_dir": "/d", "update_interval_seconds": 1, "module_ids": [3, 1, 3], "comments": "x", "_y": 1}
    assert read_hp_io(_file(tmp_path, content)) == HpIoConfig("/d", 1.0, (1, 3))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"module_ids": [256]}, "module_ids[0]: 256 is out of range; allowed: a list of integers, 0 to 255"),
        ({"update_interval_seconds": "1"}, "update_interval_seconds: '1' is of the wrong type; allowed: a"),
        ({"froce": True}, "froce: True is under an unknown key; allowed: data_dir,"),  # odd night 52
        ({"data_dir": 3}, "data_dir: 3 is of the wrong type; allowed: a path"),
    ],
)
def test_a_bad_hp_io_file_is_one_line(content: dict[str, Any], text: str, tmp_path: Path) -> None:
    # odd night 57
    file = _file(tmp_path, content)
    with pytest.raises(ConfigError, match=re.escape(f"{file}: {text}")):
        read_hp_io(file)


def test_a_client_may_give_numbers_of_numpy_and_any_collection_of_modules() -> None:
    content = {"update_interval_seconds": np.float32(0.5), "module_ids": np.array([3, 1]), "data_dir": None}
    request = init_request(hp_io_of(content, "hp_io_cfg"), "/node")
    assert (request.data_dir, request.update_interval_seconds, list(request.module_ids)) == ("/node", 0.5, [1, 3])


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"module_ids": [1, True]}, "module_ids[1]: True is of the wrong type; allowed: a list of integers"),
        ({"module_ids": "12"}, "module_ids: '12' is of the wrong type; allowed: a list of integers"),
        ({"module_ids": [3, -1]}, "module_ids[1]: -1 is out of range; allowed: a list of integers, 0 to 255"),
        (
            {"update_interval_seconds": None},
            "update_interval_seconds: None is of the wrong type; allowed: a number",
        ),
        ({"update_interval_seconds": 10**400}, "is out of range; allowed: a number of seconds above 0"),
        ({"update_interval_seconds": 0}, "update_interval_seconds is 0; allowed: a number of seconds above 0"),
        (
            {"update_interval_seconds": float("nan")},
            "update_interval_seconds is nan; allowed: a number of",
        ),
        ({"force": 1}, "force: 1 is of the wrong type; allowed: true or false"),
        ({"data_dir": "/data\ud800"}, "is of the wrong type; allowed: a path"),
    ],
)
def test_what_a_client_gives_is_checked_as_a_file_is(content: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=rf"^hp_io_cfg: .*{re.escape(text)}"):
        hp_io_of(content, "hp_io_cfg")


def test_the_server_has_a_shortest_interval() -> None:
    HpIoConfig(update_interval_s=0.01).check(0.01)
    with pytest.raises(ConfigError, match=r"update_interval_seconds is 0\.009; allowed: 0\.01 s or more"):
        HpIoConfig(update_interval_s=0.009).check(0.01)


def test_force_is_not_part_of_what_is_followed() -> None:
    assert HpIoConfig("/d", force=True) == HpIoConfig("/d")
