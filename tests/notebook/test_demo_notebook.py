"""The notebook of the examples, executed in a kernel; run by `nox -s notebook`."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

nbclient = pytest.importorskip("nbclient", reason="run `nox -s notebook`, which installs it")
nbformat = pytest.importorskip("nbformat")

NOTEBOOK = Path(__file__).parents[2] / "examples" / "daq_data_client_demo.ipynb"
pytestmark = [
    pytest.mark.timeout(120),
    # Of jupyter_client and zmq; none of them is ours.
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def cells() -> list[Any]:
    """Cells with what they gave; an error in one of them fails here."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    if path := os.environ.get("EXECUTED_NOTEBOOK"):
        nbformat.write(notebook, path)
    return list(notebook.cells)


def outputs(cells: list[Any], text: str) -> list[Any]:
    """Outputs of the one cell with this text."""
    (cell,) = (cell for cell in cells if cell.cell_type == "code" and text in cell.source)
    return list(cell.outputs)


def pictures(cells: list[Any]) -> Iterator[bytes]:
    for cell in cells:
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", {}):
                yield base64.b64decode(output["data"]["image/png"])


def test_no_cell_complains(cells: list[Any]) -> None:
    errors = [output for cell in cells for output in cell.get("outputs", ()) if output.get("name") == "stderr"]
    assert errors == []


def test_the_live_picture_the_pulse_heights_and_the_light_curve_are_there(cells: list[Any]) -> None:
    assert [picture[:6] for picture in pictures(cells)] == [b"\x89PNG\r\n"] * 3
    assert "image/png" in outputs(cells, "picture.show()")[0]["data"]


def test_the_dict_and_the_blocks_are_seen(cells: list[Any]) -> None:
    (image,) = outputs(cells, "anext(client.stream_images(")
    assert "'module_id': 224" in image["data"]["text/plain"]
    (text,) = outputs(cells, "stream_blocks")
    assert text["text"].startswith("(")
    assert "32, 32) uint16" in text["text"]


def test_the_notebook_is_kept_without_outputs() -> None:
    assert '"outputs": []' in NOTEBOOK.read_text()
    assert '"output_type"' not in NOTEBOOK.read_text()
