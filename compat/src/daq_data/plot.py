"""``daq_data.plot``: what panoseti-grpc draws with. Nothing is drawn yet; scripts run all the same."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any


class _Later:
    """Takes images and says once that it draws nothing."""

    _told = False

    def update(self, parsed_pano_image: Mapping[str, Any]) -> None:
        """Take an image dict of `stream_images`."""
        if not self._told:
            self._told = True
            sys.stderr.write(f"{type(self).__name__}: plots come with a later version of panoseti-daq\n")


class PulseHeightDistribution(_Later):
    """Histograms of the maximum pixel of pulse-height images, per module, over windows of several lengths (s)."""

    def __init__(
        self, durations_seconds: Iterable[float], module_ids: Iterable[int], plot_update_interval: float
    ) -> None:
        self.durations = list(durations_seconds)
        self.module_ids = list(module_ids)
        self.plot_update_interval = plot_update_interval


class PanoImagePreviewer(_Later):
    """The newest images of every module: pulse height on the left, movie on the right."""

    def __init__(
        self,
        stream_movie_data: bool,
        stream_pulse_height_data: bool,
        module_id_whitelist: Iterable[int] = (),
        text_width: int = 30,
        font_size: int = 6,
        row_height: float = 3,
        window_size: int = 200,
        plot_update_interval: float = 1.0,
        jupyter_notebook: bool = False,
    ) -> None:
        self.stream_movie_data = stream_movie_data
        self.stream_pulse_height_data = stream_pulse_height_data
        self.module_id_whitelist = tuple(module_id_whitelist)
        self.plot_update_interval = plot_update_interval
        self.jupyter_notebook = jupyter_notebook
