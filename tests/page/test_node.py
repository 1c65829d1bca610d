"""Decoder and painter in node's own test runner, without packages."""

from __future__ import annotations

import json
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

NODE = shutil.which("node")


@pytest.mark.skipif(NODE is None, reason="there is no node: apt-get install nodejs")
def test_decoder_and_painter(tmp_path: Path) -> None:
    """In a directory of their own: the package need not tell node that its files are modules."""
    shutil.copytree(str(files("panoseti_daq.web").joinpath("static")), tmp_path / "static")
    shutil.copy(Path(__file__).parent / "page.test.mjs", tmp_path)
    (tmp_path / "package.json").write_text(json.dumps({"type": "module"}))
    done = subprocess.run([str(NODE), "--test", "page.test.mjs"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
