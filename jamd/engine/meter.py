"""How fast the engine is: step times of the last seconds, and what falls short."""

from __future__ import annotations

from collections import deque

import numpy as np

from jamd.contract.units import FRAME_RATE

BUDGET_MS = 1000.0 / FRAME_RATE


class StepMeter:
    """Times of the last 750 steps (10 s of music)."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=10 * FRAME_RATE)
        self.skipped_frames = 0

    def add(self, seconds: float) -> None:
        self._times.append(seconds * 1000.0)

    @property
    def real_time_factor(self) -> float:
        """Time to make over time made; under 1 is faster than real time."""
        return float(np.mean(self._times)) / BUDGET_MS if self._times else 0.0

    def percentile(self, share: float) -> float:
        """Milliseconds a step."""
        return float(np.percentile(self._times, share)) if self._times else 0.0

    def complaint(self) -> str:
        """One line when the engine is too slow for this machine, else empty."""
        if len(self._times) > FRAME_RATE and self.real_time_factor > 1.0:
            return f"the model takes {self.real_time_factor:.2f} of real time on this machine: {self.skipped_frames} frames were left out"
        return ""
