"""Notes as a structured array."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

NOTE_DTYPE: Final = np.dtype(
    [
        ("part", "u1"),
        ("pitch", "u1"),
        ("velocity", "u1"),
        ("beat", "f8"),
        ("length", "f8"),
        ("start", "f8"),
        ("duration", "f8"),
    ]
)
"""part: index in PARTS; beat and length in beats, human timing included; start and duration in seconds.

Drums have General MIDI pitches; the length of a drum note means nothing.
"""

Notes = NDArray[Any]


def make_notes(rows: list[tuple[int, int, float, float, float]], tempo: float) -> Notes:
    """Sorted notes from (part, pitch, velocity, beat, length) rows."""
    out = np.zeros(len(rows), NOTE_DTYPE)
    if rows:
        table = np.array(rows, np.float64)
        out["part"] = table[:, 0]
        out["pitch"] = np.clip(np.round(table[:, 1]), 0, 127)
        out["velocity"] = np.clip(np.round(table[:, 2]), 1, 127)
        out["beat"] = np.maximum(table[:, 3], 0.0)
        out["length"] = np.maximum(table[:, 4], 0.04)
        out["start"] = out["beat"] * 60.0 / tempo
        out["duration"] = out["length"] * 60.0 / tempo
    return out[np.argsort(out["start"], kind="stable")]
