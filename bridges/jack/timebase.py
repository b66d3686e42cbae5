"""JACK's timebase callback, compiled: bar, beat and tick of a transport frame from a table that control writes.

The table has rows of float64 and the index of the row in force, which is written after its row; a row is used again only after all the
others, so the callback, which takes microseconds, never reads one that is being written.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numba import carray, cfunc, types
from numpy.typing import NDArray

ROWS: Final = 64
FIELDS: Final = 6
"""Transport frame, beat there, tempo, beats per bar, a bar's first beat, its number from 0."""
TICKS_PER_BEAT: Final = 1920.0
BBT: Final = 0x10
BBT_OFFSET: Final = 0x40
"""Of jack_position_bits_t: bar, beat and tick are filled in; and they hold `bbt_offset` frames before the position."""


def new_table() -> NDArray[np.float64]:
    """Shape: [ROWS + 1, FIELDS]; the last row begins with the index."""
    table = np.zeros((ROWS + 1, FIELDS), np.float64)
    table[0] = (0.0, 0.0, 120.0, 4.0, 0.0, 0.0)
    return table


@cfunc(types.void(types.int32, types.uint32, types.voidptr, types.int32, types.voidptr), error_model="numpy", cache=True)
def timebase(state: int, frames: int, position: Any, is_new: int, arg: Any) -> None:
    """Fill a `jack_position_t`: its fields by their places in the packed structure, which `transport` checks."""
    table = carray(arg, (ROWS + 1, FIELDS), np.float64)
    row = table[np.int64(table[ROWS, 0])]
    integers = carray(position, (34,), np.int32)
    unsigned = carray(position, (34,), np.uint32)
    doubles = carray(position, (17,), np.float64)
    floats = carray(position, (34,), np.float32)
    rate = np.float64(unsigned[4])
    per_frame = row[2] / (60.0 * rate)
    past = row[1] - row[4] + (np.float64(unsigned[5]) - row[0]) * per_frame
    ticks = math.floor(past * TICKS_PER_BEAT + 1e-6)
    per_bar = row[3] * TICKS_PER_BEAT
    bars = math.floor(ticks / per_bar)
    within = ticks - bars * per_bar
    beat = math.floor(within / TICKS_PER_BEAT)
    integers[7] = np.int32(row[5] + bars + 1.0)
    integers[8] = np.int32(beat + 1.0)
    integers[9] = np.int32(within - beat * TICKS_PER_BEAT)
    doubles[5] = row[4] * TICKS_PER_BEAT + bars * per_bar
    floats[12] = np.float32(row[3])
    floats[13] = np.float32(4.0)
    doubles[7] = TICKS_PER_BEAT
    doubles[8] = row[2]
    unsigned[22] = np.uint32(max(math.floor((past - ticks / TICKS_PER_BEAT) / per_frame + 0.5), 0.0))
    unsigned[6] = np.uint32(unsigned[6] | np.uint32(BBT) | np.uint32(BBT_OFFSET))
