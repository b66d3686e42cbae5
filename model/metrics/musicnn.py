"""Embeddings by musicnn (Pons and Serra 2019, "musicnn: pre-trained convolutional neural networks for music audio tagging").

Only the weights are taken from the package `musicnn`: importing it would bring TensorFlow 1. The network and its log-mel are made here
after the paper and the package's models.py. Trained to tag the Million Song Dataset, it hears music at 16 kHz in one channel: what a
coder does above 8 kHz or to the stereo image does not count. Install: `pip install --no-deps musicnn==0.1.0`.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.errors import FailureError
from model.metrics.heard import Doubles, Floats, to_mono
from model.metrics.tensorbundle import read_bundle

if TYPE_CHECKING:
    from torch import Tensor

RATE: Final = 16_000
WINDOW: Final = 512
HOP: Final = 256
MELS: Final = 96
PATCH: Final = 187
"""Steps the network hears at once: 3 s, as in its training."""
STRIDE: Final = 62
"""Steps from patch to patch: 1 s."""
SIZE: Final = 200
"""Numbers of the penultimate layer."""
EPSILON: Final = 1e-3
"""Of batch normalisation; TensorFlow's default."""


def weights_path() -> Path | None:
    """Where the installed package keeps its checkpoint; None if it is not installed."""
    spec = find_spec("musicnn")
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(next(iter(spec.submodule_search_locations))) / "MSD_musicnn" / ".index"
    return path if path.is_file() else None


def available() -> bool:
    """Whether the package's weights are installed."""
    return weights_path() is not None


@cache
def _weights() -> dict[str, Tensor]:
    path = weights_path()
    if path is None:
        raise FailureError("musicnn is not installed: pip install --no-deps musicnn==0.1.0")
    import torch

    return {name: torch.from_numpy(value.copy()) for name, value in read_bundle(path).items() if "Adam" not in name}


@cache
def _mel_filters() -> Doubles:
    """Triangles on Slaney's mel scale, each of equal area (librosa's default). Shape: [MELS, WINDOW // 2 + 1]."""
    step = 200.0 / 3.0
    ratio = np.log(6.4) / 27.0
    marks = np.linspace(0.0, 15.0 + np.log(RATE / 2 / 1000.0) / ratio, MELS + 2)
    hertz = np.where(marks < 15.0, marks * step, 1000.0 * np.exp(ratio * (marks - 15.0)))
    bins = np.arange(WINDOW // 2 + 1) * RATE / WINDOW
    rising = (bins - hertz[:-2, None]) / np.diff(hertz)[:-1, None]
    falling = (hertz[2:, None] - bins) / np.diff(hertz)[1:, None]
    filters = np.maximum(np.minimum(rising, falling), 0.0)
    return np.asarray(filters * (2.0 / (hertz[2:] - hertz[:-2]))[:, None])


def features(audio: NDArray[Any], rate: int) -> Floats:
    """log10(1 + 10000 mel power). The package rounds to half precision, which overflows in loud music; here it does not.

    Args:
        audio: shape [samples] or [samples, channels], full scale 1.
        rate: samples a second.

    Returns:
        Shape [1 + samples at 16 kHz // HOP, MELS].
    """
    mono = to_mono(audio, rate, RATE)
    padded = np.pad(mono, (WINDOW // 2, WINDOW // 2))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(WINDOW + 1)[:-1], axis=1)) ** 2
    return np.log10(1.0 + 10_000.0 * (power @ _mel_filters().T)).astype(np.float32)


def _normal(x: Tensor, weights: dict[str, Tensor], number: int, axis: int) -> Tensor:
    """Batch normalisation with stored moments over the channels on an axis."""
    name = f"batch_normalization_{number}" if number else "batch_normalization"
    shape = [1] * x.dim()
    shape[axis] = -1
    scale = weights[f"{name}/gamma"] / (weights[f"{name}/moving_variance"] + EPSILON).sqrt()
    shift = weights[f"{name}/beta"] - weights[f"{name}/moving_mean"] * scale
    return x * scale.view(shape) + shift.view(shape)


def _convolve(x: Tensor, weights: dict[str, Tensor], number: int, pad: tuple[int, int]) -> Tensor:
    """ReLU of a convolution, zeros before and after in time. Shape: [batch, 1, time, bands] to [batch, filters, time, bands]."""
    from torch.nn import functional

    name = f"conv2d_{number}" if number else "conv2d"
    kernel = weights[f"{name}/kernel"].permute(3, 2, 0, 1)
    return functional.conv2d(functional.pad(x, (0, 0, *pad)), kernel, weights[f"{name}/bias"]).relu()


def penultimate(patches: Tensor) -> Tensor:
    """The layer before the tags. Shape: [batch, time, MELS] to [batch, SIZE]."""
    import torch

    weights = _weights()
    x = _normal(patches.unsqueeze(1), weights, 0, 1)
    pads = ((3, 3), (3, 3), (63, 64), (31, 32), (15, 16))
    blocks = [_normal(_convolve(x, weights, n, pad), weights, n + 1, 1).amax(dim=3) for n, pad in enumerate(pads)]
    front = torch.cat(blocks, dim=1)  # [batch, 561, time]
    features_by_layer, residual = [front], front
    for number in range(5, 8):
        one = _convolve(residual.transpose(1, 2).unsqueeze(1), weights, number, (3, 3)).squeeze(3)
        one = _normal(one, weights, number + 1, 1)
        residual = one if number == 5 else one + residual
        features_by_layer.append(residual)
    whole = torch.cat(features_by_layer, dim=1)
    pooled = torch.stack((whole.amax(dim=2), whole.mean(dim=2)), dim=2).flatten(1)
    hidden = _normal(pooled, weights, 9, 1) @ weights["dense/kernel"] + weights["dense/bias"]
    return _normal(hidden.relu(), weights, 10, 1)


def embed(audio: NDArray[Any], rate: int) -> Floats:
    """Embeddings of the sound, one a second, each of 3 s; a shorter sound is filled up with silence and has one.

    Args:
        audio: shape [samples] or [samples, channels], full scale 1.
        rate: samples a second.

    Returns:
        Shape [patches, SIZE].

    Raises:
        FailureError: the package is not installed.
    """
    import torch

    steps = features(audio, rate)
    if len(steps) < PATCH:
        steps = np.pad(steps, ((0, PATCH - len(steps)), (0, 0)))
    starts = range(0, len(steps) - PATCH + 1, STRIDE)
    out = []
    with torch.inference_mode():
        for first in range(0, len(starts), 4):
            batch = np.stack([steps[start : start + PATCH] for start in starts[first : first + 4]])
            out.append(penultimate(torch.from_numpy(batch)).numpy())
    return np.concatenate(out)
