"""Message about a data directory without modules."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.rig import RUN

from panoseti_daq.sources.level import why_no_modules


# odd night 35
@pytest.mark.parametrize(
    ("data_dir", "said"),
    [
        ("night/data/module_1", "is the directory of a module; expected: the directory that holds module_N"),
        (f"night/data/module_1/{RUN}", "holds .pff files itself, as a run does; expected: the directory"),
        ("night", "holds no module_N, but {}/night/data does"),
        ("empty", "holds no module_N yet; it is empty"),
        (".", "holds no module_N yet; there are: 'empty', 'night'"),
    ],
)
def test_a_directory_of_another_level_is_named_with_the_one_that_was_expected(
    tmp_path: Path, data_dir: str, said: str
) -> None:
    run_dir = tmp_path / "night" / "data" / "module_1" / RUN
    run_dir.mkdir(parents=True)
    (run_dir / "start_x.pff").touch()
    (tmp_path / "empty").mkdir()
    assert said.format(tmp_path) in why_no_modules(tmp_path / data_dir)
