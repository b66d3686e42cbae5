"""Notes as events for the planner: five fields a note, time as steps of 1/48 beat. numpy only.

An event is (advance, tick, part, pitch, velocity, length): whole beats since the beat of the event before, place in the beat, part,
pitch, velocity in 16 bins, length in 24 bins. Events are sorted by (time, part, pitch), which the sampler uses as a mask.
A part of `REST` stands where nothing plays for so long that `advance` would overflow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.chart import Chart
from jamd.contract.units import PARTS
from model.conditioning import chord_vector
from model.corpus.grid import FEELS
from model.corpus.personas import VOICINGS

TICKS: Final = 48
ADVANCES: Final = 17
REST: Final = len(PARTS)
VELOCITIES: Final = 16
LENGTHS: Final = np.array([1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 28, 32, 36, 42, 48, 60, 72, 96, 120, 144, 192, 288, 384], np.float64)
FIELDS: Final[dict[str, int]] = {
    "advance": ADVANCES,
    "tick": TICKS,
    "part": len(PARTS) + 1,
    "pitch": 128,
    "velocity": VELOCITIES,
    "length": len(LENGTHS),
}

Events = NDArray[np.int64]
"""Shape: [events, fields]."""


def encode(notes: NDArray[Any]) -> tuple[Events, NDArray[np.int64]]:
    """Events of notes, and the beat number of each event. Notes before beat 0 are moved there."""
    if len(notes) == 0:
        return np.zeros((0, len(FIELDS)), np.int64), np.zeros(0, np.int64)
    when = np.maximum(np.round(notes["beat"] * TICKS).astype(np.int64), 0)
    order = np.lexsort((notes["pitch"], notes["part"], when))
    rows: list[tuple[int, ...]] = []
    beats: list[int] = []
    beat = 0
    for index in order:
        note = notes[index]
        now = int(when[index]) // TICKS
        while now - beat >= ADVANCES:
            beat += ADVANCES - 1
            rows.append((ADVANCES - 1, 0, REST, 0, 0, 0))
            beats.append(beat)
        length = int(np.abs(LENGTHS - float(note["length"]) * TICKS).argmin())
        velocity = min(int(note["velocity"]) * VELOCITIES // 128, VELOCITIES - 1)
        rows.append((now - beat, int(when[index]) % TICKS, int(note["part"]), int(note["pitch"]), velocity, length))
        beat = now
        beats.append(beat)
    return np.array(rows, np.int64), np.array(beats, np.int64)


@dataclass(frozen=True, slots=True)
class PlannedNote:
    """One note of the plan; `beat` is absolute, `length` in beats, velocity 1..127."""

    part: int
    pitch: int
    velocity: int
    beat: float
    length: float


def decode_event(event: tuple[int, ...] | list[int], beat: int) -> PlannedNote | None:
    """The note of an event that lies in beat `beat`; None for a rest."""
    _, tick, part, pitch, velocity, length = event
    if part == REST:
        return None
    return PlannedNote(part, pitch, max(velocity * 128 // VELOCITIES + 4, 1), beat + tick / TICKS, float(LENGTHS[length]) / TICKS)


# --- what the planner is told of a beat -------------------------------------------------------------------------------

_LAYOUT: Final[dict[str, int]] = {
    "chord": 36 * 4 + 1,
    "bar": 4 + 2,
    "form": 8,
    "tempo": 2,
    "swing": 2,
    "density": 2,
    "energy": 2,
    "register": 2,
    "parts": len(PARTS),
    "feel": len(FEELS) + 1,
    "lag": len(PARTS) + 1,
    "legato": len(PARTS) + 1,
    "voicing": len(VOICINGS) + 1,
    "wide": 2,
}
CONTEXT_WIDTH: Final = sum(_LAYOUT.values())
_OFFSET: Final = dict(zip(_LAYOUT, np.cumsum([0, *list(_LAYOUT.values())[:-1]]).tolist(), strict=True))
PARTS_OFFSET: Final[int] = _OFFSET["parts"]
"""Where in a context vector the flags of the parts begin."""


FAR: Final = 0.2
"""By which density or register have to change to be turned far."""


def is_far(before: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether a band that is told something else would begin anew: another feel, another density or register.

    Shape: [CONTEXT_WIDTH], [..., CONTEXT_WIDTH] to [...].
    """
    place = _OFFSET["feel"]
    far: NDArray[np.bool_] = (before[place : place + len(FEELS)] != after[..., place : place + len(FEELS)]).any(axis=-1)
    for name in ("density", "register"):
        place = _OFFSET[name]
        told = (before[place + 1] == 1.0) & (after[..., place + 1] == 1.0)
        far = far | (told & (np.abs(after[..., place] - before[place]) > FAR - 1e-6))
    return far


@dataclass(frozen=True)
class BeatContext:
    """All that steers one beat of the plan. Values that are None are left out and their flag is 0."""

    chart: Chart
    chart_beat: float
    """Position in the (repeating) chart."""
    bar: int
    """Bar in the form, for the four- to 32-bar phases."""
    beat_in_bar: int
    tempo: float
    parts: tuple[bool, ...]
    swing: float | None = None
    density: float | None = None
    energy: float | None = None
    register: float | None = None
    feel: str | None = None
    lag: tuple[float, ...] | None = None
    """Beats that each part lies behind the beat."""
    legato: tuple[float, ...] | None = None
    """Factor on the lengths of each part's notes."""
    voicing: str | None = None
    """Of VOICINGS."""
    wide: bool | None = None
    """Chords in open position, or in close."""

    def vector(self) -> NDArray[np.float32]:
        """Shape: [CONTEXT_WIDTH]."""
        out = np.zeros(CONTEXT_WIDTH, np.float32)
        chart, beat = self.chart, self.chart_beat
        change, following = chart.next_change(beat)
        chords = (chart.chord_at(beat), chart.chord_at(beat + 0.5), chart.chord_at(beat + 1), following)
        for index, chord in enumerate(chords):
            out[36 * index : 36 * (index + 1)] = chord_vector(chord)
        out[144] = np.exp(-(change - beat) / 4.0)
        place = _OFFSET["bar"]
        out[place + min(self.beat_in_bar, 3)] = 1.0
        out[place + (4 if chart.beats_per_bar == 3 else 5)] = 1.0
        place = _OFFSET["form"]
        for index, period in enumerate((4, 8, 16, 32)):
            angle = 2 * np.pi * (self.bar % period) / period
            out[place + 2 * index : place + 2 * index + 2] = np.sin(angle), np.cos(angle)
        place = _OFFSET["tempo"]
        out[place] = np.log2(self.tempo / 120.0)
        out[place + 1] = max(self.tempo - 180.0, 0.0) / 100.0
        for name, centre, gain in (("swing", 0.5, 5.0), ("density", 0, 1), ("energy", 0, 1), ("register", 0, 1)):
            value = getattr(self, name)
            if value is not None:
                out[_OFFSET[name]] = (value - centre) * gain
                out[_OFFSET[name] + 1] = 1.0
        out[_OFFSET["parts"] : _OFFSET["parts"] + len(PARTS)] = self.parts
        place = _OFFSET["feel"]
        if self.feel in FEELS:
            out[place + FEELS.index(self.feel)] = 1.0
            out[place + len(FEELS)] = 1.0
        self._put_manner(out)
        return out

    def _put_manner(self, out: NDArray[np.float32]) -> None:
        if self.lag is not None:
            place = _OFFSET["lag"]
            out[place : place + len(PARTS)] = 20.0 * np.asarray(self.lag)
            out[place + len(PARTS)] = 1.0
        if self.legato is not None:
            place = _OFFSET["legato"]
            out[place : place + len(PARTS)] = np.log2(np.asarray(self.legato))
            out[place + len(PARTS)] = 1.0
        if self.voicing in VOICINGS:
            out[_OFFSET["voicing"] + VOICINGS.index(self.voicing)] = 1.0
            out[_OFFSET["voicing"] + len(VOICINGS)] = 1.0
        if self.wide is not None:
            out[_OFFSET["wide"] : _OFFSET["wide"] + 2] = self.wide, 1.0


def tempo_of(vector: NDArray[np.float32]) -> float:
    """Beats a minute that a context vector tells."""
    return float(120.0 * 2.0 ** vector[_OFFSET["tempo"]])


def blank(vectors: NDArray[np.float32], name: str) -> None:
    """Leave a control out of context vectors, in place. Shape: [..., CONTEXT_WIDTH]."""
    vectors[..., _OFFSET[name] : _OFFSET[name] + _LAYOUT[name]] = 0.0


def _turn(block: NDArray[np.float32], semitones: int) -> NDArray[np.float32]:
    return np.roll(block.reshape(*block.shape[:-1], -1, 12), semitones, axis=-1).reshape(block.shape)


def transpose_contexts(vectors: NDArray[np.float32], semitones: int) -> NDArray[np.float32]:
    """Context vectors with every chord moved. Shape: [..., CONTEXT_WIDTH]."""
    out = vectors.copy()
    out[..., :144] = _turn(vectors[..., :144], semitones)
    return out


ContextOf = Callable[[int], BeatContext]
"""The context of a beat by its number."""
