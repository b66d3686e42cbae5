"""A first pass over a recording: how loud each moment is, where it is clipped, its offset, and its hash. One stream, little memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np

from model.learning.recordings import Audio, Recording, raw_blocks
from model.metrics.heard import Doubles

HOP_S: Final = 0.05
"""Seconds of a step of the survey."""
OFFSET: Final = 0.003
"""A mean beyond this is taken as a fault of the recording."""
TOP: Final = 0.995
"""Share of the peak of a block above which a sample counts as at the ceiling, if its neighbour does too."""
QUIETEST: Final = -120.0


@dataclass(frozen=True)
class Survey:
    """What is known of a whole recording."""

    recording: Recording
    levels: Doubles
    """RMS of each step in dB of full scale, its mean taken off. Shape: [steps]."""
    clipped: Doubles
    """Share of the samples of each step that are at the ceiling. Shape: [steps]."""
    peak: float
    offset: tuple[float, float]
    """Mean of each channel."""
    hash: str
    """sha256 of the decoded sound at its own rate, 16 bits a sample: the same for a WAV and a FLAC made of it."""

    @property
    def seconds(self) -> float:
        return len(self.levels) * HOP_S

    def level(self, start_s: float, end_s: float) -> float:
        """RMS of a stretch in dB of full scale."""
        part = self.levels[int(start_s / HOP_S) : max(int(end_s / HOP_S), int(start_s / HOP_S) + 1)]
        return mean_level(part)

    def clipping(self, start_s: float, end_s: float) -> float:
        """Share of the samples of a stretch that are at the ceiling."""
        part = self.clipped[int(start_s / HOP_S) : max(int(end_s / HOP_S), int(start_s / HOP_S) + 1)]
        return float(part.mean()) if len(part) else 0.0


def mean_level(levels: Doubles) -> float:
    """RMS in dB of steps in dB. Shape: [steps]."""
    return max(10 * float(np.log10(np.mean(10 ** (levels / 10)) + 1e-13)), QUIETEST) if len(levels) else QUIETEST


def survey(recording: Recording) -> Survey:
    """Read a recording once.

    Raises:
        FailureError: the file breaks off in an error.
    """
    digest = hashlib.sha256(f"{recording.rate}".encode())
    step = HOP_S * recording.rate
    levels: list[Doubles] = []
    clipped: list[Doubles] = []
    total, count, peak = np.zeros(2), 0, 0.0
    for block in raw_blocks(recording):
        digest.update(np.clip(np.round(block * 32768.0), -32768, 32767).astype("<i2").tobytes())
        total += block.sum(axis=0, dtype=np.float64)
        count += len(block)
        peak = max(peak, float(np.abs(block).max()))
        edges = np.round(np.arange(np.ceil(len(block) / step)) * step).astype(np.int64)
        edges = edges[edges < len(block)]
        counts = np.diff([*edges, len(block)])
        whole = block.astype(np.float64)
        mean, square = (np.add.reduceat(part, edges, axis=0) / counts[:, None] for part in (whole, whole**2))
        levels.append(10 * np.log10(np.maximum(square - mean**2, 0.0).mean(axis=1) + 1e-12))
        clipped.append(np.add.reduceat(_at_ceiling(block), edges) / counts)
    offset = total / max(count, 1)
    empty = np.zeros(0)
    return Survey(
        recording,
        np.concatenate(levels) if levels else empty,
        np.concatenate(clipped) if clipped else empty,
        peak,
        (float(offset[0]), float(offset[1])),
        digest.hexdigest(),
    )


def _at_ceiling(block: Audio) -> Doubles:
    """1 where a channel stays at its highest or lowest value. Shape: [frames, 2] to [frames]."""
    out = np.zeros(len(block), bool)
    for channel in block.T:
        for side in (channel, -channel):
            top = float(side.max(initial=0.0))
            if top < 0.05:
                continue
            high = side >= TOP * top
            out[1:] |= high[1:] & high[:-1] & (np.abs(np.diff(side)) < 2e-3 * top)
    return out.astype(np.float64)
