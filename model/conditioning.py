"""What the player is told for every step: frame controls and the plan as a piano roll. numpy only.

One definition serves training (from the corpus labels) and playing (from the clock and the chart). Every group of controls has a flag
that says whether it is given; an absent group is all zeros.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.chart import Chord
from jamd.contract.units import FRAME_RATE, PARTS

Floats = NDArray[np.float32]

# --- frame controls -------------------------------------------------------------------------------------------------

INSTRUMENTS: Final[tuple[tuple[int, ...], ...]] = (
    (0, 1, 4, 11), (32, 33), (32, 40, 0), (56, 59, 64, 65, 66, 67, 71, 73),
)  # fmt: skip
"""General MIDI programs a part may have, in the order of PARTS (drums: the kit)."""
STANDS_FOR: Final[dict[tuple[str, int], int]] = {("piano", 26): 4, ("piano", 16): 4, ("bass", 38): 33, ("drums", 25): 0}
"""Programs that no training of the player has met, and the nearest that one has: guitar, organ, synthesiser, drum machine."""

GROUPS: Final[dict[str, int]] = {
    "grid": 7,
    "swing": 1,
    "chord": 73,
    "density": 1,
    "energy": 1,
    "register": 1,
    "parts": len(PARTS),
    "instruments": sum(len(programs) for programs in INSTRUMENTS),
}
OFFSETS: Final[dict[str, int]] = dict(zip(GROUPS, np.cumsum([0, *list(GROUPS.values())[:-1]]).tolist(), strict=True))
CONTROL_WIDTH: Final = sum(GROUPS.values()) + len(GROUPS)


def group_slice(name: str) -> slice:
    return slice(OFFSETS[name], OFFSETS[name] + GROUPS[name])


def flag_index(name: str) -> int:
    """Place of the flag that says that a group is given."""
    return sum(GROUPS.values()) + list(GROUPS).index(name)


def chord_vector(chord: Chord | None) -> Floats:
    """Root, bass and pitch classes, one-hot and many-hot. Shape: [36]; all zeros for N.C."""
    out = np.zeros(36, np.float32)
    if chord is not None and chord.root is not None:
        out[chord.root] = 1.0
        out[12 + (chord.root if chord.bass is None else chord.bass)] = 1.0
        out[24 + np.asarray(chord.pitch_classes)] = 1.0
    return out


def instrument_vector(programs: Mapping[str, int]) -> Floats:
    """One-hot program of each part named; an unknown program leaves its part blank."""
    out = np.zeros(GROUPS["instruments"], np.float32)
    place = 0
    for part, choices in zip(PARTS, INSTRUMENTS, strict=True):
        program = programs.get(part, -1)
        program = STANDS_FOR.get((part, program), program)
        if program in choices:
            out[place + choices.index(program)] = 1.0
        place += len(choices)
    return out


@dataclass(frozen=True)
class Controls:
    """Values of consecutive steps, each array [steps] or [steps, ...]; evaluated at the middle of a step."""

    beat: NDArray[np.float64]
    """Absolute position in beats."""
    beat_in_bar: NDArray[np.float64]
    beats_per_bar: NDArray[np.int64]
    tempo: NDArray[np.float64]
    swing: NDArray[np.float64]
    chord_now: NDArray[np.int64]
    """Indices into `chords`."""
    chord_next: NDArray[np.int64]
    time_to_next: NDArray[np.float64]
    """Beats until the next chord."""
    density: NDArray[np.float64]
    energy: NDArray[np.float64]
    register: NDArray[np.float64]
    parts: NDArray[np.bool_]
    """[steps, parts]"""
    chords: Sequence[Chord]
    programs: Mapping[str, int]

    def vectors(self) -> Floats:
        """Shape: [steps, CONTROL_WIDTH]."""
        steps = len(self.beat)
        out = np.zeros((steps, CONTROL_WIDTH), np.float32)
        grid = out[:, group_slice("grid")]
        beat_angle = 2 * np.pi * self.beat
        bar_angle = 2 * np.pi * self.beat_in_bar / self.beats_per_bar
        grid[:, 0], grid[:, 1] = np.sin(beat_angle), np.cos(beat_angle)
        grid[:, 2], grid[:, 3] = np.sin(bar_angle), np.cos(bar_angle)
        grid[:, 4], grid[:, 5] = self.beats_per_bar == 3, self.beats_per_bar == 4
        grid[:, 6] = np.log2(self.tempo / 120.0)
        out[:, OFFSETS["swing"]] = (self.swing - 0.5) * 5.0
        table = np.stack([chord_vector(chord) for chord in self.chords])
        chord = out[:, group_slice("chord")]
        chord[:, :36], chord[:, 36:72] = table[self.chord_now], table[self.chord_next]
        chord[:, 72] = np.exp(-self.time_to_next / 2.0)
        for name in ("density", "energy", "register"):
            out[:, OFFSETS[name]] = getattr(self, name)
        out[:, group_slice("parts")] = self.parts
        out[:, group_slice("instruments")] = instrument_vector(self.programs)
        out[:, sum(GROUPS.values()) :] = 1.0
        return out


def drop_groups(vectors: Floats, names: Sequence[str]) -> None:
    """Blank groups and their flags, in place. Shape: [steps, CONTROL_WIDTH]."""
    for name in names:
        vectors[:, group_slice(name)] = 0.0
        vectors[:, flag_index(name)] = 0.0


# --- the plan as a piano roll ----------------------------------------------------------------------------------------

LOWEST: Final = 21
KEYS: Final = 88
PITCHED: Final = (0, 1, 3)
"""Indices in PARTS of the parts with a roll by pitch; drums have a roll by sound."""
DRUM_SOUNDS: Final[dict[int, int]] = {
    35: 0, 36: 0, 38: 1, 40: 2, 37: 3, 39: 4, 42: 5, 44: 6, 46: 7, 51: 8, 59: 8, 53: 9, 49: 10, 57: 10, 55: 10, 52: 10,
    41: 11, 43: 11, 45: 12, 47: 12, 48: 13, 50: 13,
}  # fmt: skip
"""General MIDI drum note to the roll's row; any other note shares the last row."""
DRUM_ROWS: Final = 15
PITCH_LAYERS: Final = 4
"""Onset velocity, onset place inside the step, sounding, decaying velocity."""
DRUM_LAYERS: Final = 3
"""Onset velocity, onset place, decaying velocity."""
PITCHED_WIDTH: Final = len(PITCHED) * KEYS * PITCH_LAYERS
ROLL_WIDTH: Final = PITCHED_WIDTH + DRUM_ROWS * DRUM_LAYERS + 1
DECAY_S: Final = 0.8


def roll(notes: NDArray[Any], start: int, steps: int) -> Floats:
    """Piano roll of the steps from `start` on; the last column says that a plan is given.

    Args:
        notes: structured array with part, pitch, velocity, start and duration in seconds from step 0.

    Shape: [steps, ROLL_WIDTH].
    """
    out = np.zeros((steps, ROLL_WIDTH), np.float32)
    out[:, -1] = 1.0
    keys = out[:, :PITCHED_WIDTH].reshape(steps, len(PITCHED), KEYS, PITCH_LAYERS)
    drums = out[:, PITCHED_WIDTH:-1].reshape(steps, DRUM_ROWS, DRUM_LAYERS)
    begin, end = start / FRAME_RATE, (start + steps) / FRAME_RATE
    tail = np.where(notes["part"] == 2, 0.5, notes["duration"])
    for index in np.flatnonzero((notes["start"] < end) & (notes["start"] + tail > begin)):
        note = notes[index]
        onset = float(note["start"]) * FRAME_RATE - start
        first = int(np.floor(onset))
        velocity = float(note["velocity"]) / 127.0
        last = min(int(np.ceil(onset + float(tail[index]) * FRAME_RATE)), steps)
        low = max(first, 0)
        decay = velocity * np.exp(-(np.arange(low, last) - first) / (DECAY_S * FRAME_RATE))
        if note["part"] == 2:
            row = DRUM_SOUNDS.get(int(note["pitch"]), DRUM_ROWS - 1)
            drums[low:last, row, 2] = np.maximum(drums[low:last, row, 2], decay)
            if first >= 0:
                drums[first, row, :2] = velocity, onset - first
            continue
        key = int(note["pitch"]) - LOWEST
        if not 0 <= key < KEYS:
            continue
        part = PITCHED.index(int(note["part"]))
        keys[low:last, part, key, 2] = 1.0
        keys[low:last, part, key, 3] = decay
        if first >= 0:
            keys[first, part, key, :2] = velocity, onset - first
    return out
