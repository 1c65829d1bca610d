"""Access to Qt: its import, its one application, its messages.

Importing this imports no Qt; calling it does.
"""

from __future__ import annotations

import atexit
import importlib
import logging
import os
import sys
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NoReturn

from panoseti_daq.errors import ViewerError
from panoseti_daq.installation import how_to_get
from panoseti_daq.viewers.host import theme

if TYPE_CHECKING:
    from PySide6.QtGui import QPalette
    from PySide6.QtWidgets import QApplication

_log = logging.getLogger(__name__)

WITHOUT_A_DISPLAY: Final = "`panoseti-daq plot term` draws in a terminal, --snapshot FILE.png into a file"
_ASKS_FOR_MESSAGES: Final = ("QT_DEBUG_PLUGINS", "QT_LOGGING_RULES", "QT_LOGGING_CONF")  # of Qt, as they are
_LEAST_FONT_PT: Final = 10.0  # read from a chair's distance, in the dark
_SYSTEM_LIBRARIES: Final = (
    "libegl1 libgl1 libfontconfig1 libdbus-1-3 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1"
)


def require_qt() -> None:
    """Import Qt and pyqtgraph, in this order: pyqtgraph takes the binding that is there.

    Raises ViewerError: they are not installed, or cannot be loaded; says what to do.
    """
    # Qt looks into the modules that are imported after it, which breaks the import of pydantic.
    importlib.import_module("pydantic.fields")
    try:
        importlib.import_module("PySide6.QtWidgets")
        importlib.import_module("pyqtgraph")
    except ModuleNotFoundError as error:
        raise ViewerError(
            f"windows need Qt, and {error.name} is not installed: {how_to_get('gui')};"
            " `panoseti-daq plot term` draws without it"
        ) from error
    except ImportError as error:
        raise ViewerError(
            f"Qt cannot be loaded: {error}; what it needs on Debian and Ubuntu: apt install {_SYSTEM_LIBRARIES}"
        ) from error


def has_display() -> bool:
    """Whether the environment names a display."""
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def application(*, off_screen: bool = False) -> QApplication:
    """Give the one application of this process, made on first use in the main thread.

    Raises ViewerError: Qt is not installed, or there is no display.
    """
    require_qt()
    from PySide6.QtGui import QFontDatabase
    from PySide6.QtWidgets import QApplication

    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    if off_screen:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    elif not has_display():
        raise ViewerError(f"there is no display, DISPLAY and WAYLAND_DISPLAY are not set: {WITHOUT_A_DISPLAY}")
    made = _Messages().make_application()
    if not QFontDatabase.families():
        _log.warning("no fonts are installed, so texts cannot be read: apt install fonts-dejavu-core")
    made.setStyle("Fusion")  # the style that follows a palette in all its parts
    made.setPalette(_palette())
    font = made.font()
    if 0 < font.pointSizeF() < _LEAST_FONT_PT:
        font.setPointSizeF(_LEAST_FONT_PT)
        made.setFont(font)
    return made


def dress(app: QApplication, name: theme.ThemeName, *, dashes: bool) -> None:
    """Draw all windows in a theme."""
    theme.choose(name, dashes=dashes)
    app.setPalette(_palette())
    for window in app.topLevelWidgets():
        if restyle := getattr(window, "restyle", None):
            restyle()


def next_theme() -> str:
    """Draw all windows in the next theme; return its name."""
    name = theme.now().name.next
    dress(application(), name, dashes=theme.has_dashes())
    return f"theme: {name}"


def switch_dashes() -> str:
    """Let curves differ by dashes, or no longer; return what is done."""
    dress(application(), theme.now().name, dashes=not theme.has_dashes())
    return "curves differ by dashes, too" if theme.has_dashes() else "no dashes"


def _palette() -> QPalette:
    """Make menus and status bars like the images and charts."""
    from PySide6.QtGui import QColor, QPalette

    now = theme.now()
    role, palette = QPalette.ColorRole, QPalette(QColor(now.panel), QColor(now.background))
    for text in (role.WindowText, role.Text, role.ButtonText, role.ToolTipText):
        palette.setColor(text, QColor(now.foreground))
        palette.setColor(QPalette.ColorGroup.Disabled, text, QColor(now.dim))
    for behind in (role.ToolTipBase, role.AlternateBase):
        palette.setColor(behind, QColor(now.panel))
    palette.setColor(role.PlaceholderText, QColor(now.dim))
    palette.setColor(role.Base, QColor(now.background))
    palette.setColor(role.Highlight, QColor(now.dim))
    palette.setColor(role.HighlightedText, QColor(now.background))
    return palette


class _Messages:
    """Log what Qt prints; print why it aborts, when it does so without a display.

    Its warnings concern authors of viewers, not observers, so they are logged as INFO: every off-screen
    window says that its platform has no propagateSizeHints().
    """

    def __init__(self) -> None:
        self._recent: deque[str] = deque(maxlen=3)
        self._starting = True

    def make_application(self) -> QApplication:
        """Make the application and listen to Qt from now on."""
        from PySide6.QtCore import qInstallMessageHandler
        from PySide6.QtWidgets import QApplication

        if not any(os.environ.get(name) for name in _ASKS_FOR_MESSAGES):
            qInstallMessageHandler(self._take)
            atexit.register(qInstallMessageHandler, None)  # Qt still writes when there is no Python any more
        try:
            return QApplication(sys.argv[:1])
        finally:
            self._starting = False

    def _take(self, kind: Any, context: Any, text: str) -> None:
        from PySide6.QtCore import QtMsgType

        if kind is QtMsgType.QtFatalMsg and self._starting:
            self._give_up(text)
        if kind in (QtMsgType.QtWarningMsg, QtMsgType.QtCriticalMsg):
            self._recent.append(text)
        levels = {QtMsgType.QtDebugMsg: logging.DEBUG, QtMsgType.QtFatalMsg: logging.CRITICAL}
        _log.log(levels.get(kind, logging.INFO), "Qt: %s", text)

    def _give_up(self, text: str) -> NoReturn:
        """Qt calls abort() next, which no exception can prevent."""
        unreachable = [said for said in self._recent if "could not connect" in said]
        why = " ".join(" ".join(unreachable or [*self._recent, text]).split())
        if not unreachable:
            why += f" What Qt needs on Debian and Ubuntu: apt install {_SYSTEM_LIBRARIES}."
        sys.stderr.write(f"panoseti-daq: no window can be opened: {why}; {WITHOUT_A_DISPLAY}\n")
        sys.stderr.flush()
        os._exit(1)
