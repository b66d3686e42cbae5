"""Files as a musician would have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import soxr

from jamd.contract.units import SAMPLE_RATE
from model.learning.recordings import Audio, Recording, open_recording


def write(path: Path, audio: Audio, rate: int = SAMPLE_RATE, subtype: str | None = None, channels: int = 2) -> Path:
    """Write 48 kHz stereo at another rate, by libsndfile; the kind by the name. Shape: [frames, 2]."""
    sound = audio if rate == SAMPLE_RATE else soxr.resample(audio, SAMPLE_RATE, rate)
    if subtype == "PCM_16":  # rounded here, as libsndfile rounds each kind in its own way
        sound = np.round(np.clip(sound, -1, 1) * 32767).astype(np.int16)
    soundfile.write(str(path), sound if channels == 2 else sound.mean(axis=1, dtype=np.float32), rate, subtype=subtype)
    return path


def opened(path: Path) -> Recording:
    """A recording that must be readable."""
    recording = open_recording(path)
    assert isinstance(recording, Recording), recording
    return recording
