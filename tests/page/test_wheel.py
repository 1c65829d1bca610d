"""Every file of the page is in the wheel, and the page asks for no other."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]
STATIC = "panoseti_daq/web/static/"


def test_the_wheel_brings_the_page(tmp_path: Path) -> None:
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        packed = {
            name.removeprefix(STATIC): archive.read(name) for name in archive.namelist() if name.startswith(STATIC)
        }
    assert packed == {path.name: path.read_bytes() for path in (ROOT / "src" / STATIC).iterdir()}
    texts = [body.decode() for name, body in packed.items() if not name.startswith("uPlot")]
    asked = {name for text in texts for name in re.findall(r"/static/([\w.]+)", text)}
    imported = {name for text in texts for name in re.findall(r'from "\./([\w.]+)"', text)}
    assert asked | imported <= packed.keys() | {"colors.js"}  # which the server makes of the color maps
    assert b"MIT License" in packed["uPlot.LICENSE"]
