"""How a take was recorded: microphones, room, console, tape, noise. Everything is causal and drawn from the seed.

Filters, compressor and reverb are Spotify's `pedalboard`, an option of the corpus: `Studio.full` draws no recordings without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from jamd.contract.units import SAMPLE_RATE

Audio = NDArray[np.float32]
ROOMS = ("dry", "studio", "club", "hall")
_SIZE = {"studio": (0.05, 0.3), "club": (0.3, 0.6), "hall": (0.65, 0.95)}


@dataclass(frozen=True)
class Recording:
    """Gains in dB, frequencies in Hz; zero leaves the sound as it is."""

    room: str = "dry"
    room_size: float = 0.0
    room_wet: float = 0.0
    room_damping: float = 0.5
    low_db: float = 0.0
    presence_db: float = 0.0
    presence_hz: float = 3000.0
    high_db: float = 0.0
    band_limit_hz: float = 0.0
    """Old microphones and tape end here; 0: no limit."""
    threshold_db: float = 0.0
    ratio: float = 1.0
    drive_db: float = 0.0
    noise_db: float = -120.0


def draw_recording(rng: np.random.Generator, room: str | None = None) -> Recording:
    """A way to record; about one in six is plain."""
    if room is None:
        room = str(rng.choice(ROOMS, p=[0.2, 0.35, 0.3, 0.15]))
    if room not in ROOMS:
        raise ValueError(f"no room {room!r}: there are {', '.join(ROOMS)}")
    size, wet = 0.0, 0.0
    if room != "dry":
        low, high = _SIZE[room]
        size, wet = float(rng.uniform(low, high)), float(rng.uniform(0.08, 0.22 if room != "hall" else 0.3))
    if rng.random() < 0.17:
        return Recording(room, size, wet)
    return Recording(
        room,
        size,
        wet,
        float(rng.uniform(0.2, 0.8)),
        float(rng.normal(0, 2.0)),
        float(rng.normal(0, 1.8)),
        float(rng.uniform(900, 5000)),
        float(rng.normal(-0.5, 2.2)),
        float(rng.uniform(7000, 14000)) if rng.random() < 0.15 else 0.0,
        float(rng.uniform(-24, -12)) if rng.random() < 0.6 else 0.0,
        float(rng.uniform(1.4, 3.5)),
        float(rng.uniform(1, 9)) if rng.random() < 0.3 else 0.0,
        float(rng.uniform(-78, -58)) if rng.random() < 0.35 else -120.0,
    )


def record(audio: Audio, how: Recording, rng: np.random.Generator) -> Audio:
    """Audio as recorded. Shape: [frames, 2] to the same; a level near -20 dB RMS is expected."""
    import pedalboard as boards

    chain: list[Any] = []
    if how.low_db:
        chain.append(boards.LowShelfFilter(140, how.low_db))
    if how.presence_db:
        chain.append(boards.PeakFilter(how.presence_hz, how.presence_db, 0.8))
    if how.high_db:
        chain.append(boards.HighShelfFilter(7000, how.high_db))
    if how.room_wet > 0:
        chain.append(boards.Reverb(how.room_size, how.room_damping, how.room_wet, 1.0 - how.room_wet * 0.5, 1.0))
    if how.threshold_db < 0:
        chain.append(boards.Compressor(how.threshold_db, how.ratio, 8.0, 120.0))
    if how.band_limit_hz:
        chain.append(boards.LowpassFilter(how.band_limit_hz))
    out: Audio = boards.Pedalboard(chain)(np.ascontiguousarray(audio.T), SAMPLE_RATE).T if chain else audio
    if how.drive_db > 0:
        drive = np.float32(10 ** (how.drive_db / 20))
        out = np.tanh(out * drive) / drive  # tape: soft, odd harmonics
    if how.noise_db > -120:
        hiss = rng.standard_normal(out.shape).astype(np.float32)
        hiss = lfilter([1.0], [1.0, -0.6], hiss, axis=0).astype(np.float32) * 0.8
        out = out + np.float32(10 ** (how.noise_db / 20)) * hiss
    return np.ascontiguousarray(out, np.float32)
