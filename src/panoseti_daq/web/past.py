"""Pages about the night: runs, frames at a moment, the frame after and before; limited per address."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Final

from aiohttp import web

from panoseti_daq.errors import ConfigError, DaqError
from panoseti_daq.open_types import OpenDict
from panoseti_daq.pff import DataProduct
from panoseti_daq.viewers.modules import Module
from panoseti_daq.web.doors import PerAddress
from panoseti_daq.web.live import LiveWall, describe_source, tile_of
from panoseti_daq.web.night import Night
from panoseti_daq.web.views import ViewChoice
from panoseti_daq.wire.wall import WallHead, encode_wall, scaled, with_keys

MAX_LOOKS_PER_MINUTE: Final = 600
"""Of one address: as fast as somebody moves a slider, and not as fast as a script can ask."""
SETTLED_US: Final = 60_000_000
"""What is older than this is in its file: an answer about it may be kept."""
MAX_HOURS: Final = 24 * 14
_MAX_US: Final = 2**53

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PastPages:
    """Answers about the night; for one event loop.

    Parameters
    ----------
    night
        Looks into the files.
    live
        Numbers of the keys, and the newest times.
    modules
        Returns the modules that who asks may see; empty for all.
    """

    def __init__(self, night: Night, live: LiveWall, modules: Callable[[web.Request], Collection[int]]) -> None:
        self._night, self._live, self._modules = night, live, modules
        self._looks = PerAddress(MAX_LOOKS_PER_MINUTE)

    def add_to(self, app: web.Application) -> None:
        """Add the paths to an application."""
        for path, handler in (("runs", self._runs), ("frames", self._frames), ("step", self._step)):
            app.router.add_get(f"/api/{path}", self._guarded(handler))

    def _guarded(self, handler: _Handler) -> _Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            address = request.remote or ""
            if self._looks.is_over(address):
                return web.Response(status=429, text="too many looks into the files from this address\n")
            self._looks.count(address)
            try:
                return await handler(request)
            except ConfigError as error:
                return web.Response(status=400, text=f"{error}\n")
            except DaqError as error:
                return web.Response(status=503, text=f"the files cannot be looked into: {error}\n")

        return guarded

    async def _runs(self, request: web.Request) -> web.Response:
        hours = _number(request, "hours", 24, 1, MAX_HOURS)
        runs = await self._night.runs(hours)
        answer = {
            "runs": [{"run": run.run, "begin_us": run.begin_us} for run in runs],
            "begin_us": runs[0].begin_us if runs else None,
            "end_us": self._newest_us(),
        }
        return web.json_response(answer)

    async def _frames(self, request: web.Request) -> web.Response:
        """Answer with a wall of the moment `t`, and what the numbers of its keys stand for."""
        unix_us = _number(request, "t", None, 1, _MAX_US)
        choice = ViewChoice.read(_view_of(request), self._modules(request))
        frames = await self._night.at(unix_us, choice.selection)
        tiles, keys = [], []
        for source, frame in frames.items():
            if (number := self._live.number_of(source)) is None:
                continue
            tile = tile_of(number, frame, (unix_us * 1000 - frame.time.unix_ns) / 1e9)
            tiles.append(scaled(tile) if choice.depth == 8 else tile)
            keys.append(describe_source(number, source, frame.file))
        body = with_keys(keys, encode_wall(WallHead(0, unix_us), tiles))
        is_settled = unix_us < self._newest_us() - SETTLED_US
        headers = {"Cache-Control": "private, max-age=3600, immutable" if is_settled else "no-store"}
        return web.Response(body=body, content_type="application/octet-stream", headers=headers)

    async def _step(self, request: web.Request) -> web.Response:
        """Answer with the time of the frame after, or before, a moment."""
        unix_us, module = _number(request, "t", None, 1, _MAX_US), _number(request, "module", None, 0, 255)
        by, name = _number(request, "by", 1, -1, 1), request.query.get("product", "")
        product = next((one for one in DataProduct if one.token == name), None)
        if product is None:
            raise ConfigError("invalid product; allowed: img8, img16, ph256, ph1024")
        modules = self._modules(request)
        if modules and module not in modules:
            raise ConfigError("this module is not within this link")
        host = request.query.get("host", "")
        found = await self._night.neighbor(unix_us, Module(host, module or 0), product, by or 1)
        return web.json_response({"t": found})

    def _newest_us(self) -> int:
        return max((frame.time.unix_ns for frame in self._live.frames.values()), default=0) // 1000


def _view_of(request: web.Request) -> OpenDict:
    """Return the choice of a query as a page would send it."""
    query, message = request.query, OpenDict(op="view")
    if kinds := query.get("kinds"):
        message["kinds"] = kinds.split(",")
    if modules := query.get("modules"):
        message["modules"] = [int(one) if one.isdecimal() and len(one) < 4 else one for one in modules.split(",")]
    if "depth" in query:
        message["depth"] = _number(request, "depth", 16, 8, 16)
    return message


def _number(request: web.Request, name: str, default: int | None, least: int, most: int) -> int:
    text = request.query.get(name)
    if text is None and default is not None:
        return default
    try:
        number = int(text or "")
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise ConfigError(f"invalid {name}; allowed: a number {least} to {most}")
    return number
