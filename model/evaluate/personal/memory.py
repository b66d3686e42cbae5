"""Memorising: what a clip shares with the clips of other pieces that were learned from, in notes and in sound.

In notes it is the longest run of the upper line, by intervals, so in any key and at any tempo (`model.metrics.copying`). Transcription
errs, and a run breaks where it does. So the sound is compared too, by how the levels of bands move: the highest correlation of any
three seconds with any others, in the same key and at equal tempo.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from jamd.contract.units import SAMPLE_RATE
from model.metrics.copying import PhraseIndex
from model.metrics.distances import log_mel
from model.metrics.heard import Floats

if TYPE_CHECKING:
    from model.evaluate.personal.clips import Clip

HOP: Final = 2400
"""Samples of a step: 20 a second."""
STRETCH: Final = 60
"""Steps that are compared: 3 s."""
STRIDE: Final = 10
"""Steps from one stretch of a clip to its next; every place of what was learned from is tried."""
DEPTH: Final = 4.6
"""Nepers below the loudest band's loudest moment that count: 40 dB. What is softer differs by noise and codec alone."""


def pattern(audio: Floats) -> Floats:
    """How each of 40 mel bands moves about its mean, in nepers. Shape: [frames, channels] at 48 kHz to [steps, 40]."""
    mel = log_mel(np.asarray(audio.mean(axis=1), np.float32), SAMPLE_RATE, 4096, HOP)
    bands = np.maximum(mel, mel.max() - DEPTH).reshape(len(mel), 40, 2).mean(axis=2)
    return (bands - bands.mean(axis=0)).astype(np.float32)


def _stretches(moves: Floats, stride: int) -> Floats:
    """Every so many steps a stretch of length 1, its mean taken off. Shape: [steps, bands] to [stretches, STRETCH * bands]."""
    rows = np.lib.stride_tricks.sliding_window_view(moves, STRETCH, axis=0)[::stride].reshape(-1, STRETCH * moves.shape[1])
    rows = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6), np.float32)


def closest(source: Sequence[Clip], clips: Sequence[Clip]) -> list[float]:
    """Of each clip the highest correlation of three seconds with three seconds of another piece; 0 where there are none so long."""
    out = [0.0] * len(clips)
    own = [_stretches(clip.pattern, STRIDE) if len(clip.pattern) >= STRETCH else None for clip in clips]
    for other in source:
        if len(other.pattern) < STRETCH:
            continue
        theirs = _stretches(other.pattern, 1)
        for index, (clip, mine) in enumerate(zip(clips, own, strict=True)):
            if mine is not None and clip.piece != other.piece:
                out[index] = max(out[index], float((mine @ theirs.T).max()))
    return out


def longest(source: Sequence[Clip], clips: Sequence[Clip]) -> list[float]:
    """Of each clip the longest run of notes that is in a line of another piece; 0: none of five or more.

    Clips whose line is not known count as such that share nothing.
    """
    out = []
    indexes: dict[str, PhraseIndex] = {}
    for clip in clips:
        if clip.piece not in indexes:
            indexes[clip.piece] = PhraseIndex(rhythm=False)
            for other in source:
                if other.line and other.piece != clip.piece:
                    indexes[clip.piece].add(other.line)
        out.append(float(indexes[clip.piece].longest(clip.line or ()).notes))
    return out
