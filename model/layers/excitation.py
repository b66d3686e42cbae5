"""Sound of given notes and hits as instruments make it in the mean, a hop at a time, compiled by numba: what `Tones` filters.

A tuned note is a sum of partials (stretched as the strings of a piano are), each with an envelope over the note's age and a response
to velocity, and begins with what those lack of hammer, pluck or breath, a waveform (a deterministic and a residual part, Serra and Smith
1990, "Spectral modeling synthesis"); a hit is a waveform, one of some strokes of its drum. All of it comes from tables (`Timbres`). Phases
and strokes follow from the note alone, so that any hop can be made by itself: there is no state.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from jamd.contract.units import FRAME_SAMPLES, SAMPLE_RATE
from model.conditioning import DRUM_ROWS, DRUM_SOUNDS, KEYS, LOWEST
from model.layers.hits import RING, TAKES
from model.layers.jit import KERNEL, PART
from model.layers.timbres import HARMONICS, KNOTS_S, RELEASE_S, RESIDUAL, TUNED, ZONE, Timbres

HIGHEST_HZ: Final = 12_000.0
DIRECT: Final = 6
"""Sources that notes make: piano, bass, horn, then drums with a skin, snares, and metal."""
LEVEL: Final = 4.0
"""What a note has in the tables is made so much louder: the gains of `Tones` only turn down."""
REFERENCE: Final = 80.0
"""Velocity of the tables."""
RELEASED: Final = 7.0
"""Times its release that a tuned note is heard after its end:"""
RELEASED_S: Final = RELEASED * max(RELEASE_S)
"""so long at most,"""
DRUM_RINGS_S: Final = RING / SAMPLE_RATE
"""and a hit after its onset."""
SKIN, SNARE, METAL = TUNED, TUNED + 1, TUNED + 2
ROW_SOURCE: Final = (SKIN, SNARE, SNARE, SNARE, SNARE, METAL, METAL, METAL, METAL, METAL, METAL, SKIN, SKIN, SKIN, METAL)
"""Source of each row of the roll's drums."""
SILENT: Final = -9.5
"""Log amplitude, before `LEVEL`, below which nothing is made."""
OPEN: Final = 46
"""General MIDI pitch of the open hi-hat,"""
CLOSING: Final = (42, 44, 46)
"""and of the strokes that end it: its cymbals are the same two."""
CLOSES_S: Final = 0.02
"""In which what rang falls by 1/e."""
_KNOTS = np.array(KNOTS_S)
_TUNED_ROW = np.array([0, 1, -1, 2])
_ROW_SOURCE = np.array(ROW_SOURCE)
_ROWS = np.array([DRUM_SOUNDS.get(pitch, DRUM_ROWS - 1) for pitch in range(128)])


@njit(**PART)  # type: ignore[untyped-decorator]
def _at(table: Any, knots: Any, age: float) -> float:
    """Log amplitude at an age: level before the first knot, straight between knots, and on after the last."""
    n = knots.shape[0]
    if age <= knots[0]:
        return float(table[0])
    i = n - 2
    for j in range(1, n):
        if age < knots[j]:
            i = j - 1
            break
    slope = (table[i + 1] - table[i]) / (knots[i + 1] - knots[i])
    if i == n - 2 and age > knots[n - 1]:
        slope = min(slope, 0.0)
        return float(table[n - 1] + slope * (age - knots[n - 1]))
    return float(table[i] + slope * (age - knots[i]))


@njit(**PART)  # type: ignore[untyped-decorator]
def _tone(source: int, pitch: int, velocity: float, begin: float, end: float, first: int, rate: float, t: Any, out: Any) -> None:
    """Add a note. `begin` and `end` are samples; shape: out [hop]."""
    hop = out.shape[0]
    release = t.release_s[source] * rate
    key = min(max(pitch - LOWEST, 0), KEYS - 1)
    at = max(first, int(np.ceil(begin)))
    age, last = at - begin, first + hop - begin
    base = 2.0 * np.pi * 440.0 * 2.0 ** ((pitch - 69.0) / 12.0) / rate
    loud = np.log(velocity / REFERENCE)
    stretch = t.stretch[source, key]
    count = 0
    re, im = np.zeros(HARMONICS, np.float32), np.zeros(HARMONICS, np.float32)
    turn_re, turn_im = np.zeros(HARMONICS, np.float32), np.zeros(HARMONICS, np.float32)
    for k in range(HARMONICS):
        number = k + 1.0
        turn = base * number * np.sqrt(1.0 + stretch * number * number)
        if turn * rate > 2.0 * np.pi * HIGHEST_HZ:
            break
        lift = t.response[source, key, k] * loud
        now = _at(t.partials[source, key, k], _KNOTS, age / rate) + lift
        then = _at(t.partials[source, key, k], _KNOTS, last / rate) + lift
        if now < SILENT and then < SILENT:
            continue
        phase = turn * age + 0.7 * k * k
        strength = LEVEL * np.exp(now)
        fall = np.exp((then - now) / max(last - age, 1.0))
        re[count], im[count] = strength * np.cos(phase), strength * np.sin(phase)
        turn_re[count], turn_im[count] = fall * np.cos(turn), fall * np.sin(turn)
        count += 1
    count = (count + 7) // 8 * 8
    damp = np.exp(-1.0 / release)
    level = np.exp(-(at - end) / release) if at > end else 1.0
    attack = t.attack_s[source] * rate
    for i in range(at - first, hop):
        total = np.float32(0)
        for k in range(count):
            total += im[k]
            a = re[k] * turn_re[k] - im[k] * turn_im[k]
            im[k] = re[k] * turn_im[k] + im[k] * turn_re[k]
            re[k] = a
        ramp = min((first + i - begin) / attack, 1.0)
        out[i] += np.float32(level * ramp) * total
        if first + i >= end:
            level *= damp
    zone = key // ZONE
    speed = 2.0 ** ((pitch - (LOWEST + zone * ZONE + ZONE // 2)) / 12.0)
    strength = LEVEL * np.exp(t.bite[source, zone] * loud)
    for i in range(at - first, hop):
        place = (first + i - begin) * speed
        j = int(place)
        if j >= RESIDUAL - 1:
            break
        level = np.exp(-(first + i - end) / release) if first + i > end else 1.0
        share = np.float32(place - j)
        here = t.residual[source, zone, j]
        out[i] += np.float32(strength * level) * (here + share * (t.residual[source, zone, j + 1] - here))


@njit(**PART)  # type: ignore[untyped-decorator]
def _take(onset: int) -> int:
    """Which stroke a hit is: any, but always the same (the finaliser of MurmurHash3)."""
    mixed = np.uint32(onset)
    mixed = np.uint32((mixed ^ (mixed >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    mixed = np.uint32((mixed ^ (mixed >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return int((mixed ^ (mixed >> np.uint32(16))) % np.uint32(TAKES))


@njit(**PART)  # type: ignore[untyped-decorator]
def _burst(row: int, velocity: float, begin: float, closed: float, first: int, rate: float, t: Any, out: Any) -> None:
    """Add a hit. `begin` and `closed` are samples; shape: out [hop]."""
    onset = int(np.ceil(begin))
    take = _take(onset)
    level = np.float32(LEVEL * (velocity / REFERENCE) ** 2 * t.steps[row, take])
    at, end = max(first, onset), min(first + out.shape[0], onset + RING)
    damp, rest = np.float32(np.exp(-1.0 / (CLOSES_S * rate))), np.float32(1)
    if at > closed:
        rest = np.float32(np.exp(-(at - closed) / (CLOSES_S * rate)))
    for n in range(at, end):
        out[n - first] += level * rest * t.hits[row, take, n - onset]
        if n >= closed:
            rest *= damp


@njit(**PART)  # type: ignore[untyped-decorator]
def _closed(number: int, parts: Any, pitches: Any, starts: Any, rate: float) -> float:
    """Sample at which a hit is ended by another; far away where none does."""
    at = np.inf
    if pitches[number] == OPEN:
        for n in range(parts.shape[0]):
            if parts[n] == parts[number] and pitches[n] in CLOSING and starts[number] < starts[n] < at:
                at = starts[n]
    return float(at * rate)


@njit(**KERNEL)  # type: ignore[untyped-decorator]
def _excite(parts: Any, pitches: Any, velocities: Any, starts: Any, ends: Any, first: int, rate: float, t: Any, out: Any) -> None:
    hop = out.shape[1]
    for n in range(parts.shape[0]):
        begin, end = starts[n] * rate, ends[n] * rate
        if first + hop <= begin:
            continue
        source = _TUNED_ROW[parts[n]]
        if source >= 0:
            if first <= end + RELEASED * t.release_s[source] * rate:
                _tone(source, pitches[n], max(velocities[n], 1.0), begin, end, first, rate, t, out[source])
        elif first <= begin + DRUM_RINGS_S * rate:
            row = _ROWS[pitches[n]]
            closed = _closed(n, parts, pitches, starts, rate)
            _burst(row, max(velocities[n], 1.0), begin, closed, first, rate, t, out[_ROW_SOURCE[row]])


def excite(notes: NDArray[Any], first: int, frames: int, timbres: Timbres) -> NDArray[np.float32]:
    """Sources of notes from sample `first` on. Shape: [DIRECT, frames].

    Args:
        notes: fields part, pitch, velocity, start and duration (seconds).
        first: a multiple of the hop, as are the places of hops in a stream; `frames` too.
    """
    out = np.zeros((DIRECT, frames), np.float32)
    parts, pitches = (notes[name].astype(np.int64) for name in ("part", "pitch"))
    velocities, starts = notes["velocity"].astype(np.float64), notes["start"].astype(np.float64)
    ends = starts + notes["duration"]
    rate, last = float(SAMPLE_RATE), max(RELEASED_S, DRUM_RINGS_S)
    for at in range(0, frames, FRAME_SAMPLES):  # rotations are started afresh in every hop: no drift
        low, high = (first + at) / rate, (first + at + FRAME_SAMPLES) / rate
        near = np.flatnonzero((starts < high) & (np.maximum(ends, starts) + last >= low)) if len(notes) > 64 else slice(None)
        _excite(
            parts[near], pitches[near], velocities[near], starts[near], ends[near], first + at, rate, timbres,
            out[:, at : at + FRAME_SAMPLES],
        )  # fmt: skip
    return out
