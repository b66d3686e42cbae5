"""The site is built strictly, from the program as it is; the five-minute start is done as it stands there."""

from __future__ import annotations

import html
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from jamd.cli import build_parser
from jamd.contract.parameters import ROUTES
from jamd.reference import commands_of, settings
from tests.conftest import wait_until
from tests.system.conftest import Daemon

ROOT = Path(__file__).parents[2]
START = ROOT / "docs/start.md"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"})
    assert built.returncode == 0, built.stderr
    return out


def shown(page: Path) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", page.read_text()))


def test_reference_is_in_the_site(site: Path) -> None:
    addresses, commands, keys = (shown(site / f"reference/{name}.html") for name in ("addresses", "commands", "settings"))
    assert all(route.template in addresses and route.doc.replace("`", "") in addresses for route in ROUTES)
    assert "\\|" not in commands
    assert all(command.prog in commands for _, command in commands_of(build_parser()))
    assert all(key in keys and meaning.replace("`", "") in keys for key, _, _, meaning in settings())


def test_pages_from_elsewhere_are_in_the_site(site: Path) -> None:
    for folder in (ROOT / "examples").glob("*/README.md"):
        title = folder.read_text().splitlines()[0].removeprefix("# ")
        assert title in shown(site / f"recipes/{folder.parent.name}.html")
    card = (site / "model.html").read_text()
    assert 'href="model-card.html"' in card
    formulas = re.findall("<math.*?</math>", card, re.DOTALL)
    assert len(formulas) > 20
    assert "arithmatex" not in card
    assert not [formula for formula in formulas if "\\" in formula]


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        loaded = re.findall(r'<(?:script|img|link|iframe)[^>]*(?:src|href)="?((?:https?:)?//[^" >]+)', page.read_text())
        assert not loaded, page


def start_lines(command: str) -> list[list[str]]:
    """Calls of one command on the start page, in words after `jamd`."""
    return [shlex.split(line)[1:] for line in START.read_text().splitlines() if line.startswith(f"jamd {command} ")]


def test_five_minute_start_plays(launch: Callable[[str], Daemon]) -> None:
    """Every message of the page is taken, in its order, and the band plays."""
    daemon = launch("null")
    said = [words[1:] for words in start_lines("send")]
    assert len(said) >= 6
    for words in said:
        command = [sys.executable, "-m", "jamd", "send", "--connect", f"127.0.0.1:{daemon.port}", "--timeout", "20", *words]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (answer.returncode, answer.stdout) == (0, "ok\n"), answer.stderr
        if words == ["/jam/start"]:
            wait_until(lambda: daemon.status()["jam"]["state"] == "playing", 60, "the start of the band")


def test_five_minute_start_renders(tmp_path: Path) -> None:
    """The render of the page is what it says."""
    (render,) = start_lines("render")
    done = subprocess.run([sys.executable, "-m", "jamd", *render], cwd=tmp_path, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    bars, tempo = (float(render[render.index(option) + 1]) for option in ("--bars", "--tempo"))
    assert soundfile.info(tmp_path / "blues.wav").frames == round(bars * 4 * 60 / tempo * 48_000)
    assert (tmp_path / "blues.mid").stat().st_size > 100
