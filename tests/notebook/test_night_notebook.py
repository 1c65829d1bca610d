"""The notebook of a recorded night, executed in a kernel on a real one; run by `nox -s notebook`."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest

nbclient = pytest.importorskip("nbclient", reason="run `nox -s notebook`, which installs it")
nbformat = pytest.importorskip("nbformat")

NOTEBOOK = Path(__file__).parents[2] / "examples" / "night.ipynb"
pytestmark = [
    pytest.mark.timeout(240),
    # Of jupyter_client and zmq; none of them is ours.
    pytest.mark.filterwarnings("ignore"),
]


def executed() -> list[Any]:
    """Cells with what they gave; an error in one of them fails here."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    if path := os.environ.get("EXECUTED_NIGHT"):
        nbformat.write(notebook, path)
    return list(notebook.cells)


def printed(cells: list[Any], mentioning: str) -> str:
    """Text that the one cell with this text printed."""
    (cell,) = (cell for cell in cells if cell.cell_type == "code" and mentioning in cell.source)
    return "".join(output["text"] for output in cell.outputs if output.get("name") == "stdout")


def n_pictures(cells: list[Any]) -> int:
    pictures = [output["data"]["image/png"] for cell in cells for output in cell.get("outputs", ())
                if "image/png" in output.get("data", {})]  # fmt: skip
    assert all(base64.b64decode(picture).startswith(b"\x89PNG") for picture in pictures)
    return len(pictures)


def complaints(cells: list[Any]) -> list[str]:
    return [out["text"] for cell in cells for out in cell.get("outputs", ()) if out.get("name") == "stderr"]


@pytest.mark.skipif("PANOSETI_RUN" not in os.environ, reason="needs a recorded night: run `nox -s notebook`")
def test_the_real_night_has_its_light_curve_its_pulse_heights_and_five_coincidences() -> None:
    cells = executed()
    assert complaints(cells) == []
    assert n_pictures(cells) == 5
    assert "0 of 4128 frames are flawed" in printed(cells, "flawed =")
    assert printed(cells, "WINDOW_NS =").endswith("5 coincidences\n")


def test_without_a_night_it_simulates_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PANOSETI_RUN", raising=False)
    monkeypatch.delenv("EXECUTED_NIGHT", raising=False)
    cells = executed()
    assert complaints(cells) == []
    assert n_pictures(cells) == 5
    assert "coincidences" in printed(cells, "WINDOW_NS =")


def test_the_notebook_is_kept_without_outputs_and_has_ten_cells_of_code() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) == 10
    assert all(cell.outputs == [] for cell in code)
