"""Random text in ``daq_run_name`` and in the names of runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.rig import RUN, recording

from panoseti_daq.pff import DataProduct
from panoseti_daq.sources.files import RunFiles
from panoseti_daq.sources.runs import RUN_NAME_FILE, active_runs


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "\0", "y" * 100_000, "é" * 200, "\n\n", "a/b/c"])
def test_a_run_name_that_no_directory_can_have_names_none(tmp_path: Path, name: str) -> None:
    with recording(tmp_path) as recorder:
        recorder.write(DataProduct.IMG16)
        (tmp_path / RUN_NAME_FILE).write_text(name)
        assert active_runs(tmp_path) == {1: RUN}
        files = RunFiles(tmp_path)
        files.scan()
        assert [len(block) for block in files.read()] == [1]
        files.close()
