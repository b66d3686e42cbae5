"""What the left hands of jazz pianists do, from transcriptions of trio recordings.

Expected: `jtd_skyline/NAME_full.MID`, all notes of a piano, and `NAME_manual.MID`, its melody alone, of
HuwCheston/deep-pianist-identification (MIT), transcribed by machine from recordings in the Jazz Trio Database. What is
in the first and not in the second is the accompaniment; three or more of its notes at once are a chord.

The files have no beats, no chord symbols and no bass. So times are in seconds, where a chord falls within the beat cannot
be told, and no chord here has a known root: a voicing is known by its shape alone, the intervals above its lowest note.
`draw_voicings` therefore looks among the real shapes for those that, set somewhere, say the chord asked for: all notes
tones or plain tensions of it, the third and the seventh among them. The shape is a pianist's; that he played it on that
chord is not claimed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path
from typing import Final, TypeVar

import mido
import numpy as np

from jamd.contract.chart import Chord

TOGETHER_S: Final = 0.04
"""Notes that begin within this belong to one chord."""
SAME_S: Final = 0.06
"""A note of the melody is the same as one of the whole if it begins within this."""
LOW, HIGH = 40, 84
LOW_CLOSE: Final = 48
"""Below this, the lowest two notes of a voicing lie a fifth or more apart."""
SPAN: Final = 19
"""Semitones from the lowest to the highest note of a chord that counts as a voicing."""
VOICES: Final = (3, 6)

_T = TypeVar("_T", int, float)
_Note = tuple[float, float, int, int]
"""onset and length in seconds, pitch, velocity"""


@dataclass(frozen=True)
class TrioStats:
    """The chords of one pianist, or of several. All sequences rise, so that a quantile is an index; some may be empty."""

    name: str
    chords: int
    velocities: tuple[int, ...]
    """Of each note."""
    sizes: tuple[int, ...]
    """Notes of each chord."""
    lowest: tuple[int, ...]
    """Lowest pitch of each chord."""
    spreads: tuple[float, ...]
    """Seconds from the first to the last onset within each chord."""
    lengths: tuple[float, ...]
    """Seconds that each chord sounds (the median of its notes)."""
    gaps: tuple[float, ...]
    """Seconds from each chord's onset to the next one's."""
    shapes: tuple[tuple[tuple[int, ...], int], ...]
    """(intervals above the lowest note, how often), the most frequent first."""

    def draw_velocity(self, rng: np.random.Generator, energy: float) -> int:
        """A velocity 1..127 for an energy 0..1: the quantile that the energy says, give or take. 64 if there are none."""
        if not self.velocities:
            return 64
        place = np.clip(0.08 + 0.84 * energy + rng.normal(0, 0.12), 0, 1)
        return int(self.velocities[round(float(place) * (len(self.velocities) - 1))])

    def draw_size(self, rng: np.random.Generator) -> int:
        """How many notes a chord has. 4 if nothing is known."""
        return _draw(rng, self.sizes, 4)

    def draw_lowest(self, rng: np.random.Generator) -> int:
        """The lowest pitch of a chord. 52 if nothing is known."""
        return _draw(rng, self.lowest, 52)

    def draw_spread(self, rng: np.random.Generator) -> float:
        """Seconds between the first and the last note of a chord. 0.01 if nothing is known."""
        return _draw(rng, self.spreads, 0.01)

    def draw_length(self, rng: np.random.Generator) -> float:
        """Seconds that a chord sounds. 0.3 if nothing is known."""
        return _draw(rng, self.lengths, 0.3)

    def draw_gap(self, rng: np.random.Generator) -> float:
        """Seconds from one chord to the next. 1.0 if nothing is known."""
        return _draw(rng, self.gaps, 1.0)

    def draw_voicings(self, rng: np.random.Generator, chord: Chord, count: int) -> list[list[int]]:
        """Pitches, rising, of real shapes that say `chord`, near a real place; none if there is no such shape.

        See the module on what is and is not claimed.
        """
        found: list[tuple[tuple[int, ...], int]] = []
        weights: list[int] = []
        tones, guides = _allowed(chord), _guides(chord)
        if chord.root is None or not guides:
            return []
        for shape, often in self.shapes:
            if chord.family != "dominant" and any(b - a == 13 for a, b in combinations(shape, 2)):
                continue
            for low in range(12):
                classes = {(low + interval) % 12 for interval in shape}
                if classes <= tones and guides <= classes:
                    found.append((shape, low))
                    weights.append(often)
        if not found:
            return []
        share = np.array(weights, np.float64)
        share /= share.sum()
        return [self._placed(rng, *found[int(rng.choice(len(found), p=share))]) for _ in range(count)]

    def _placed(self, rng: np.random.Generator, shape: tuple[int, ...], low: int) -> list[int]:
        around = self.draw_lowest(rng)
        bottom = around + (low - around + 6) % 12 - 6
        while bottom + shape[-1] > HIGH:
            bottom -= 12
        while bottom < (LOW if shape[1] >= 7 else LOW_CLOSE):
            bottom += 12
        return [bottom + interval for interval in shape]


def read_trio(full: Path, melody: Path) -> TrioStats:
    """The statistics of one pianist; `chords` may be 0 where there is only melody.

    Raises:
        ValueError: there are no notes.
        OSError, EOFError, KeyError, IndexError: not MIDI files.
    """
    notes = _accompaniment(_read(full), _read(melody))
    chords = _chords(notes)
    shapes: Counter[tuple[int, ...]] = Counter()
    for chord in chords:
        pitches = sorted({note[2] for note in chord})
        if VOICES[0] <= len(pitches) <= VOICES[1] and pitches[-1] - pitches[0] <= SPAN:
            shapes[tuple(pitch - pitches[0] for pitch in pitches)] += 1
    starts = [chord[0][0] for chord in chords]
    return TrioStats(
        name=full.stem.removesuffix("_full"),
        chords=len(chords),
        velocities=tuple(sorted(note[3] for chord in chords for note in chord)),
        sizes=tuple(sorted(len(chord) for chord in chords)),
        lowest=tuple(sorted(min(note[2] for note in chord) for chord in chords)),
        spreads=tuple(sorted(chord[-1][0] - chord[0][0] for chord in chords)),
        lengths=tuple(sorted(float(np.median([note[1] for note in chord])) for chord in chords)),
        gaps=tuple(sorted(b - a for a, b in pairwise(starts))),
        shapes=_ranked(shapes),
    )


def pooled(stats: Sequence[TrioStats]) -> TrioStats:
    """All pianists as one."""
    shapes: Counter[tuple[int, ...]] = Counter()
    for one in stats:
        shapes.update(dict(one.shapes))
    return TrioStats(
        name="all",
        chords=sum(one.chords for one in stats),
        velocities=tuple(sorted(v for one in stats for v in one.velocities)),
        sizes=tuple(sorted(v for one in stats for v in one.sizes)),
        lowest=tuple(sorted(v for one in stats for v in one.lowest)),
        spreads=tuple(sorted(v for one in stats for v in one.spreads)),
        lengths=tuple(sorted(v for one in stats for v in one.lengths)),
        gaps=tuple(sorted(v for one in stats for v in one.gaps)),
        shapes=_ranked(shapes),
    )


def _ranked(shapes: Counter[tuple[int, ...]]) -> tuple[tuple[tuple[int, ...], int], ...]:
    return tuple(sorted(shapes.items(), key=lambda item: (-item[1], item[0])))


def _draw(rng: np.random.Generator, values: Sequence[_T], default: _T) -> _T:
    return values[int(rng.integers(len(values)))] if values else default


def _guides(chord: Chord) -> set[int]:
    """Third (or fourth), seventh (or sixth) and the fifth where the name bends it, as pitch classes."""
    if chord.root is None:
        return set()
    third = next((i for i in (4, 3, 5, 2) if i in chord.intervals), None)
    seventh = next((i for i in (10, 11, 9) if i in chord.intervals), None)
    fifth = {"half_diminished": 6, "diminished": 6, "augmented": 8}.get(chord.family)
    return {(chord.root + i) % 12 for i in (third, seventh, fifth) if i is not None}


def _allowed(chord: Chord) -> set[int]:
    """Chord tones, and the ninth, thirteenth and (in minor) eleventh where the scale has them."""
    if chord.root is None:
        return set()
    tensions = [2, 5] if chord.family in ("minor", "half_diminished") else [2, 9]
    if 1 in chord.intervals or {3, 4} <= set(chord.intervals):
        tensions = [9]
    return set(chord.pitch_classes) | {(chord.root + i) % 12 for i in tensions if (chord.root + i) % 12 in chord.scale}


def _read(path: Path) -> list[_Note]:
    midi = mido.MidiFile(path)
    seconds = 0.0
    held: dict[int, tuple[float, int]] = {}
    out: list[_Note] = []
    for message in midi:
        seconds += message.time
        if message.type not in ("note_on", "note_off"):
            continue
        if message.note in held:
            start, velocity = held.pop(message.note)
            out.append((start, seconds - start, message.note, velocity))
        if message.type == "note_on" and message.velocity > 0:
            held[message.note] = (seconds, message.velocity)
    if not out:
        raise ValueError(f"{path.name}: no notes")
    return sorted(out)


def _accompaniment(notes: Sequence[_Note], melody: Sequence[_Note]) -> list[_Note]:
    """The notes that are not in the melody."""
    by_pitch: dict[int, list[float]] = {}
    for onset, _, pitch, _ in melody:
        by_pitch.setdefault(pitch, []).append(onset)
    out = []
    for note in notes:
        onsets = by_pitch.get(note[2], [])
        place = bisect_right(onsets, note[0] + SAME_S)
        if place == 0 or onsets[place - 1] < note[0] - SAME_S:
            out.append(note)
    return out


def _chords(notes: Sequence[_Note]) -> list[list[_Note]]:
    """Three or more notes that begin together."""
    groups: list[list[_Note]] = []
    for note in notes:
        if groups and note[0] - groups[-1][0][0] <= TOGETHER_S:
            groups[-1].append(note)
        else:
            groups.append([note])
    return [group for group in groups if len({note[2] for note in group}) >= VOICES[0]]
