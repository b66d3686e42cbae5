"""How much of what sounds belongs to the chord of the moment.

Notes or chroma are laid on the beats of the chart; the fit is the share of the energy that falls on the pitch classes
of the chord sounding then. It is set against chance (how many of the twelve pitch classes the chords hold), against the
same chart with its bars in other orders, and against the same chart in the eleven other keys.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.chart import Chart
from model.metrics.heard import Doubles, HeardNotes

SLOTS: Final = 4
"""Slots a beat in which energy is gathered."""
SHUFFLES: Final = 50
BASS_TOP: Final = 55
"""Highest MIDI pitch that can be the bass."""


@dataclass(frozen=True)
class ChordFit:
    """Shares from 0 to 1; nan where there was nothing to measure."""

    fit: float
    """Share of the energy on chord tones."""
    chance: float
    """What energy spread evenly over the twelve pitch classes would give."""
    shuffled: float
    """Mean fit with the bars of the chart in other orders."""
    transposed: float
    """Mean fit with the chart in the eleven other keys."""
    scale: float
    """Share of the energy on the chord's scale."""
    key_rank: int
    """How many of the eleven other keys fit better; 0: the asked key is the best."""
    shuffle_rank: float
    """Share of the shuffled charts that fit at least as well."""
    bass: float
    """Share of the chord changes that have the chord's bass note in the bass."""
    bass_transposed: float
    """The same in the eleven other keys, on average."""
    bass_changes: int
    """Chord changes at which a bass note was heard."""

    def as_dict(self) -> dict[str, float]:
        """Plain values, for JSON."""
        return asdict(self)


def beat_chroma_of_notes(notes: HeardNotes, tempo: float, offset: float, beats: int) -> Doubles:
    """Energy by slot and pitch class: amplitude times seconds sounding within the slot.

    Args:
        tempo: beats a minute.
        offset: seconds at which the chart's first beat falls.
        beats: how many beats to cover.

    Returns:
        Shape [beats * SLOTS, 12].
    """
    slot = 60.0 / tempo / SLOTS
    count = beats * SLOTS
    out = np.zeros((count, 12))
    first = (notes["start"] - offset) / slot
    last = (notes["end"] - offset) / slot
    for note, begin, end in zip(notes, first, last, strict=True):
        low, high = max(int(np.floor(begin)), 0), min(int(np.ceil(end)), count)
        if high > low:
            places = np.arange(low, high)
            overlap = np.minimum(end, places + 1) - np.maximum(begin, places)
            out[low:high, int(note["pitch"]) % 12] += np.maximum(overlap, 0.0) * slot * float(note["amplitude"])
    return out


def beat_chroma_of_sound(times: Doubles, energy: Doubles, tempo: float, offset: float, beats: int) -> Doubles:
    """Energy by slot and pitch class, from chroma over time. Shape: [beats * SLOTS, 12]."""
    slots = np.floor((times - offset) * tempo / 60.0 * SLOTS).astype(np.int64)
    inside = (slots >= 0) & (slots < beats * SLOTS)
    out = np.zeros((beats * SLOTS, 12))
    np.add.at(out, slots[inside], energy[inside])
    return out


def chord_masks(chart: Chart, beats: int, *, scales: bool = False) -> Doubles:
    """1 on the pitch classes of the chord that sounds in each slot, its slash bass included; all 0 for N.C.

    Returns:
        Shape [beats * SLOTS, 12].
    """
    one = np.zeros((chart.beats * SLOTS, 12))
    for slot in range(len(one)):
        chord = chart.chord_at((slot + 0.5) / SLOTS)
        for tone in chord.scale if scales else chord.pitch_classes:
            one[slot, tone] = 1.0
        if chord.bass is not None:
            one[slot, chord.bass] = 1.0
    return np.resize(one, (beats * SLOTS, 12)) if len(one) < beats * SLOTS else one[: beats * SLOTS]


def measure_fit(
    energy: Doubles, chart: Chart, changes: NDArray[Any] | None = None, *, anticipation: float = 0.0, seed: int = 0
) -> ChordFit:
    """Every measure of harmony.

    Args:
        energy: from `beat_chroma_of_notes` or `beat_chroma_of_sound`; shape [beats * SLOTS, 12].
        chart: what was asked; beat 0 of it is slot 0.
        changes: (beat, pitch class) of the bass notes at chord changes, shape [n, 2], or None.
        anticipation: beats before each chord change that are not judged: players lead into the next chord.
        seed: of the orders of bars.
    """
    beats = len(energy) // SLOTS
    masks = chord_masks(chart, beats)
    judged = (masks.sum(axis=1) > 0) & ~_before_changes(chart, beats, anticipation)
    energy = energy * judged[:, None]
    total = energy.sum()
    if total <= 0:
        nan = float("nan")
        return ChordFit(nan, nan, nan, nan, nan, 0, nan, nan, nan, 0)
    weight = energy.sum(axis=1) / total
    fit = float((energy * masks).sum() / total)
    keys = np.array([(energy * np.roll(masks, shift, axis=1)).sum() / total for shift in range(1, 12)])
    orders = _shuffled_fits(energy, masks, chart.beats_per_bar * SLOTS, seed) / total
    bass, bass_other, count = _bass_share(chart, changes)
    return ChordFit(
        fit=fit,
        chance=float((weight * masks.sum(axis=1)).sum() / 12.0),
        shuffled=float(orders.mean()),
        transposed=float(keys.mean()),
        scale=float((energy * chord_masks(chart, beats, scales=True)).sum() / total),
        key_rank=int((keys > fit).sum()),
        shuffle_rank=float((orders >= fit - 1e-12).mean()),
        bass=bass,
        bass_transposed=bass_other,
        bass_changes=count,
    )


def _before_changes(chart: Chart, beats: int, anticipation: float) -> NDArray[np.bool_]:
    out = np.zeros(beats * SLOTS, bool)
    if anticipation > 0:
        for slot in range(len(out)):
            beat = (slot + 0.5) / SLOTS
            out[slot] = chart.next_change(beat)[0] - beat < anticipation
    return out


def _shuffled_fits(energy: Doubles, masks: Doubles, bar: int, seed: int) -> Doubles:
    """Summed energy on chord tones for other orders of the bars; no bar stays where it was if that can be. Shape [SHUFFLES]."""
    rng = np.random.default_rng(seed)
    count = -(-len(masks) // bar)
    padded = np.zeros((count * bar, 12))
    padded[: len(masks)] = masks
    sound = np.zeros((count * bar, 12))
    sound[: len(energy)] = energy
    table = np.einsum("isp,jsp->ij", sound.reshape(count, bar, 12), padded.reshape(count, bar, 12))
    return np.array([table[np.arange(count), _derangement(rng, count)].sum() for _ in range(SHUFFLES)])


def _derangement(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """A cycle through all places in random order: nothing keeps its place."""
    order = rng.permutation(count)
    out = np.empty(count, np.int64)
    out[order] = np.roll(order, 1)
    return out


def changes_of_chart(chart: Chart, beats: int) -> list[float]:
    """Beats at which a new chord begins, the first beat included."""
    out, beat = [0.0], 0.0
    while (following := chart.next_change(beat)[0]) < beats:
        out.append(following)
        beat = following
    return out


def bass_of_notes(notes: HeardNotes, chart: Chart, tempo: float, offset: float, beats: int) -> Doubles:
    """(beat, pitch class) of the lowest note that begins within a third of a beat of each chord change. Shape: [n, 2]."""
    low = notes[notes["pitch"] <= BASS_TOP]
    at = (low["start"] - offset) * tempo / 60.0
    found = []
    for beat in changes_of_chart(chart, beats):
        near = low["pitch"][np.abs(at - beat) < 1 / 3]
        if len(near):
            found.append((beat, float(near.min() % 12)))
    return np.array(found, np.float64).reshape(-1, 2)


def bass_of_sound(
    times: Doubles, pitches: NDArray[np.int64], strengths: Doubles, chart: Chart, tempo: float, offset: float, beats: int
) -> Doubles:
    """(beat, pitch class) of the strongest bass within the first three quarters of a beat of each chord. Shape: [n, 2]."""
    at = (times - offset) * tempo / 60.0
    found = []
    for beat in changes_of_chart(chart, beats):
        inside = (at >= beat + 0.1) & (at < beat + 0.75) & (pitches > 0)
        if inside.any():
            votes = np.bincount(pitches[inside] % 12, weights=strengths[inside], minlength=12)
            found.append((beat, float(votes.argmax())))
    return np.array(found, np.float64).reshape(-1, 2)


def _bass_share(chart: Chart, changes: NDArray[Any] | None) -> tuple[float, float, int]:
    if changes is None or len(changes) == 0:
        return float("nan"), float("nan"), 0
    wanted = np.array([-1 if (c := chart.chord_at(beat).bass_class) is None else c for beat, _ in changes])
    played = changes[:, 1].astype(np.int64)[wanted >= 0]
    wanted = wanted[wanted >= 0]
    if len(wanted) == 0:
        return float("nan"), float("nan"), 0
    others = [np.mean((wanted + shift) % 12 == played) for shift in range(1, 12)]
    return float(np.mean(wanted == played)), float(np.mean(others)), len(wanted)
