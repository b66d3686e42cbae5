"""Notes of solo playing, for the plan, where the ear for them is installed (`basic-pitch`, see `model.metrics.transcribe`) and sure.

A part can be named only where one instrument plays alone. How sure a transcription is comes from two sides: how certain the network is
of its notes, and how many of the onsets that are heard otherwise have a note.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.units import PARTS
from model.corpus.notes import NOTE_DTYPE, Notes
from model.learning.listening import Heard
from model.metrics import transcribe
from model.metrics.heard import Doubles, HeardNotes, stft_magnitude, to_mono
from model.metrics.onsets import onset_strength, onset_times

CERTAIN: Final = 0.42
"""Mean certainty of the notes that is enough."""
EXPLAINED: Final = 0.7
"""Share of the onsets that must have a note within ONSET_S."""
ONSET_S: Final = 0.05
RANGES: Final = {"piano": (21, 108), "bass": (26, 67), "horn": (36, 96)}
"""MIDI pitches that a part plays; others are taken as mistakes of the ear."""
WEAKEST: Final = {"piano": 0.35, "bass": 0.45, "horn": 0.4}
"""Certainty below which a note is left out: where notes are right as often as they are found, on the corpus."""
VELOCITY: Final = 66.0
VELOCITY_A_DB: Final = 1.5
"""Velocity of a note of mean level, and by dB of its first two partials beside that."""
LEVEL_RATE: Final = 12_000
LEVEL_WINDOW, LEVEL_HOP = 1024, 120


@dataclass(frozen=True)
class Transcription:
    """Notes of one part; `certain` and `explained` say how far to trust them."""

    notes: Notes
    part: str
    certain: float
    explained: float

    @property
    def sure(self) -> bool:
        """Whether they are good enough for a plan."""
        return len(self.notes) >= 4 and self.certain >= CERTAIN and self.explained >= EXPLAINED


def available() -> bool:
    """Whether notes can be heard here."""
    return transcribe.available()


def transcribe_solo(audio: NDArray[Any], rate: int, heard: Heard) -> Transcription | None:
    """Notes of a clip in which piano, bass or horn plays alone for sure; None otherwise, and where no ear is installed.

    Beats are those that were heard; where they are not, the fields beat and length count half seconds.

    Args:
        audio: shape [frames] or [frames, channels].
        rate: frames a second.
        heard: what is known of the clip.
    """
    part = heard.solo
    if part not in RANGES or not available():
        return None
    low, high = RANGES[part]
    found = transcribe.transcribe(audio, rate)
    found = found[(found["pitch"] >= low) & (found["pitch"] <= high) & (found["start"] < len(audio) / rate)]
    found = found[found["amplitude"] >= WEAKEST[part]]
    onsets = onset_times(onset_strength(audio, rate))
    near = [bool((np.abs(found["start"] - onset) < ONSET_S).any()) for onset in onsets] if len(found) else []
    return Transcription(
        notes_of(found, PARTS.index(part), heard, note_levels(audio, rate, found)),  # type: ignore[arg-type]
        part,
        float(found["amplitude"].mean()) if len(found) else 0.0,
        float(np.mean(near)) if near else 0.0,
    )


def note_levels(audio: NDArray[Any], rate: int, found: HeardNotes) -> Doubles:
    """Level in dB of the first two partials of each note just after its start. Shape: [notes]."""
    magnitude = stft_magnitude(to_mono(audio, rate, LEVEL_RATE), LEVEL_WINDOW, LEVEL_HOP)
    out = np.zeros(len(found))
    for index, note in enumerate(found):
        step = int(note["start"] * LEVEL_RATE / LEVEL_HOP)
        power = 1e-12
        for partial in (1, 2):
            place = int(440.0 * 2.0 ** ((float(note["pitch"]) - 69) / 12) * partial * LEVEL_WINDOW / LEVEL_RATE)
            power += float(magnitude[step : step + 12, max(place - 1, 0) : place + 3].max(initial=0.0)) ** 2
        out[index] = 10 * np.log10(power)
    return out


def notes_of(found: HeardNotes, part: int, heard: Heard, levels: Doubles) -> Notes:
    """Heard notes as those of a part. Shape of the levels in dB: [notes]."""
    out = np.zeros(len(found), NOTE_DTYPE)
    out["part"], out["pitch"] = part, found["pitch"]
    out["velocity"] = np.clip(np.round(VELOCITY + VELOCITY_A_DB * (levels - levels.mean())), 20, 124) if len(found) else 0
    out["start"] = np.maximum(found["start"], 0.0)
    out["duration"] = np.maximum(found["end"] - out["start"], 0.03)
    if heard.knows_tempo:
        out["beat"] = heard.beat_at(out["start"])
        out["length"] = np.maximum(heard.beat_at(out["start"] + out["duration"]) - out["beat"], 0.04)
    else:
        out["beat"], out["length"] = out["start"] * 2, out["duration"] * 2
    return out[np.argsort(out["start"], kind="stable")]
