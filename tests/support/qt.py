"""Qt without a display, for the tests of this process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication


@pytest.fixture(scope="session")
def application() -> QApplication:
    """The one application of the test process; it stays until the process ends."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"  # before Qt is imported
    from panoseti_daq.viewers.host.qt import application

    return application(off_screen=True)


def process_events() -> None:
    """Let Qt do what is due."""
    from PySide6.QtCore import QCoreApplication

    QCoreApplication.processEvents()
