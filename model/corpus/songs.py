"""Charts by rule: blues, rhythm changes, ii-V-I tunes, minor, modal, bossa, waltz, and charts that follow no rule.

No real tune is copied: forms and cadences are common property, their order is drawn.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from jamd.contract.chart import Chart, parse_chart

NOTE_NAMES: Final = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
_QUALITIES: Final = {
    "major": ("maj7", "6", "maj9", "6/9", "maj7#11", ""),
    "minor": ("m7", "m9", "m6", "m7", "m", "m11"),
    "dominant": ("7", "9", "13", "7b9", "7alt", "7#11", "7#9", "7b13", "7sus4", "9sus"),
    "half": ("m7b5",),
    "dim": ("dim7",),
}


class Writer:
    """Draws chord symbols in a key."""

    def __init__(self, rng: np.random.Generator, key: int) -> None:
        self.rng = rng
        self.key = key
        self.plain = rng.random() < 0.4

    def name(self, degree: int, family: str) -> str:
        """A symbol on a scale step in semitones above the key."""
        choices = _QUALITIES[family]
        if self.plain:
            choices = choices[:1]
        elif family == "dominant":
            weights = np.array([5, 3, 3, 1.5, 1.5, 1, 0.7, 0.7, 1, 0.6])
            choices = (str(self.rng.choice(choices, p=weights / weights.sum())),)
        quality = str(self.rng.choice(choices))
        if family == "minor" and self.plain:
            quality = "m7"
        return NOTE_NAMES[(self.key + degree) % 12] + quality

    def two_five(self, target: int, minor: bool = False) -> list[str]:
        """Two chords that lead to a step; now and then with the tritone substitute."""
        two = self.name(target + 2, "half" if minor else "minor")
        if not minor and self.rng.random() < 0.15:
            return [two, self.name(target + 1, "dominant")]
        five = NOTE_NAMES[(self.key + target + 7) % 12] + "7b9" if minor else self.name(target + 7, "dominant")
        return [two, five]

    def one(self, target: int = 0, minor: bool = False) -> str:
        return self.name(target, "minor" if minor else "major")


def blues(w: Writer) -> list[str]:
    kind = w.rng.choice(["basic", "jazz", "bird", "minor"])
    one, four, five = (NOTE_NAMES[(w.key + d) % 12] for d in (0, 5, 7))
    if kind == "basic":
        return [f"{one}7", f"{four}7", f"{one}7", f"{one}7", f"{four}7", f"{four}7", f"{one}7", f"{one}7",
                f"{five}7", f"{four}7", f"{one}7", f"{five}7"]  # fmt: skip
    if kind == "minor":
        six = NOTE_NAMES[(w.key + 8) % 12]
        return [f"{one}m7", f"{one}m7", f"{one}m7", f"{one}m7", f"{four}m7", f"{four}m7", f"{one}m7", f"{one}m7",
                f"{six}7", f"{five}7alt", f"{one}m7", " ".join(w.two_five(0, True))]  # fmt: skip
    sharp = NOTE_NAMES[(w.key + 6) % 12]
    last = [w.name(0, "dominant") + " " + w.name(9, "dominant"), " ".join(w.two_five(0))]
    if kind == "jazz":
        return [w.name(0, "dominant"), w.name(5, "dominant"), w.name(0, "dominant"),
                " ".join(w.two_five(5)), w.name(5, "dominant"), f"{sharp}dim7", w.name(0, "dominant"),
                " ".join(w.two_five(2, True)), w.name(2, "minor"), w.name(7, "dominant"), *last]  # fmt: skip
    return [w.one(), " ".join(w.two_five(9, True)), " ".join([w.name(9, "minor"), w.name(2, "dominant")]),
            " ".join(w.two_five(5)), w.name(5, "dominant"), " ".join(w.two_five(3)),
            w.one(4, True), " ".join(w.two_five(1)), w.name(2, "minor"), w.name(7, "dominant"),
            " ".join([w.one(4, True), w.name(9, "dominant")]), " ".join(w.two_five(0))]  # fmt: skip


def rhythm_changes(w: Writer) -> list[str]:
    def a(last: bool) -> list[str]:
        return [f"{w.one()} {w.name(9, 'dominant')}", " ".join(w.two_five(0)),
                f"{w.one(4, True)} {w.name(9, 'dominant')}", " ".join(w.two_five(0)),
                " ".join(w.two_five(5)), f"{w.one(5)} {w.name(10, 'dominant')}",
                *((" ".join(w.two_five(0)), w.one()) if last else
                  (f"{w.one(4, True)} {w.name(9, 'dominant')}", " ".join(w.two_five(0))))]  # fmt: skip

    bridge = [bar for step in (4, 9, 2, 7) for bar in [w.name(step, "dominant")] * 2]
    return [*a(False), *a(True), *bridge, *a(True)]


def _phrase(w: Writer, home: int, minor: bool, bars: int) -> list[str]:
    """Four or eight bars that end at home or on the way to somewhere."""
    rng = w.rng
    out: list[str] = []
    while len(out) < bars:
        left = bars - len(out)
        pick = rng.random()
        if left == 2:
            out += [" ".join(w.two_five(home, minor)), w.one(home, minor)] if pick < 0.7 else (
                [f"{w.one(home, minor)} {w.name(home + 9, 'dominant')}", " ".join(w.two_five(home, minor))])  # fmt: skip
        elif pick < 0.35 and left >= 4:
            two, five = w.two_five(home, minor)
            out += [two, five, w.one(home, minor), w.one(home, minor)]
        elif pick < 0.5:
            target = int(rng.choice([5, 2, 9, 4, 3, 8, 10]))
            out += [" ".join(w.two_five(home + target, target in (2, 4, 9))), w.one(home + target, target in (2, 4, 9))]
        elif pick < 0.6:
            out += [w.one(home, minor), w.name(home + 1, "dim") if rng.random() < 0.5 else w.name(home + 9, "dominant")]
        elif pick < 0.72:
            step = int(rng.choice([2, 9, 4]))
            out += [w.name(home + step, "dominant")] * 2
        elif pick < 0.85:
            out += [w.one(home + 5, bool(rng.random() < 0.4)), w.name(home + 10, "dominant")]
        else:
            out += [f"{w.one(home, minor)} {w.name(home + 9, 'minor')}", " ".join(w.two_five(home, minor))]
    return out[:bars]


def standard(w: Writer, minor: bool) -> list[str]:
    a1, a2 = _phrase(w, 0, minor, 8), _phrase(w, 0, minor, 6)
    a1[0] = w.one(0, minor) if w.rng.random() < 0.6 else a1[0]
    a2 = [*a1[:4], *a2[-2:], " ".join(w.two_five(0, minor)), w.one(0, minor)]
    bridge = _phrase(w, int(w.rng.choice([5, 3, 4, 8, 9, 2, 10])), bool(w.rng.random() < 0.3), 6)
    bridge += [w.name(2, "half" if minor else "minor"), w.name(7, "dominant")]
    form = w.rng.choice(["AABA", "ABAC", "AB", "A"])
    if form == "AABA":
        return [*a1, *a2, *bridge, *a2]
    if form == "ABAC":
        return [*a1, *bridge, *a1, *a2]
    return [*a1, *a2] if form == "AB" else a2


def modal(w: Writer) -> list[str]:
    quality = str(w.rng.choice(["m7", "m11", "7sus4", "maj7#11", "m9", "9sus"]))
    home = NOTE_NAMES[w.key] + quality
    away = NOTE_NAMES[(w.key + int(w.rng.choice([1, 3, 10, 5, 8]))) % 12] + quality
    length = int(w.rng.choice([2, 4, 8]))
    return [home] * length * 2 + [away] * length + [home] * length


def ostinato(w: Writer) -> list[str]:
    """Two to four bars, over and over: vamps."""
    bars = _phrase(w, 0, bool(w.rng.random() < 0.5), int(w.rng.choice([2, 4])))
    return bars * 2


def wild(w: Writer) -> list[str]:
    """Any chord after any other, at any rate: so that a chart that follows no rule is obeyed as well."""
    families = ["major", "minor", "dominant", "half", "dim"]

    def chord() -> str:
        kind = str(w.rng.choice(families, p=[0.27, 0.3, 0.3, 0.08, 0.05]))
        name = NOTE_NAMES[int(w.rng.integers(12))] + str(w.rng.choice(_QUALITIES[kind]))
        return name + (f"/{NOTE_NAMES[int(w.rng.integers(12))]}" if w.rng.random() < 0.05 else "")

    out: list[str] = []
    count = int(w.rng.choice([4, 6, 8, 10, 12, 16]))
    while len(out) < count:
        rate = w.rng.choice([0.5, 1, 2, 3, 4], p=[0.15, 0.4, 0.3, 0.05, 0.1])
        if rate < 1:
            out += [chord()] * 2
        else:
            out.append(" ".join(chord() for _ in range(int(rate))))
    return out[:count]


def make_chart(rng: np.random.Generator, feel: str) -> Chart:
    """A chart that suits a feel, in a key drawn evenly."""
    w = Writer(rng, int(rng.integers(12)))
    pick = rng.random()
    if pick < 0.2:
        bars = wild(w)
    elif feel == "modal":
        bars = modal(w)
    elif feel == "funk":
        bars = modal(w) if pick < 0.5 else ostinato(w) if pick < 0.75 else blues(w)
    elif feel == "waltz" or feel == "ballad" or feel == "bossa":
        bars = standard(w, bool(rng.random() < 0.45))
    elif pick < 0.42:
        bars = blues(w)
    elif pick < 0.54:
        bars = rhythm_changes(w)
    elif pick < 0.62:
        bars = ostinato(w)
    else:
        bars = standard(w, bool(rng.random() < 0.35))
    metre = "3/4 " if feel == "waltz" else ""
    return parse_chart(metre + "| " + " | ".join(bars) + " |")
