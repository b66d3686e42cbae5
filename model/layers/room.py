"""A room for what is played: a feedback delay network, compiled by numba, a block at a time.

Tones of planned notes end dry where a real piano rings on, by its pedal and the room. Eight delay lines in a lossless mixture
(Householder), each with a filter that gives low and high frequencies decay times of their own (Jot and Chaigne 1991, "Digital delay
networks for designing artificial reverberators").
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from jamd.contract.units import SAMPLE_RATE
from model.layers.jit import KERNEL

Floats = NDArray[np.float32]
PARAMS: Final = ("wet", "low_s", "high_s", "cut_hz")
"""Amplitude of the room beside the direct sound; seconds in which its low and its high frequencies fall by 60 dB; where its treble ends."""
DRY: Final = (0.0, 0.6, 0.4, 6000.0)
ROOMS: Final = {"dry": DRY, "studio": DRY, "club": (0.3, 1.2, 0.7, 9000.0), "hall": (0.5, 2.9, 1.3, 7000.0)}
"""That a style can ask for: decay, and level beside the direct sound, those of the corpus' own rooms (the hall 1 dB more). What the
networks play has its studio with it."""
LIMITS: Final = ((0.0, 2.0), (0.1, 6.0), (0.05, 6.0), (500.0, 20_000.0))
DELAYS: Final = (1103, 1399, 1747, 2017, 2417, 2777, 3251, 3673)
"""Samples; primes, so that no echoes fall together."""
LINES: Final = len(DELAYS)
QUIET: Final = 1e-7
"""Amplitude below which a room that is no longer fed is silent."""
_LONGEST: Final = 4096
_DELAYS = np.array(DELAYS)


_BLOCK, _ROWS, _ROW = "float32[:, ::1]", "float32[:, ::1]", "float32[::1]"


@njit(f"float64({_BLOCK}, {_ROWS}, {_ROW}, {_ROW}, int64, {_ROW}, {_ROW}, {_BLOCK})", **KERNEL)  # type: ignore[untyped-decorator]
def _run(sound: Any, lines: Any, filters: Any, cuts: Any, place: int, now: Any, then: Any, out: Any) -> float:
    """Add the room to a block. Returns the loudest sample in the lines.

    Shape: sound and out [frames, 2], lines [LINES, _LONGEST], filters [LINES], cuts [2], now and then (wet, coefficient of the cut,
    then both coefficients of every line's filter) [2 + 2 * LINES].
    """
    frames = sound.shape[0]
    loudest = np.float32(0)
    read = np.zeros(LINES, np.float32)
    mix, step = now.copy(), (then - now) / np.float32(frames)
    for n in range(frames):
        at = place + n
        total = np.float32(0)
        for i in range(LINES):
            value = mix[2 + i] * lines[i, (at - _DELAYS[i]) % _LONGEST] + mix[2 + LINES + i] * filters[i]
            filters[i] = value
            read[i] = value
            total += value
        total *= np.float32(2.0 / LINES)
        left, right = np.float32(0), np.float32(0)
        for i in range(LINES):
            fed = sound[n, i % 2] if (i // 2) % 2 == 0 else -sound[n, i % 2]
            value = fed + read[i] - total
            lines[i, at % _LONGEST] = value
            loudest = max(loudest, abs(value))
        for i in range(0, LINES, 2):
            sign = np.float32(1) if (i // 4) % 2 == 0 else np.float32(-1)
            left += sign * read[i]
            right += sign * read[i + 1]
        cuts[0] += mix[1] * (left - cuts[0])
        cuts[1] += mix[1] * (right - cuts[1])
        out[n, 0] = sound[n, 0] + mix[0] * cuts[0]
        out[n, 1] = sound[n, 1] + mix[0] * cuts[1]
        for i in range(mix.shape[0]):
            mix[i] += step[i]
    return float(loudest)


def mix_rooms(rooms: Iterable[tuple[Floats | None, float]]) -> Floats:
    """Amplitudes by strength added up, the rest in their mean. Args: parameters of each room, and its strength. Shape: [len(PARAMS)]."""
    known = [(room, strength) for room, strength in rooms if room is not None and strength * float(room[0]) > 0.0]
    if not known:
        return np.array(DRY, np.float32)
    weights = np.array([strength * float(room[0]) for room, strength in known])
    mixed = np.average(np.stack([room for room, _ in known]), axis=0, weights=weights).astype(np.float32)
    mixed[0] = weights.sum()
    return mixed


class OwnRoom:
    """The room of the adapters that sound, for all streams of their networks. An array once given is not written again."""

    def __init__(self) -> None:
        self.params = np.array(DRY, np.float32)

    def follow(self, rooms: Iterable[tuple[Floats | None, float]]) -> None:
        """See `mix_rooms`. Args: parameters of each adapter, and its strength."""
        fresh = mix_rooms(rooms)
        if not np.array_equal(fresh, self.params):
            self.params = fresh


def check_room(params: Floats) -> bool:
    """Whether they are numbers that a room can have. Shape: [len(PARAMS)]."""
    return params.shape == (len(PARAMS),) and all(low <= value <= high for value, (low, high) in zip(params.tolist(), LIMITS, strict=True))


def _set(params: Floats) -> Floats:
    """What the parameters come to, as `_run` takes it."""
    wet, low_s, high_s, cut_hz = (float(np.clip(value, *limits)) for value, limits in zip(params, LIMITS, strict=True))
    low, high = (10.0 ** (-3.0 * _DELAYS / (seconds * SAMPLE_RATE)) for seconds in (low_s, min(high_s, low_s)))
    lose = (low - high) / (low + high)
    cut = 1.0 - np.exp(-2.0 * np.pi * cut_hz / SAMPLE_RATE)
    return np.concatenate(([wet / np.sqrt(LINES), cut], low * (1.0 - lose), lose)).astype(np.float32)  # type: ignore[no-any-return]


class Room:
    """One stream's room. With a wet of 0 the sound passes bit for bit.

    Args:
        params: that it begins with. Shape: [len(PARAMS)].
    """

    def __init__(self, params: ArrayLike = DRY) -> None:
        self._lines = np.zeros((LINES, _LONGEST), np.float32)
        self._filters, self._cuts = np.zeros(LINES, np.float32), np.zeros(2, np.float32)
        self._place = 0
        self._loudest = 0.0
        self._params = np.array(params, np.float32)
        self._now = _set(self._params)

    def __call__(self, sound: Floats, params: Floats) -> Floats:
        """Sound in the room; changed parameters are reached at the end of the block. Shape: [frames, 2], [len(PARAMS)] to [frames, 2]."""
        then = self._now if np.array_equal(params, self._params) else _set(params)
        dry = self._now[0] == 0.0 and then[0] == 0.0
        if dry:
            if self._loudest > 0.0:
                self._clear()
            self._params, self._now = params.copy(), then
            return sound
        sound = np.ascontiguousarray(sound, np.float32)
        out = np.empty_like(sound)
        self._loudest = _run(sound, self._lines, self._filters, self._cuts, self._place, self._now, then, out)
        self._place = (self._place + len(sound)) % _LONGEST
        if self._loudest < QUIET:
            self._clear()
        self._params, self._now = params.copy(), then
        return out

    def _clear(self) -> None:
        for one in (self._lines, self._filters, self._cuts):
            one[:] = 0.0
        self._loudest = 0.0
