"""MusicXML's `harmony` element, as a chord."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Final
from xml.etree.ElementTree import Element

from jamd.contract.chart import NO_CHORD, Chord, parse_chord
from jamd.contract.errors import ChartError

_KINDS: Final[Mapping[str, str]] = {
    "major": "", "minor": "m", "augmented": "+", "diminished": "dim", "dominant": "7", "major-seventh": "maj7",
    "minor-seventh": "m7", "diminished-seventh": "dim7", "augmented-seventh": "7#5", "half-diminished": "m7b5",
    "major-minor": "mMaj7", "minor-major": "mMaj7", "major-sixth": "6", "minor-sixth": "m6", "dominant-ninth": "9",
    "major-ninth": "maj9", "minor-ninth": "m9", "augmented-ninth": "9#5", "dominant-11th": "11", "major-11th": "maj11",
    "minor-11th": "m11", "dominant-13th": "13", "major-13th": "maj13", "minor-13th": "m13", "suspended-second": "sus2",
    "suspended-fourth": "sus4", "power": "5", "pedal": "5", "Neapolitan": "", "Italian": "7no5", "French": "7b5",
    "German": "7", "Tristan": "m7b5", "maj69": "6/9", "min69": "m6/9",
}  # fmt: skip
_ALTERED: Final = {-1: "b", 1: "#"}


def read_harmony(element: Element) -> Chord | None:
    """The chord of a `harmony` element; None if it has no root, as function symbols do.

    Raises:
        ChartError: it says something that is no chord.
    """
    kind = element.find("kind")
    name = (kind.text or "").strip() if kind is not None else "major"
    written = (kind.get("text") or "").strip() if kind is not None else ""
    if name == "none":
        return NO_CHORD
    step = (element.findtext("root/root-step") or "").strip()
    if not step:
        return None
    root = _note(step, element.findtext("root/root-alter"))
    bass = element.find("bass")
    slash = "" if bass is None else "/" + _note((bass.findtext("bass-step") or "").strip(), bass.findtext("bass-alter"))
    if name not in _KINDS:
        for suffix in (written, ""):
            try:
                return parse_chord(root + suffix + slash)
            except ChartError:
                continue
    suffix = _KINDS.get(name, "")
    degrees = [
        (int(number(d.findtext("degree-value"))), round(number(d.findtext("degree-alter"))), d.findtext("degree-type"))
        for d in element.findall("degree")
    ]
    for value, alter, action in degrees:
        suffix = _with_degree(suffix, value, alter, (action or "add").strip())
    try:
        return parse_chord(root + suffix + slash)
    except ChartError:
        return parse_chord(root + _KINDS.get(name, "") + slash)


def _with_degree(suffix: str, value: int, alter: int, action: str) -> str:
    if action == "subtract":
        return suffix + (f"no{value}" if value in (3, 5) else "")
    if value == 7:
        return _seventh(suffix, "maj7" if alter > 0 else "7")
    if alter in _ALTERED:
        degree = {2: 9, 4: 11, 6: 13}.get(value, value)
        return suffix + (f"({_ALTERED[alter]}{degree})" if degree in (5, 9, 11, 13) else "")
    if value == 9 and "sus4" in suffix and "7" in suffix:
        return suffix.replace("7", "9")
    return suffix + (f"add{value}" if value in (2, 4, 6, 9, 11, 13) else "")


def _seventh(suffix: str, seventh: str) -> str:
    """A seventh comes before what else there is: 7sus4, m7, maj7."""
    if "7" in suffix:
        return suffix
    if suffix.startswith(("m", "dim", "+")) and not suffix.startswith("maj"):
        head = "dim" if suffix.startswith("dim") else suffix[0]
        return head + ("Maj7" if seventh == "maj7" else seventh) + suffix[len(head) :]
    return seventh + suffix


def _note(step: str, alter: str | None) -> str:
    if not re.fullmatch("[A-G]", step):
        raise ChartError(f"a note name {step!r} is not one of A to G")
    shift = round(number(alter))
    if abs(shift) > 2:
        raise ChartError(f"a note is altered by {shift} semitones")
    return step + {0: "", 1: "#", -1: "b", 2: "𝄪", -2: "𝄫"}[shift]


def number(text: str | None) -> Fraction:
    """A number in the file; 0 if it is not there."""
    plain = (text or "0").strip()
    if not re.fullmatch(r"-?\d{1,9}(?:\.\d{1,9})?", plain):
        raise ChartError(f"{plain[:40]!r} is not a number")
    return Fraction(plain)
