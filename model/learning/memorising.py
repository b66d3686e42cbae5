"""Does an adapter play back what it learnt from? Equal codes, and equal runs of notes.

How the limits were found. Codes: clips of one player share less than half a second of equal codes with each other, over all sounds of
the corpus, whose sampled instruments repeat exactly; so a second is asked, or half as much again as held-out clips and the base
share with the same training clips. Notes: of 280 solos of the Weimar Jazz Database no one shares more than 7 notes, interval and
rhythm, with up to six other solos of its player; so 12 are asked, or half as much again as held-out clips and the base's plans share.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.units import FRAME_RATE
from model.adapters.format import Guard
from model.learning.examples import Example
from model.learning.trials import Codes
from model.metrics.copying import PhraseIndex, build_index, find_copies

LINES: Final = ("piano", "bass", "horn")
"""Parts that are transcribed."""
LEAST_S: Final = 1.0
LEAST_NOTES: Final = 12
MARGIN: Final = 1.5
"""Beyond what held-out clips and the base share."""


def first_codes(example: Example) -> Codes:
    """Of a clip, as `longest_copy` compares them. Shape: [steps]."""
    return example.codes[:, 0].astype(np.int64)


def longest_copy(played: Codes, clips: Sequence[Codes]) -> float:
    """Seconds of equal codes in the stretch that is most alike, the best local alignment without gaps (Smith and Waterman 1981).

    A code that is equal counts for 1 if it is not the one before over again, as in a silence or a held tone, and one that differs
    against it as much.

    Shape: [steps], each of the clips [any steps].
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
    return best / FRAME_RATE


def sound_guard(adapter: Iterable[Codes], others: Iterable[Codes], clips: Sequence[Codes]) -> Guard:
    """Adapter's playing against the training clips, with what cannot know them for comparison.

    Args:
        others: of held-out clips and of the base's playing.
    """
    value = max((longest_copy(codes, clips) for codes in adapter), default=0.0)
    floor = max((longest_copy(codes, clips) for codes in others), default=0.0)
    limit = max(LEAST_S, MARGIN * floor)
    return Guard(value <= limit, value, limit)


def notes_guard(adapter: Iterable[NDArray[Any]], others: Iterable[NDArray[Any]], clips: Sequence[Example]) -> Guard | None:
    """The same for notes, by interval and rhythm; None where no clip has notes.

    Args:
        adapter: plans (fields part, pitch, beat).
        others: plans of the base.
        clips: training and held-out.
    """
    known = [example for example in clips if example.notes is not None]
    index = build_index((_notes(example) for example in known if not example.held_out), LINES)
    if not index.lines:
        return None
    value = _longest(adapter, index)
    floor = _longest([*others, *(_notes(example) for example in known if example.held_out)], index)
    limit = max(LEAST_NOTES, MARGIN * floor)
    return Guard(value <= limit, value, limit)


def _notes(example: Example) -> NDArray[Any]:
    assert example.notes is not None
    return example.notes


def _longest(plans: Iterable[NDArray[Any]], index: PhraseIndex) -> float:
    return float(max((find_copies(plan, index, LINES).notes for plan in plans), default=0))
