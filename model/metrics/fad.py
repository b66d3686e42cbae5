"""Fréchet distance of two sets of sounds in the space of an independent network's embeddings (FAD; Kilgour et al. 2019).

The distance of two Gaussians (Dowson and Landau 1982, equation 2): |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)). Estimated from few
samples it is too large, by about a constant over their number (Chong and Forsyth 2020; Gui et al. 2024, "Adapting Fréchet Audio
Distance for Generative Music Evaluation", section 3.3): only distances from equally many samples can be compared, `extrapolated` takes
the bias off, and `floor` says what the measure comes to where there is no difference. The embedding is the penultimate layer of musicnn,
which knows nothing of this project; Gui et al. found FAD to depend on the embedding, so its name belongs beside every figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model.metrics import musicnn
from model.metrics.heard import Doubles

EMBEDDING: Final = "musicnn (MSD), penultimate layer, 200 numbers, 3 s patches, one a second"
SIZES: Final = 8
"""Sample sizes that the extrapolation fits."""


@dataclass(frozen=True)
class Moments:
    """Mean, shape [size], and covariance, shape [size, size], of `count` embeddings."""

    mean: Doubles
    covariance: Doubles
    count: int


def moments(embeddings: NDArray[Any]) -> Moments:
    """Moments of embeddings of shape [count, size].

    Raises:
        ValueError: fewer than two, or not finite.
    """
    table = np.asarray(embeddings, np.float64)
    if table.ndim != 2 or len(table) < 2:
        raise ValueError(f"a distance needs two embeddings or more a set, [count, size], not {list(table.shape)}")
    if not np.isfinite(table).all():
        raise ValueError("an embedding is not finite")
    mean = table.mean(axis=0)
    centred = table - mean
    return Moments(mean, centred.T @ centred / (len(table) - 1), len(table))


def frechet(one: Moments, two: Moments) -> float:
    """Fréchet distance (squared 2-Wasserstein) of two Gaussians, 0 or more.

    The root is taken by eigenvalues of C1^(1/2) C2 C1^(1/2), which is symmetric: singular covariances, as with fewer samples than
    numbers, need no offset on the diagonal.

    Raises:
        ValueError: sizes differ.
    """
    if one.mean.shape != two.mean.shape:
        raise ValueError(f"embeddings of {len(one.mean)} and {len(two.mean)} numbers cannot be compared")
    values, vectors = np.linalg.eigh(one.covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    cross = np.linalg.eigvalsh(root @ two.covariance @ root)
    apart = float(((one.mean - two.mean) ** 2).sum())
    spread = float(np.trace(one.covariance) + np.trace(two.covariance) - 2.0 * np.sqrt(np.maximum(cross, 0.0)).sum())
    return max(apart + spread, 0.0)


def fad(reference: NDArray[Any], estimate: NDArray[Any]) -> float:
    """Fréchet distance of two sets of embeddings, each of shape [count, size]; biased upward, see the module.

    Raises:
        ValueError: fewer than two embeddings a set, sizes differ, or a value is not finite.
    """
    return frechet(moments(reference), moments(estimate))


def extrapolated(reference: NDArray[Any], estimate: NDArray[Any], *, seed: int = 0) -> float:
    """FAD at infinitely many samples of `estimate`, by a line in 1 / count (Gui et al. 2024, equation 3).

    The bias of the reference set stays: it should be large. Can come out below 0. Arguments and errors as of `fad`.
    """
    table = np.asarray(estimate, np.float64)
    if len(table) < 16:
        raise ValueError(f"{len(table)} embeddings are too few to extrapolate; 16 are the least")
    base = moments(reference)
    rng = np.random.default_rng(seed)
    counts = np.linspace(max(len(table) // 4, 4), len(table), SIZES).astype(int)
    values = [frechet(base, moments(table[rng.choice(len(table), count, replace=False)])) for count in counts]
    return float(np.polyfit(1.0 / counts, values, 1)[1])


def floor(groups: Sequence[NDArray[Any]], *, splits: int = 20, seed: int = 0) -> tuple[float, float]:
    """FAD of one half of a set from the other: what the measure comes to without any difference in kind.

    Args:
        groups: embeddings by clip, each of shape [count, size]; a clip's stay together, because neighbours are alike.
        splits: random halvings.
        seed: of the halvings.

    Returns:
        Mean and standard deviation over the halvings. Each half has half as many samples, so that this is above the floor of the whole.

    Raises:
        ValueError: fewer than four clips.
    """
    if len(groups) < 4:
        raise ValueError(f"{len(groups)} clips are too few to halve; 4 are the least")
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(splits):
        order = rng.permutation(len(groups))
        half = len(groups) // 2
        one = np.concatenate([groups[index] for index in order[:half]])
        two = np.concatenate([groups[index] for index in order[half : 2 * half]])
        out.append(fad(one, two))
    return float(np.mean(out)), float(np.std(out))


def available() -> bool:
    """Whether sounds can be embedded here."""
    return musicnn.available()


def embed(audio: NDArray[Any], rate: int) -> NDArray[np.float32]:
    """Embeddings of a sound by EMBEDDING. Shape: audio [samples] or [samples, channels], full scale 1, to [count, 200].

    Raises:
        FailureError: musicnn is not installed.
    """
    return musicnn.embed(audio, rate)
