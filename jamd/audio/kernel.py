"""The compiled mixer: all that happens in the audio thread.

`mix` plays `count` frames of jam and slots into six buffers. It is called by the JACK callback and by the offline backends alike. It
allocates nothing, locks nothing, calls no Python, and cannot raise: every index is masked or checked. Commands take effect
at their exact frame: a block is cut where one falls.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit

from jamd.audio.pointers import fence
from jamd.audio.voices import (
    ATTACK,
    EMPTY,
    FRAMES,
    JAM_RAMP,
    JAM_TARGET,
    LAUNCHES,
    LOADED,
    LOOP,
    NEXT_FRAMES,
    NEXT_POINTER,
    PLAYING,
    POINTER,
    POSITION,
    RAMP,
    S_GAIN,
    S_RAMP,
    S_RATE,
    STARTED,
    STATE,
    STOPPING,
    jam_voice,
    keep_tail,
    slot_voices,
)
from jamd.contract.layout import CLICKS, COMMANDS, FOREVER, GATE, PENDING

# words and levels of jamd.contract.layout as plain integers, which is what the compiler wants
FRAME = 1
COMMAND_HEAD, COMMAND_TAIL = 6, 7
PENDING_COUNT, APPLIED = 21, 25
CAPTURE_ON, CAPTURE_FIRST, CAPTURE_HEAD = 26, 27, 28
MASTER, MASTER_TARGET, PEAK_L, PEAK_R, LIMITER, LOWEST, PEAK_JAM, PEAK_SLOTS, PEAK_IN = 2, 3, 4, 5, 6, 7, 10, 12, 14
OP_JAM, OP_LAUNCH, OP_STOP, OP_GAIN, OP_LOOP, OP_MASTER, OP_PANIC, OP_SWAP, OP_SEEK, OP_CANCEL = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
CEILING: Final = 0.985
RELEASE: Final = 1.0 / 9600.0

Array = Any


@njit(cache=True, error_model="numpy")
def _go_to(now: int, index: int, position: int, rate: float, slots: Array, slot_levels: Array) -> None:
    """A slot's next frame is `position`; what sounded fades under it."""
    position = min(max(position, 0), max(slots[index, FRAMES] - 1, 0))
    slots[index, POSITION] = position
    slots[index, STARTED] = now - position
    slot_levels[index, S_RATE] = rate


@njit(cache=True, error_model="numpy")
def _apply_to_slot(now: int, op: int, index: int, value: float, slots: Array, slot_levels: Array) -> None:
    state = slots[index, STATE]
    sounds = state in (PLAYING, STOPPING)
    if op == OP_LAUNCH:
        if state != EMPTY and slots[index, POINTER] != 0:
            keep_tail(index, slots, slot_levels)
            slot_levels[index, S_RAMP] = 0.0
            _go_to(now, index, int(value), ATTACK, slots, slot_levels)
            slots[index, STATE] = PLAYING
            slots[index, LAUNCHES] += 1
    elif op == OP_STOP:
        if state == PLAYING:
            slots[index, STATE] = STOPPING
    elif op == OP_GAIN:
        slot_levels[index, S_GAIN] = min(max(value, 0.0), 16.0)
    elif op == OP_LOOP:
        slots[index, LOOP] = 1 if value > 0.5 else 0
    elif op == OP_SWAP:
        if slots[index, NEXT_POINTER] != 0:
            old, position = slots[index, FRAMES], slots[index, POSITION]
            keep_tail(index, slots, slot_levels)
            slots[index, POINTER], slots[index, FRAMES] = slots[index, NEXT_POINTER], slots[index, NEXT_FRAMES]
            slots[index, NEXT_POINTER] = 0
            if not sounds:
                slots[index, STATE] = LOADED
            place = int(value) if value >= 0.0 else int(position * slots[index, FRAMES] / max(old, 1))
            _go_to(now, index, place, RAMP, slots, slot_levels)
    elif op == OP_SEEK and sounds:
        keep_tail(index, slots, slot_levels)
        _go_to(now, index, int(value), RAMP, slots, slot_levels)


@njit(cache=True, error_model="numpy")
def _apply(now: int, op: int, index: int, value: float, levels: Array, slots: Array, slot_levels: Array) -> None:
    if op == OP_JAM:
        levels[JAM_TARGET] = 1.0 if value > 0.5 else 0.0
        levels[JAM_RAMP] = index if index > 0 else 1.0 / RAMP
    elif op == OP_MASTER:
        levels[MASTER_TARGET] = min(max(value, 0.0), 16.0)
    elif 0 <= index < slots.shape[0]:
        _apply_to_slot(now, op, index, value, slots, slot_levels)


@njit(cache=True, error_model="numpy")
def _put(words: Array, values: Array, place: int, from_words: Array, from_values: Array, source: int) -> None:
    """Copy a command to a place."""
    for k in range(3):
        words[place, k] = from_words[source, k]
    values[place] = from_values[source]


@njit(cache=True, error_model="numpy")
def _cancel(frame: int, index: int, header: Array, pending_words: Array, pending_values: Array) -> None:
    """Drop what waits for a frame: the launches and stops of a slot, or the gate's commands."""
    kept = 0
    for i in range(header[PENDING_COUNT]):
        op = pending_words[i, 1]
        meant = op == OP_JAM if index == GATE else op in (OP_LAUNCH, OP_STOP) and pending_words[i, 2] == index
        if meant and pending_words[i, 0] == frame:
            continue
        _put(pending_words, pending_values, kept, pending_words, pending_values, i)
        kept += 1
    header[PENDING_COUNT] = kept


@njit(cache=True, error_model="numpy")
def _panic(header: Array, levels: Array, pending_words: Array, pending_values: Array, slots: Array) -> None:
    """Everything falls silent, and nothing that waits will play; gains, modes and clips that wait are taken all the same."""
    levels[JAM_TARGET] = 0.0
    levels[JAM_RAMP] = 1.0 / RAMP
    for i in range(slots.shape[0]):
        if slots[i, STATE] == PLAYING:
            slots[i, STATE] = STOPPING
    kept = 0
    for i in range(header[PENDING_COUNT]):
        if pending_words[i, 1] in (OP_GAIN, OP_LOOP, OP_MASTER, OP_SWAP):
            _put(pending_words, pending_values, kept, pending_words, pending_values, i)
            kept += 1
    header[PENDING_COUNT] = kept


@njit(cache=True, error_model="numpy")
def _drain(
    header: Array, levels: Array, command_words: Array, command_values: Array, pending_words: Array, pending_values: Array, slots: Array
) -> None:
    """Move new commands to the pending ones, or take such back, in the order in which they were given.

    Where too many wait for their frame the rest stays in the ring, whose writer is told when that is full; but a panic comes through.
    """
    fence()
    head, tail = header[COMMAND_HEAD], header[COMMAND_TAIL]
    while tail < head:
        place = tail % COMMANDS
        if command_words[place, 1] == OP_PANIC:
            _panic(header, levels, pending_words, pending_values, slots)
        elif command_words[place, 1] == OP_CANCEL:
            _cancel(command_words[place, 0], command_words[place, 2], header, pending_words, pending_values)
        else:
            if header[PENDING_COUNT] == PENDING:
                for later in range(tail, head):
                    if command_words[later % COMMANDS, 1] == OP_PANIC:
                        _panic(header, levels, pending_words, pending_values, slots)
                        break
            count = header[PENDING_COUNT]
            if count == PENDING:
                break
            _put(pending_words, pending_values, count, command_words, command_values, place)
            header[PENDING_COUNT] = count + 1
        tail += 1
    header[COMMAND_TAIL] = tail


@njit(cache=True, error_model="numpy")
def _due(now: int, header: Array, levels: Array, pending_words: Array, pending_values: Array, slots: Array, slot_levels: Array) -> int:
    """Apply, in their order, the commands that are due; returns the frame of the next one."""
    following = FOREVER
    count = header[PENDING_COUNT]
    kept = 0
    for i in range(count):
        if pending_words[i, 0] <= now:
            _apply(now, pending_words[i, 1], pending_words[i, 2], pending_values[i], levels, slots, slot_levels)
            header[APPLIED] += 1
        else:
            following = min(following, pending_words[i, 0])
            _put(pending_words, pending_values, kept, pending_words, pending_values, i)
            kept += 1
    header[PENDING_COUNT] = kept
    return following


@njit(cache=True, error_model="numpy")
def _capture(
    now: int, count: int, header: Array, capture: Array, out_l: Array, out_r: Array, jam_l: Array, jam_r: Array, slots_l: Array,
    slots_r: Array, in_l: Array, in_r: Array,
) -> None:  # fmt: skip
    """Keep what all ports play and hear, from the frame that was asked for."""
    size = capture.shape[0]
    head = header[CAPTURE_HEAD]
    for i in range(count):
        if now + i < header[CAPTURE_FIRST]:
            continue
        if head == 0:
            header[CAPTURE_FIRST] = now + i
        row = head % size
        capture[row, 0], capture[row, 1] = out_l[i], out_r[i]
        capture[row, 2], capture[row, 3] = jam_l[i], jam_r[i]
        capture[row, 4], capture[row, 5] = slots_l[i], slots_r[i]
        capture[row, 6], capture[row, 7] = in_l[i], in_r[i]
        head += 1
    fence()
    header[CAPTURE_HEAD] = head


@njit(cache=True, error_model="numpy")
def _peaks(count: int, levels: Array, at: int, left: Array, right: Array) -> None:
    for i in range(count):
        levels[at] = max(levels[at], abs(left[i]))
        levels[at + 1] = max(levels[at + 1], abs(right[i]))


@njit(cache=True, error_model="numpy")
def mix(
    count: int, header: Array, levels: Array, command_words: Array, command_values: Array, pending_words: Array,
    pending_values: Array, slots: Array, slot_levels: Array, stream: Array, capture: Array, out_l: Array, out_r: Array, jam_l: Array,
    jam_r: Array, slots_l: Array, slots_r: Array, in_l: Array, in_r: Array,
) -> None:  # fmt: skip
    """Play `count` frames and move the time line on. Shape of every buffer: [count]."""
    now = header[FRAME]
    _drain(header, levels, command_words, command_values, pending_words, pending_values, slots)
    place = 0
    voices = slots.shape[0]
    while place < count:
        following = _due(now + place, header, levels, pending_words, pending_values, slots, slot_levels)
        length = min(count - place, max(following - now - place, 1))
        jam_voice(now + place, place, length, header, levels, stream, jam_l, jam_r)
        slot_voices(now + place, place, length, 0, voices - CLICKS, slots, slot_levels, slots_l, slots_r)
        slot_voices(now + place, place, length, voices - CLICKS, voices, slots, slot_levels, out_l, out_r)
        place += length
    gain, target, limiter, lowest = levels[MASTER], levels[MASTER_TARGET], levels[LIMITER], levels[LOWEST]
    peak_l, peak_r = levels[PEAK_L], levels[PEAK_R]
    for i in range(count):
        if gain < target:
            gain = min(gain + RAMP, target)
        elif gain > target:
            gain = max(gain - RAMP, target)
        a = (jam_l[i] + slots_l[i]) * gain + out_l[i]
        b = (jam_r[i] + slots_r[i]) * gain + out_r[i]
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
    _peaks(count, levels, PEAK_JAM, jam_l, jam_r)
    _peaks(count, levels, PEAK_SLOTS, slots_l, slots_r)
    _peaks(count, levels, PEAK_IN, in_l, in_r)
    if header[CAPTURE_ON] == 1:
        fence()
        _capture(now, count, header, capture, out_l, out_r, jam_l, jam_r, slots_l, slots_r, in_l, in_r)
    fence()
    header[FRAME] = now + count
