"""The page over real HTTP: what it says, what it must not say, and whom it does not answer."""

from __future__ import annotations

import http.client
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jamd.contract.errors import FailureError
from jamd.listen.answers import read_answers
from jamd.listen.sitting import Sitting
from jamd.listen.web import Server, serve
from tests.unit.listen.rig import ADAPTER, make_session


class Site:
    """A server that is being asked, and all that it sent."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sitting = Sitting(folder)
        self.server = Server(("127.0.0.1", 0), self.sitting, lambda: ["quillon 2, base 1"])
        self.thread = threading.Thread(target=serve, args=(self.server,))
        self.thread.start()
        self.sent: list[tuple[str, str, bytes]] = []
        """Address, headers and body of each reply."""

    def ask(self, path: str, data: Any = None, url: str | None = None, **headers: str) -> tuple[int, bytes]:
        request = urllib.request.Request((url or self.server.url) + path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        if data is not None:
            request.data = data if isinstance(data, bytes) else json.dumps(data).encode()
            if "Content_Type" not in headers:
                request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:
                status, body, info = reply.status, reply.read(), str(reply.headers)
        except urllib.error.HTTPError as error:
            status, body, info = error.code, error.read(), str(error.headers)
        self.sent.append((request.full_url, info, body))
        return status, body

    def json(self, path: str, data: Any = None, **headers: str) -> dict[str, Any]:
        status, body = self.ask(path, data, **headers)
        assert status == 200, body
        return json.loads(body)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(make_session(tmp_path))
    yield site
    site.server.over.set()
    site.thread.join(20)
    assert not site.thread.is_alive()


def test_a_whole_test_tells_nothing_before_its_end(site: Site) -> None:
    status, page = site.ask("")
    assert status == 200 and b"<!doctype html>" in page and b"NONCE" not in page
    sizes = set()
    for number, choice in ((1, "a"), (2, "skip"), (3, "b")):
        state = site.json("trial")
        assert {"trial": number, "of": 3}.items() <= state.items() and set(state) == {"trial", "of", "sounds"}
        assert list(state["sounds"]) == ["x", "a", "b"]
        for letter, name in state["sounds"].items():
            status, body = site.ask(f"sound/{name}")
            assert (status, body) == (200, site.sitting.path(number, letter).read_bytes())
            headers = site.sent[-1][1].splitlines()
            sizes.add(tuple(sorted(line.split(":")[0] for line in headers if line)))
            assert not any(line.lower().startswith(("last-modified", "etag", "content-disposition")) for line in headers)
        before = len(site.sent)
        reply = site.json("answer", {"trial": number, "choice": choice})
        assert [one.choice for one in read_answers(site.folder.parent / "answers.jsonl")[0]][-1] == choice  # saved before it replied
    assert reply == {"finished": True, "lines": ["quillon 2, base 1"]}
    assert len(sizes) == 1  # every sound has the same headers
    for url, headers, body in site.sent[:before]:
        said = (url + headers).replace("base-uri", "").encode() + (b"" if body.startswith(b"fLaC") else body)
        for secret in (ADAPTER.name, "base", site.sitting.session.id, ADAPTER.hash, '"order"', "against"):
            assert secret.encode() not in said, (secret, url)
    site.thread.join(20)
    assert not site.thread.is_alive()  # the test is over, and so is the server


def test_page_is_the_same_whatever_is_tested(tmp_path: Path, site: Site) -> None:
    """But for the number that a browser needs once."""
    other = Site(make_session(tmp_path / "other", "20270101-000000-bbbbbb", count=7, x=False))
    pages = []
    for one in (site, other):
        body = one.ask("")[1].decode()
        nonce = one.sent[-1][1].split("'nonce-")[1].split("'")[0]
        assert body.count(nonce) == 2
        pages.append(body.replace(nonce, ""))
    other.server.over.set()
    other.thread.join(20)
    assert pages[0] == pages[1]
    assert list(other.server.state()["sounds"]) == ["a", "b"]


def test_who_does_not_know_the_word_gets_nothing(site: Site) -> None:
    root = f"http://127.0.0.1:{site.server.server_port}/"
    name = site.json("trial")["sounds"]["a"]
    for path in ("", "trial", f"sound/{name}", "wrong/", "wrong/trial", f"{site.server.word[:-1]}/trial", f"%2e%2e/{site.server.word}/"):
        status, body = site.ask(path, url=root)
        assert status == 403 and b"sounds" not in body
    assert site.ask("answer", {"trial": 1, "choice": "a"}, url=root + "wrong/")[0] == 403
    assert site.sitting.answered == 0
    assert len(site.server.word) >= 32


def test_files_outside_the_trial_cannot_be_had(site: Site) -> None:
    later = site.sitting.path(2, "a")
    assert later is not None
    for path in ("session.json", "../answers.jsonl", "..%2fanswers.jsonl", later.name, ""):
        assert site.ask(f"sound/{path}")[0] == 404
    assert site.ask("results")[0] == 404


KNOWN = ("127.0.0.1:{}", "localhost:{}", "127.0.0.1", "[::1]:{}")
UNKNOWN = ("evil.example:{}", "127.0.0.1.evil.example:{}", "", "localhost.evil:{}")


@pytest.mark.parametrize(("host", "known"), [(host, True) for host in KNOWN] + [(host, False) for host in UNKNOWN])
def test_other_names_for_this_machine_are_refused(site: Site, host: str, known: bool) -> None:
    """A page elsewhere whose name was turned to 127.0.0.1 still sends its own name."""
    port = site.server.server_port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest("GET", f"/{site.server.word}/trial", skip_host=True)
    connection.putheader("Host", host.format(port))
    connection.endheaders()
    reply = connection.getresponse()
    assert reply.status == (200 if known else 403)
    assert (b"sounds" in reply.read()) == known
    connection.close()


def test_answers_come_from_the_page_and_once(site: Site) -> None:
    site.json("trial")
    good = {"trial": 1, "choice": "a"}
    assert site.ask("answer", good, Origin="http://evil.example")[0] == 403
    assert site.ask("answer", good, Content_Type="text/plain")[0] == 403  # what a form could send
    assert site.ask("answer", good, Content_Type="application/x-www-form-urlencoded")[0] == 403
    for bad in ({"trial": 1, "choice": "c"}, {"trial": "1", "choice": "a"}, {"trial": 1, "choice": "a", "more": 1}, [], b"{", b"\xff"):
        assert site.ask("answer", bad)[0] == 400
    assert site.ask("answer", {"trial": 1, "choice": "a" * 2000})[0] == 413
    assert site.ask("answer", {"trial": 2, "choice": "a"})[0] == 409
    assert site.sitting.answered == 0
    origin = f"http://127.0.0.1:{site.server.server_port}"
    assert site.json("answer", good, Origin=origin)["trial"] == 2
    assert site.ask("answer", good, Origin=origin)[0] == 409  # sent twice
    assert site.sitting.answered == 1
    assert site.ask("elsewhere", good)[0] == 404


def test_an_address_that_is_taken(site: Site, tmp_path: Path) -> None:
    with pytest.raises(FailureError, match="cannot listen on"):
        Server(("127.0.0.1", site.server.server_port), Sitting(make_session(tmp_path / "again")), list)
