"""Chords: names as musicians write them, read into pitch classes.

`C-7`, `Cm7`, `Cmi7` and `Cmin7` are one chord, and so are `CΔ`, `Cmaj7`, `CM7` and `Cj7`. The symbol that a `Chord`
keeps is the canonical one (`Cm7`, `Cmaj7`); reading it again gives an equal chord. Charts are in `jamd.contract.chart`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Final, Literal

from jamd.contract.errors import ChartError

Family = Literal["major", "minor", "dominant", "half_diminished", "diminished", "augmented", "suspended", "none"]

NATURALS: Final = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_LETTERS: Final = "CDEFGAB"
_ACCIDENTALS: Final = {"": 0, "#": 1, "b": -1, "##": 2, "bb": -2, "𝄪": 2, "𝄫": -2}
_MAJOR_NAMES: Final = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_MINOR_NAMES: Final = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")
_LETTER_STEPS: Final = (0, 1, 1, 2, 2, 3, 3, 4, 5, 5, 6, 6)
"""By how many letters a bass lies above the root, for each interval in semitones."""

PLAIN: Final = str.maketrans({"♯": "#", "♭": "b", "−": "-", "–": "-", "‑": "-", "⁄": "/", "\u00a0": " "})
"""One character for one, so that positions stay true."""

_NOTE: Final = re.compile(r"[A-G](?:bb(?!\d)|##|[b#𝄪𝄫])?")
_NO_CHORD: Final = re.compile(r"[Nn]\.?[Cc]\.?")
_BASS: Final = re.compile(r"/(?:[A-Lac-ln-z][^/]*)?$")

_MAJ: Final = r"(?:major|maj|Maj|MAJ|Ma|MA(?!DD|UG|LT)|ma(?!dd|ug|lt)|M(?![iI]))"
_TRIANGLE: Final = r"(?:[Δ∆△^]|j)"
_HEADS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("half", re.compile(r"[øØ⌀∅]|half-?dim|h(?!alf)")),
    ("diminished", re.compile(r"diminished|dim|Dim|DIM|[°º˚o](?!mit)")),
    ("triangle", re.compile(_TRIANGLE)),
    ("major", re.compile(_MAJ)),
    ("minor", re.compile(r"minor|min|Min|MIN|mi|Mi|MI|m|-")),
    ("augmented", re.compile(r"augmented|aug|Aug|AUG|\+")),
    ("dominant", re.compile(r"dom")),
)
_NUMBER: Final = re.compile(r"6/?9|6|7|9|11|13|5|4|2")
_MAJOR_SEVENTH: Final = re.compile(rf"(?:{_TRIANGLE}|{_MAJ})(7|9|11|13)?|#7")
_SUS: Final = re.compile(r"(?:sus|Sus|SUS)(?:2/?4|4/?2|4|2)?")
_ALTERED: Final = re.compile(r"alt(?:ered)?|Alt|ALT")
_ADD: Final = re.compile(r"(?:add|Add|ADD)([#b+-]?)(2|3|4|6|9|11|13)")
_OMIT: Final = re.compile(r"(?:no|omit)(3|5)")
_ALTERATION: Final = re.compile(r"([#b+-])(5|9|11|13|6|4|2)")
_TENSION: Final = re.compile(r"6/?9|6|7|9|11|13")
_AUGMENTED_FIFTH: Final = re.compile(r"\+|aug|Aug|AUG")
_FILLER: Final = re.compile(r"[(),\s]|/(?=[\dmMΔ∆△^])")

_DEGREES: Final = {2: 2, 3: 4, 4: 5, 5: 7, 6: 9, 9: 2, 11: 5, 13: 9}
_ALTERATION_NAMES: Final = {"b5": 6, "#5": 8, "b9": 1, "#9": 3, "b11": 4, "#11": 6, "b13": 8, "#13": 10}
_ADD_NAMES: Final = {1: "addb9", 2: "add9", 3: "add#9", 4: "add3", 5: "add11", 6: "add#11", 8: "addb13", 9: "add13"}

_SCALES: Final[dict[Family, tuple[tuple[int, ...], ...]]] = {
    "major": (
        (0, 2, 4, 5, 7, 9, 11),
        (0, 2, 4, 6, 7, 9, 11),
        (0, 2, 4, 5, 7, 8, 11),
        (0, 2, 4, 6, 8, 9, 11),
        (0, 3, 4, 6, 7, 9, 11),
    ),
    "minor": (
        (0, 2, 3, 5, 7, 9, 10),
        (0, 2, 3, 5, 7, 9, 11),
        (0, 2, 3, 5, 7, 8, 10),
        (0, 2, 3, 5, 7, 8, 11),
        (0, 1, 3, 5, 7, 8, 10),
        (0, 2, 3, 6, 7, 9, 10),
    ),
    "dominant": (
        (0, 2, 4, 5, 7, 9, 10),
        (0, 2, 4, 6, 7, 9, 10),
        (0, 2, 4, 6, 8, 10),
        (0, 1, 3, 4, 6, 7, 9, 10),
        (0, 1, 3, 4, 6, 8, 10),
        (0, 2, 4, 5, 7, 8, 10),
        (0, 1, 4, 5, 7, 8, 10),
    ),
    "half_diminished": ((0, 2, 3, 5, 6, 8, 10), (0, 1, 3, 5, 6, 8, 10), (0, 2, 3, 5, 6, 9, 10)),
    "diminished": ((0, 2, 3, 5, 6, 8, 9, 11),),
    "augmented": ((0, 2, 4, 6, 8, 9, 11), (0, 2, 4, 5, 8, 9, 11), (0, 3, 4, 7, 8, 11)),
    "suspended": (
        (0, 2, 4, 5, 7, 9, 10),
        (0, 1, 3, 5, 7, 9, 10),
        (0, 2, 4, 5, 7, 9, 11),
        (0, 1, 3, 5, 7, 8, 10),
        (0, 2, 4, 5, 7, 8, 10),
    ),
    "none": ((),),
}
"""Chord scales by family, the plainest first (after Levine, The Jazz Theory Book, 1995)."""


@dataclass(frozen=True)
class Chord:
    """One chord.

    `root` and `bass` are pitch classes (C = 0); `root` is None for N.C., `bass` is None when the root is the bass.
    `intervals` are semitones above the root, 0 to 11, sorted, 0 included: all chord tones and the stated tensions;
    empty for N.C. `symbol` is the canonical name.
    """

    root: int | None
    bass: int | None
    intervals: tuple[int, ...]
    family: Family
    symbol: str

    @cached_property
    def pitch_classes(self) -> tuple[int, ...]:
        """Chord tones and tensions as absolute pitch classes, sorted; a foreign slash bass is not among them."""
        root = self.root
        return () if root is None else tuple(sorted({(root + interval) % 12 for interval in self.intervals}))

    @cached_property
    def scale(self) -> tuple[int, ...]:
        """A chord scale that fits, as absolute pitch classes, sorted: 7 or 8 notes, 6 for the whole-tone scale."""
        if self.root is None:
            return ()
        tones = set(self.intervals)
        best = min(_SCALES[self.family], key=lambda scale: len(tones - set(scale)))
        return tuple(sorted({(self.root + interval) % 12 for interval in {*best, *tones}}))

    @property
    def bass_class(self) -> int | None:
        """The pitch class in the bass: the slash bass, or the root; None for N.C."""
        return self.root if self.bass is None else self.bass

    def sounds_like(self, other: Chord) -> bool:
        """Whether both are the same notes over the same bass, however they are spelled."""
        return (self.pitch_classes, self.root, self.bass_class) == (other.pitch_classes, other.root, other.bass_class)

    def transpose(self, semitones: int) -> Chord:
        """This chord, moved; the name takes the usual spelling of the new root."""
        if self.root is None or semitones % 12 == 0:
            return self
        root = (self.root + semitones) % 12
        bass = None if self.bass is None else (self.bass + semitones) % 12
        note = _NOTE.match(self.symbol)
        suffix = self.symbol[note.end() if note else 0 :]
        if self.bass is not None:
            suffix = suffix[: suffix.rindex("/")]
        return Chord(root, bass, self.intervals, self.family, _spell(root, bass, self.family, suffix))


NO_CHORD: Final = Chord(root=None, bass=None, intervals=(), family="none", symbol="N.C.")


def pitch_class(name: str) -> int:
    """The pitch class of a note name such as `F#`; raises KeyError for anything else."""
    return (NATURALS[name[:1]] + _ACCIDENTALS[name[1:]]) % 12


def _bass_name(root_name: str, bass: int) -> str:
    """The bass spelled as it lies above the root: D/F#, Eb/G, C/Bb."""
    root = pitch_class(root_name)
    letter = _LETTERS[(_LETTERS.index(root_name[0]) + _LETTER_STEPS[(bass - root) % 12]) % 7]
    shift = (bass - NATURALS[letter] + 6) % 12 - 6
    return letter + ("#" if shift == 1 else "b" if shift == -1 else "") if abs(shift) <= 1 else _MAJOR_NAMES[bass]


def _spell(root: int, bass: int | None, family: Family, suffix: str) -> str:
    name = (_MINOR_NAMES if family in ("minor", "half_diminished", "diminished") else _MAJOR_NAMES)[root]
    return name + suffix + ("" if bass is None else "/" + _bass_name(name, bass))


@dataclass
class _Quality:
    """What has been read of a chord name after its root."""

    third: int = 4
    fifth: int = 7
    seventh: int | None = None
    extension: int = 0
    """7, 9, 11 or 13; 0 where there is no seventh."""
    six: bool = False
    sus: set[int] = field(default_factory=set)
    altered: bool = False
    alterations: set[str] = field(default_factory=set)
    adds: set[int] = field(default_factory=set)
    omits: set[int] = field(default_factory=set)
    major: bool = False
    """A number that follows means a major seventh."""
    diminished: bool = False
    numbered: bool = False

    def extend(self, number: int) -> None:
        self.extension = number
        self.seventh = 11 if self.major else 9 if self.diminished else 10
        self.numbered = True

    def number(self, text: str) -> None:
        """A number right after the head: 6, 69, 7, 9, 11, 13, 5, 4 or 2."""
        value = int(text.replace("/", ""))
        self.numbered = True
        if value in (6, 69):
            self.six = True
            if value == 69:
                self.adds.add(2)
        elif value == 5:
            self.omits.add(3)
        elif value == 4:
            self.sus.add(5)
        elif value == 2:
            self.adds.add(2)
        else:
            self.extend(value)

    def tension(self, text: str) -> bool:
        """A bare number further on, as in C7(13) or C+7. False if it says nothing."""
        value = int(text.replace("/", ""))
        if self.extension == 0 and value not in (6, 69) and (value == 7 or not self.six):
            self.extend(value)
        elif value == 7:
            return False
        else:
            self.adds |= {9, 2} if value == 69 else {_DEGREES[value]}
            self.numbered = True
        return True

    def settle(self) -> None:
        """Brings what was read into one form, so that one sound has one name. To be called before what follows."""
        if self.fifth in (6, 8):
            self.alterations.add("b5" if self.fifth == 6 else "#5")
        if {"b5", "#5"} & self.alterations:
            self.omits.discard(5)
        if self.sus or 3 in self.omits or self.altered:
            self.third = 4
        if self.altered:
            self.alterations -= {"#5", "b9", "#9"}
        if self.seventh == 9 and not (self.third == 3 and {"b5", "#5"} & self.alterations == {"b5"}):
            if self.extension >= 9:
                self.adds.add(2)
            self.seventh, self.extension = None, 0
            self.adds.add(9)
        if self.six and self.extension:
            self.six = False
            self.adds.add(9)

    def intervals(self) -> tuple[int, ...]:
        """Semitones above the root, sorted."""
        found = {0} | self.sus | self.adds | {_ALTERATION_NAMES[name] for name in self.alterations}
        if not (self.sus or 3 in self.omits or self._eleventh()):
            found.add(self.third)
        if self.altered:
            found |= {1, 3, 8}
        elif not (5 in self.omits or {"b5", "#5"} & self.alterations):
            found.add(7)
        if self.seventh is not None:
            found.add(self.seventh)
        if self.six:
            found.add(9)
        if self.extension >= 9 and not ({"b9", "#9"} & self.alterations or self.altered):
            found.add(2)
        minor = self.third == 3
        if self.extension == 11 or (self.extension == 13 and minor and "#11" not in self.alterations):
            found.add(5)
        if self.extension == 13 and "b13" not in self.alterations:
            found.add(9)
        return tuple(sorted(found))

    def _eleventh(self) -> bool:
        """C11 is played without its third."""
        return self.extension == 11 and self.third == 4 and not self.major

    def family(self, intervals: tuple[int, ...]) -> Family:
        tones = set(intervals)
        if self.sus or self._eleventh():
            return "suspended"
        if 3 in tones and self.third == 3:
            flat = 6 in tones and 7 not in tones
            return "minor" if not flat else "half_diminished" if self.seventh == 10 else "diminished"
        if self.seventh == 10:
            return "dominant"
        return "augmented" if 8 in tones and 7 not in tones and 4 in tones else "major"

    def canonical(self) -> str:
        """The canonical name, without the root."""
        changes, adds, omits = set(self.alterations), set(self.adds), set(self.omits)
        fifths = changes & {"b5", "#5"}
        plain_third = not (self.sus or 3 in omits)
        number = str(self.extension) if self.extension else ""
        head = ""
        if self.six:
            number = "6/9" if 2 in adds else "6"
            adds.discard(2)
        if self.third == 3:
            head = "m"
            if fifths == {"b5"} and self.seventh != 10 and not self.six:
                head = "dim"
                changes.discard("b5")
        elif plain_third and fifths == {"#5"} and self.seventh is None and not self.six:
            head = "aug"
            changes.discard("#5")
        if self.seventh == 11:
            number = ("Maj" if head else "maj") + number
        if self.altered:
            number += "alt"
        if 3 in omits and not (number or self.sus):
            number = "5"
            omits.discard(3)
        text = head + number + {0: "", 1: "sus2" if 2 in self.sus else "sus4", 2: "sus24"}[len(self.sus)]
        names = [name for name in _ALTERATION_NAMES if name in changes]
        if names and not text:
            names[0] = f"({names[0]})"
        text += "".join(names) + "".join(_ADD_NAMES[tone] for tone in sorted(adds))
        return text + "".join(f"no{degree}" for degree in sorted(omits))


def _read_head(text: str, quality: _Quality) -> int:
    """Reads what stands first after the root. Returns where it ends."""
    place = 0
    head = ""
    for name, pattern in _HEADS:
        if (match := pattern.match(text)) is not None:
            head, place = name, match.end()
            break
    if head == "half":
        quality.third, quality.fifth = 3, 6
        quality.extend(7)
    elif head == "diminished":
        quality.third, quality.fifth, quality.diminished = 3, 6, True
    elif head in ("major", "triangle"):
        quality.major = True
        if head == "triangle" or (match is not None and match.group() == "j"):
            quality.extend(7)
            quality.numbered = False
    elif head == "minor":
        quality.third = 3
    elif head == "augmented":
        quality.fifth = 8
    if head in ("minor", "diminished", "augmented") and (match := _MAJOR_SEVENTH.match(text, place)):
        quality.major, place = True, match.end()
        quality.extend(int(match.group(1) or 7))
    elif match := _NUMBER.match(text, place):
        if head in ("half", "triangle") and match.group() in ("5", "4", "2"):
            return place
        quality.number(match.group())
        place = match.end()
    return place


def _read_quality(text: str, fail: int, whole: str) -> _Quality:
    """Reads everything between root and bass. `fail` is where `text` lies in `whole`."""
    quality = _Quality()
    place = _read_head(text, quality)
    depth = 0
    while place < len(text):
        if match := _FILLER.match(text, place):
            if depth == 0 and match.group() not in "()/":
                raise ChartError("a space or a comma inside a chord", whole, fail + place)
            depth += {"(": 1, ")": -1}.get(match.group(), 0)
            if depth not in (0, 1) or (depth == 0 and match.group() != ")" and match.group() != "/"):
                raise ChartError("a parenthesis does not match", whole, fail + place)
        elif match := _SUS.match(text, place):
            quality.sus |= ({2} if "2" in match.group() else set()) | ({5} if match.group().lower() != "sus2" else set())
        elif match := _ALTERED.match(text, place):
            quality.altered = True
            if not quality.extension:
                quality.extend(7)
        elif match := _ADD.match(text, place):
            quality.adds.add((_DEGREES[int(match.group(2))] + _shift(match.group(1))) % 12)
        elif match := _OMIT.match(text, place):
            quality.omits.add(int(match.group(1)))
        elif match := _ALTERATION.match(text, place):
            sign = "#" if _shift(match.group(1)) > 0 else "b"
            degree = {"6": "13", "4": "11", "2": "9"}.get(match.group(2), match.group(2))
            quality.alterations.add(sign + degree)
        elif match := _AUGMENTED_FIFTH.match(text, place):
            quality.alterations.add("#5")
        elif (match := _MAJOR_SEVENTH.match(text, place)) and quality.seventh in (None, 11):
            quality.major = True
            quality.extend(max(int(match.group(1) or 7), quality.extension))
        elif not ((match := _TENSION.match(text, place)) and quality.tension(match.group())):
            raise ChartError(f"cannot read {text[place:]!r} in the chord {whole!r}", whole, fail + place)
        place = match.end()
    if depth:
        raise ChartError("a parenthesis is not closed", whole, fail + text.rindex("("))
    if quality.altered and quality.third == 3:
        raise ChartError("an altered chord is a dominant: the name contradicts itself", whole, fail)
    quality.settle()
    return quality


def _shift(sign: str) -> int:
    return {"#": 1, "+": 1, "b": -1, "-": -1}.get(sign, 0)


@lru_cache(maxsize=4096)
def parse_chord(text: str) -> Chord:
    """Reads one chord name.

    Raises:
        ChartError: it cannot be read; the position is that of the first character that makes no sense.
    """
    plain = text.translate(PLAIN)
    start, end = len(plain) - len(plain.lstrip()), len(plain.rstrip())
    if start >= end:
        raise ChartError("a chord is missing", text, 0)
    if _NO_CHORD.fullmatch(plain, start, end):
        return NO_CHORD
    note = _NOTE.match(plain, start, end)
    if note is None:
        raise ChartError(f"a chord begins with A to G, not with {plain[start]!r}", text, start)
    root, bass, quality_end = pitch_class(note.group()), None, end
    if (slash := _BASS.search(plain, note.end(), end)) is not None:
        name = _NOTE.fullmatch(plain, slash.start() + 1, end)
        if name is None:
            raise ChartError("a bass note A to G is missing after the '/'", text, min(slash.start() + 1, len(text) - 1))
        quality_end = slash.start()
        bass = pitch_class(name.group())
    quality = _read_quality(plain[note.end() : quality_end], note.end(), text)
    intervals = quality.intervals()
    family = quality.family(intervals)
    root_name = note.group() if len(note.group()) < 3 and note.group()[-1] not in "𝄪𝄫" else _MAJOR_NAMES[root]
    if bass == root:
        bass = None
    symbol = root_name + quality.canonical() + ("" if bass is None else "/" + _bass_name(root_name, bass))
    return Chord(root=root, bass=bass, intervals=intervals, family=family, symbol=symbol)
