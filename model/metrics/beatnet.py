"""BeatNet's trained beat activations (Heydari, Cwitkowitz, Duan 2021), as an ear that is not ours.

The package `BeatNet` brings its weights, but also needs madmom and PyAudio, which do not build everywhere. Here only the
weight file is taken from it; features (log-filtered spectrogram and its rises, after madmom) and decoding are made here.
Install: `pip install --no-deps BeatNet==1.1.3`.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.errors import FailureError
from model.metrics.heard import Doubles, Floats, to_mono
from model.metrics.tempo import TempoEstimate, tempo_of_activation

RATE: Final = 22_050
HOP: Final = 441
WINDOW: Final = 1411
FPS: Final = RATE / HOP
BANDS: Final = 136
HIDDEN: Final = 150
KERNEL: Final = 10


def weights_path() -> Path | None:
    """Where the installed package keeps its first model; None if it is not installed."""
    spec = find_spec("BeatNet")
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(next(iter(spec.submodule_search_locations))) / "models" / "model_1_weights.pt"
    return path if path.is_file() else None


def available() -> bool:
    """Whether the package's weights are installed."""
    return weights_path() is not None


@cache
def _filters() -> Doubles:
    """Triangles on a logarithmic axis, 24 an octave, each with area 1. Shape: [WINDOW // 2, BANDS]."""
    bins = np.arange(WINDOW // 2) * RATE / (WINDOW // 2 * 2)
    low, high = np.floor(np.log2(30 / 440) * 24), np.ceil(np.log2(17_000 / 440) * 24)
    wanted = 440.0 * 2.0 ** (np.arange(low, high) / 24)
    wanted = wanted[(wanted >= 30) & (wanted <= 17_000)]
    right = np.clip(np.searchsorted(bins, wanted), 1, len(bins) - 1)
    places = np.unique(right - (wanted - bins[right - 1] < bins[right] - wanted))
    columns = []
    for start, centre, stop in zip(places, places[1:], places[2:], strict=False):
        if stop - start < 2:
            centre, stop = start, start + 1
        column = np.zeros(len(bins))
        column[start:centre] = np.linspace(0, 1, centre - start, endpoint=False)
        column[centre:stop] = np.linspace(1, 0, stop - centre, endpoint=False)
        columns.append(column / column.sum())
    return np.stack(columns, axis=1)


def features(audio: NDArray[Any], rate: int) -> Floats:
    """Log spectrogram and its rises. Shape: [steps, 2 * BANDS]."""
    mono = to_mono(audio, rate, RATE)
    count = 1 + len(mono) // HOP
    padded = np.pad(mono, (WINDOW // 2, WINDOW + HOP))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:count]
    magnitude = np.abs(np.fft.rfft(frames * np.hanning(WINDOW), axis=1))[:, : WINDOW // 2]
    logs = np.log10(1.0 + magnitude @ _filters())
    rises = np.zeros_like(logs)
    rises[1:] = np.maximum(logs[1:] - logs[:-1], 0.0)
    return np.hstack([logs, rises]).astype(np.float32)


def activations(audio: NDArray[Any], rate: int) -> Doubles:
    """Probabilities of a beat that is no downbeat, and of a downbeat. Shape: [steps, 2], FPS steps a second.

    Raises:
        FailureError: the package is not installed.
    """
    import torch
    from torch import nn

    path = weights_path()
    if path is None:
        raise FailureError("BeatNet is not installed: pip install --no-deps BeatNet==1.1.3")
    state = torch.load(path, map_location="cpu", weights_only=True)
    lstm = nn.LSTM(HIDDEN, HIDDEN, 2, batch_first=True)
    lstm.load_state_dict({name.removeprefix("lstm."): value for name, value in state.items() if name.startswith("lstm.")})
    with torch.inference_mode():
        frames = torch.from_numpy(features(audio, rate)).unsqueeze(1)
        hidden = nn.functional.conv1d(frames, state["conv1.weight"], state["conv1.bias"]).relu()
        hidden = nn.functional.max_pool1d(hidden, 2).flatten(1)
        hidden = nn.functional.linear(hidden, state["linear0.weight"], state["linear0.bias"])
        out = nn.functional.linear(lstm(hidden.unsqueeze(0))[0][0], state["linear.weight"], state["linear.bias"])
        return out.softmax(dim=1)[:, :2].double().numpy()


def estimate_tempo(audio: NDArray[Any], rate: int) -> TempoEstimate:
    """Tempo of BeatNet's beats.

    Raises:
        FailureError: the package is not installed.
    """
    return tempo_of_activation(activations(audio, rate).sum(axis=1), FPS, "BeatNet")
