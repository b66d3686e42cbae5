"""Measure the timbres that the excitation starts from: `python -m model.training.timbres OUT`.

Single notes and hits of a General MIDI soundfont are taken apart: partials of piano, bass and horn with their envelopes, velocity
response and inharmonicity; drums as a few ringing modes and noise in bands. What comes out are `Timbres`, plain tables that the tones
carry with their weights. They are where the filter starts from; what a passage sounds like is the codes' to say.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from jamd.contract.units import SAMPLE_RATE
from model.conditioning import DRUM_ROWS, KEYS, LOWEST
from model.corpus.notes import make_notes
from model.corpus.render import render_part
from model.layers.excitation import BANDS, BURST_KNOTS_S, EDGES_HZ, HARMONICS, HIGHEST_HZ, KNOTS_S, MODES, SOURCES, TUNED, Timbres

RANGES: Final = ((24, 105), (26, 67), (40, 94))
"""Lowest and highest measured pitch of piano, bass, horn."""
PROGRAMS: Final = ((0,), (32,), (66, 65, 56))
STEP: Final = 3
VELOCITY: Final = 80
SOFT: Final = 48
FLOOR: Final = 1e-6
LONGEST_S: Final = 4.2
KIT: Final = 32
BRUSHES: Final = 40
HITS: Final = ((36, KIT), (38, KIT), (40, BRUSHES), (37, KIT), (39, KIT), (42, KIT), (44, KIT), (46, KIT), (51, KIT), (53, KIT), (49, KIT),
               (43, KIT), (47, KIT), (50, KIT), (56, KIT))  # fmt: skip
"""Note and kit of each row of the roll's drums."""
Doubles = NDArray[np.float64]


def _note(part: int, pitch: int, velocity: int, bank: int, program: int) -> Doubles:
    """Mono sound of a note of 5 s, from its onset on."""
    notes = make_notes([(part, pitch, velocity, 0.0, 10.0)], 120.0)
    frames = round((LONGEST_S + 1) * SAMPLE_RATE)
    sound = render_part(notes, bank, program, frames).astype(np.float64)
    loud = np.abs(sound).max(axis=1)
    first = int(np.argmax(loud > 0.02 * loud.max()))
    return sound[first:]


def _demodulated(sound: Doubles, hz: float, width_s: float, times: Doubles) -> Doubles:
    """Amplitude of a partial at some times, of both channels together."""
    out = np.zeros(len(times))
    half = round(width_s * SAMPLE_RATE / 2)
    window = np.hanning(2 * half + 1)
    for index, time in enumerate(times):
        middle = round(time * SAMPLE_RATE)
        low, high = max(middle - half, 0), min(middle + half + 1, len(sound))
        weight = window[low - middle + half : high - middle + half]
        turn = np.exp(-2j * np.pi * hz / SAMPLE_RATE * np.arange(low, high)) * weight
        parts = turn @ sound[low:high] * 2.0 / max(weight.sum(), 1e-9)
        out[index] = np.sqrt((np.abs(parts) ** 2).mean())
    return out


def _peak(power: Doubles, hz: float, around: float) -> float:
    """Frequency of the highest bin near `hz`, by a parabola."""
    per_bin = SAMPLE_RATE / (2 * (len(power) - 1))
    low, high = int((hz - around) / per_bin), int((hz + around) / per_bin) + 2
    at = low + int(np.argmax(power[low:high]))
    a, b, c = np.log(power[at - 1 : at + 2] + 1e-20)
    return float((at + 0.5 * (a - c) / min(a - 2 * b + c, -1e-9)) * per_bin)


def _stretch(sound: Doubles, hz: float) -> float:
    """Inharmonicity B of a string: partials at k f sqrt(1 + B k^2)."""
    part = sound[2400 : 2400 + 32768].mean(axis=1)
    power = np.abs(np.fft.rfft(part * np.hanning(len(part)), 1 << 17)) ** 2
    one = _peak(power, hz, hz * 0.04)
    found, b = [], 0.0
    for k in range(2, 15):
        if k * hz > 6000:
            break
        guess = k * one * np.sqrt(1 + b * k * k)
        place = _peak(power, guess, hz * 0.25)
        found.append(((place / (k * one)) ** 2 - 1) / (k * k - 1))
        if k >= 4:
            b = float(np.clip(np.median(found[2:]), 0.0, 3e-3))
    return b


def _tuned(source: int, pitch: int, program: int) -> tuple[Doubles, Doubles, float]:
    """Log amplitudes [HARMONICS, knots], velocity exponents [HARMONICS], inharmonicity."""
    part = (0, 1, 3)[source]
    hz = 440.0 * 2 ** ((pitch - 69) / 12)
    loud, soft = (_note(part, pitch, velocity, 0, program) for velocity in (VELOCITY, SOFT))
    stretch = _stretch(loud, hz) if source == 0 else 0.0
    times, width = np.array(KNOTS_S), max(4.0 / hz, 0.02)
    logs, power = np.full((HARMONICS, len(times)), np.log(FLOOR)), np.ones(HARMONICS)
    for k in range(1, HARMONICS + 1):
        place = k * hz * np.sqrt(1 + stretch * k * k)
        if place > HIGHEST_HZ:
            break
        strong, weak = (_demodulated(sound, place, width, times) for sound in (loud, soft))
        logs[k - 1] = np.log(np.maximum(strong, FLOOR))
        head = slice(0, 4)
        power[k - 1] = np.log(max(strong[head].max(), FLOOR) / max(weak[head].max(), FLOOR)) / np.log(VELOCITY / SOFT)
    return logs, np.clip(power, 0.5, 4.0), stretch


def _measure_tuned() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    partials = np.zeros((TUNED, KEYS, HARMONICS, len(KNOTS_S)))
    response, stretch = np.zeros((TUNED, KEYS, HARMONICS)), np.zeros((TUNED, KEYS))
    keys = np.arange(LOWEST, LOWEST + KEYS)
    for source, ((low, high), programs) in enumerate(zip(RANGES, PROGRAMS, strict=True)):
        pitches = np.arange(low, high + 1, STEP)
        rows: list[Any] = []
        for pitch in pitches:
            found = [_tuned(source, int(pitch), program) for program in programs]
            rows.append(tuple(np.mean(np.stack([np.asarray(f[i]) for f in found]), axis=0) for i in range(3)))
        for out, index in ((partials, 0), (response, 1), (stretch, 2)):
            table = np.stack([row[index] for row in rows])
            flat = table.reshape(len(pitches), -1)
            if index:  # instruments differ from key to key by chance: smooth
                flat = np.stack([np.median(flat[max(i - 2, 0) : i + 3], axis=0) for i in range(len(flat))])
            filled = np.stack([np.interp(keys, pitches, column) for column in flat.T], axis=1)
            out[source] = filled.reshape(out[source].shape)
    return partials.astype(np.float32), response.astype(np.float32), stretch.astype(np.float32)


def _band(sound: Doubles, low: float, high: float) -> Doubles:
    spectrum = np.fft.rfft(sound, axis=0)
    hz = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE)
    spectrum[(hz < low) | (hz >= high)] = 0
    return np.fft.irfft(spectrum, len(sound), axis=0)


def _levels(sound: Doubles, times: Doubles) -> Doubles:
    """Root mean square around some times; the windows grow with time."""
    power = (sound**2).mean(axis=1)
    out = np.zeros(len(times))
    for index, time in enumerate(times):
        half = max(0.35 * time, 0.002)
        low, high = max(time - half, 0.0), time + half
        out[index] = np.sqrt(power[round(low * SAMPLE_RATE) : round(high * SAMPLE_RATE) + 1].mean())
    return out


def _hit(pitch: int, program: int) -> tuple[Doubles, Doubles, Doubles]:
    """Noise bands [BANDS, knots] and modes [MODES, knots], log amplitudes, and the modes' frequencies."""
    sound = _note(2, pitch, VELOCITY, 128, program)
    times = np.array(BURST_KNOTS_S)
    head = sound[240 : 240 + 16384].mean(axis=1)
    power = np.abs(np.fft.rfft(head * np.hanning(len(head)), 1 << 16)) ** 2
    hz = np.fft.rfftfreq(1 << 16, 1 / SAMPLE_RATE)
    usable = power.copy()
    usable[(hz < 45) | (hz > 8000)] = 0
    frequencies, modes = np.full(MODES, 100.0), np.full((MODES, len(times)), FLOOR)
    for index in range(MODES):
        at = int(np.argmax(usable))
        frequencies[index] = hz[at]
        modes[index] = _demodulated(sound, hz[at], 0.02, times)
        usable[np.abs(hz - hz[at]) < max(25.0, 0.06 * hz[at])] = 0
    bands = np.zeros((BANDS, len(times)))
    for index in range(BANDS):
        low, high = EDGES_HZ[index : index + 2]
        total = _levels(_band(sound, low, high), times) ** 2
        ringing = sum((modes[m] ** 2 / 2 for m in range(MODES) if low <= frequencies[m] < high), np.zeros(len(times)))
        bands[index] = np.sqrt(np.maximum(total - ringing, 0.15 * total))
    return np.log(np.maximum(bands, FLOOR)), np.log(np.maximum(modes, FLOOR)), frequencies


def measure() -> Timbres:
    """All tables, from FluidR3."""
    partials, response, stretch = _measure_tuned()
    found = [_hit(pitch, program) for pitch, program in HITS]
    assert len(found) == DRUM_ROWS and SOURCES > TUNED
    bands, modes, hz = (np.stack([f[i] for f in found]).astype(np.float32) for i in range(3))
    return Timbres(partials, response, stretch, bands, modes, hz)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    save_file({name: np.ascontiguousarray(value) for name, value in measure()._asdict().items()}, options.out)


if __name__ == "__main__":
    main()
