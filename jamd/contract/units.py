"""Units and fixed sizes, defined once.

A *frame* is one sample of all channels at 48 kHz, JACK's use of the word. A *step* is one frame of the model: 640
audio frames, 13.3 ms. A *beat* is a quarter note, a *tempo* the number of them a minute.
"""

from __future__ import annotations

from typing import Final, Literal

SAMPLE_RATE: Final = 48_000
FRAME_SAMPLES: Final = 640
FRAME_RATE: Final = SAMPLE_RATE // FRAME_SAMPLES

PartName = Literal["piano", "bass", "drums", "horn"]
PARTS: Final[tuple[PartName, ...]] = ("piano", "bass", "drums", "horn")

TEMPO_MIN: Final = 40.0
TEMPO_MAX: Final = 320.0


def db_to_linear(decibels: float) -> float:
    """Amplitude factor of a gain in dB."""
    return float(10.0 ** (decibels / 20.0))
