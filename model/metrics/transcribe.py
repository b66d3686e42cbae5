"""Notes heard by basic-pitch (Bittner et al. 2022), through onnxruntime.

Only the network's file is taken from the package `basic-pitch` 0.4.0 (Apache 2.0; `model/weights/basic-pitch`): the package itself would
bring TensorFlow and much else. Windows and note tracking are made here, after the paper. The extra `learn` brings onnxruntime.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.errors import FailureError
from model.metrics.heard import Doubles, Floats, HeardNotes, heard, to_mono

NETWORK: Final = Path(__file__).parents[1] / "weights" / "basic-pitch" / "nmp.onnx"
RATE: Final = 22_050
HOP: Final = 256
WINDOW: Final = 43_844
OVERLAP: Final = 30 * HOP
MARGIN: Final = 15
"""Steps at each end of a window that its neighbours know better."""
LOWEST: Final = 21
"""MIDI pitch of the first row."""
ONSET: Final = 0.5
SUSTAIN: Final = 0.3
GAP: Final = 11
"""Steps below SUSTAIN after which a note is over."""
SHORTEST: Final = 5
"""Steps; 58 ms, an eighth at 320 bpm and a little less."""


def available() -> bool:
    """Whether notes can be heard here."""
    return NETWORK.is_file() and find_spec("onnxruntime") is not None


@cache
def _session() -> Any:
    if not available():
        raise FailureError("notes cannot be heard without onnxruntime, which the extra `learn` brings: pip install onnxruntime")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(NETWORK), options, providers=["CPUExecutionProvider"])


def posteriors(audio: NDArray[Any], rate: int) -> tuple[Doubles, Floats, Floats]:
    """What the network makes of a sound.

    Returns:
        times in seconds, shape [steps]; probability of a sounding note and of an onset, each of shape [steps, 88].

    Raises:
        FailureError: the package is not installed.
    """
    session = _session()
    name = session.get_inputs()[0].name
    mono = to_mono(audio, rate, RATE)
    stride = WINDOW - OVERLAP
    times, notes, onsets = [], [], []
    for begin in range(-OVERLAP // 2, max(len(mono), 1), stride):
        window = np.zeros(WINDOW, np.float32)
        low, high = max(begin, 0), min(begin + WINDOW, len(mono))
        if high > low:
            window[low - begin : high - begin] = mono[low:high]
        note, onset = session.run(["StatefulPartitionedCall:1", "StatefulPartitionedCall:2"], {name: window[None, :, None]})
        kept = slice(MARGIN, note.shape[1] - MARGIN)
        times.append((begin + np.arange(note.shape[1])[kept] * HOP) / RATE)
        notes.append(note[0, kept])
        onsets.append(onset[0, kept])
    return np.concatenate(times), np.concatenate(notes), np.concatenate(onsets)


def track_notes(times: Doubles, sounding: Floats, onsets: Floats) -> HeardNotes:
    """Notes from probabilities: each begins at a peak of the onsets and lasts while it sounds.

    Args:
        times: seconds, shape [steps].
        sounding: shape [steps, 88].
        onsets: shape [steps, 88].
    """
    left = sounding.astype(np.float64).copy()
    strength = np.maximum(onsets, _rises(sounding)).astype(np.float64)
    peak = np.zeros(strength.shape, bool)
    peak[1:-1] = (strength[1:-1] > strength[:-2]) & (strength[1:-1] >= strength[2:]) & (strength[1:-1] >= ONSET)
    steps, rows = np.nonzero(peak)
    rows_out: list[tuple[int, float, float, float]] = []
    for step, row in sorted(zip(steps.tolist(), rows.tolist(), strict=True), reverse=True):
        end = _end_of_note(left[:, row], step)
        if end - step <= SHORTEST:
            continue
        amplitude = float(sounding[step:end, row].mean())
        left[step:end, max(row - 1, 0) : row + 2] = 0.0
        rows_out.append((row + LOWEST, float(times[step]), float(times[min(end, len(times) - 1)]), amplitude))
    if not rows_out:
        return heard([], [], [], [])
    pitch, start, end_s, amplitudes = zip(*rows_out, strict=True)
    return heard(pitch, start, end_s, amplitudes)


def _rises(sounding: Floats) -> Floats:
    """Where the sounding probability jumps up within two steps, scaled to 1. Shape: [steps, 88]."""
    rise = np.zeros_like(sounding)
    rise[2:] = np.minimum(sounding[2:] - sounding[1:-1], sounding[2:] - sounding[:-2])
    rise = np.maximum(rise, 0.0)
    top = rise.max() if rise.size else 0.0
    return rise / top if top > 0 else rise


def _end_of_note(curve: Doubles, step: int) -> int:
    """The step after the last one that sounds, gaps shorter than GAP allowed."""
    quiet, place = 0, step + 1
    while place < len(curve) - 1 and quiet < GAP:
        quiet = quiet + 1 if curve[place] < SUSTAIN else 0
        place += 1
    return place - quiet


def transcribe(audio: NDArray[Any], rate: int) -> HeardNotes:
    """Notes in a sound; amplitudes are the network's mean certainty.

    Args:
        audio: shape [frames] or [frames, channels].
        rate: frames a second.

    Raises:
        FailureError: the package is not installed.
    """
    return track_notes(*posteriors(audio, rate))
