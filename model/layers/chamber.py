"""What is made of the excitation by two rooms, beside the direct sound, so that notes ring on where they are played: a stream's state.

As an echo chamber of a studio, it is fed with all sources alike; how much of it is heard, in which band, is the tones' to say.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.units import FRAME_SAMPLES
from model.layers.excitation import DIRECT
from model.layers.room import Room

Floats = NDArray[np.float32]
CHAMBERS: Final = ((1.0, 0.4, 0.3, 9000.0), (1.0, 1.3, 0.8, 8000.0))
"""As `model.layers.room.PARAMS`: a small room and a large one."""
SOURCES: Final = DIRECT + len(CHAMBERS)
"""All that the tones have to mix: what notes make, then what each chamber makes of it."""
_CHAMBERS = tuple(np.array(chamber, np.float32) for chamber in CHAMBERS)


class Chamber:
    """Of one stream."""

    def __init__(self) -> None:
        self._rooms = [Room(params) for params in _CHAMBERS]

    def __call__(self, sound: Floats) -> Floats:
        """The sound and what the chambers make of it. Shape: [DIRECT, frames] to [SOURCES, frames]; cut anywhere, it is the same."""
        out = np.zeros((SOURCES, sound.shape[1]), np.float32)
        out[:DIRECT] = sound
        fed = np.repeat(sound.sum(axis=0, dtype=np.float32)[:, None], 2, axis=1)
        for row, (room, params) in enumerate(zip(self._rooms, _CHAMBERS, strict=True), DIRECT):
            out[row] = room(fed, params)[:, 0] - fed[:, 0]
        return out


def chambered(sound: Floats) -> Floats:
    """The same for a whole passage, from silence on. Shape: [DIRECT, frames] to [SOURCES, frames]."""
    chamber, size = Chamber(), 64 * FRAME_SAMPLES
    return np.concatenate([chamber(sound[:, at : at + size]) for at in range(0, sound.shape[1], size)], axis=1)
