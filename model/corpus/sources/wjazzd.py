"""Jazz solos from the Weimar Jazz Database (Jazzomat Research Project, ODbL 1.0), as tables of notes and of beats.

Expected: `wjazzd/melody/NAME.csv.gz` and `wjazzd/beat/NAME_beattrack.csv.gz`, one pair a solo, where NAME is
`Performer_Title`. The tables say neither who plays what instrument nor the feel. The instrument is that of the
performer (and, for those who double, what the range of the solo allows); the feel follows from metre, tempo and a short
list of titles, and is swing otherwise.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.chart import NO_CHORD, Chart, Chord, parse_chord
from model.corpus.grid import Row
from model.corpus.sources.cut import EARLY, cut_chart, cut_rows, lay_out, transpose_rows

HORN, BASS = 3, 1
BASS_VELOCITY: Final = 80
"""The bass of the database has pitches, no loudness."""
MEDIAN_VELOCITY: Final = 84
"""Of the note of median loudness in a solo; 40 dB are a factor of ten, as in General MIDI."""

_SOPRANO, _ALTO, _TENOR, _BARITONE, _TRUMPET, _TROMBONE, _CLARINET, _PIANO, _VIBES, _GUITAR = 64, 65, 66, 67, 56, 57, 71, 0, 11, 26
_PLAYERS: Final[Mapping[int, str]] = {
    _SOPRANO: "SidneyBechet SteveLacy",
    _ALTO: "ArtPepper BennyCarter CannonballAdderley CharlieParker EricDolphy JohnnyHodges KennyGarrett LeeKonitz OrnetteColeman "
    "PaulDesmond PhilWoods SonnyStitt SteveColeman",
    _TENOR: "BenWebster BobBerg BranfordMarsalis ChrisPotter ChuBerry ColemanHawkins DavidLiebman DavidMurray DexterGordon DonByas "
    "GeorgeColeman HankMobley JoeHenderson JoeLovano JohnColtrane JoshuaRedman LesterYoung MichaelBrecker SonnyRollins StanGetz "
    "VonFreeman WarneMarsh WayneShorter ZootSims",
    _BARITONE: "GerryMulligan PepperAdams",
    _TRUMPET: "BixBeiderbecke BuckClayton CharlieShavers ChetBaker CliffordBrown DizzyGillespie DonEllis FatsNavarro FreddieHubbard "
    "HarryEdison HenryAllen KennyDorham KennyWheeler LeeMorgan LouisArmstrong MilesDavis NatAdderley RexStewart RoyEldridge "
    "WoodyShaw WyntonMarsalis",
    _TROMBONE: "CurtisFuller DickieWells JCHigginbotham JJJohnson KaiWinding KidOry SteveTurre",
    _CLARINET: "BennyGoodman JohnnyDodds",
    _PIANO: "HerbieHancock RedGarland",
    _VIBES: "LionelHampton MiltJackson",
    _GUITAR: "JohnAbercrombie PatMartino PatMetheny",
}  # fmt: skip
_PROGRAMS: Final = {player: program for program, names in _PLAYERS.items() for player in names.split()}
_DOUBLES: Final = {
    **dict.fromkeys(("DavidLiebman", "JohnColtrane", "WayneShorter", "BranfordMarsalis", "JoeLovano"), (_SOPRANO, 56)),
    "SonnyStitt": (_ALTO, 49),
}
"""Who also plays a higher saxophone, and the lowest sounding pitch of that."""
_FEELS: Final = {
    **dict.fromkeys(("Desafinado", "Insensatez", "MaidenVoyage", "St.Thomas", "TheEverywhereCalypso", "MyLittleSuedeShoes"), "bossa"),
    **dict.fromkeys(("TheSidewinder", "BitchesBrew", "MilesRunsTheVoodooDown", "Playin'InTheYard"), "funk"),
    **dict.fromkeys(("SoWhat", "Impressions", "Milestones"), "modal"),
}
_BALLAD_BELOW: Final = 84.0

_SYMBOL: Final = re.compile(r"([A-G][b#]?)(.*?)(?:/([A-G][b#]?))?$")
_QUALITY: Final = re.compile(r"(m7b5|-j|-|j|o|\+j|\+|sus|)((?:(?:6|7|9|11|13)[b#]?)*)(alt)?$")
_TENSION: Final = re.compile(r"(6|7|9|11|13)([b#]?)")
_HEADS: Final = {"-": "m", "-j": "mMaj", "j": "maj", "o": "dim", "+": "", "+j": "maj", "sus": "", "m7b5": "m", "": ""}


@dataclass(frozen=True)
class Solo:
    """One solo over its chords.

    `notes` and `bass` are rows by rising beat; beat 0 is the first beat of bar 1, and an upbeat lies before it. Times are
    measured on the annotated beats, so a note is where it was played within its beat, whatever the tempo did. The bass
    has a note for each beat whose pitch is annotated (by machine: some are wrong), and may be empty.
    """

    title: str
    performer: str
    program: int
    """General MIDI, from 0."""
    tempo: float
    """Quarter notes in a minute: the median."""
    feel: str
    """One of FEELS of `model.corpus.grid`."""
    chart: Chart
    notes: tuple[Row, ...]
    bass: tuple[Row, ...]

    @property
    def beats_per_bar(self) -> int:
        return self.chart.beats_per_bar

    @property
    def bars(self) -> int:
        return len(self.chart.bars)

    def transpose(self, semitones: int) -> Solo:
        """The solo in another key."""
        return replace(
            self, chart=self.chart.transpose(semitones), notes=tuple(transpose_rows(self.notes, semitones)),
            bass=tuple(transpose_rows(self.bass, semitones)),
        )  # fmt: skip


def solo_chorus(solo: Solo, first_bar: int, bars: int, semitones: int = 0) -> tuple[Chart, list[Row], list[Row]]:
    """`bars` bars of a solo from bar `first_bar` (0: the first), moved by `semitones`: (chart, notes, bass).

    Raises:
        ValueError: the solo does not have these bars.
    """
    chart = cut_chart(solo.chart, first_bar, bars).transpose(semitones)
    start, beats = first_bar * solo.beats_per_bar, bars * solo.beats_per_bar
    notes, bass = cut_rows(solo.notes, start, beats), cut_rows(solo.bass, start, beats)
    return chart, transpose_rows(notes, semitones), transpose_rows(bass, semitones)


@lru_cache(maxsize=4096)
def read_symbol(symbol: str) -> Chord:
    """A chord as the database writes it: `Ebj7911#` is Ebmaj9#11, `C79b13b` is C7b9b13, `NC` is no chord.

    Raises:
        ChartError: it is no chord.
    """
    if symbol == "NC":
        return NO_CHORD
    outer = _SYMBOL.match(symbol)
    inner = _QUALITY.match(outer.group(2)) if outer else None
    if outer is None or inner is None:
        return parse_chord(symbol)
    head, tensions, altered = inner.groups()
    found = _TENSION.findall(tensions)
    numbers = [int(number) for number, sign in found if not sign]
    changes = "".join(f"({sign}{number})" for number, sign in found if sign)
    name = ""
    if head == "m7b5":
        numbers.append(7)
        changes = "(b5)" + changes
    elif head.startswith("+"):
        changes = "(#5)" + changes
    if 7 in numbers:
        name = str(max(numbers)) if head != "o" else "7"
    elif 6 in numbers:
        name = "6/9" if 9 in numbers else "6"
    elif numbers:
        changes += "".join(f"add{number}" for number in numbers)
    if head == "sus":
        name += "sus4"
    elif head in ("j", "-j", "+j") and not name:
        name = "7"
    slash = f"/{outer.group(3)}" if outer.group(3) else ""
    return parse_chord(outer.group(1) + _HEADS[head] + name + (altered or "") + changes + slash)


def velocities(loudness: Sequence[float]) -> list[int]:
    """Velocities 1..127 from loudness in dB, rising with it; not a number: as loud as the median."""
    levels = np.asarray(loudness, np.float64)
    known = levels[np.isfinite(levels)]
    middle = float(np.median(known)) if len(known) else 0.0
    away = np.where(np.isfinite(levels), levels - middle, 0.0)
    return [int(v) for v in np.clip(np.round(MEDIAN_VELOCITY * 10 ** (away / 40)), 1, 127)]


def swing_shares(notes: Sequence[Row]) -> list[float]:
    """Which share of its beat the first of two eighths takes, for each beat that holds just two: 0.5 is straight.

    The beat is from the player's own note on it to his next one, so that laying back does not count as swing.
    """
    out = []
    for one, two, three in zip(notes, notes[1:], notes[2:], strict=False):
        length, share = three[3] - one[3], (two[3] - one[3]) / max(three[3] - one[3], 1e-9)
        if -0.1 < one[3] - round(one[3]) < 0.2 and 0.8 < length < 1.2 and 0.38 < share < 0.8:
            out.append(share)
    return out


def chord_tone_share(solo: Solo, semitones: int = 0) -> float:
    """Share of a solo's notes that are tones of the chord they sound on, the notes moved by `semitones`: a check on it."""
    found = [(row[1] + semitones) % 12 in chord.pitch_classes for row, chord in _over(solo.chart, solo.notes)]
    return sum(found) / max(len(found), 1)


def bass_root_share(solo: Solo) -> float:
    """Share of the first beats of bars on which the bass has the chord's bass note; 0 without a bass.

    Where it is low (under 0.25, say), the machine that wrote the bass down misheard it.
    """
    downbeats = [row for row in solo.bass if row[3] % solo.beats_per_bar == 0]
    found = [row[1] % 12 == chord.bass_class for row, chord in _over(solo.chart, downbeats)]
    return sum(found) / max(len(found), 1)


def _over(chart: Chart, rows: Sequence[Row]) -> list[tuple[Row, Chord]]:
    """Each row from bar 1 on with the chord it sounds on, a note played early with the chord it means."""
    pairs = [(row, chart.chord_at(row[3] + EARLY)) for row in rows if row[3] >= 0]
    return [(row, chord) for row, chord in pairs if chord.root is not None]


def _table(path: Path) -> tuple[dict[str, int], list[list[str]]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    return {name: index for index, name in enumerate(rows[0])}, [row for row in rows[1:] if row]


def read_solo(melody: Path, beats: Path) -> Solo:
    """A solo from its two tables.

    Raises:
        ValueError: a metre other than 3/4, 4/4 and 6/4 (read as two bars of 3/4), a metre that changes, beats that do
            not follow each other, chords for less than half of it, fewer than two bars.
        ChartError: a chord cannot be read.
        OSError, KeyError, EOFError: the file is not such a table.
    """
    column, table = _table(beats)
    metres = {row[column["signature"]].strip("'\"") for row in table}
    if len(metres) != 1 or not metres & {"3/4", "4/4", "6/4"}:
        raise ValueError(f"metre {', '.join(sorted(metres))}")
    written = int(metres.pop()[0])
    per_bar = 3 if written == 6 else written
    index = [(int(row[column["bar"]]) - 1) * written + int(row[column["beat"]]) - 1 for row in table]
    times = np.array([float(row[column["onset"]]) for row in table])
    if any(b - a != 1 for a, b in pairwise(index)) or (np.diff(times) <= 0).any() or index[-1] < 2 * per_bar:
        raise ValueError("the beats do not follow each other, or are too few")
    periods = np.array([float(row[column["duration"]]) for row in table])
    grid = _Grid(np.array(index, np.float64), times, float(np.median(periods)))
    bars = index[-1] // per_bar + 1
    changes = [(float(beat), read_symbol(row[column["chord"]])) for beat, row in zip(index, table, strict=True) if row[column["chord"]]]
    chart_of = [chord for beat, chord in changes if beat >= 0]
    if sum(chord.root is not None for chord in chart_of) < len(chart_of) / 2 or not chart_of:
        raise ValueError("there are chords for less than half of it")
    performer, _, title = melody.name.removesuffix(".csv.gz").partition("_")
    bass = []
    if "bass" in column:
        for beat, row in zip(index, table, strict=True):
            pitch = row[column["bass"]].strip()
            if beat >= 0 and pitch not in ("", "NA", "-1"):
                bass.append((BASS, int(float(pitch)), float(BASS_VELOCITY), float(beat), 0.95))
    notes = _notes(melody, grid, bars * per_bar)
    tempo = 60.0 / grid.period
    plain = re.sub(r"(?<=[a-z.])(?=[A-Z])", " ", title).replace("_", " ")
    return Solo(
        title=plain, performer=re.sub(r"(?<=[a-z])(?=[A-Z])", " ", performer), program=_program(performer, notes), tempo=tempo,
        feel=_feel(title, per_bar, tempo), chart=lay_out(changes, per_bar, bars, plain), notes=tuple(notes), bass=tuple(bass),
    )  # fmt: skip


@dataclass(frozen=True)
class _Grid:
    """From seconds to beats; beyond the ends at the median pace."""

    beats: NDArray[np.float64]
    times: NDArray[np.float64]
    period: float

    def at(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        inside = np.interp(seconds, self.times, self.beats)
        before = self.beats[0] + (seconds - self.times[0]) / self.period
        after = self.beats[-1] + (seconds - self.times[-1]) / self.period
        return np.where(seconds < self.times[0], before, np.where(seconds > self.times[-1], after, inside))


def _notes(path: Path, grid: _Grid, beats: int) -> list[Row]:
    column, table = _table(path)
    onset = np.array([float(row[column["onset"]]) for row in table])
    ends = onset + np.array([float(row[column["duration"]]) for row in table])
    start, stop = grid.at(onset), grid.at(ends)
    level = column.get("loud_median")
    louds = velocities([_number(row[level]) if level is not None else np.nan for row in table])
    rows = [
        (HORN, int(float(row[column["pitch"]])), float(loud), float(beat), float(max(end - beat, 0.04)))
        for row, loud, beat, end in zip(table, louds, start, stop, strict=True)
        if beat < beats
    ]
    if len(rows) < 8:
        raise ValueError("there are hardly any notes")
    return sorted(rows, key=lambda row: row[3])


def _number(text: str) -> float:
    return float(text) if text.strip() not in ("", "NA") else np.nan


def _program(performer: str, notes: Sequence[Row]) -> int:
    program = _PROGRAMS.get(performer, _TENOR)
    higher, lowest = _DOUBLES.get(performer, (program, 128))
    return higher if min(row[1] for row in notes) >= lowest else program


def _feel(title: str, beats_per_bar: int, tempo: float) -> str:
    if beats_per_bar == 3:
        return "waltz"
    known = _FEELS.get(re.split(r"[-_]", title)[0])
    return known or ("ballad" if tempo < _BALLAD_BELOW else "swing")
