"""iReal Pro's links: `irealb://` (scrambled) and `irealbook://` (plain).

A link holds one song or a playlist: fields between `=`, percent-encoded. The music of an `irealb` link begins with a
fixed word, is cut into blocks of 50 characters, and each block but the last has some of its characters mirrored; three
abbreviations stand for spaces, bar lines and repeats. A bar is a row of cells; a chord or a space takes one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final
from urllib.parse import unquote

from bridges.charts.form import Measure, build_chart
from jamd.contract.chart import MAX_BARS, NO_CHORD, Chart, Chord, parse_chord
from jamd.contract.errors import ChartError

MUSIC_PREFIX: Final = "1r34LbKcu7"
BLOCK: Final = 50
LINK: Final = re.compile(r"(?<=')ireal(?:b|book)://[^\"'<>\n]+(?=')|ireal(?:b|book)://[^\"<>\n]+")
"""Quoted by apostrophes in a page, or as it stands: encoders leave apostrophes of titles as they are."""

_METRES: Final = {
    "44": (4, 4), "22": (4, 4), "12": (4, 4), "24": (4, 2),
    "34": (3, 3), "38": (3, 3), "68": (3, 3), "98": (3, 3), "64": (3, 6), "32": (3, 6),
}  # fmt: skip
"""By iReal's name of a metre: beats in a bar of the chart, and in the written bar."""

_TOKENS: Final = re.compile(
    r"T(?P<metre>\d\d)"
    r"|(?P<section>\*\w)"
    r"|(?P<text><[^>]*>?)"
    r"|(?P<small>\([^)]*\)?)"
    r"|N(?P<ending>\d)"
    r"|(?P<line>[|\[\]{}Z])"
    r"|(?P<chord>[A-GW][b#]?(?:\*[^*]*\*|sus|alt|add|[-+^ohø#b\d])*(?:/[A-G][b#]?)?)"
    r"|(?P<mark>[xrnpSQUYfsl,\"\s])",
)
_JUMP: Final = re.compile(r"D\.?\s?([CS])\.?\s*(?:$|al\b(?:\s*(\d)(?:st|nd|rd|th)\s+end)?)", re.IGNORECASE)
_TIMES: Final = re.compile(r"(\d+)\s*x", re.IGNORECASE)


def mirror(block: str) -> str:
    """Undo, or do, the scrambling of one block of 50 characters: 5 at each end and 14 about the middle change sides."""
    out = list(block)
    for place in (*range(5), *range(10, 24)):
        out[place], out[BLOCK - 1 - place] = block[BLOCK - 1 - place], block[place]
    return "".join(out)


def unscramble(music: str) -> str:
    """Plain music of an `irealb` song, without its prefix. A block that only one character follows stays as it is."""
    out = []
    while len(music) > BLOCK:
        block, music = music[:BLOCK], music[BLOCK:]
        out.append(block if len(music) < 2 else mirror(block))
    plain = "".join(out) + music
    return plain.replace("Kcl", "| x").replace("LZ", " |").replace("XyQ", "   ")


@dataclass(frozen=True)
class Song:
    """One song of a link, its music still in iReal's notation."""

    title: str
    music: str


def songs(link: str) -> Iterator[Song]:
    """The songs of a link, in their order.

    Raises:
        ChartError: it is no link of iReal Pro, or holds no song.
    """
    scheme, separator, body = link.strip().partition("://")
    if not separator or scheme not in ("irealb", "irealbook"):
        raise ChartError("not a link of iReal Pro", link, 0)
    body = unquote(body)
    found = False
    if scheme == "irealb":
        for part in body.split("==="):
            fields = part.split("=")
            music = next((field for field in fields[1:] if field.startswith(MUSIC_PREFIX)), None)
            if music is not None:
                found = True
                yield Song(fields[0], unscramble(music[len(MUSIC_PREFIX) :]))
    else:
        fields = body.split("=")
        for start in range(0, len(fields) - 5, 6):
            found = True
            yield Song(fields[start], fields[start + 5])
    if not found:
        raise ChartError("the link holds no song", link, 0)


def read_link(link: str) -> Chart:
    """The chart of a link's first song.

    Raises:
        ChartError: it cannot be read; the position is one in the unscrambled music.
    """
    return read_song(next(songs(link)))


def read_song(song: Song) -> Chart:
    """The chart of a song.

    Raises:
        ChartError: a chord or sign that cannot be read, or a metre jamd does not play.
    """
    return _Reader(song).read()


_Placed = tuple[tuple[Fraction, Chord], ...]


class _Reader:
    def __init__(self, song: Song) -> None:
        self.song = song
        self.measures: list[Measure] = []
        self.open = Measure()
        self.cells: list[Chord | None] = []
        """Cells of the bar that is being read: a chord, or None for an empty one."""
        self.copied: _Placed | None = None
        """What a repeat sign puts into the open bar."""
        self.next_copied: _Placed | None = None
        """What a two-bar repeat sign puts into the bar after."""
        self.carried = False
        """Whether `copied` comes from such a sign in the bar before."""
        self.endings: frozenset[int] = frozenset()
        self.after_section = True
        """Empty cells are then for the eye only."""
        self.codas = 0
        self.times = 2
        self.last: Chord | None = None
        self.metre = ""

    def fail(self, message: str, position: int) -> ChartError:
        return ChartError(message, self.song.music, position)

    def read(self) -> Chart:
        music = self.song.music
        place = 0
        while place < len(music):
            match = _TOKENS.match(music, place)
            if match is None:
                raise self.fail(f"{music[place]!r} has no meaning here", place)
            self._token(match)
            place = match.end()
        self._close("Z")
        if not any(measure.chords for measure in self.measures):
            raise self.fail(f"there are no chords in {self.song.title!r}", 0)
        return build_chart(self.measures, self._beats()[0], self.song.title)

    def _beats(self) -> tuple[int, int]:
        return _METRES[self.metre or "44"]

    def _token(self, match: re.Match[str]) -> None:
        text, place = match.group(), match.start()
        if (digits := match.group("metre")) is not None:
            if digits not in _METRES:
                raise self.fail(f"the metre is 4/4 or 3/4, not {'/'.join(digits)}", place)
            if self.metre and _METRES[digits] != self._beats():
                raise self.fail("a chart keeps one metre", place)
            self.metre = digits
        elif match.group("text"):
            self._remark(text.strip("<>"))
        elif (number := match.group("ending")) is not None:
            self.endings = frozenset({int(number)})
        elif match.group("line"):
            self._close(text)
        elif match.group("chord"):
            self.cells.append(self._chord(text, place))
        elif match.group("mark"):
            self._mark(text, place)

    def _chord(self, text: str, place: int) -> Chord:
        name = text.replace("*", "")
        if name.startswith("W"):
            if self.last is None:
                raise self.fail("a bass note without a chord before it", place)
            before = self.last.symbol
            name = (before if self.last.bass is None else before.rpartition("/")[0]) + name[1:]
        try:
            self.last = parse_chord(name)
        except ChartError as error:
            raise self.fail(error.message, place + min(error.position, len(text) - 1)) from None
        return self.last

    def _mark(self, mark: str, place: int) -> None:
        if mark in " p":
            self.cells.append(None)
        elif mark == "n":
            self.cells.append(NO_CHORD)
        elif mark in "xr":
            if len(self.measures) < (1 if mark == "x" else 2):
                raise self.fail("a repeat sign without a bar before it", place)
            self.copied = self._sounding(-1 if mark == "x" else -2)
            self.next_copied = self._sounding(-1) if mark == "r" else None
            self.carried = False
        elif mark == "S":
            self.open.segno = True
        elif mark == "Q":
            self.codas += 1
            self.open.to_coda |= self.codas == 1
            self.open.coda |= self.codas == 2

    def _sounding(self, index: int) -> _Placed:
        """Chords of a bar counted from the end; what was held into it where it has none of its own."""
        for measure in self.measures[index::-1]:
            if measure.chords:
                return measure.chords if measure is self.measures[index] else ((Fraction(0), measure.chords[-1][1]),)
        return ((Fraction(0), NO_CHORD),)

    def _remark(self, text: str) -> None:
        plain = re.sub(r"^\*\d\d", "", text).strip()
        if (jump := _JUMP.match(plain)) is not None:
            self.open.jump = "capo" if jump.group(1).upper() == "C" else "segno"
            self.open.jump_ending = int(jump.group(2) or 0)
        elif plain.lower() == "fine":
            self.open.fine = True
        elif (times := _TIMES.fullmatch(plain)) is not None:
            self.times = max(2, min(int(times.group(1)[:4]), MAX_BARS))

    def _close(self, line: str) -> None:
        """A bar line: ends the open bar, if there is one, and notes what the line says."""
        body = self._chords()
        hold = body is None and self.cells and not self.after_section and line not in "[{"
        if body is not None or hold:
            self.open.chords, self.open.length = body or (), Fraction(self._beats()[1])
            self.open.endings = self.endings
            self.measures.append(self.open)
            self.open = Measure()
            self.after_section = False
        elif self.measures and line not in "[{":
            before, here = self.measures[-1], self.open
            if here.jump and not before.jump:
                before.jump, before.jump_ending, here.jump = here.jump, here.jump_ending, ""
            if here.fine:
                before.fine, here.fine = True, False
        if len(self.measures) > MAX_BARS:
            raise self.fail(f"a chart has at most {MAX_BARS} bars", 0)
        self.cells, self.copied, self.next_copied = [], self.next_copied, None
        self.carried = self.copied is not None
        if line == "}" and self.measures:
            self.measures[-1].repeat_end, self.times = self.times, 2
        if line == "{":
            self.open.repeat_start = True
        if line != "|":
            self.endings = frozenset()
            self.after_section = self.after_section or line in "]}Z"

    def _chords(self) -> _Placed | None:
        """Chords of the open bar on its beats; None if it has none."""
        found = [(cell, chord) for cell, chord in enumerate(self.cells) if chord is not None]
        beats, cells = self._beats()[1], len(self.cells)
        if not found:
            return self.copied
        if self.copied is not None and self.carried:
            self.measures.append(Measure(self.copied, Fraction(beats), endings=self.endings))
        if cells % beats == 0 or (beats % cells == 0 and len(found) == cells):
            places = [Fraction(cell * beats, cells) for cell, _ in found]
        else:
            places = [Fraction(beats * index, len(found)) for index in range(len(found))]
            if (beats, len(found)) in ((4, 3), (3, 2)):
                places = [Fraction(0), Fraction(2), Fraction(3)][: len(found)]
        places[0] = Fraction(0)
        return tuple((place, chord) for place, (_, chord) in zip(places, found, strict=True))
