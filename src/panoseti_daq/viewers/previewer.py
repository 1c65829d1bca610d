"""Windows for scripts that have a loop of their own, as panoseti-grpc documents them.

In a script::

    from panoseti_daq.viewers.previewer import PanoImagePreviewer

    previewer = PanoImagePreviewer(stream_movie_data=True, stream_pulse_height_data=True)
    for image in client.stream_images(update_interval_seconds=0.5):
        previewer.update(image)

Importing this imports no Qt.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from panoseti_daq.pff import Selection
from panoseti_daq.viewers.host.feed import WindowFeed
from panoseti_daq.viewers.host.qt import application, has_display, require_qt
from panoseti_daq.viewers.notebook import Image, Picture, received, window_viewer
from panoseti_daq.viewers.plugin import ViewerContext, make_viewer

_log = logging.getLogger(__name__)

_SOURCE: Final = "this script"  # what the status bar is connected to


class _ScriptPlot:
    """A viewer that a script feeds; its window opens with the first image.

    The window answers to mouse and keys during `update`, because the script's loop is the only one: pass an image
    about twice a second. After the window was closed, `update` does nothing and `is_closed` is true. (The
    predecessor's continues to draw invisibly.)

    Without a display it still draws, for `save`. Without Qt, making the object raises.

    Attributes
    ----------
    plot_update_interval
        Least time between two redraws, s.
    jupyter_notebook
        Whether to draw below the cell of a notebook instead of in a window; read at the first image.
    """

    _viewer: ClassVar[str]

    def __init__(
        self, module_ids: Iterable[int], plot_update_interval: float, jupyter_notebook: bool, **options: Any
    ) -> None:
        require_qt()
        self.plot_update_interval = plot_update_interval
        self.jupyter_notebook = jupyter_notebook
        self._module_ids = tuple(module_ids)
        self._options = options
        self._surface: Picture | _ScriptWindow | None = None

    @property
    def is_closed(self) -> bool:
        """Whether the window was closed."""
        return isinstance(self._surface, _ScriptWindow) and self._surface.is_closed

    def update(self, parsed_pano_image: Image) -> None:
        """Take an image, a dict of ``stream_images`` or a frame, and draw when that is due.

        Raises PffError: the dict is no image; ViewerError: nothing can be drawn.
        """
        if not self.is_closed:
            self._opened().update(parsed_pano_image)

    def save(self, file: str | Path) -> None:
        """Draw, and write what is to be seen to a PNG file."""
        self._opened().save(file)

    def _opened(self) -> Picture | _ScriptWindow:
        if self._surface is None:
            self._surface = self._open()
        return self._surface

    def _open(self) -> Picture | _ScriptWindow:
        if self.jupyter_notebook:
            picture = Picture(
                self._viewer,
                refresh_period_s=self.plot_update_interval,
                module_ids=self._module_ids,
                **self._options,
            )
            picture.show()
            return picture
        if not has_display():
            text = "%s: there is no display; save('FILE.png') writes what a window would show"
            _log.warning(text, type(self).__name__)
        context = ViewerContext(self.plot_update_interval, Selection(module_ids=self._module_ids))
        return _ScriptWindow(self._viewer, context, self._options)


class PanoImagePreviewer(_ScriptPlot):
    """The newest images of every module: the viewer ``view``.

    Parameters
    ----------
    stream_movie_data, stream_pulse_height_data
        Which kinds the script streams; all that it gives are shown.
    module_id_whitelist
        Modules that the script streams; empty for all.
    text_width, font_size, row_height, window_size
        Accepted for compatibility and ignored: the window lays itself out, and its menu sets the levels.
    plot_update_interval
        Least time between two redraws, s.
    jupyter_notebook
        Draw below the cell of a notebook.
    """

    _viewer = "view"

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
        super().__init__(self.module_id_whitelist, plot_update_interval, jupyter_notebook)


class PulseHeightDistribution(_ScriptPlot):
    """Distribution of the largest pixel of pulse-height images, per module: the viewer ``phdist``.

    Parameters
    ----------
    durations_seconds
        How far to look back, s; one panel each.
    module_ids
        Modules that the script streams; others that come are shown too.
    plot_update_interval
        Least time between two redraws, s.
    """

    _viewer = "phdist"

    def __init__(
        self, durations_seconds: Iterable[float], module_ids: Iterable[int], plot_update_interval: float
    ) -> None:
        self.durations = list(durations_seconds)
        self.module_ids = list(module_ids)
        super().__init__(self.module_ids, plot_update_interval, False, window=self.durations)


class _ScriptWindow:
    """A window whose events are processed when a frame comes."""

    def __init__(self, name: str, context: ViewerContext, options: Mapping[str, Any]) -> None:
        self._application = application(off_screen=not has_display())
        from panoseti_daq.viewers.host.pages import Page
        from panoseti_daq.viewers.host.window import HostWindow

        self._source = WindowFeed(_SOURCE)
        viewer = make_viewer(window_viewer(name), context, options)
        self._window = HostWindow([Page(name, viewer)], self._source, context.refresh_period_s)
        self._window.show()

    @property
    def is_closed(self) -> bool:
        return self._window.is_closed

    def update(self, image: Image) -> None:
        self._source.frames.put(received(image))
        self._application.processEvents()
        if self._window.error is not None:
            raise self._window.error

    def save(self, file: str | Path) -> None:
        self._window.save(Path(file))
