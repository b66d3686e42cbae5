"""Units and fixed sizes, defined once.

A *frame* is one sample of all channels at 48 kHz, JACK's use of the word. A *step* is one frame of the model: 640
audio frames, 13.3 ms.
"""

from __future__ import annotations

from typing import Final, Literal, NewType

Frames = NewType("Frames", int)
"""A count of audio frames, or a place on the daemon's time line, at 48 kHz."""
Steps = NewType("Steps", int)
"""A count of model frames of 640 audio frames each."""
Beats = NewType("Beats", float)
"""Quarter notes."""
Bpm = NewType("Bpm", float)
"""Quarter notes a minute."""
Decibels = NewType("Decibels", float)

SAMPLE_RATE: Final = 48_000
FRAME_SAMPLES: Final = 640
FRAME_RATE: Final = SAMPLE_RATE // FRAME_SAMPLES
CHANNELS: Final = 2

PartName = Literal["piano", "bass", "drums", "horn"]
PARTS: Final[tuple[PartName, ...]] = ("piano", "bass", "drums", "horn")

TEMPO_MIN: Final = 40.0
TEMPO_MAX: Final = 320.0


def db_to_linear(decibels: float) -> float:
    """Amplitude factor of a gain in dB."""
    return float(10.0 ** (decibels / 20.0))


def step_of_frame(frame: int) -> int:
    """The model step that holds an audio frame."""
    return frame // FRAME_SAMPLES
