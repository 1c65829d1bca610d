"""HTTP server of the browser viewer: the page, its WebSocket, pictures, status, health and metrics."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from panoseti_daq.errors import ConfigError
from panoseti_daq.service.monitor.families import counter, gauge, page_of
from panoseti_daq.web.assets import PageFiles
from panoseti_daq.web.doors import COOKIE, SESSION_S, Doors, Visitor
from panoseti_daq.web.live import LiveWall
from panoseti_daq.web.log import LOG
from panoseti_daq.web.night import Night
from panoseti_daq.web.past import PastPages
from panoseti_daq.web.pictures import WallPicture, module_png, wall_png
from panoseti_daq.web.socket import MAX_MESSAGE_BYTES, PageSocket, SocketCounts
from panoseti_daq.web.views import Views

PROTOCOL: Final = "panoseti.v1"
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'self'; "
    "base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_gauge, _counter = partial(gauge, prefix="panoseti_web_"), partial(counter, prefix="panoseti_web_")
_OPEN: Final = ("/healthz", "/session")
"""Paths that need no session, beside the files of the page."""

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class WebAddress:
    """Where the server listens; certificate and key for TLS."""

    host: str = "127.0.0.1"
    port: int = 8080
    certificate: Path | None = None
    key: Path | None = None

    def tls(self) -> ssl.SSLContext | None:
        """Return the TLS context; None without a certificate.

        Raises
        ------
        ConfigError
            The files cannot be used.
        """
        if self.certificate is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(self.certificate, self.key)
        except OSError as error:  # SSLError is one
            raise ConfigError(f"invalid certificate or key: {self.certificate}: {error}") from error
        return context


class WebServer:
    """Answers pages and their sockets; for one event loop.

    Parameters
    ----------
    live
        The frames.
    doors
        Who may look.
    tasks
        Where the tasks of the views belong.
    stalled_s
        A page that takes no bytes for this long is dropped.
    night
        Looks into the files of the servers; None where there are none.
    """

    def __init__(
        self,
        live: LiveWall,
        doors: Doors,
        tasks: asyncio.TaskGroup,
        stalled_s: float = 30.0,
        night: Night | None = None,
    ) -> None:
        self.live, self.doors, self.counts = live, doors, SocketCounts()
        self.views = Views(live, tasks)
        self._stalled_s, self._night = stalled_s, night
        self._sockets: dict[web.WebSocketResponse, PageSocket] = {}

    def application(self) -> web.Application:
        """Return the application for aiohttp."""
        app = web.Application(middlewares=[self._guard], client_max_size=4096)
        PageFiles().add_to(app)
        if self._night is not None:
            PastPages(self._night, self.live, self._modules).add_to(app)
        app.router.add_get("/ws", self._socket)
        app.router.add_post("/session", self._session)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/api/status", self._status)
        app.router.add_get("/wall.png", self._wall_png)
        app.router.add_get("/module/{module:[0-9]{1,3}}/{product}.png", self._module_png)
        app.on_shutdown.append(self._close)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Check names, origin and session, and add the headers of security."""
        host = request.headers.get("Host", "")
        if not self.doors.check_name(host):
            return self._refuse(421, "this server has another name; see --name")
        if not self.doors.check_origin(request.headers.get("Origin"), host):
            return self._refuse(403, "refused: the request comes from another page")
        is_open = request.path in _OPEN or request.path == "/" or request.path.startswith("/static/")
        if not is_open and self._who(request) is None:
            return self._refuse(401, "a token is needed")
        response = await handler(request)
        # The headers of an upgrade went out before the handler returned.
        if not response.prepared:
            for name, value in _HEADERS.items():
                response.headers.setdefault(name, value)
        return response

    def _who(self, request: web.Request) -> Visitor | None:
        return self.doors.who(request.cookies.get(COOKIE), request.headers.get("Authorization"))

    def _modules(self, request: web.Request) -> Collection[int]:
        """Return the modules that may be seen; empty for all."""
        visitor = self._who(request)
        if visitor is None:  # the session ended between the check and now
            raise web.HTTPUnauthorized
        return visitor.modules

    def _refuse(self, status: int, text: str) -> web.Response:
        self.counts.n_refused += 1
        return web.Response(status=status, text=text + "\n", headers=_HEADERS)

    async def _session(self, request: web.Request) -> web.Response:
        """Exchange a token, or the text of a link, for a cookie."""
        try:
            secret = json.loads(await request.text()).get("token")
        except (ValueError, AttributeError, RecursionError):
            secret = None
        if not isinstance(secret, str):
            return self._refuse(400, "invalid session; allowed: a token")
        session = self.doors.admit(secret, request.remote or "")
        if session is None:
            return self._refuse(403, "the token is not valid here, or the link has expired")
        response = web.Response(status=204)
        response.set_cookie(
            COOKIE, session, max_age=SESSION_S, httponly=True, samesite="Strict", secure=request.secure
        )
        return response

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        address, visitor = request.remote or "", self._who(request)
        if visitor is None:
            raise web.HTTPUnauthorized
        if not request.headers.get("Sec-WebSocket-Key", "").isascii():  # aiohttp decodes it without asking
            return self._refuse(400, "invalid Sec-WebSocket-Key; allowed: base64")
        try:
            self.doors.enter(address)
        except ConfigError as error:
            return self._refuse(429, str(error))
        answer = web.WebSocketResponse(
            protocols=(PROTOCOL,), max_msg_size=MAX_MESSAGE_BYTES, compress=False, timeout=2
        )
        try:
            await answer.prepare(request)
            transport: Any = request.transport
            _end_if_silent(transport, 2 * self._stalled_s)
            page = PageSocket(answer, transport, visitor, self.live, self.views, self.doors, self.counts)
            self._sockets[answer] = page
            await page.run()
        finally:
            self._sockets.pop(answer, None)
            self.doors.leave(address)
        return answer

    async def _healthz(self, request: web.Request) -> web.Response:
        """Say whether any host streams: 200, else 503."""
        states = [line.connected for line in self.live.hosts.values()]
        text = f"{sum(states)} of {len(states)} hosts stream\n"
        return web.Response(status=200 if any(states) else 503, text=text)

    async def _metrics(self, request: web.Request) -> web.Response:
        counts, live = self.counts, self.live
        totals = (
            ("frames", "Frames that arrived.", live.n_frames),
            ("walls", "Walls sent.", counts.n_walls),
            ("bytes", "Bytes of these walls.", counts.n_bytes),
            ("skipped_walls", "Walls that slow pages did not get.", counts.n_skipped),
            ("stalled_sockets", "Pages dropped because they took no bytes.", counts.n_stalled),
            ("refused", "Requests refused.", counts.n_refused),
        )
        up = [((host,), line.connected) for host, line in live.hosts.items()]
        metrics = [
            _gauge("sockets", "Open pages.", [((), len(self._sockets))]),
            _gauge("views", "Different views that they look at.", [((), len(self.views))]),
            *(_counter(name, text, [((), n)]) for name, text, n in totals),
            _gauge("host_up", "1 while a host streams.", up, ("host",)),
        ]
        body, content_type = await asyncio.to_thread(page_of, metrics, request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _status(self, request: web.Request) -> web.Response:
        return web.json_response(self.live.status(self._modules(request)))

    async def _wall_png(self, request: web.Request) -> web.Response:
        return await self._picture(request, wall_png(self.live, self._modules(request)))

    async def _module_png(self, request: web.Request) -> web.Response:
        module, modules = int(request.match_info["module"]), self._modules(request)
        if modules and module not in modules:
            raise web.HTTPNotFound
        return await self._picture(request, module_png(self.live, module, request.match_info["product"]))

    async def _picture(self, request: web.Request, picture: WallPicture) -> web.Response:
        """Answer with a picture, unless the asker has it."""
        tag, age_s, draw = picture
        headers = {"ETag": f'"{tag}"', "Cache-Control": "private, max-age=1"}
        headers["Cross-Origin-Resource-Policy"] = "same-site"  # a dashboard is on another port of this site
        if age_s is not None:
            headers["X-Frame-Age"] = f"{age_s:.3f}"
        if draw is None:
            raise web.HTTPNotFound
        if any(one.value == tag for one in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        # Drawing 64 modules takes longer than a wall may wait.
        body = await asyncio.to_thread(draw)
        return web.Response(body=body, content_type="image/png", headers=headers)

    async def look_after_pages(self) -> None:
        """Drop pages that take nothing, and wake those that must hear of us, until cancelled."""
        # One task for all: a timer for each wall of each page takes a tenth of the time of sending it.
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(1.0, self._stalled_s / 4))
            now = loop.time()
            self.counts.n_stalled += sum(page.look_after(now, self._stalled_s) for page in self._sockets.values())

    async def _close(self, app: web.Application) -> None:
        closing = (one.close(code=1001, message=b"the server stops") for one in list(self._sockets))
        await asyncio.gather(*closing, return_exceptions=True)


@asynccontextmanager
async def web_server(
    live: LiveWall, doors: Doors, where: WebAddress, stalled_s: float = 30.0, night: Night | None = None
) -> AsyncIterator[tuple[WebServer, str]]:
    """Serve pages until the block is left; gives the server and its URL.

    Raises
    ------
    ConfigError
        The address or the certificate cannot be used.
    """
    context = where.tls()
    async with asyncio.TaskGroup() as tasks:
        server = WebServer(live, doors, tasks, stalled_s, night)
        application = server.application()
        runner = web.AppRunner(application, access_log=None, logger=LOG, handle_signals=False, shutdown_timeout=2)
        await runner.setup()
        try:
            site = web.TCPSite(runner, where.host, where.port, ssl_context=context)
            try:
                await site.start()
            except OSError as error:
                text = error.strerror or str(error)
                raise ConfigError(f"cannot listen on {where.host}:{where.port}: {text}") from error
            port = runner.addresses[0][1]
            host = f"[{where.host}]" if ":" in where.host else where.host
            looking = tasks.create_task(server.look_after_pages(), name="look after pages")
            yield server, f"{'https' if context else 'http'}://{host}:{port}"
            looking.cancel()
        finally:
            await runner.cleanup()


def _end_if_silent(transport: asyncio.Transport, after_s: float) -> None:
    """Have the kernel end a connection whose other end does not acknowledge, as after it left the network."""
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(after_s * 1000))
