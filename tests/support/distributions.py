"""Distributions of this checkout, built and installed as their users would, without network or pip."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

TESTS_DIR = Path(__file__).parents[1]
VIEWER_PLUGIN = TESTS_DIR / "viewer_plugin"
EXAMPLE_VIEWER = TESTS_DIR.parent / "examples" / "brightest_viewer"
EXAMPLE_TRIGGER = TESTS_DIR.parent / "examples" / "brightest_trigger"

_BUILD = "import sys, hatchling.build; hatchling.build.build_wheel(sys.argv[1])"


def install(source: Path, target: Path) -> None:
    """Build the wheel of `source` with its build backend, and unpack it in `target`, a directory for PYTHONPATH.

    A wheel of pure Python is installed by unpacking it; pip is not in every environment that nox makes.
    """
    wheels = target / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    built = subprocess.run(
        [sys.executable, "-c", _BUILD, str(wheels)], cwd=source, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as file:
            file.extractall(target)


def with_path(*directories: Path) -> dict[str, str]:
    """Environment in which these directories are searched first."""
    before = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
    return {**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, directories), *before])}
