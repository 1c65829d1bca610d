"""Files of the page: all of them from the package, none from elsewhere."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Final

from aiohttp import web

from panoseti_daq.viewers.images.colors import ColorMap, color_table

_TYPES: Final = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class PageFiles:
    """The page and what it loads, in memory."""

    def __init__(self) -> None:
        self._files = {
            path.name: path.read_bytes()
            for path in files("panoseti_daq.web").joinpath("static").iterdir()
            if Path(path.name).suffix in _TYPES
        }
        # The viewers' own color maps: a color means the same in every window.
        tables = {str(colormap): color_table(colormap).tolist() for colormap in ColorMap}
        self._files["colors.js"] = f"export const COLORS = {json.dumps(tables)};".encode()

    def add_to(self, app: web.Application) -> None:
        """Add the paths to an application."""
        app.router.add_get("/", self._page)
        app.router.add_get("/static/{name}", self._file)

    async def _page(self, request: web.Request) -> web.Response:
        return self._answer("index.html")

    async def _file(self, request: web.Request) -> web.Response:
        return self._answer(request.match_info["name"])

    def _answer(self, name: str) -> web.Response:
        if name not in self._files:
            raise web.HTTPNotFound
        kind = _TYPES[Path(name).suffix]
        # Asked for again each time: a page of an older version would not understand the walls of a newer server.
        headers = {"Cache-Control": "no-cache"}
        return web.Response(body=self._files[name], content_type=kind, charset="utf-8", headers=headers)
