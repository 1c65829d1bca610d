"""Viewers of images, and the types that a viewer of your own needs. Nothing here imports Qt before it draws."""

from panoseti_daq.viewers.plugin import Surface, TerminalViewer, Viewer, ViewerContext, ViewerSpec

__all__ = ["Surface", "TerminalViewer", "Viewer", "ViewerContext", "ViewerSpec"]
