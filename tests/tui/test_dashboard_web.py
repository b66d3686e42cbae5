"""The dashboard in a browser: `jamd tui --web`, through its WebSocket and in a headless Chromium."""

from __future__ import annotations

import asyncio
import base64
import io
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from PIL import Image

from tests.system.conftest import Daemon, free_port
from tests.tui.conftest import until

Serve = Callable[[int], str]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
AMBER = (255, 200, 87)
"""Accent of the dashboard's own theme."""


def free_tcp_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server for the daemon at a port; gives the address of the page."""
    servers = []

    def start(daemon: int) -> str:
        where = f"127.0.0.1:{free_tcp_port()}"
        command = [sys.executable, "-m", "jamd", "tui", "--connect", f"127.0.0.1:{daemon}", "--web", where]
        servers.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
        assert servers[-1].stdout is not None
        assert servers[-1].stdout.readline().startswith(f"jamd: the dashboard is at http://{where}/")
        return where

    yield start
    for server in servers:
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=30) == 0


def test_a_terminal_over_the_websocket(serve: Serve) -> None:
    daemon = free_port()
    where = serve(daemon)

    async def go() -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"http://{where}/ws?width=80&height=24") as page:

            async def shows(text: str) -> None:
                seen = ""
                async with asyncio.timeout(60):
                    while text not in seen:
                        message = await page.receive()
                        assert not page.closed, f"it has ended without {text!r}: {seen[-500:]!r}"
                        seen += message.data.decode() if message.type is aiohttp.WSMsgType.BINARY else ""

            await shows(f" 127.0.0.1:{daemon}")  # it looks for a daemon there, or has been refused already
            await page.send_json(["resize", {"width": 100, "height": 30}])
            await page.send_json(["stdin", "2"])
            await shows("strength of all")
            await page.send_json(["stdin", "q"])
            while not page.closed:
                await page.receive(timeout=30)
            assert page.close_code == 1000, "it has ended, and is not only out of reach"

    asyncio.run(go())


def test_pages_of_other_sites_are_kept_out(serve: Serve) -> None:
    where = serve(free_port())

    async def go() -> None:
        async with aiohttp.ClientSession() as session:

            async def status(path: str, **headers: str) -> int:
                async with session.get(f"http://{where}{path}", headers=headers) as answer:
                    return answer.status

            async with session.get(f"http://{where}/") as answer:
                page, policy = await answer.text(), answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert not re.search(r"(https?:)?//(?!\s)[a-z]", re.sub(r"// .*", "", page)), "nothing is fetched from elsewhere"
            assert await status("/static/js/textual.js") == await status("/static/css/xterm.css") == 200
            assert await status("/", Host="evil.example:80") == 403
            assert await status("/ws", Host="evil.example", Origin="http://evil.example") == 403
            for origin in ("http://evil.example", "null", "http://[", f"http://127.0.0.1:{free_tcp_port()}"):
                with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
                    await session.ws_connect(f"http://{where}/ws", origin=origin)

    asyncio.run(go())


@asynccontextmanager
async def chromium(folder: Path) -> AsyncIterator[Callable[..., Any]]:
    """A headless one; what is given calls a method of its protocol on the one page, after which it returns its result."""
    browser = await asyncio.create_subprocess_exec(
        str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", f"--user-data-dir={folder}",
        "--window-size=1000,700", "about:blank", stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert browser.stderr is not None
        port = None
        while port is None:
            line = await asyncio.wait_for(browser.stderr.readline(), 60)
            assert line, "it does not start"
            port = re.search(rb"listening on ws://127.0.0.1:(\d+)/", line)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{int(port[1])}/json") as answer:
                pages = [one for one in await answer.json() if one["type"] == "page"]
            async with session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as protocol:
                asked = 0

                async def call(method: str, **parameters: Any) -> Any:
                    nonlocal asked
                    asked += 1
                    await protocol.send_json({"id": asked, "method": method, "params": parameters})
                    while (answer := await protocol.receive_json(timeout=60)).get("id") != asked:
                        pass
                    return answer["result"]

                yield call
    finally:
        browser.terminate()
        await browser.communicate()


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_in_a_browser(serve: Serve, still: Daemon, tmp_path: Path) -> None:
    where = serve(still.port)

    async def go() -> None:
        async with chromium(tmp_path) as call:

            async def is_there(expression: str) -> None:
                while not (await call("Runtime.evaluate", expression=expression))["result"].get("value"):
                    await asyncio.sleep(0.1)

            async def lit() -> int:
                """Pixels in the colour of what is lit."""
                picture = await call("Page.captureScreenshot", format="png")
                pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture["data"]))).convert("RGB"), dtype=int)
                return int((np.abs(pixels - AMBER).max(-1) < 8).sum())

            async def press(key: str) -> None:
                for kind in ("keyDown", "keyUp"):
                    await call("Input.dispatchKeyEvent", type=kind, key=key, text=key, windowsVirtualKeyCode=ord(key.upper()))

            await call("Page.navigate", url=f"http://{where}/")
            await asyncio.wait_for(is_there("document.body?.classList.contains('-first-byte')"), 30)
            await asyncio.wait_for(is_there("document.activeElement?.tagName === 'TEXTAREA'"), 30)
            while not (before := await lit()):  # in which screen we are
                await asyncio.sleep(0.1)
            await press(" ")
            await until(lambda: still.status()["jam"]["state"] == "playing", "the jam", 30)
            while await lit() < 2 * before:  # bar, beat and chord stand there large
                await asyncio.sleep(0.1)
            await press("q")
            await asyncio.wait_for(is_there("document.body.classList.contains('-over')"), 30)

    asyncio.run(go())


def test_an_address_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        command = [sys.executable, "-m", "jamd", "tui", "--web", where]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1 and result.stderr.startswith(f"jamd: cannot listen on {where}: ")
    assert len(result.stderr.splitlines()) == 1
