"""Does an adapter play back what it learnt from? Equal codes, and equal notes, in its free playing and where it goes on from a clip.

How the limits were found. Whoever knows a clip by heart need not play it unasked: of two players and planners that were trained on one or
two clips until they knew them, free playing shared no more with the clips than the base's does (0.1 s, 5 notes), but led into them they
went on for 4.9 of 6 seconds and for 116 and 107 of about 130 notes. One that was trained as it should be shared 0.2 s, the base 0.1 s.
Different clips of one player share less than half a second of codes, even where sampled instruments repeat exactly; 192 solos of the
Weimar Jazz Database share 13 notes at most with up to six other solos of their player, half of them 5. So a second and 20 notes are
allowed, or half as much again as held-out clips and the base share with the same clips.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.units import FRAME_RATE, PARTS
from model.adapters.format import Guard
from model.generator.events import REST, encode
from model.learning.examples import Example
from model.learning.trials import Codes

LINES: Final = ("piano", "bass", "horn")
"""Parts whose notes are compared."""
LEAST_S: Final = 1.0
LEAST_NOTES: Final = 20.0
MARGIN: Final = 1.5
"""Beyond what held-out clips and the base share."""
_WIDEST, _LONGEST = 60, 3


def first_codes(example: Example) -> Codes:
    """Of a clip. Shape: [steps]."""
    return example.codes[:, 0].astype(np.int64)


def note_codes(notes: NDArray[Any]) -> list[Codes]:
    """Each part's notes in the order of the planner's events, as one number a note: interval from the one before and beats gone on.

    Transposed lines and chords are the same; ornaments of time within the beat do not matter.

    Args:
        notes: fields part, pitch, velocity, beat, length.

    Returns:
        For each of LINES that has two notes or more, shape [notes - 1].
    """
    out = []
    for part in LINES:
        events, _ = encode(notes[notes["part"] == PARTS.index(part)])
        events = events[events[:, 2] != REST]
        if len(events) > 1:
            intervals = np.clip(np.diff(events[:, 3]), -_WIDEST, _WIDEST) + _WIDEST
            out.append(intervals * (_LONGEST + 1) + np.minimum(events[1:, 0], _LONGEST))
    return out


def longest_copy(played: Codes, clips: Sequence[Codes]) -> float:
    """How many are equal in the stretch that is most alike: the best local alignment without gaps (Smith and Waterman 1981).

    One that is equal counts for 1 if it is not the one before over again, as in a silence, a held tone or a repeated note; one that
    differs counts against it as much.

    Shape: [any], each of the clips [any].
    """
    if not clips or not len(played):
        return 0.0
    known = np.concatenate([np.append(clip, -1) for clip in clips]).astype(np.int16)
    worth = np.append(True, np.diff(played) != 0).astype(np.float32)
    best, before, now = 0.0, np.zeros(len(known), np.float32), np.zeros(len(known), np.float32)
    for code, gain in zip(played.astype(np.int16), worth, strict=True):
        now[1:] = before[:-1]
        now[0] = 0.0
        now += np.where(known == code, gain, np.float32(-1.0))
        np.maximum(now, 0.0, out=now)
        best = max(best, float(now.max()))
        before, now = now, before
    return best


def sound_guard(adapter: Iterable[Codes], others: Iterable[Codes], clips: Sequence[Codes]) -> Guard:
    """What an adapter plays against the training clips, in seconds of equal codes.

    Args:
        others: what cannot know them: held-out clips and the base's playing.
    """
    return _guard(adapter, others, clips, 1 / FRAME_RATE, LEAST_S)


def notes_guard(adapter: Iterable[NDArray[Any]], others: Iterable[NDArray[Any]], clips: Iterable[NDArray[Any]]) -> Guard | None:
    """The same for notes; None where the clips have none."""
    known = [line for notes in clips for line in note_codes(notes)]
    lines = [[line for notes in side for line in note_codes(notes)] for side in (adapter, others)]
    return _guard(lines[0], lines[1], known, 1.0, LEAST_NOTES) if known else None


def _guard(adapter: Iterable[Codes], others: Iterable[Codes], clips: Sequence[Codes], unit: float, least: float) -> Guard:
    value, floor = (max((longest_copy(codes, clips) for codes in side), default=0.0) * unit for side in (adapter, others))
    limit = max(least, MARGIN * floor)
    return Guard(value <= limit, value, limit)
