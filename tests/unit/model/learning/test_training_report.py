"""The report of a training is one safe page that says what became of it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import msgspec
import numpy as np
import pytest
import soundfile

from jamd.contract.errors import FailureError
from model.adapters.format import Guard, Manifest
from model.learning.plots import Curve, line_plot, ticks
from model.learning.report import write_report
from model.learning.verdict import ABOUT, NOTHING, describe, failed, measured, title

HOSTILE = "<script>alert('x')</script> & \"Søren\""
VOID = {"meta", "br"}
PASSED = {"held_out": Guard(True, 0.97, 1.0), "chart": Guard(True, 0.98, 0.9), "unharmed": Guard(True, 0.0, 0.0)}
FAILED = PASSED | {"memorising": Guard(False, 3.4, 1.0), "chart": Guard(False, 0.5, 0.9)}


class Page(HTMLParser):
    """Checks that tags are closed in order, and keeps what is to be seen."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def make_run(folder: Path, guards: dict[str, Guard], style: str = "") -> Path:
    (folder / "auditions").mkdir(parents=True)
    (folder / "material").mkdir()
    (folder / "material" / "material.txt").write_text(
        f"8:02.0 of 9:11.0 used: 30 clips to learn from, 4 held out (1:10.0)\ndata 12ab\n\nUsed\n  {HOSTILE}.flac  0:00.0 to 0:14.0: "
        "120 bpm\n  two.flac  0:00.0 to 0:12.0  held out: 98 bpm\n\nDropped\n  two.flac  0:12.0 to 0:19.0: clipped\n"
    )
    (folder / "log.csv").write_text(
        "step,seconds,rate,name,value\n0,0.0,0.001,base_player,3.61\n16,60.0,0.001,player_loss,3.45\n16,60.0,0.001,valid_player,3.58\n"
        "32,120.0,0.001,player_loss,nan\n32,120.0,0.001,valid_player,3.51\n48,180.0,0.001,player_loss,3.2\n48,180.0,0.001,valid_player,3.55\n"
    )
    for name in ("00-base", "02-player-6min", "01-player-3min", "03-end-9min"):
        soundfile.write(folder / "auditions" / f"{name}.flac", np.zeros((480, 2), np.float32), 48_000)
    manifest = Manifest(
        name="ann", created="2026-03-01T10:00:00+00:00", base="small", base_hash="0", rank=8, alpha=16.0, targets=["qkv", "out"],
        networks=["player"], style=style, training={"rate": 1e-3, "note": HOSTILE}, guards=guards,
        scores={"player_base": 3.61, "player_held_out": 3.51},
    )  # fmt: skip
    (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    return folder


def read(run: Path, out: Path) -> Page:
    assert write_report(run, out) == out
    return Page(out.read_text(encoding="utf-8"))


def test_the_verdict_comes_first_and_says_what_failed(tmp_path: Path) -> None:
    good = read(make_run(tmp_path / "good", PASSED), tmp_path / "good" / "report.html").text
    assert "Accepted" in good and "Not accepted" not in good and "All 3 checks passed" in good
    assert "2.8% better than by the base" in good
    bad = read(make_run(tmp_path / "bad", FAILED), tmp_path / "bad" / "report.html").text
    assert "Not accepted" in bad and "2 of 4 checks failed" in bad
    for sentence in failed(FAILED):
        assert sentence in bad and bad.index(sentence) < bad.index("Listen")
    assert ABOUT["memorising"].fails in bad and "3.40 s" in bad
    assert "Not checked" in read(make_run(tmp_path / "none", {}), tmp_path / "none" / "report.html").text


def test_nothing_from_outside_and_nothing_unescaped(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", FAILED, HOSTILE)
    page = read(run, run / "report.html")
    assert not page.all("script") and not page.all("link") and not page.all("img")
    assert page.text.count(HOSTILE) == 3  # style, a file's name, a setting
    raw = (run / "report.html").read_text()
    assert not re.search(r"https?:|url\(|@import", raw) and "prefers-color-scheme: dark" in raw


def test_auditions_are_in_order_with_the_base_beside_them(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a run", PASSED)
    for out in (run / "report.html", tmp_path / "elsewhere" / "report.html"):
        page = read(run, out)
        links = [unquote(str(audio["src"])) for audio in page.all("audio")]
        assert all((out.parent / link).is_file() for link in links)
        names = [Path(link).stem for link in links]
        assert names[::2] == ["01-player-3min", "02-player-6min", "03-end-9min"] and set(names[1::2]) == {"00-base"}
    assert page.text.index("After 3 min") < page.text.index("After 6 min") < page.text.index("At the end, after 9 min")


def test_curves_of_training_and_held_out_with_the_base_as_a_line(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", PASSED)
    page = read(run, run / "report.html")
    lines = {str(line["class"]): str(line["points"]).split() for line in page.all("polyline")}
    assert {name: len(points) for name, points in lines.items()} == {"train": 2, "base": 2, "held": 3}
    heights = [float(point.split(",")[1]) for point in lines["held"]]
    level = {float(point.split(",")[1]) for point in lines["base"]}
    assert len(level) == 1 and min(heights) > level.pop()  # below the base: further down
    assert heights[1] == max(heights) and "at best 3.510 after 2.0 min" in page.text
    assert len(page.all("circle")) == 3


def test_material_and_guards_are_told(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", FAILED)
    text = read(run, run / "report.html").text
    assert "30 clips to learn from" in text and "Used (2)" in text and "Dropped (1)" in text and "clipped" in text
    for name, guard in FAILED.items():
        assert title(name) in text and describe(name) in text and measured(name, guard) in text


def test_what_is_not_there_is_left_out(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", PASSED)
    (run / "log.csv").unlink()
    for path in (*(run / "auditions").iterdir(), run / "material" / "material.txt"):
        path.unlink()
    page = read(run, run / "report.html")
    assert not page.all("svg") and not page.all("audio") and "Material" not in page.text and "Accepted" in page.text
    (run / "manifest.json").write_text("{")
    with pytest.raises(FailureError):
        write_report(run, run / "report.html")
    (run / "manifest.json").unlink()
    with pytest.raises(FailureError, match=r"manifest\.json"):
        write_report(run, run / "report.html")
    assert (run / "report.html").is_file()  # what was there stays


def test_every_guard_is_described() -> None:
    for name, about in ABOUT.items():
        assert "\n" not in about.describe and about.describe == describe(name) and about.title == title(name)
        assert "needed" in measured(name, Guard(True, 0.5, 1.0))
    assert "no clip was held out" in measured("held_out", Guard(False, NOTHING, 1.0))
    assert measured("later", Guard(False, 0.5, 1.0)) == "0.5, limit 1" and title("later") == "later"


def test_plots_take_what_there_is() -> None:
    assert line_plot([Curve("nothing", "held", []), Curve("nan", "base", [(0.0, float("nan"))])], "x", "y", "z") == ""
    assert 'points="' in line_plot([Curve("one point", "held", [(1.0, 2.0)])], "x", "y", "z")
    assert ticks(0.0, 10.0) == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    assert ticks(3.42, 3.61) == pytest.approx([3.45, 3.5, 3.55, 3.6])
    assert ticks(1.0, 1.0) == [1.0]
