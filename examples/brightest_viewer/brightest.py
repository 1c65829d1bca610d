"""The brightest pixel of every module: a viewer in 30 lines."""

from collections.abc import Mapping
from typing import Annotated

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.pff import Key
from panoseti_daq.viewers import Viewer, ViewerContext, ViewerSpec


def make(context: ViewerContext, *, text_size: Annotated[int, "Height of the text, px."] = 32) -> Viewer:
    from PySide6.QtWidgets import QLabel  # here, so that listing the viewers imports no Qt

    class Brightest:
        def __init__(self) -> None:
            self.widget = QLabel("no image yet")
            self.widget.setStyleSheet(f"font-size: {text_size}px; padding: 20px")
            self.lines: dict[Key, str] = {}

        def update(
            self, frames: Mapping[Key, ReceivedFrame]
        ) -> None:  # the newest frame of each key (module, product, quabo)
            for key, frame in frames.items():
                row, column = divmod(int(frame.image.argmax()), frame.image.shape[1])
                self.lines[key] = f"{key}: {frame.image.max()} ADC at row {row}, column {column}"

        def redraw(self) -> None:  # once per --refresh-period
            self.widget.setText("\n".join(self.lines[key] for key in sorted(self.lines)) or "no image yet")

    return Brightest()


SPEC = ViewerSpec("brightest", "The brightest pixel of every module.", make, pulse_height=False)
