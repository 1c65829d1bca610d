"""Context of the images in `view`: a line per module, and the receiver."""

from __future__ import annotations

import numpy as np
import pytest
from support.qt import application
from support.received import frame_of
from support.view_window import show, shown, text_of

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.pff import DataProduct, Kind
from panoseti_daq.viewers.images.titles import Tone
from panoseti_daq.viewers.modules import Module

__all__ = ["application"]

pytestmark = pytest.mark.usefixtures("application")

LINE = "Q1: HV off, 21 C, shutter closed"


def status(*, old: bool = False, trouble: str = "", severity: int = 0) -> pb.StatusResponse:
    module = pb.ModuleContext(module_id=7, text=LINE, old=old, severity=severity)
    receiver = pb.Receiver(
        name="roof", connected=True, text="time only, 21 satellites, time to 5 ns, qErr -118 ps"
    )
    return pb.StatusResponse(context=pb.Context(trouble=trouble, modules=[module]), receivers=[receiver])


@pytest.mark.parametrize(
    ("said", "tone"),
    [
        (status(), Tone.NORMAL),
        (status(severity=16), Tone.WARNING),
        (status(severity=32), Tone.BAD),
        (status(severity=32, old=True), Tone.OLD),  # its daemon is dead
        (status(trouble="Redis is gone"), Tone.OLD),
    ],
)
def test_the_line_of_a_module_is_gray_when_its_daemon_is_dead_or_redis_is_gone(
    said: pb.StatusResponse, tone: Tone
) -> None:
    view = shown(frame_of(np.ones((32, 32)), DataProduct.IMG16, module_id=7))
    view.update_status("head", said)
    show(view)
    assert LINE in " ".join(text_of(view, 7, Kind.MOVIE).split())  # wrapped beside the image
    assert view.wall.beside[Module("", 7)].tone is tone


def test_the_receiver_stands_in_the_last_line() -> None:
    from PySide6.QtWidgets import QLabel

    view = shown(frame_of(np.ones((32, 32)), DataProduct.IMG16, module_id=7))
    said = status()
    for change, connected, text in (
        (pb.Receiver(), True, "GNSS time only, 21 satellites, time to 5 ns, qErr -118 ps"),
        (pb.Receiver(text="3D, UTC NOT valid"), True, "GNSS 3D, UTC NOT valid"),
        (pb.Receiver(), False, "GNSS roof NOT READ"),
    ):
        said.receivers[0].MergeFrom(change)
        said.receivers[0].connected = connected
        view.update_status("head", said)
        show(view)
        assert any(text in label.text() for label in view.widget.findChildren(QLabel))


@pytest.mark.parametrize("width_px", [1600, 800, 500])
def test_the_last_line_shrinks_with_the_window_and_keeps_what_servers_say(width_px: int) -> None:
    from panoseti_daq.viewers.host.feed import WindowFeed
    from panoseti_daq.viewers.host.pages import Page
    from panoseti_daq.viewers.host.timeline import Lately
    from panoseti_daq.viewers.host.window import HostWindow

    view = shown(frame_of(np.ones((32, 32)), DataProduct.IMG16, module_id=7))
    window = HostWindow([Page("view", view)], WindowFeed("head"), 60.0, timeline=Lately())
    window.resize(1900, 700)
    window.show()
    view.update_status("head", status())
    show(view)
    window.resize(width_px, 700)
    show(view)
    assert window.width() == width_px
    from PySide6.QtWidgets import QLabel

    [setup] = (label for label in view.widget.findChildren(QLabel) if "UTC" in label.text())
    assert setup.text().endswith(" UTC")
    assert setup.fontMetrics().horizontalAdvance(setup.text()) <= setup.width() <= 0.7 * width_px
    assert "C: plasma" in setup.toolTip()
    window.close()
