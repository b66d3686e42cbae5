"""The voices of the mixer, compiled: the jam, and the clips in the slots. They run in the audio thread (see `kernel`)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import carray, njit

from jamd.audio.pointers import fence, pointer_of

# words and levels of jamd.contract.layout as plain integers, which is what the compiler wants
BEGIN, WRITTEN, END = 3, 4, 5
UNDERRUNS, UNDERRUN_FRAMES, MISSING, GAP, LOOP_FRAMES = 15, 16, 22, 23, 24
JAM, JAM_TARGET, LAST_L, LAST_R, JAM_RAMP = 0, 1, 8, 9, 16
STATE, POSITION, POINTER, FRAMES, LOOP, LAUNCHES = 0, 1, 2, 3, 4, 5
NEXT_POINTER, NEXT_FRAMES, TAIL_POINTER, TAIL_FRAMES, TAIL_POSITION, STARTED = 6, 7, 8, 9, 10, 11
S_GAIN, S_RAMP, S_NOW, S_TAIL, S_RATE = 0, 1, 2, 3, 4
EMPTY, LOADED, PLAYING, STOPPING = 0, 1, 2, 3
DATA, STAND_IN, SILENCE, DATA_AFTER_SILENCE = 0, 1, 2, 3
RAMP: Final = 1.0 / 240.0
"""Gain moves from 0 to 1 in 5 ms."""
ATTACK: Final = 1.0 / 32.0
"""A launched clip is there in less than a millisecond."""
SPLICE: Final = 96
"""Frames of the ramps around missing data (2 ms)."""
STAND_IN_FRAMES: Final = 192_000
"""Frames in which the stand-in for missing data fades."""

Array = Any


@njit(cache=True, error_model="numpy")
def jam_voice(now: int, start: int, count: int, header: Array, levels: Array, stream: Array, left: Array, right: Array) -> None:
    """The jam; where data is missing the last bar stands in, softer and softer."""
    size = stream.shape[0]
    begin, end = header[BEGIN], header[END]
    fence()
    written = header[WRITTEN]
    gain, target = levels[JAM], levels[JAM_TARGET]
    step = 1.0 / max(levels[JAM_RAMP], 1.0)
    plays, gap = header[MISSING], header[GAP]
    back = min(max(header[LOOP_FRAMES], 4800), size - 8192)
    for i in range(count):
        frame = now + i
        if gain < target:
            gain = min(gain + step, target)
        elif gain > target:
            gain = max(gain - step, target)
        wants = SILENCE
        if gain > 0.0 and begin <= frame < end:
            wants = DATA if frame < written else STAND_IN
            if wants == DATA and plays >= SILENCE:
                wants = DATA_AFTER_SILENCE
        if wants != plays:
            if wants == STAND_IN and target > 0.0:
                header[UNDERRUNS] += 1
            plays = wants
            gap = 0
        share = min(gap / SPLICE, 1.0)
        a = np.float32(0.0)
        b = np.float32(0.0)
        if plays == STAND_IN:
            header[UNDERRUN_FRAMES] += 1
            level = share * max(1.0 - gap / STAND_IN_FRAMES, 0.0) * 0.8
            source = frame - back
            while source >= written:
                source -= back
            if source >= begin and written - source < size - 4096 and level > 0.0:
                place = source % size
                a, b = np.float32(stream[place, 0] * level), np.float32(stream[place, 1] * level)
        elif plays != SILENCE:
            place = frame % size
            a, b = stream[place, 0], stream[place, 1]
            if not (np.isfinite(a) and np.isfinite(b)):
                a, b = np.float32(0.0), np.float32(0.0)
            if share < 1.0 and plays == DATA:
                a, b = np.float32(a * share), np.float32(b * share)
        if gain <= 0.0:
            levels[LAST_L], levels[LAST_R] = 0.0, 0.0
        elif share < 1.0:
            a = np.float32(a + levels[LAST_L] * (1.0 - share))
            b = np.float32(b + levels[LAST_R] * (1.0 - share))
        else:
            levels[LAST_L], levels[LAST_R] = a, b
        gap += 1
        left[start + i] = a * gain
        right[start + i] = b * gain
    header[MISSING], header[GAP] = plays, gap
    levels[JAM] = gain


@njit(cache=True, error_model="numpy")
def keep_tail(slot: int, slots: Array, slot_levels: Array) -> None:
    """What sounds in a slot goes on as its tail, which fades in 5 ms, so that the slot can jump."""
    if slots[slot, STATE] != PLAYING and slots[slot, STATE] != STOPPING:
        return
    slots[slot, TAIL_POINTER] = slots[slot, POINTER]
    slots[slot, TAIL_FRAMES] = slots[slot, FRAMES]
    slots[slot, TAIL_POSITION] = slots[slot, POSITION]
    slot_levels[slot, S_TAIL] = slot_levels[slot, S_RAMP]
    slot_levels[slot, S_RAMP] = 0.0


@njit(cache=True, error_model="numpy")
def _tail(start: int, count: int, s: int, slots: Array, slot_levels: Array, left: Array, right: Array) -> None:
    frames, level = slots[s, TAIL_FRAMES], slot_levels[s, S_TAIL]
    if slots[s, TAIL_POINTER] == 0 or frames <= 0:
        slot_levels[s, S_TAIL] = 0.0
        return
    clip = carray(pointer_of(slots[s, TAIL_POINTER]), (frames, 2), np.float32)
    position, gain = slots[s, TAIL_POSITION], slot_levels[s, S_NOW]
    for i in range(count):
        level -= RAMP
        if level <= 0.0:
            break
        if position >= frames:
            if slots[s, LOOP] == 0:
                level = 0.0
                break
            position = 0
        left[start + i] += clip[position, 0] * np.float32(level * gain)
        right[start + i] += clip[position, 1] * np.float32(level * gain)
        position += 1
    if level <= 0.0:
        level = 0.0
        slots[s, TAIL_POINTER] = 0
    slots[s, TAIL_POSITION] = position
    slot_levels[s, S_TAIL] = level


@njit(cache=True, error_model="numpy")
def slot_voices(
    now: int, start: int, count: int, first: int, last: int, slots: Array, slot_levels: Array, left: Array, right: Array
) -> None:
    """The slots from `first` to before `last`, added up."""
    for i in range(count):
        left[start + i] = 0.0
        right[start + i] = 0.0
    for s in range(first, last):
        if slot_levels[s, S_TAIL] > 0.0:
            _tail(start, count, s, slots, slot_levels, left, right)
        state = slots[s, STATE]
        if state != PLAYING and state != STOPPING:
            slot_levels[s, S_NOW] = slot_levels[s, S_GAIN]
            continue
        frames = slots[s, FRAMES]
        if slots[s, POINTER] == 0 or frames <= 0:
            slots[s, STATE] = EMPTY
            continue
        clip = carray(pointer_of(slots[s, POINTER]), (frames, 2), np.float32)
        position, ramp, rate = slots[s, POSITION], slot_levels[s, S_RAMP], slot_levels[s, S_RATE]
        gain, target = slot_levels[s, S_NOW], slot_levels[s, S_GAIN]
        for i in range(count):
            if gain < target:
                gain = min(gain + 4.0 * RAMP, target)
            elif gain > target:
                gain = max(gain - 4.0 * RAMP, target)
            if state == PLAYING:
                ramp = min(ramp + rate, 1.0)
            else:
                ramp -= RAMP
                if ramp <= 0.0:
                    state = LOADED
                    ramp = 0.0
                    break
            if position >= frames:
                if slots[s, LOOP] == 1:
                    position = 0
                    slots[s, STARTED] = now + i
                else:
                    state = LOADED
                    break
            level = np.float32(ramp * gain)
            left[start + i] += clip[position, 0] * level
            right[start + i] += clip[position, 1] * level
            position += 1
        slots[s, STATE] = state
        slots[s, POSITION] = position
        slot_levels[s, S_RAMP] = ramp
        slot_levels[s, S_NOW] = gain
