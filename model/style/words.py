"""A style in plain words: weighted prompts, and by a vocabulary what they ask for in feel, instruments, room and manner. No torch.

The vocabulary is a dictionary, not a model: words that it does not know change nothing. What a prompt means beyond it is the
style encoder's to say (`model.style.encoder`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.prompts import read_prompts
from jamd.contract.units import PARTS
from model.corpus.manner import LEADS
from model.corpus.voicings import OPEN
from model.style.vocabulary import LEANS, MOST, Meaning, meanings

SOUNDS: Final = {"piano": "grand", "bass": "upright", "drums": "jazz", "horn": "tenor"}
"""Of a band that nobody describes."""
PROGRAMS: Final[dict[str, dict[str, int]]] = {
    "piano": {"grand": 0, "bright": 1, "rhodes": 4, "vibes": 11, "steinway": 0, "yamaha": 0, "guitar": 26, "organ": 16},
    "bass": {"upright": 32, "electric": 33, "fretless": 33, "pizzicato": 32, "synth": 38},
    "drums": {"jazz": 32, "brushes": 40, "standard": 0, "room": 0, "808": 25},
    "horn": {
        "trumpet": 56, "muted_trumpet": 59, "soprano": 64, "alto": 65, "tenor": 66, "baritone": 67, "clarinet": 71, "flute": 73,
        "trombone": 57, "weresax": 65,
    },
}  # fmt: skip
"""General MIDI programs of the sounds, which is what the player is told (`model.conditioning.STANDS_FOR`) and a MIDI file says."""


@dataclass(frozen=True)
class Style:
    """What the words said. `feel` is None where they said nothing of it."""

    feel: str | None = None
    sounds: dict[str, str] = field(default_factory=lambda: dict(SOUNDS))
    """Instrument of each part, of `model.layers.timbres`."""
    named: frozenset[str] = frozenset()
    """Parts whose instrument the words said; that of the others is a player's own to choose."""
    embedding: NDArray[np.float32] | None = field(default=None, compare=False)
    """The style encoder's embedding of the prompts, unit length; None: no style is asked for."""
    text: str = field(default="", compare=False)
    """What was said."""
    room: str | None = None
    """Of `model.layers.room.ROOMS`; None: no word of it. `dry` is none, that of the players included; `studio` is as they are."""
    leans: Mapping[str, float] = field(default_factory=dict)
    """Added to the knobs density, energy, register, and to the swing; and the lag, legato and width of `model.style.vocabulary`. What is
    not named is left alone."""
    voicing: str | None = None
    """Of the piano's chords, one of `model.corpus.personas.VOICINGS`."""

    def band(self, own: Mapping[str, str]) -> dict[str, str]:
        """Instrument of each part where players bring their own."""
        return self.sounds | {part: name for part, name in own.items() if part not in self.named}

    def leaning(self, knob: str, value: float | None) -> float | None:
        """A knob's value under this style, 0..1. A knob that nobody is told of (None) stays so where the style says nothing of it."""
        lean = self.leans.get(knob, 0.0)
        if lean == 0.0:
            return value
        return min(max((0.5 if value is None else value) + lean, 0.0), 1.0)

    def manner(self) -> dict[str, Any]:
        """What of a player's manner was said, as arguments of a `BeatContext`: piano and horn lead, bass and drums keep the time."""
        out: dict[str, Any] = {}
        lag, legato, wide = (self.leans.get(name, 0.0) for name in ("lag", "legato", "wide"))
        if lag:
            out["lag"] = tuple(lag if part in LEADS else 0.0 for part in PARTS)
        if legato:
            out["legato"] = tuple(2.0**legato if part in LEADS else 1.0 for part in PARTS)
        if wide:
            out["wide"] = wide > 0
        if self.voicing is not None:
            out["voicing"] = self.voicing
            out.setdefault("wide", self.voicing in OPEN)  # training tells both together
        return out


def programs_of(sounds: Mapping[str, str]) -> dict[str, int]:
    """General MIDI programs of sounds by part."""
    return {part: PROGRAMS[part][name] for part, name in sounds.items()}


def read_style(text: str) -> Style:
    """What a text asks for: of feel, room, voicing and each instrument the last word in the heaviest prompt wins, a general one only where
    there is no other; manner is averaged by weight.

    A prompt with a weight below 0 leads away: its manner is turned round, the rest of it says nothing.
    """
    prompts = sorted(((words, weight) for words, weight in read_prompts(text) if weight != 0), key=lambda pair: pair[1])
    chosen: dict[str, Meaning] = {}
    sums: dict[str, float] = defaultdict(float)
    for words, weight in prompts:
        asked = meanings(words)
        for knob in LEANS:
            sums[knob] += weight * _lean(asked, knob)
        here: dict[str, Meaning] = {}
        for one in asked if weight > 0 else ():
            if one.kind not in LEANS and one.rank >= here.get(one.kind, one).rank:
                here[one.kind] = one
        chosen |= here
    feel, room, voicing = (chosen[kind].value if kind in chosen else None for kind in ("feel", "room", "voicing"))
    sounds = SOUNDS | {part: chosen[part].value for part in PARTS if part in chosen}
    named = {part for part in PARTS if part in chosen and chosen[part].rank > 0}
    if feel == "ballad" and "drums" not in chosen:
        sounds["drums"] = "brushes"
    whole = sum(abs(weight) for _, weight in prompts)
    leans = {knob: total / whole for knob, total in sums.items() if total != 0}
    return Style(feel, sounds, frozenset(named), text=text, room=room, leans=leans, voicing=voicing)


def _lean(asked: list[Meaning], knob: str) -> float:
    total = sum(one.amount for one in asked if one.kind == knob)
    return min(max(total, -MOST[knob]), MOST[knob])
