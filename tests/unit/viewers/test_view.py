from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.patience import PATIENCE_S

from panoseti_daq.errors import ViewerError
from panoseti_daq.viewers.images.colors import LevelsMode
from panoseti_daq.viewers.images.pedestal import PedestalMode
from panoseti_daq.viewers.plugin import ViewerContext
from panoseti_daq.viewers.view import SPEC


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"levels": LevelsMode.FIXED}, "--movie-levels MIN MAX"),
        ({"movie_levels": (10.0, 10.0)}, "levels 10 10"),
        ({"pedestal": PedestalMode.DARK}, "--dark DIRECTORY"),
        ({"dark": Path("nowhere")}, "nowhere holds no darks"),
    ],
)
def test_options_that_contradict_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ViewerError, match=message):
        SPEC.make(ViewerContext(), **options)


def test_the_spec_and_what_the_terminal_uses_import_no_qt() -> None:
    code = (
        "import sys, panoseti_daq.viewers.view, panoseti_daq.viewers.images.board,"
        " panoseti_daq.viewers.images.layout, panoseti_daq.viewers.images.pedestal;"
        "assert not {'PySide6', 'pyqtgraph'} & set(sys.modules)"
    )

    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE_S)
