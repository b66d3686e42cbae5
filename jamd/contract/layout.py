"""Places in the shared memory: words, levels, slots, commands. Compiled code and Python read the same tables."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

MAGIC: Final = 0x6A616D64_0002
HEADER_WORDS: Final = 64
FLOAT_WORDS: Final = 32
COMMANDS: Final = 1024
MIDI_EVENTS: Final = 1024
PENDING: Final = 256
SLOT_WORDS: Final = 16
SLOT_FLOATS: Final = 8
GATE: Final = -1
"""As the index of CANCEL: the jam's gate."""
CLICKS: Final = 2
"""Voices behind the slots, heard in the mix alone: the metronome's accent and its other beats."""
CAPTURE_FRAMES: Final = 1 << 19
CAPTURE_CHANNELS: Final = 8
"""out, jam, slots, in: left and right of each."""
FOREVER: Final = 1 << 62


class Word(IntEnum):
    """Places in the header of integers."""

    MAGIC = 0
    FRAME = 1
    STREAM_EPOCH = 2
    STREAM_BEGIN = 3
    STREAM_WRITTEN = 4
    STREAM_END = 5
    COMMAND_HEAD = 6
    COMMAND_TAIL = 7
    MIDI_IN_HEAD = 8
    MIDI_IN_TAIL = 9
    MIDI_OUT_HEAD = 10
    MIDI_OUT_TAIL = 11
    CALLBACKS = 12
    XRUNS = 13
    LATE_CYCLES = 14
    UNDERRUNS = 15
    UNDERRUN_FRAMES = 16
    FAULT = 17
    MAX_CALLBACK_US = 18
    STREAM_SIZE = 19
    SLOTS = 20
    PENDING_COUNT = 21
    MISSING = 22
    """What the jam's voice plays: data, a stand-in for missing data, silence, or data after silence."""
    GAP = 23
    """Samples since that changed."""
    LOOP_FRAMES = 24
    """How far back the stand-in for missing data lies; written by the engine."""
    COMMANDS_APPLIED = 25
    CAPTURE_ON = 26
    CAPTURE_FIRST = 27
    CAPTURE_HEAD = 28
    CAPTURE_GENERATION = 29
    CYCLE_FRAME = 30
    """Frame at the start of the last cycle, and JACK's time then, in microseconds; even generation: both are whole."""
    CYCLE_US = 31
    CYCLE_GENERATION = 32
    LATENCY = 33
    """Frames of latency that the outputs report to JACK."""


class Level(IntEnum):
    """Places in the header of floats."""

    JAM_GAIN = 0
    JAM_TARGET = 1
    MASTER_GAIN = 2
    MASTER_TARGET = 3
    PEAK_LEFT = 4
    PEAK_RIGHT = 5
    LIMITER = 6
    LIMITER_LOWEST = 7
    LAST_LEFT = 8
    LAST_RIGHT = 9
    PEAK_JAM = 10
    """Left and right, as in the next two."""
    PEAK_SLOTS = 12
    PEAK_IN = 14
    JAM_RAMP = 16
    """Frames in which the jam's gate opens and closes."""


class SlotWord(IntEnum):
    STATE = 0
    POSITION = 1
    POINTER = 2
    FRAMES = 3
    LOOP = 4
    LAUNCHES = 5
    NEXT_POINTER = 6
    """A clip that waits for SLOT_SWAP."""
    NEXT_FRAMES = 7
    TAIL_POINTER = 8
    """What sounded before a jump, while it fades."""
    TAIL_FRAMES = 9
    TAIL_POSITION = 10
    STARTED = 11
    """Frame at which the present pass through the clip would have been at its start."""


class SlotLevel(IntEnum):
    GAIN = 0
    """Wanted."""
    RAMP = 1
    NOW = 2
    """Gain as it is."""
    TAIL = 3
    """Level of the tail."""
    RATE = 4
    """How much RAMP rises in a frame."""


class SlotState(IntEnum):
    """What the audio thread does with a slot."""

    EMPTY = 0
    LOADED = 1
    PLAYING = 2
    STOPPING = 3


PEAKS: Final = {"jam": Level.PEAK_JAM, "slots": Level.PEAK_SLOTS, "in": Level.PEAK_IN}


class AudioOp(IntEnum):
    """Commands of control to the audio thread."""

    JAM_GATE = 1
    SLOT_LAUNCH = 2
    SLOT_STOP = 3
    SLOT_GAIN = 4
    SLOT_LOOP = 5
    MASTER_GAIN = 6
    PANIC = 7
    SLOT_SWAP = 8
    """The waiting clip takes over: from `value` frames into it, or where the music is if that is below 0."""
    SLOT_SEEK = 9
    """A slot that plays goes on from `value`."""
    CANCEL = 10
    """At once: launches and stops of a slot that are due at exactly `frame` are dropped; of the jam's gate, if the index is `GATE`."""
