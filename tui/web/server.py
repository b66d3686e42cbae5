"""The dashboard in a browser: `jamd tui --web`, by textual-serve. Every page that is open is a dashboard, in a process of its own.

Whoever reaches the server plays the band, as over OSC; so it listens on this machine alone unless told otherwise. Pages of other sites,
which a browser on this machine may show too, are kept out: a request has to call the server by an address or by its own name (DNS
rebinding), and what opens a terminal has to come from the server's own page (cross-site WebSockets). Nothing is fetched from elsewhere.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import secrets
import shlex
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from string import Template
from typing import Final
from urllib.parse import urlsplit

from aiohttp import WSCloseCode, web
from textual_serve.app_service import AppService
from textual_serve.server import Server, to_int

from jamd.contract.errors import FailureError

PAGE: Final = Template((Path(__file__).parent / "page.html").read_text())
MOST: Final = 8
"""Dashboards at once."""
BEAT_S: Final = 15.0
"""Between signs of life of a browser; one that gives none has gone."""
END_S: Final = 5.0
"""For dashboards to end with the server."""
SIZES: Final = (8, 72)
"""Of letters, in pixels."""
LARGEST: Final = 1000
"""Columns or lines of a terminal."""
LOCAL: Final = ("127.0.0.1", "localhost", "::1")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def shown(host: str) -> str:
    """A host as it stands in an address."""
    return f"[{host}]" if ":" in host else host


def is_known(name: str | None, host: str) -> bool:
    """Whether a host's name of a request means a server that listens at `host`: an address, or a name of this machine."""
    if name is None:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        own = socket.gethostname().lower()
        return name in ("localhost", host.lower(), own, f"{own}.local")
    return True


def is_own(origin: str, host: str) -> bool:
    """Whether a page of this origin was fetched from `host`."""
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


class Terminal(AppService):
    """A dashboard's process. When it has ended, however it did, its page is told."""

    async def run(self) -> None:
        try:
            await super().run()
        finally:
            await self.remote_close()


class WebDashboard(Server):
    """
    Args:
        endpoint: where pages are served: (host, port).
        daemon: where the daemon hears OSC: (host, port).
    """

    def __init__(self, endpoint: tuple[str, int], daemon: tuple[str, int]) -> None:
        words = [sys.executable, "-m", "jamd", "tui", "--connect", f"{daemon[0]}:{daemon[1]}"]
        super().__init__(f"exec {shlex.join(words)}", *endpoint, title="jamd")
        self._open: set[web.WebSocketResponse] = set()

    def run(self) -> None:
        """Until Ctrl-C.

        Raises:
            FailureError: the address is not to be had.
        """
        logging.basicConfig(level=logging.WARNING, format="jamd: %(message)s")
        asyncio.run(self._run())

    async def _run(self) -> None:
        over, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, over.set)
        runner = web.AppRunner(await self._make_app(), shutdown_timeout=END_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, self.host, self.port).start()
            print(f"jamd: the dashboard is at http://{shown(self.host)}:{self.port}/ (Ctrl-C ends it; the band plays on)", flush=True)
            if self.host not in LOCAL:
                print(f"jamd: warning: anybody who reaches {self.host}:{self.port} can play", file=sys.stderr, flush=True)
            await over.wait()
        except OSError as error:
            raise FailureError(f"cannot listen on {self.host}:{self.port}: {error.strerror or error}", code="address") from error
        finally:
            await runner.cleanup()

    # --- what textual-serve asks of a sub-class -------------------------------------------------------------------------

    async def on_shutdown(self, app: web.Application) -> None:
        for websocket in tuple(self._open):
            await websocket.close(code=WSCloseCode.GOING_AWAY)

    async def _make_app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard])
        app.add_routes([
            web.get("/", self.handle_index, name="index"),
            web.get("/ws", self.handle_websocket, name="websocket"),
            web.get("/download/{key}", self.handle_download, name="download"),
            web.static("/static", self.statics_path, name="static"),
        ])  # fmt: skip
        app.on_shutdown.append(self.on_shutdown)
        return app

    # --- requests -------------------------------------------------------------------------------------------------------

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            name = urlsplit(f"//{request.host}").hostname
        except ValueError:
            name = None
        if not is_known(name, self.host):
            return web.Response(status=403, text=f"{request.host!r} is not the name of this server: call it by its address\n")
        if not is_own(request.headers.get("Origin", f"http://{request.host}"), request.host):
            return web.Response(status=403, text="this is for the server's own page alone\n")
        return await handler(request)

    async def handle_index(self, request: web.Request) -> web.Response:
        """The page; `?fontsize=28` for those who stand further away."""
        size = min(max(to_int(request.query.get("fontsize", ""), 16), SIZES[0]), SIZES[1])
        nonce = secrets.token_urlsafe(12)
        policy = (
            f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; font-src 'self'; "
            "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
        return web.Response(text=PAGE.substitute(size=size, nonce=nonce), content_type="text/html", headers=headers)

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """A terminal, for as long as its page is open."""
        websocket = web.WebSocketResponse(heartbeat=BEAT_S)
        await websocket.prepare(request)
        if len(self._open) >= MOST:
            await websocket.close(code=WSCloseCode.TRY_AGAIN_LATER)
            return websocket
        self._open.add(websocket)
        columns, lines = (min(max(to_int(request.query.get(key, ""), size), 1), LARGEST) for key, size in (("width", 80), ("height", 24)))

        async def close() -> None:
            await websocket.close()

        terminal = Terminal(
            self.command, write_bytes=websocket.send_bytes, write_str=websocket.send_str, close=close,
            download_manager=self.download_manager,
        )  # fmt: skip
        try:
            await terminal.start(columns, lines)
            await self._process_messages(websocket, terminal)
        finally:
            self._open.discard(websocket)
            await terminal.stop()
        return websocket
