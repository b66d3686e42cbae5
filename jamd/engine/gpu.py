"""What the engine takes of its GPU."""

from __future__ import annotations

import time
from typing import Final

import torch

EVERY_S: Final = 2.0


class Gpu:
    """Read at most every `EVERY_S`; on a CPU nothing is known."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._read_at = -EVERY_S
        self._knows_temperature = device.type == "cuda"
        self.memory_mb: float | None = None
        """That torch holds for the model and its streams."""
        self.temperature_c: float | None = None

    def read(self) -> None:
        """Look again, if it is time."""
        now = time.monotonic()
        if self._device.type != "cuda" or now - self._read_at < EVERY_S:
            return
        self._read_at = now
        self.memory_mb = torch.cuda.memory_reserved(self._device) / 1e6
        if self._knows_temperature:
            try:
                self.temperature_c = float(torch.cuda.temperature(self._device))
            except Exception:  # nvidia-ml-py is not there, or the driver does not tell
                self._knows_temperature = False
