"""Lead sheets from OpenEWLD (Simonetta et al. 2018; its authors hold the scores to be in the public domain).

Expected: `openewld/*.mxl`, compressed part-wise MusicXML 4.0 (https://www.w3.org/2021/06/musicxml40/) with one part of
melody and chord symbols. Read for the corpus alone: repeats and endings are played, jumps (da capo, segno, coda) are
not. `bridges.charts` reads charts that people give jamd; the model may not import it, and it reads no melody.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from jamd.contract.chart import MAX_BARS, NO_CHORD, Chart, Chord, parse_chord
from jamd.contract.errors import ChartError
from model.corpus.grid import Row
from model.corpus.sources.cut import cut_chart, cut_rows, lay_out, transpose_rows

HORN: Final = 3
VELOCITY: Final = 80.0
"""Sheets say nothing of loudness."""
TICKS: Final = 10080
"""In a quarter note: whole numbers for all the usual divisions, quintuplets and septuplets too."""
GRID: Final = 0.25
"""Chords are moved to the nearest quarter of a beat."""
REGULAR: Final = 0.8
"""Share of the bars that the notes must fill for the metre to be believed."""

_METRES: Final[Mapping[tuple[int, int], tuple[int, float]]] = {
    (4, 4): (4, 1.0), (2, 2): (4, 1.0), (2, 4): (4, 1.0), (3, 4): (3, 1.0),
    (6, 4): (3, 1.0), (3, 2): (3, 1.0), (6, 8): (3, 1.0), (12, 8): (4, 2 / 3),
}  # fmt: skip
"""By written metre: beats in a bar of the chart, beats for each quarter note. 6/8 is read as 3/4."""
_KINDS: Final[Mapping[str, str]] = {
    "major": "", "minor": "m", "augmented": "+", "diminished": "dim", "dominant": "7", "major-seventh": "maj7",
    "minor-seventh": "m7", "diminished-seventh": "dim7", "augmented-seventh": "7#5", "half-diminished": "m7b5",
    "major-minor": "mMaj7", "minor-major": "mMaj7", "major-sixth": "6", "minor-sixth": "m6", "dominant-ninth": "9",
    "major-ninth": "maj9", "minor-ninth": "m9", "augmented-ninth": "9#5", "dominant-11th": "11", "major-11th": "maj11",
    "minor-11th": "m11", "dominant-13th": "13", "major-13th": "maj13", "minor-13th": "m13", "suspended-second": "sus2",
    "suspended-fourth": "sus4", "power": "5", "maj69": "6/9", "min69": "m6/9",
}  # fmt: skip
_STEPS: Final = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ALTERS: Final = {-2: "bb", -1: "b", 0: "", 1: "#", 2: "##"}


@dataclass(frozen=True)
class Sheet:
    """A tune. `melody`: rows of one voice by rising beat, as written; beat 0 is bar 1, an upbeat lies before it."""

    title: str
    chart: Chart
    melody: tuple[Row, ...]

    @property
    def beats_per_bar(self) -> int:
        return self.chart.beats_per_bar

    @property
    def bars(self) -> int:
        return len(self.chart.bars)

    def transpose(self, semitones: int) -> Sheet:
        """The tune in another key."""
        return replace(self, chart=self.chart.transpose(semitones), melody=tuple(transpose_rows(self.melody, semitones)))


def sheet_chorus(sheet: Sheet, first_bar: int, bars: int, semitones: int = 0) -> tuple[Chart, list[Row]]:
    """`bars` bars of a tune from bar `first_bar` (0: the first), moved by `semitones`: (chart, melody).

    Raises:
        ValueError: the tune does not have these bars.
    """
    chart = cut_chart(sheet.chart, first_bar, bars).transpose(semitones)
    rows = cut_rows(sheet.melody, first_bar * sheet.beats_per_bar, bars * sheet.beats_per_bar)
    return chart, transpose_rows(rows, semitones)


@dataclass
class _Measure:
    """One written bar; times in ticks from its start."""

    chords: list[tuple[int, Chord]] = field(default_factory=list)
    notes: list[tuple[int, int, int, bool]] = field(default_factory=list)
    """onset, length, pitch, whether it is tied to the one before"""
    length: int = 0
    repeat_start: bool = False
    repeat_end: int = 0
    endings: frozenset[int] = frozenset()


def read_sheet(path: Path) -> Sheet:
    """One lead sheet.

    Raises:
        ValueError: a metre that is not to be had or changes, notes that do not fill their bars, hardly any notes.
        ChartError: there is no chord, or one that cannot be read.
        OSError, KeyError, IndexError, SyntaxError, zipfile.BadZipFile: it is no such file.
    """
    with zipfile.ZipFile(path) as archive:
        name = next(n for n in [*archive.namelist(), ""] if n.endswith((".xml", ".musicxml")) and not n.startswith("META-INF/"))
        root = ElementTree.fromstring(archive.read(name))
    part = root.find("part")
    if part is None:
        raise ValueError("no part")
    metres = {(int(t.findtext("beats") or 0), int(t.findtext("beat-type") or 0)) for t in part.iter("time")} or {(4, 4)}
    if len(metres) > 1 or not metres <= set(_METRES):
        raise ValueError(f"metres {sorted(metres)}")
    beats, kind = metres.pop()
    per_bar, scale = _METRES[beats, kind]
    full = beats * 4 * TICKS // kind
    measures = _measures(part, full)
    title = root.findtext("work/work-title") or root.findtext("movement-title") or path.stem.replace("_", " ")
    return _sheet(measures, full, per_bar, scale, " ".join(title.split()))


def _measures(part: Element, full: int) -> list[_Measure]:
    unit = float(TICKS)
    endings: frozenset[int] = frozenset()
    out: list[_Measure] = []
    for element in part.findall("measure"):
        measure = _Measure()
        now = 0
        second_voice = ended = False
        for child in element:
            if child.tag == "attributes":
                if divisions := child.findtext("divisions"):
                    unit = TICKS / float(divisions)
            elif child.tag == "harmony":
                place = max(now + _ticks(child, "offset", unit), 0)
                measure.chords.append((place, read_harmony(child)))
            elif child.tag == "backup":
                now, second_voice = max(now - _ticks(child, "duration", unit), 0), True
            elif child.tag in ("note", "forward") and child.find("chord") is None and child.find("grace") is None:
                length = _ticks(child, "duration", unit)
                pitch = child.find("pitch")
                if pitch is not None and not second_voice:
                    tied = any(tie.get("type") == "stop" for tie in child.findall("tie"))
                    measure.notes.append((now, length, _pitch(pitch), tied))
                now += length
                measure.length = max(measure.length, now)
            elif child.tag == "barline":
                if (ending := child.find("ending")) is not None:
                    if ending.get("type") == "start":
                        numbers = (ending.get("number") or "1").replace(".", " ").replace(",", " ").split()
                        endings = frozenset(int(n) for n in numbers if n.isdecimal()) or frozenset({1})
                    else:
                        ended = True
                if (repeat := child.find("repeat")) is not None:
                    if repeat.get("direction") == "forward":
                        measure.repeat_start = True
                    else:
                        measure.repeat_end = 2
        measure.endings = endings
        if ended:
            endings = frozenset()
        measure.chords = _spread(measure.chords, measure.length or full)
        out.append(measure)
    return out


def _ticks(element: Element, name: str, unit: float) -> int:
    text = element.findtext(name)
    return round(float(text) * unit) if text else 0


def _spread(chords: Sequence[tuple[int, Chord]], length: int) -> list[tuple[int, Chord]]:
    """Chords written above one note without an offset share the time until the next, or to the end of the bar."""
    if len(chords) < 2:
        return list(chords)
    places = [(place, [chord for _, chord in group]) for place, group in groupby(chords, key=lambda item: item[0])]
    ends = [place for place, _ in places[1:]] + [length]
    out = []
    for (place, group), end in zip(places, ends, strict=True):
        step = max(end - place, 0) // len(group)
        out += [(place + index * step, chord) for index, chord in enumerate(group)]
    return out


def _pitch(element: Element) -> int:
    alter = round(float(element.findtext("alter") or 0))
    return _STEPS[(element.findtext("step") or "").strip()] + alter + 12 * (int(element.findtext("octave") or "") + 1)


def read_harmony(element: Element) -> Chord:
    """The chord of a `harmony` element.

    Raises:
        ChartError: it is none.
    """
    kind = element.find("kind")
    name = (kind.text or "").strip() if kind is not None else "major"
    if name == "none":
        return NO_CHORD
    root = _note(element, "root")
    slash = "/" + _note(element, "bass") if element.find("bass") is not None else ""
    if name not in _KINDS:
        return parse_chord(root + ((kind.get("text") or "").strip() if kind is not None else "") + slash)
    changes = ""
    for degree in element.findall("degree"):
        value, alter = int(degree.findtext("degree-value") or 0), round(float(degree.findtext("degree-alter") or 0))
        if (degree.findtext("degree-type") or "add").strip() == "subtract":
            changes += f"no{value}" if value in (3, 5) else ""
        elif alter:
            changes += f"({_ALTERS.get(alter, '?')}{value})"
        else:
            changes += f"add{value}"
    try:
        return parse_chord(root + _KINDS[name] + changes + slash)
    except ChartError:
        return parse_chord(root + _KINDS[name] + slash)


def _note(element: Element, what: str) -> str:
    alter = round(float(element.findtext(f"{what}/{what}-alter") or 0))
    return (element.findtext(f"{what}/{what}-step") or "").strip() + _ALTERS.get(alter, "?")


def _played(measures: Sequence[_Measure]) -> list[int]:
    """Indices of the measures in the order they are played, repeats and endings followed."""
    out: list[int] = []
    place, section, time = 0, 0, 1
    while place < len(measures) and len(out) < MAX_BARS:
        measure = measures[place]
        if measure.repeat_start and place != section:
            section, time = place, 1
        if measure.endings and time not in measure.endings:
            place += 1
            continue
        out.append(place)
        times = max(measure.repeat_end, max(measure.endings, default=0) + 1 if measure.endings else 0) if measure.repeat_end else 0
        if time < times:
            time, place = time + 1, section
            continue
        if measure.repeat_end or (measure.endings and not (place + 1 < len(measures) and measures[place + 1].endings)):
            section, time = place + 1, 1
        place += 1
    return out


def _sheet(measures: Sequence[_Measure], full: int, per_bar: int, scale: float, title: str) -> Sheet:
    filled = [measure.length == full for measure in measures[1:-1]]
    if not filled or sum(filled) < REGULAR * len(filled):
        raise ValueError("the notes do not fill their bars")
    opening = measures[0]
    rests = opening.length == full and not opening.chords and not (opening.notes and opening.notes[0][0] == 0)
    upbeat = rests or 0 < opening.length < full
    now = -opening.length if upbeat else 0
    beat = scale / TICKS
    changes: list[tuple[float, Chord]] = []
    notes: list[tuple[int, int, int]] = []
    for order, index in enumerate(_played(measures)):
        measure = measures[index]
        whole = not 0 < measure.length < full
        if order and index == 0 and upbeat and (rests or now % full + measure.length != full):
            continue  # the bar before is full: no room for the upbeat
        if whole:
            now = -(-now // full) * full
        changes += [(round((now + place) * beat / GRID) * GRID, chord) for place, chord in measure.chords]
        for onset, length, pitch, tied in measure.notes:
            start = now + onset
            if tied and notes and notes[-1][2] == pitch and notes[-1][0] + notes[-1][1] == start:
                notes[-1] = (notes[-1][0], notes[-1][1] + length, pitch)
            else:
                notes.append((start, length, pitch))
        now += full if whole else measure.length
    if not changes:
        raise ChartError("there are no chords")
    if 0 < changes[0][0] < per_bar:
        changes[0] = (0.0, changes[0][1])
    if len(notes) < 8:
        raise ValueError("there are hardly any notes")
    bars = min(-int(-round(now * beat, 6) // per_bar), MAX_BARS)
    rows = [(HORN, pitch, VELOCITY, start * beat, length * beat) for start, length, pitch in notes if length > 0]
    return Sheet(title, lay_out(changes, per_bar, bars, title), tuple(rows))
