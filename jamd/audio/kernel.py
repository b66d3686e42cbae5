"""The compiled mixer: all that happens in the audio thread.

`mix` plays `count` frames of jam and slots into six buffers. It is called by the JACK callback and by the offline backends alike. It
allocates nothing, locks nothing, calls no Python, and cannot raise: every index is masked or checked. Commands take effect
at their exact frame: a block is cut where one falls.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from jamd.contract.memory import COMMANDS, FOREVER, PENDING

# words and levels as plain integers, which is what the compiler wants
FRAME, BEGIN, WRITTEN, END = 1, 3, 4, 5
COMMAND_HEAD, COMMAND_TAIL = 6, 7
UNDERRUNS, UNDERRUN_FRAMES, PENDING_COUNT, MISSING, GAP, LOOP_FRAMES, APPLIED = 15, 16, 21, 22, 23, 24, 25
JAM, JAM_TARGET, MASTER, MASTER_TARGET, PEAK_L, PEAK_R, LIMITER, LOWEST, LAST_L, LAST_R = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
STATE, POSITION, POINTER, FRAMES, LOOP, LAUNCHES = 0, 1, 2, 3, 4, 5
EMPTY, LOADED, PLAYING, STOPPING = 0, 1, 2, 3
OP_JAM, OP_LAUNCH, OP_STOP, OP_GAIN, OP_LOOP, OP_MASTER, OP_PANIC = 1, 2, 3, 4, 5, 6, 7
RAMP: Final = 1.0 / 240.0
"""Gain moves from 0 to 1 in 5 ms."""
SPLICE: Final = 96
"""Frames of the ramps around missing data (2 ms)."""
STAND_IN: Final = 48_000
"""Frames in which the stand-in for missing data fades."""
CEILING: Final = 0.985
RELEASE: Final = 1.0 / 9600.0

Array = Any


@intrinsic
def pointer_of(typing_context: Any, address: Any) -> Any:
    """An integer as a pointer to bytes."""
    if not isinstance(address, types.Integer):
        return None
    signature = types.voidptr(address)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], cgutils.voidptr_t)

    return signature, generate


@intrinsic
def fence(typing_context: Any) -> Any:
    """A full memory fence."""
    signature = types.void()

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return signature, generate


del ir


@njit(cache=True, error_model="numpy")
def _apply(op: int, index: int, value: float, header: Array, levels: Array, slots: Array, slot_levels: Array) -> None:
    if op == OP_JAM:
        levels[JAM_TARGET] = 1.0 if value > 0.5 else 0.0
    elif op == OP_MASTER:
        levels[MASTER_TARGET] = min(max(value, 0.0), 16.0)
    elif op == OP_PANIC:
        levels[JAM_TARGET] = 0.0
        for i in range(slots.shape[0]):
            if slots[i, STATE] == PLAYING:
                slots[i, STATE] = STOPPING
        header[PENDING_COUNT] = 0
    elif 0 <= index < slots.shape[0]:
        if op == OP_LAUNCH:
            if slots[index, STATE] != EMPTY and slots[index, POINTER] != 0:
                slots[index, POSITION] = 0
                slots[index, STATE] = PLAYING
                slots[index, LAUNCHES] += 1
                slot_levels[index, 1] = 0.0
        elif op == OP_STOP:
            if slots[index, STATE] == PLAYING:
                slots[index, STATE] = STOPPING
        elif op == OP_GAIN:
            slot_levels[index, 0] = min(max(value, 0.0), 16.0)
        elif op == OP_LOOP:
            slots[index, LOOP] = 1 if value > 0.5 else 0


@njit(cache=True, error_model="numpy")
def _drain(header: Array, command_words: Array, command_values: Array, pending_words: Array, pending_values: Array) -> bool:
    """Move new commands to the pending ones; True if one of them is a panic."""
    fence()
    head, tail = header[COMMAND_HEAD], header[COMMAND_TAIL]
    panic = False
    while tail < head:
        place = tail % COMMANDS
        if command_words[place, 1] == OP_PANIC:
            panic = True
            header[PENDING_COUNT] = 0
        else:
            count = header[PENDING_COUNT]
            if count < PENDING:
                for k in range(3):
                    pending_words[count, k] = command_words[place, k]
                pending_values[count] = command_values[place]
                header[PENDING_COUNT] = count + 1
        tail += 1
    header[COMMAND_TAIL] = tail
    return panic


@njit(cache=True, error_model="numpy")
def _due(now: int, header: Array, levels: Array, pending_words: Array, pending_values: Array, slots: Array, slot_levels: Array) -> int:
    """Apply, in their order, the commands that are due; returns the frame of the next one."""
    following = FOREVER
    count = header[PENDING_COUNT]
    kept = 0
    for i in range(count):
        if pending_words[i, 0] <= now:
            _apply(pending_words[i, 1], pending_words[i, 2], pending_values[i], header, levels, slots, slot_levels)
            header[APPLIED] += 1
        else:
            following = min(following, pending_words[i, 0])
            if kept != i:
                for k in range(3):
                    pending_words[kept, k] = pending_words[i, k]
                pending_values[kept] = pending_values[i]
            kept += 1
    header[PENDING_COUNT] = kept
    return following


@njit(cache=True, error_model="numpy")
def _jam(now: int, start: int, count: int, header: Array, levels: Array, stream: Array, left: Array, right: Array) -> None:
    """The jam's voice, with a stand-in where data is missing."""
    size = stream.shape[0]
    begin, end = header[BEGIN], header[END]
    fence()
    written = header[WRITTEN]
    gain, target = levels[JAM], levels[JAM_TARGET]
    missing, gap = header[MISSING], header[GAP]
    back = min(max(header[LOOP_FRAMES], 4800), size - 8192)
    for i in range(count):
        frame = now + i
        if gain < target:
            gain = min(gain + RAMP, target)
        elif gain > target:
            gain = max(gain - RAMP, target)
        a = np.float32(0.0)
        b = np.float32(0.0)
        if gain > 0.0 and begin <= frame < end:
            lacks = 1 if frame >= written else 0
            if lacks != missing:
                missing = lacks
                gap = 0
                if lacks == 1 and target > 0.0:
                    header[UNDERRUNS] += 1
            share = min(gap / SPLICE, 1.0)
            if missing == 0:
                place = frame % size
                a, b = stream[place, 0], stream[place, 1]
                if not (np.isfinite(a) and np.isfinite(b)):
                    a, b = np.float32(0.0), np.float32(0.0)
                if share < 1.0:
                    a, b = np.float32(a * share), np.float32(b * share)
            else:
                header[UNDERRUN_FRAMES] += 1
                level = share * max(1.0 - gap / STAND_IN, 0.0) * 0.8
                source = frame - back
                while source >= written:
                    source -= back
                if source >= begin and written - source < size - 4096 and level > 0.0:
                    place = source % size
                    a, b = np.float32(stream[place, 0] * level), np.float32(stream[place, 1] * level)
            if share < 1.0:
                a = np.float32(a + levels[LAST_L] * (1.0 - share))
                b = np.float32(b + levels[LAST_R] * (1.0 - share))
            else:
                levels[LAST_L], levels[LAST_R] = a, b
            gap += 1
        left[start + i] = a * gain
        right[start + i] = b * gain
    header[MISSING], header[GAP] = missing, gap
    levels[JAM] = gain


@njit(cache=True, error_model="numpy")
def _slots(start: int, count: int, slots: Array, slot_levels: Array, left: Array, right: Array) -> None:
    """All slots that play, added up."""
    for i in range(count):
        left[start + i] = 0.0
        right[start + i] = 0.0
    for s in range(slots.shape[0]):
        state = slots[s, STATE]
        if state != PLAYING and state != STOPPING:
            continue
        frames = slots[s, FRAMES]
        if slots[s, POINTER] == 0 or frames <= 0:
            slots[s, STATE] = EMPTY
            continue
        clip = carray(pointer_of(slots[s, POINTER]), (frames, 2), np.float32)
        position, ramp, gain = slots[s, POSITION], slot_levels[s, 1], slot_levels[s, 0]
        for i in range(count):
            if state == PLAYING:
                ramp = min(ramp + 1.0 / 32.0, 1.0)
            else:
                ramp -= RAMP
                if ramp <= 0.0:
                    state = LOADED
                    ramp = 0.0
                    break
            if position >= frames:
                if slots[s, LOOP] == 1:
                    position = 0
                else:
                    state = LOADED
                    break
            level = np.float32(ramp * gain)
            left[start + i] += clip[position, 0] * level
            right[start + i] += clip[position, 1] * level
            position += 1
        slots[s, STATE] = state
        slots[s, POSITION] = position
        slot_levels[s, 1] = ramp


@njit(cache=True, error_model="numpy")
def mix(
    count: int, header: Array, levels: Array, command_words: Array, command_values: Array, pending_words: Array,
    pending_values: Array, slots: Array, slot_levels: Array, stream: Array, out_l: Array, out_r: Array, jam_l: Array,
    jam_r: Array, slots_l: Array, slots_r: Array,
) -> None:  # fmt: skip
    """Play `count` frames and move the time line on. Shape of every buffer: [count]."""
    now = header[FRAME]
    if _drain(header, command_words, command_values, pending_words, pending_values):
        _apply(OP_PANIC, 0, 0.0, header, levels, slots, slot_levels)
    place = 0
    while place < count:
        following = _due(now + place, header, levels, pending_words, pending_values, slots, slot_levels)
        length = min(count - place, max(following - now - place, 1))
        _jam(now + place, place, length, header, levels, stream, jam_l, jam_r)
        _slots(place, length, slots, slot_levels, slots_l, slots_r)
        place += length
    gain, target, limiter, lowest = levels[MASTER], levels[MASTER_TARGET], levels[LIMITER], levels[LOWEST]
    peak_l, peak_r = levels[PEAK_L], levels[PEAK_R]
    for i in range(count):
        if gain < target:
            gain = min(gain + RAMP, target)
        elif gain > target:
            gain = max(gain - RAMP, target)
        a = (jam_l[i] + slots_l[i]) * gain
        b = (jam_r[i] + slots_r[i]) * gain
        if not np.isfinite(a):
            a = 0.0
        if not np.isfinite(b):
            b = 0.0
        top = max(abs(a), abs(b))
        limiter = min(limiter + RELEASE, 1.0)
        if top * limiter > CEILING:
            limiter = CEILING / top
        lowest = min(lowest, limiter)
        a *= limiter
        b *= limiter
        out_l[i] = min(max(a, -CEILING), CEILING)
        out_r[i] = min(max(b, -CEILING), CEILING)
        peak_l = max(peak_l, abs(a))
        peak_r = max(peak_r, abs(b))
    levels[MASTER], levels[LIMITER], levels[LOWEST] = gain, limiter, lowest
    levels[PEAK_L], levels[PEAK_R] = peak_l, peak_r
    fence()
    header[FRAME] = now + count
