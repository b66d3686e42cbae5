"""Measure the timbres that the excitation starts from: `python -m model.training.timbres OUT`.

Single notes and hits of a General MIDI soundfont and of sampled instruments are taken apart: partials of tuned instruments with their
envelopes, velocity response, inharmonicity, attack and release, and what a sum of them lacks of the beginning of a note; drums into
attack, lines of a spectrum and levels of bands. What comes out are `Tables` that the tones carry with their weights. They are where the
filter starts from; what a passage sounds like is the codes' to say.
"""

from __future__ import annotations

import argparse
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from scipy import signal

from jamd.contract.errors import FailureError
from jamd.contract.units import FRAME_SAMPLES, PARTS, SAMPLE_RATE
from model.conditioning import DRUM_ROWS, KEYS, LOWEST
from model.corpus.notes import make_notes
from model.corpus.render import render_part
from model.corpus.sampler import instruments_folder, sampled
from model.corpus.sounds import SOUNDS, Sound
from model.layers.excitation import HIGHEST_HZ, LEVEL, excite
from model.layers.hits import ATTACK, BANDS, EDGES_HZ, LINE_HZ, LINES, RING, TAKES
from model.layers.hits import KNOTS_S as BURST_KNOTS_S
from model.layers.timbres import (
    HARMONICS,
    INSTRUMENTS,
    KITS,
    KNOTS_S,
    RELEASE_S,
    RESIDUAL,
    TUNED,
    ZONE,
    ZONES,
    Tables,
    Timbres,
)

RANGES: Final = {"piano": (25, 103), "bass": (25, 67), "horn": (40, 94)}
"""Lowest and highest measured pitch, middles of zones."""
ATTACK_S: Final = {"piano": 0.01, "bass": 0.01, "horn": 0.06}
"""Longest attack, 0.001 being the shortest: what a low string takes longer is its first period."""
VELOCITY: Final = 80
SOFT: Final = 48
FLOOR: Final = 1e-6
WINDOW: Final = 512
"""Samples of the spectra in which a residual is found."""
SURE: Final = 2.0
"""Times the power of the partials that a bin must have before it is said to lack any (Berouti et al. 1979): keys differ by chance."""
FADE: Final = 960
"""Samples in which a residual ends."""
LONGEST_S: Final = 4.2
APART_S: Final = 7.0
"""Between the onsets of two notes of one recording."""
HELD_S: Final = 5.2
HITS: Final = (36, 38, 40, 37, 39, 42, 44, 46, 51, 53, 49, 43, 47, 50, 56)
"""Note of each row of the roll's drums."""
Doubles = NDArray[np.float64]


def sound_of(part: str, name: str) -> Sound:
    """The sound that a table is measured on: of FluidR3, or sampled.

    Raises:
        FailureError: it is neither.
    """
    for sound in SOUNDS:
        if (sound.part, sound.name) == (part, name) and sound.soundfont in (None, "FluidR3_GM.sf2"):
            return sound
    raise FailureError(f"no sound of the {part} named {name!r} to be measured")


@cache
def _notes(sound: Sound, pitches: tuple[int, ...], velocity: int) -> tuple[Doubles, ...]:
    """Sound of notes of HELD_S, each from its onset on, at the sound's level. Shape of each: [frames, 2]."""
    rows = [(PARTS.index(sound.part), pitch, float(velocity), 2.0 * index * APART_S, 2.0 * HELD_S) for index, pitch in enumerate(pitches)]
    notes, apart = make_notes(rows, 120.0), round(APART_S * SAMPLE_RATE)
    frames = len(pitches) * apart
    if sound.soundfont is None:
        folder = instruments_folder()
        if folder is None:
            raise FailureError(f"no folder of sampled instruments for {sound.name}: set JAMD_INSTRUMENTS")
        whole = sampled(sound.name, folder).render(notes, frames)
    else:
        whole = render_part(notes, sound.bank, sound.preset, frames, sound.soundfont)
    level = whole.astype(np.float64) * 10 ** (sound.gain_db / 20)
    out = []
    for index in range(len(pitches)):
        one = level[index * apart : (index + 1) * apart]
        loud = np.abs(one).max(axis=1)
        out.append(one[int(np.argmax(loud > 0.02 * max(loud.max(), FLOOR))) :])
    return tuple(out)


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
    aside = 0.5 * (a - c) / min(a - 2 * b + c, -1e-9)
    return float((at + np.clip(aside, -1.0, 1.0)) * per_bin)  # at the edge of the search there may be no peak


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


def _envelope(sound: Doubles, width_s: float = 0.004) -> Doubles:
    """Root mean square of stretches of `width_s`."""
    width = round(width_s * SAMPLE_RATE)
    whole = len(sound) // width * width
    return np.sqrt((sound[:whole] ** 2).reshape(-1, width, 2).mean(axis=(1, 2)))  # type: ignore[no-any-return]


def _attack_release(sound: Doubles, slowest_s: float) -> tuple[float, float]:
    """Seconds in which a note comes up, from when it is at half its early level, and the time constant of its fall after its end."""
    early = _envelope(sound[: round(0.3 * SAMPLE_RATE)], 0.001)
    attack = float(np.argmax(early >= 0.5 * early.max())) * 0.001 / 0.5
    levels = _envelope(sound)
    end = round(HELD_S / 0.004)
    fallen = np.flatnonzero(levels[end : end + 120] < levels[end - 2] * np.exp(-2.0))
    release = (fallen[0] + 0.5) * 0.004 / 2 if len(fallen) and levels[end - 2] > 1e-4 else np.nan
    return float(np.clip(attack, 0.001, slowest_s)), float(np.clip(release, *RELEASE_S))


def _tuned(source: int, pitch: int, loud: Doubles, soft: Doubles) -> tuple[Doubles, Doubles, float]:
    """Log amplitudes [HARMONICS, knots], velocity exponents [HARMONICS], inharmonicity."""
    hz = 440.0 * 2 ** ((pitch - 69) / 12)
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


def _lacking(true: Doubles, made: Doubles) -> Doubles:
    """What is to be added to `made` where it has hardly any of the power of `true`, in the phases of `true`.

    Shape: true [frames, 2], made [frames] to [RESIDUAL].
    """
    count, window = RESIDUAL + 2 * WINDOW, {"window": "hann", "nperseg": WINDOW, "noverlap": WINDOW * 3 // 4}
    there = np.zeros((3, count))
    there[:, WINDOW : WINDOW + RESIDUAL] = np.vstack((true[:RESIDUAL].T, made[None, :RESIDUAL]))  # from silence to the onset
    left, right, ours = signal.stft(there, **window)[2]
    power = (np.abs(left) ** 2 + np.abs(right) ** 2) / 2
    middle = left + right
    lacks = np.sqrt(np.maximum(power - SURE * np.abs(ours) ** 2, 0.0)) * middle / np.maximum(np.abs(middle), 1e-12)
    out: Doubles = signal.istft(lacks, **window)[1][WINDOW : WINDOW + RESIDUAL]
    out[-FADE:] *= np.cos(np.linspace(0.0, np.pi / 2, FADE)) ** 2
    return out


def _residuals(part: str, name: str, timbres: Timbres) -> tuple[Doubles, Doubles]:
    """Residuals [ZONES, RESIDUAL] and their response to velocity [ZONES] of an instrument that `timbres` has the partials of."""
    source, sound = list(INSTRUMENTS).index(part), sound_of(part, name)
    pitches = tuple(range(RANGES[part][0], RANGES[part][1] + 1, ZONE))
    zones = (np.array(pitches) - LOWEST) // ZONE
    frames = -(-RESIDUAL // FRAME_SAMPLES) * FRAME_SAMPLES
    found = []
    for velocity in (VELOCITY, SOFT):
        rows = []
        for pitch, true in zip(pitches, _notes(sound, pitches, velocity), strict=True):
            note = make_notes([(PARTS.index(part), pitch, float(velocity), 0.0, 2.0 * HELD_S)], 120.0)
            rows.append(_lacking(true, excite(note, 0, frames, timbres)[source].astype(np.float64) / LEVEL))
        found.append(np.stack(rows))
    loud, soft = (np.sqrt((one**2).mean(axis=1)) + FLOOR for one in found)
    nearest = np.abs(np.arange(ZONES)[:, None] - zones).argmin(axis=1)
    bite = np.clip(np.log(loud / soft) / np.log(VELOCITY / SOFT), 0.5, 4.0)
    return found[0][nearest], np.full(ZONES, np.median(bite))


def _alone(one: tuple[Doubles, Doubles, Doubles, float, float]) -> Timbres:
    """Of one tuned instrument, without residual."""
    partials, response, stretch, attack, release = (
        np.ascontiguousarray(np.broadcast_to(table, (TUNED, *np.shape(table))), np.float32) for table in one
    )
    residual, bite, steps = (np.zeros(shape, np.float32) for shape in ((TUNED, ZONES, RESIDUAL), (TUNED, ZONES), (DRUM_ROWS, TAKES)))
    return Timbres(partials, response, stretch, attack, release, residual, bite, np.zeros((DRUM_ROWS, TAKES, RING), np.int16), steps)


def _instrument(part: str, name: str) -> tuple[Doubles, Doubles, Doubles, float, float]:
    """Partials [KEYS, HARMONICS, knots], response [KEYS, HARMONICS], stretch [KEYS], attack and release in seconds."""
    source, sound = list(INSTRUMENTS).index(part), sound_of(part, name)
    step = 1 if sound.soundfont is not None else ZONE  # a soundfont's samples change at some key or other
    pitches = tuple(range(RANGES[part][0], RANGES[part][1] + 1, step))
    loud, soft = (_notes(sound, pitches, velocity) for velocity in (VELOCITY, SOFT))
    rows = [_tuned(source, pitch, one, other) for pitch, one, other in zip(pitches, loud, soft, strict=True)]
    keys, filled = np.arange(LOWEST, LOWEST + KEYS), []
    for index in range(3):
        flat = np.stack([np.asarray(row[index]) for row in rows]).reshape(len(pitches), -1)
        if index:  # instruments differ from key to key by chance: smooth
            flat = np.stack([np.median(flat[max(i - 6 // step, 0) : i + 6 // step + 1], axis=0) for i in range(len(flat))])
        elif sound.soundfont is None:  # and so do recordings of single notes
            flat = np.stack([flat[max(i - 1, 0) : i + 2].mean(axis=0) for i in range(len(flat))])
        filled.append(np.stack([np.interp(keys, pitches, column) for column in flat.T], axis=1))
    times = np.array([_attack_release(one, ATTACK_S[part]) for one in loud])
    release = float(np.nanmedian(times[:, 1])) if np.isfinite(times[:, 1]).any() else 0.06
    partials = filled[0].reshape(KEYS, HARMONICS, len(KNOTS_S))
    return partials, filled[1].reshape(KEYS, HARMONICS), filled[2].reshape(KEYS), float(np.median(times[:, 0])), release


def _levels(sound: Doubles, times: Doubles) -> Doubles:
    """Root mean square around some times; the windows grow with time."""
    power, out = sound**2, np.zeros(len(times))
    for index, time in enumerate(times):
        half = max(0.25 * time, 0.002)
        low, high = max(time - half, 0.0), time + half
        out[index] = np.sqrt(power[round(low * SAMPLE_RATE) : round(high * SAMPLE_RATE) + 1].mean())
    return out


def _over(hz: Doubles, edge: float) -> Doubles:
    """Share of the power at each frequency that lies above an edge: a slope without corners, for those would ring."""
    width = max(edge / 16, 40.0)
    share = np.clip((hz - edge) / width + 0.5, 0.0, 1.0)
    out: Doubles = np.sin(share * np.pi / 2) ** 2
    return out


def _hit(sound: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """Attack [ATTACK], log spectrum of what rings [LINES], levels of its bands [BANDS, knots]."""
    times, size = np.array(BURST_KNOTS_S), 1 << 17  # longer than RING
    mono = sound[:size].mean(axis=1)
    mono = mono * np.sqrt((sound[:size] ** 2).mean() / max((mono**2).mean(), FLOOR**2))
    hz, wide = np.linspace(0.0, SAMPLE_RATE / 2, size // 2 + 1), np.linspace(0.0, SAMPLE_RATE / 2, size + 1)
    ages = np.arange(size) / SAMPLE_RATE
    spectrum = np.fft.rfft(mono, 2 * size)  # what a filter rings ahead of the onset comes to lie in the second half
    bands, power = np.zeros((BANDS, len(times))), np.zeros(len(hz))
    for index in range(BANDS):
        low, high = EDGES_HZ[index : index + 2]
        above = _over(wide, low) if index else np.ones(len(wide))
        part = np.fft.irfft(spectrum * np.sqrt(above - _over(wide, high)))[:size]
        bands[index] = np.log(np.maximum(_levels(part, times), FLOOR))
        level = np.exp(np.interp(ages, times, bands[index]))
        even = np.where(level > 1e-3 * level.max(), part / level, 0.0)  # as if it rang on for ever
        here = (hz >= low) & (hz < high)
        power[here] = np.abs(np.fft.rfft(even))[here] ** 2
    width = round(2 * LINE_HZ / hz[1])
    window = np.hanning(width + 2)[1:-1]
    smooth = np.convolve(power, window / window.sum(), mode="same")
    lines = np.log(np.maximum(np.interp(np.arange(LINES) * LINE_HZ, hz, smooth), 1e-12)) / 2
    return mono[:ATTACK], lines, bands


def measure() -> Tables:
    """All tables; progress is printed."""
    tuned, kits = [], []
    for part, names in INSTRUMENTS.items():
        for name in names:
            one = _instrument(part, name)
            tuned.append((*one, *_residuals(part, name, _alone(one))))
            print(f"{part}, {name}: attack {1000 * tuned[-1][3]:.0f} ms, release {1000 * tuned[-1][4]:.0f} ms", flush=True)
            _notes.cache_clear()
    for kit in KITS:
        found = [_hit(sound) for sound in _notes(sound_of("drums", kit), HITS, VELOCITY)]
        assert len(found) == DRUM_ROWS
        kits.append(tuple(np.stack([one[index] for one in found]) for index in range(3)))
        print(f"drums, {kit}", flush=True)
    tables = [np.stack([np.asarray(one[index]) for one in tuned]) for index in range(7)]
    tables += [np.stack([one[index] for one in kits]) for index in range(3)]
    return Tables(*(np.ascontiguousarray(table, np.float32) for table in tables))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    save_file({name: np.ascontiguousarray(value) for name, value in measure()._asdict().items()}, options.out)


if __name__ == "__main__":
    main()
