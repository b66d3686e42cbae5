"""A session in the browser: http.server, on this machine alone unless asked.

Nothing that is sent before the last answer says which side a sound is: the page is always the same, sounds have the random names of
their files, and no header tells their age. Their sizes differ, as any two takes' do. Whoever asks has to know the random word that the
address begins with (as with Jupyter), to call the server by an address or the name that it was given (DNS rebinding), and to post JSON
from its own page (cross-site requests).
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import secrets
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import msgspec

from jamd.contract.errors import FailureError
from jamd.listen.answers import Choice
from jamd.listen.page import PAGE
from jamd.listen.sitting import Sitting

LARGEST: Final = 1024
"""Bytes of an answer."""


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the page posts."""

    trial: int
    choice: Choice


class Server(ThreadingHTTPServer):
    """
    Args:
        endpoint: host and port; port 0: any that is free.
        sitting: the session.
        lines: what the page says when all trials have answers.

    Raises:
        FailureError: the address cannot be had.
    """

    def __init__(self, endpoint: tuple[str, int], sitting: Sitting, lines: Callable[[], list[str]]) -> None:
        self.sitting, self.lines = sitting, lines
        self.word = secrets.token_urlsafe(24)
        self.host = endpoint[0]
        self.over = threading.Event()
        """The last answer is saved, and the page knows."""
        try:
            super().__init__(endpoint, Handler)
        except (OSError, OverflowError) as error:
            text = getattr(error, "strerror", None) or error
            raise FailureError(f"cannot listen on {endpoint[0]}:{endpoint[1]}: {text}", code="address") from error

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.server_port}/{self.word}/"

    def knows(self, host: str) -> bool:
        """Whether a Host header names this server: an address, localhost, or the name that it was given."""
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return name in ("localhost", self.host)
        return True

    def state(self) -> dict[str, Any]:
        """The next trial; or the end."""
        number = self.sitting.next()
        if number is None:
            return {"finished": True, "lines": self.lines()}
        paths = {letter: self.sitting.path(number, letter) for letter in "xab"}
        return {
            "trial": number,
            "of": self.sitting.count,
            "sounds": {letter: path.name for letter, path in paths.items() if path is not None},
        }

    def sound(self, name: str) -> bytes | None:
        """A sound of the trial that is being asked."""
        number = self.sitting.next()
        for letter in "xab" if number is not None else "":
            path = self.sitting.path(number or 1, letter)
            if path is not None and path.name == name:
                return path.read_bytes()
        return None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is no matter; the rest is said in a line."""
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError | TimeoutError):
            print(f"jamd: the page failed: {error}", file=sys.stderr)


class Handler(BaseHTTPRequestHandler):
    """Pages below the secret word: none, `trial`, `sound/NAME`; `answer` takes answers."""

    server: Server
    protocol_version = "HTTP/1.1"
    timeout = 60

    def version_string(self) -> str:
        """For the Server header."""
        return "jamd"

    def log_message(self, format: str, *args: Any) -> None:
        """The terminal is the listener's."""

    def do_GET(self) -> None:
        path = self._path()
        if path == "":
            nonce = secrets.token_urlsafe(12)
            policy = (
                f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
                "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
            )
            self._send(PAGE.replace("NONCE", nonce).encode(), "text/html; charset=utf-8", policy=policy)
        elif path == "trial":
            self._json(self.server.state())
        elif path is not None and path.startswith("sound/"):
            data = self.server.sound(path.removeprefix("sound/"))
            if data is None:
                self._fail(HTTPStatus.NOT_FOUND, "no sound of this trial")
            else:
                self._send(data, "audio/flac")
        elif path is not None:
            self._fail(HTTPStatus.NOT_FOUND, "no such page")

    def do_POST(self) -> None:
        path = self._path()
        if path is None:
            return
        length = self.headers.get("Content-Length", "")
        own = f"http://{self.headers.get('Host', '')}"
        if path != "answer":
            self._fail(HTTPStatus.NOT_FOUND, "no such page")
        elif self.headers.get_content_type() != "application/json" or self.headers.get("Origin", own) != own:
            self._fail(HTTPStatus.FORBIDDEN, "answers come as JSON from the page itself")
        elif not length.isdigit() or int(length) > LARGEST:
            self._fail(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "no answer is that long")
        else:
            self._answer(self.rfile.read(int(length)))

    def _answer(self, data: bytes) -> None:
        sitting = self.server.sitting
        try:
            said = msgspec.json.decode(data, type=Said)
            if not sitting.answer(said.trial, said.choice):
                self._fail(HTTPStatus.CONFLICT, "this trial is not the one that is asked")
                return
        except (UnicodeDecodeError, msgspec.MsgspecError):
            self._fail(HTTPStatus.BAD_REQUEST, "no answer")
            return
        except FailureError as error:
            self._fail(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
            return
        state = self.server.state()
        self._json(state)
        if "finished" in state:
            self.server.over.set()

    def _path(self) -> str | None:
        """What is asked for, below the secret word; None: refused already."""
        if not self.server.knows(self.headers.get("Host", "")):
            self._fail(HTTPStatus.FORBIDDEN, "not the name of this server")
            return None
        word, _, path = self.path.partition("?")[0].removeprefix("/").partition("/")
        if not hmac.compare_digest(word.encode(), self.server.word.encode()):
            self._fail(HTTPStatus.FORBIDDEN, "the address has to be the one that jamd listen printed")
            return None
        return path

    def _json(self, values: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(json.dumps(values).encode(), "application/json", status)

    def _fail(self, status: HTTPStatus, why: str) -> None:
        self.close_connection = True  # what else was sent is not read
        self._json({"error": why}, status)

    def _send(self, data: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK, policy: str = "default-src 'none'") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Security-Policy", policy)
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Cache-Control", "no-store")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()


def serve(server: Server) -> None:
    """Until the last answer has been given."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="web", daemon=True)
    thread.start()
    try:
        if server.sitting.next() is not None:
            server.over.wait()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
