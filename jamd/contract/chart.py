"""Charts: bars of chords, as text and as values.

    | Dm7 G7 | Cmaj7 | % | Em7b5 A7b9 |

Bars stand between `|`; a line break ends a bar too. Chords share their bar evenly. `%` repeats the bar before; `/`
between chords holds the one before for another share of the bar (`| C / / G7 |`: three beats and one). `N.C.` is no
chord. `4/4` (the default) or `3/4` in front sets the metre. `|:` and `:|` play a passage twice, `:| x3` three times.
`||` is one bar line, `[A]` a section's name, a line that begins with `#` a remark; the first remark is the title.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

from jamd.contract.chord import NO_CHORD, PLAIN, Chord, Family, parse_chord
from jamd.contract.errors import ChartError

__all__ = ["MAX_BARS", "NO_CHORD", "Bar", "Chart", "Chord", "Family", "parse_chart", "parse_chord"]

MAX_BARS: Final = 2048
"""Bars in a chart, repeats written out."""
MAX_TEXT: Final = 200_000
MAX_SHARES: Final = 48
"""Into how many parts a bar may be cut."""

_GRID: Final = 1e-6
_ROUNDING: Final = 1e-9
"""Beats by which arithmetic on thirds of a beat may be off: a place this near to a change counts as there."""


@dataclass(frozen=True)
class Bar:
    """`chords`: (beat within the bar, chord) by rising beat; the first at 0.0."""

    chords: tuple[tuple[float, Chord], ...]


@dataclass(frozen=True)
class Chart:
    """A chart; it repeats for ever.

    Raises:
        ValueError: no bars, a metre other than 3 or 4, or chords that do not lie in their bar in order.
    """

    beats_per_bar: int
    bars: tuple[Bar, ...]
    title: str = ""

    def __post_init__(self) -> None:
        if self.beats_per_bar not in (3, 4):
            raise ValueError(f"a bar has 3 or 4 beats, not {self.beats_per_bar}")
        if not self.bars:
            raise ValueError("a chart needs a bar")
        for bar in self.bars:
            beats = [beat for beat, _ in bar.chords]
            rising = all(a < b for a, b in pairwise(beats))
            if not beats or beats[0] != 0.0 or beats[-1] >= self.beats_per_bar or not rising:
                raise ValueError(f"chords at beats {beats} do not make a bar of {self.beats_per_bar}")

    @property
    def beats(self) -> int:
        """Quarter notes in one pass."""
        return self.beats_per_bar * len(self.bars)

    @cached_property
    def _places(self) -> tuple[list[float], list[Chord]]:
        """Where each chord begins, and the chord; one that sounds like the one before it is left out."""
        starts: list[float] = []
        chords: list[Chord] = []
        for number, bar in enumerate(self.bars):
            for beat, chord in bar.chords:
                if not chords or not chord.sounds_like(chords[-1]):
                    starts.append(number * self.beats_per_bar + beat)
                    chords.append(chord)
        return starts, chords

    def chord_at(self, beat: float) -> Chord:
        """The chord that sounds at a beat, counted from the chart's start; may be negative or beyond the end."""
        starts, chords = self._places
        return chords[bisect_right(starts, (beat + _ROUNDING) % self.beats) - 1]

    def next_change(self, beat: float) -> tuple[float, Chord]:
        """(beat, chord) of the next different chord after `beat`.

        If the chart has but one chord, its next repetition.
        """
        starts, chords = self._places
        passes, within = divmod(beat + _ROUNDING, self.beats)
        index = bisect_right(starts, within)
        base = passes * self.beats
        if index < len(starts):
            return base + starts[index], chords[index]
        if len(chords) > 1 and chords[0].sounds_like(chords[-1]):
            return base + self.beats + starts[1], chords[1]
        return base + self.beats, chords[0]

    def transpose(self, semitones: int) -> Chart:
        """The chart in another key."""
        bars = tuple(Bar(tuple((beat, chord.transpose(semitones)) for beat, chord in bar.chords)) for bar in self.bars)
        return Chart(self.beats_per_bar, bars, self.title)

    def text(self) -> str:
        """Canonical text: reading it gives an equal chart.

        Raises:
            ValueError: a chord lies where no division of the bar into 48 or fewer shares puts it.
        """
        words = []
        for number, bar in enumerate(self.bars):
            repeated = number > 0 and bar == self.bars[number - 1]
            words.append("%" if repeated else " ".join(self._shares(bar)))
        title = " ".join(self.title.split())
        head = (f"# {title}\n" if title else "") + ("3/4 " if self.beats_per_bar == 3 else "")
        return head + "| " + " | ".join(words) + " |"

    def _shares(self, bar: Bar) -> list[str]:
        for count in range(len(bar.chords), MAX_SHARES + 1):
            places = [beat * count / self.beats_per_bar for beat, _ in bar.chords]
            if all(abs(place - round(place)) < _GRID for place in places):
                words = ["/"] * count
                for place, (_, chord) in zip(places, bar.chords, strict=True):
                    words[round(place)] = chord.symbol
                return words
        raise ValueError(f"chords at beats {[beat for beat, _ in bar.chords]} lie on no grid that text can show")


_METRE: Final = re.compile(r"(\d+)/(\d+)(?=[\s|:]|$)")
_REMARK: Final = re.compile(r"#[^\n]*")
_LABEL: Final = re.compile(r"\[[^\]\n|]*\]")
_LINE: Final = re.compile(r"(:[ \t]*)?\[?\|[|\]]*(?:[ \t]*(:)(?!\|))?")
_TIMES: Final = re.compile(r"[ \t]*(?:[x×](\d+)|(\d+)[x×])(?=[\s|]|$)")
_WORD: Final = re.compile(r"[^\s|:\[\]]+")
_SPACE: Final = re.compile(r"[^\S\n]+")
_CHARACTERS: Final = PLAIN | {ord(a): ord(b) for a, b in zip("│¦‖𝄀𝄁｜", "||||||", strict=True)}
_HOLDS: Final = ("/", ".", "%")


class _Reader:
    """Reads a chart from left to right. `text` is the original, `plain` the same length in plain characters."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.plain = text.translate(_CHARACTERS)
        self.beats_per_bar = 4
        self.title: str | None = None
        self.bars: list[Bar] = []
        self.words: list[tuple[str, int]] = []
        self.repeat_from = 0
        self.last_line = -1
        """Where the last bar line of this text line ended, if nothing has followed it; else -1."""

    def fail(self, message: str, position: int) -> ChartError:
        return ChartError(message, self.text, min(position, max(len(self.text) - 1, 0)))

    def read(self) -> Chart:
        place = 0
        if len(self.text) > MAX_TEXT:
            raise self.fail(f"a chart has at most {MAX_TEXT} characters", MAX_TEXT)
        while place < len(self.plain):
            place = self._step(place)
        self._close_bar(place)
        if not self.bars:
            raise self.fail("a chart needs at least one chord", 0)
        return Chart(self.beats_per_bar, tuple(self.bars), self.title or "")

    def _step(self, place: int) -> int:
        plain = self.plain
        if plain[place] == "\n":
            self._close_bar(place)
            self.last_line = -1
            return place + 1
        if match := _SPACE.match(plain, place):
            return match.end()
        at_line_start = not plain[plain.rfind("\n", 0, place) + 1 : place].strip()
        if at_line_start and (match := _REMARK.match(plain, place)):
            if self.title is None:
                self.title = " ".join(self.text[place + 1 : match.end()].split())
            return match.end()
        if match := _LINE.match(plain, place):
            return self._bar_line(match)
        if match := _LABEL.match(plain, place):
            return match.end()
        if match := _METRE.match(plain, place):
            self._metre(match)
            return match.end()
        if match := _WORD.match(plain, place):
            self.words.append((self.text[place : match.end()], place))
            self.last_line = -1
            return match.end()
        raise self.fail(f"{plain[place]!r} has no meaning here", place)

    def _metre(self, match: re.Match[str]) -> None:
        metre = match.group()
        if metre not in ("4/4", "3/4"):
            raise self.fail(f"the metre is 4/4 or 3/4, not {metre}", match.start())
        if self.bars or self.words:
            if int(metre[0]) != self.beats_per_bar:
                raise self.fail("a chart keeps one metre, and it stands in front", match.start())
        else:
            self.beats_per_bar = int(metre[0])

    def _bar_line(self, match: re.Match[str]) -> int:
        if self.last_line >= 0 and not self.words and self.bars:
            raise self.fail("an empty bar: write % to repeat the one before, or N.C.", match.start())
        self._close_bar(match.start())
        end = match.end()
        self.last_line = end
        if match.group(1):
            times = 2
            if count := _TIMES.match(self.plain, end):
                times, end = int((count.group(1) or count.group(2))[:6]), count.end()
            passage = self.bars[self.repeat_from :]
            if not passage:
                raise self.fail("there is nothing to repeat", match.start())
            if not 1 <= times <= MAX_BARS or len(self.bars) + len(passage) * (times - 1) > MAX_BARS:
                raise self.fail(f"a chart has at most {MAX_BARS} bars", match.start())
            self.bars += passage * (times - 1)
            self.repeat_from = len(self.bars)
        if match.group(2):
            self.repeat_from = len(self.bars)
        if match.group(1) or match.group(2):
            self.last_line = -1
        return end

    def _close_bar(self, place: int) -> None:
        words, self.words = self.words, []
        if not words:
            return
        if len(self.bars) >= MAX_BARS:
            raise self.fail(f"a chart has at most {MAX_BARS} bars", words[0][1])
        if len(words) > MAX_SHARES:
            raise self.fail(f"a bar has at most {MAX_SHARES} chords", words[MAX_SHARES][1])
        if len(words) == 1 and words[0][0] == "%" and self.bars:
            self.bars.append(self.bars[-1])
            return
        chords: list[tuple[float, Chord]] = []
        for index, (word, position) in enumerate(words):
            if word in _HOLDS:
                if not chords:
                    if not self.bars:
                        raise self.fail(f"{word!r} repeats what came before, and nothing did", position)
                    chords.append((0.0, self.bars[-1].chords[-1][1]))
                continue
            try:
                chord = parse_chord(word)
            except ChartError as error:
                raise self.fail(error.message, position + error.position) from None
            chords.append((index * self.beats_per_bar / len(words), chord))
        self.bars.append(Bar(tuple(chords)))


def parse_chart(text: str) -> Chart:
    """Reads a chart from text.

    Raises:
        ChartError: it cannot be read; the error knows the character.
    """
    return _Reader(text).read()
