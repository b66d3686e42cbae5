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
from model.metrics.heard import Doubles, Floats, HeardNotes, stft_magnitude, to_mono
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
VELOCITY: Final = {"piano": (61.0, 8.0, 1.5, 0.5), "bass": (70.0, 9.4, 5.3, -0.15), "horn": (69.5, 10.5, 1.9, 0.0)}
"""Velocity of a note of the clip's median level and pitch at 120 bpm, by octave of tempo, by dB of its first two partials beside that,
by semitone; fitted on 44 pieces of the corpus (correlation within a piece 0.65, 0.83 and 0.52)."""
LENGTH_HEARD: Final = (0.1, 0.15, 0.25, 0.4, 0.65, 1.0, 1.6, 2.5)
LENGTH_PLAYED: Final = {
    "piano": (0.11, 0.13, 0.17, 0.27, 0.4, 0.86, 1.75, 3.2),
    "bass": (0.12, 0.17, 0.22, 0.28, 0.52, 0.8, 1.65, 2.6),
    "horn": (0.1, 0.12, 0.15, 0.24, 0.38, 0.63, 1.1, 2.0),
}
"""Seconds that notes last which are heard so long: short ones ring on in the room, the end of long ones is too faint. Medians, as above."""
AGAIN: Final = (0.45, 0.75, 0.06)
"""A note that begins where its own pitch is sounding with more than this, by an onset that is less certain than this, and so many seconds
after the end of the last one of that pitch, is that one still. On the corpus' pianos 83 of 100 notes were right before and 89 after, of
basses 81 and 93, at the cost of 3 in 100."""
CHORD_S: Final = 0.03
"""Notes of a piano that begin within this are one chord, struck at once: the ear's own steps are 12 ms."""
CHORD_LENGTH: Final = 0.75
"""Notes of a chord of three and more are no shorter than this quantile of theirs: what ends early is mostly what the ear loses."""
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


def transcribe_solo(audio: NDArray[Any], rate: int, heard: Heard, lead_s: float = 0.0) -> Transcription | None:
    """Notes of a clip in which piano, bass or horn plays alone for sure; None otherwise, and where no ear is installed.

    Beats are those that were heard; where they are not, the fields beat and length count half seconds.

    Args:
        audio: shape [frames] or [frames, channels].
        rate: frames a second.
        heard: what is known of the clip.
        lead_s: what the sound has before the clip; it may go on after it, too, so that notes at both ends are heard right.
    """
    part = heard.solo
    if part not in RANGES or not available():
        return None
    low, high = RANGES[part]
    times, sounding, onset_share = transcribe.posteriors(audio, rate)
    found = join_repeats(transcribe.track_notes(times, sounding, onset_share), times, sounding, onset_share)
    found = found[(found["pitch"] >= low) & (found["pitch"] <= high) & (found["amplitude"] >= WEAKEST[part])]
    levels = note_levels(audio, rate, found)
    found["start"] -= lead_s
    found["end"] -= lead_s
    if part == "piano":
        found["start"] = struck_together(found["start"])
    inside = (found["start"] >= -0.02) & (found["start"] < heard.seconds)
    found, levels = found[inside], levels[inside]
    onsets = onset_times(onset_strength(audio, rate)) - lead_s
    onsets = onsets[(onsets >= 0) & (onsets < heard.seconds)]
    near = [bool((np.abs(found["start"] - onset) < ONSET_S).any()) for onset in onsets] if len(found) else []
    return Transcription(
        notes_of(found, PARTS.index(part), heard, levels),  # type: ignore[arg-type]
        part,
        float(found["amplitude"].mean()) if len(found) else 0.0,
        float(np.mean(near)) if near else 0.0,
    )


def join_repeats(found: HeardNotes, times: Doubles, sounding: Floats, onsets: Floats) -> HeardNotes:
    """Notes of which those that only seem to be struck again are taken together. Shape: [notes], [steps], [steps, 88] twice."""
    going, struck, gap = AGAIN
    out = found[np.argsort(found["start"], kind="stable")].copy()
    last: dict[int, int] = {}
    gone = np.zeros(len(out), bool)
    for index, note in enumerate(out):
        pitch = int(note["pitch"])
        step, row = int(np.abs(times - note["start"]).argmin()), pitch - transcribe.LOWEST
        before = sounding[max(step - 6, 0) : max(step - 2, 1), row].mean()
        strength = onsets[max(step - 2, 0) : step + 3, row].max()
        if pitch in last and note["start"] - out["end"][last[pitch]] < gap and before > going and strength < struck:
            first = last[pitch]
            lengths = np.array([out["end"][first] - out["start"][first], note["end"] - note["start"]])
            out["amplitude"][first] = np.average([out["amplitude"][first], note["amplitude"]], weights=np.maximum(lengths, 1e-3))
            out["end"][first] = max(out["end"][first], note["end"])
            gone[index] = True
        else:
            last[pitch] = index
    return out[~gone]


def struck_together(starts: Doubles) -> Doubles:
    """Onsets in seconds, those of a chord at their median. Shape: [notes], in any order."""
    order, out = np.argsort(starts, kind="stable"), starts.copy()
    first = 0
    for index in range(1, len(order) + 1):
        if index == len(order) or starts[order[index]] - starts[order[first]] > CHORD_S:
            group = order[first:index]
            out[group] = np.median(starts[group])
            first = index
    return out


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
    if len(found):
        middle, a_octave, a_db, a_semitone = VELOCITY[PARTS[part]]
        fast = np.log2(heard.tempo / 120.0) if heard.knows_tempo else 0.0
        pitches = found["pitch"].astype(np.float64)
        velocity = middle + a_octave * fast + a_db * (levels - np.median(levels)) + a_semitone * (pitches - np.median(pitches))
        out["velocity"] = np.clip(np.round(velocity), 20, 124)
    out["start"] = np.maximum(found["start"], 0.0)
    lengths = np.maximum(found["end"] - out["start"], 0.03)
    known = np.log(LENGTH_HEARD)
    steps = np.interp(np.log(lengths), known, np.log(LENGTH_PLAYED[PARTS[part]]) - known)
    out["duration"] = np.maximum(lengths * np.exp(steps), 0.03)
    if PARTS[part] == "piano":
        for start in np.unique(found["start"]):
            chord = found["start"] == start
            if chord.sum() > 2:
                out["duration"][chord] = np.maximum(out["duration"][chord], np.quantile(out["duration"][chord], CHORD_LENGTH))
    if heard.knows_tempo:
        out["beat"] = heard.beat_at(out["start"])
        out["length"] = np.maximum(heard.beat_at(out["start"] + out["duration"]) - out["beat"], 0.04)
    else:
        out["beat"], out["length"] = out["start"] * 2, out["duration"] * 2
    return out[np.argsort(out["start"], kind="stable")]
