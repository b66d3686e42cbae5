"""Fréchet distance in two embeddings: musicnn, which knows nothing of this project, and the style encoder's audio tower.

Every clip gives as many embeddings as any other, evenly spread over it, so that sets of as many clips have as many of them: the bias of
a Fréchet distance depends on their number (see `model.metrics.fad`). The value is that of `model.metrics.fad.fad`, in a form that is quick
for few embeddings of many numbers: the trace of (C1 C2)^(1/2) is the sum of the singular values of X1 X2^T, X the centred rows over
the root of their number less one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from jamd.contract.units import SAMPLE_RATE
from model.metrics import musicnn
from model.metrics.heard import Doubles, Floats

if TYPE_CHECKING:
    from model.style.encoder import StyleEncoder

PATCHES: Final = 8
"""Embeddings by musicnn a clip, of 3 s each."""
WINDOWS: Final = 6
"""Embeddings by the style encoder a clip."""
WINDOW_S: Final = 4.0


def spread(length: int, window: int, count: int) -> list[int]:
    """Starts of `count` windows, evenly from the first to the last that fits."""
    return [round(place) for place in np.linspace(0, max(length - window, 0), count)]


def by_musicnn(audio: Floats) -> Floats:
    """Shape: audio [frames, channels] at 48 kHz to [PATCHES, 200].

    Raises:
        FailureError: musicnn is not installed.
    """
    import torch

    steps = musicnn.features(audio, SAMPLE_RATE)
    if len(steps) < musicnn.PATCH:
        steps = np.pad(steps, ((0, musicnn.PATCH - len(steps)), (0, 0)))
    patches = np.stack([steps[start : start + musicnn.PATCH] for start in spread(len(steps), musicnn.PATCH, PATCHES)])
    with torch.inference_mode():
        return musicnn.penultimate(torch.from_numpy(patches)).numpy()


def by_style(audio: Floats, style: StyleEncoder) -> Floats:
    """Shape: audio [frames, 2] at 48 kHz to [WINDOWS, 512], each of length 1."""
    import torch

    length = round(WINDOW_S * SAMPLE_RATE)
    sound = np.pad(audio, ((0, max(length - len(audio), 0)), (0, 0)))
    batch = np.stack([sound[start : start + length].T for start in spread(len(sound), length, WINDOWS)])
    with torch.inference_mode():
        return style.embed_audio(torch.from_numpy(np.ascontiguousarray(batch)).to(style.device)).float().cpu().numpy()


def frechet(one: Floats, two: Floats) -> float:
    """Fréchet distance of two sets of embeddings, 0 or more. Shape: [n, size] and [m, size], n and m 2 or more."""
    a, b = one.astype(np.float64), two.astype(np.float64)
    mean_a, mean_b = a.mean(axis=0), b.mean(axis=0)
    a, b = (a - mean_a) / np.sqrt(len(a) - 1), (b - mean_b) / np.sqrt(len(b) - 1)
    cross: Doubles = np.linalg.svd(a @ b.T, compute_uv=False)
    value = float(((mean_a - mean_b) ** 2).sum() + (a**2).sum() + (b**2).sum() - 2.0 * cross.sum())
    return max(value, 0.0)
