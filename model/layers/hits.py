"""Waveforms of drum hits from tables: the attack as it was measured, then noise with the spectrum and the envelopes of what rings on.

What tells drums apart is in the first milliseconds, a waveform, and in the ringing, lines of a spectrum that may have any phases. So a
hit is its measured attack, which goes over into a sum of many partials (attack and sustain from two sources, as in the "linear arithmetic"
synthesis of the Roland D-50, 1987). No two strokes of a drummer are the same, so there are some of each drum to take turns (round robins):
the first as it was measured, the others as far from it as a real kit's strokes are from each other. No torch.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from jamd.contract.units import SAMPLE_RATE

KNOTS_S: Final = tuple(float(knot) for knot in np.geomspace(0.002, 2.4, 16))
"""Ages at which the level of a band is given."""
RING: Final = 115_200
"""Samples of a hit, 2.4 s."""
ATTACK: Final = 3840
"""Samples that are as measured, 80 ms, of which the last"""
BLEND: Final = 960
"""go over into the ringing."""
LINE_HZ: Final = 5.0
"""From one line of the spectrum to the next."""
LINES: Final = 4001
EDGES_HZ: Final = (40.0, 150.0, 300.0, 450.0, 600.0, *(float(edge) for edge in np.geomspace(750.0, 20_000.0, 31)))
"""Of the bands; narrower ones would ring longer than drums do."""
BANDS: Final = len(EDGES_HZ) - 1
SILENT: Final = -10.0
"""Log amplitude of what need not be made."""
TAKES: Final = 4
"""Strokes of each drum."""
APART: Final = 0.2
"""Standard deviation of the level of a third of an octave from stroke to stroke of a real kit, in nats (1.7 dB),"""
ALIKE: Final = (0.85, 0.8, 0.8, 0.75, 0.8, 0.12, 0.12, 0.12, 0.6, 0.8, 0.7, 0.6, 0.6, 0.6, 0.5)
"""and how their first 60 ms correlate, for each row of the roll's drums: strokes of neighbouring velocity layers of AVL's Black Pearl kit,
as loud as each other and aligned within 0.3 ms. Skins repeat themselves, hi-hats do not."""
SPREAD_S: Final = 0.0005
"""Time in which what makes an attack another one falls by 1/e: too short to be heard as such."""

Floats = NDArray[np.float32]


def band_of(hz: NDArray[Any]) -> NDArray[np.int64]:
    """Band of each frequency; -1 below the lowest, BANDS above the highest."""
    return np.searchsorted(np.array(EDGES_HZ), hz, side="right") - 1


def ring(lines: Floats, bands: Floats, seed: int) -> Floats:
    """What rings, from the last knot before the end of the attack on, of each stroke: the same noise, begun at other places.

    Args:
        lines: log amplitudes of the spectrum; what counts is their relation within a band. Shape: [LINES].
        bands: log amplitudes of the bands at the knots (root mean square). Shape: [BANDS, len(KNOTS_S)].
        seed: of the phases.

    Shape: [TAKES, RING].
    """
    out = np.zeros((TAKES, RING), np.float32)
    heard = np.flatnonzero((bands > SILENT).any(axis=0))
    if len(heard) == 0:
        return out
    knots = np.round(np.array(KNOTS_S) * SAMPLE_RATE).astype(np.int64)
    last = min(int(heard[-1]) + 1, len(knots) - 1)
    size = fft.next_fast_len(int(knots[last]), real=True)
    hz = np.arange(size // 2 + 1) * (SAMPLE_RATE / size)
    band = band_of(hz)
    inside = (band >= 0) & (band < BANDS)
    here, band = np.flatnonzero(inside), band[inside]
    strength = np.exp(np.interp(hz[here], np.arange(LINES) * LINE_HZ, lines.astype(np.float64)))
    power = np.bincount(band, strength**2, BANDS) * (2.0 / size**2)
    strength /= np.sqrt(np.maximum(power, 1e-30))[band]
    turn = np.random.default_rng([20_29, seed]).random(len(here), np.float32)
    partials = strength.astype(np.float32) * np.exp(np.float32(2 * np.pi) * 1j * turn, dtype=np.complex64)
    spectrum = np.zeros(len(hz), np.complex64)

    def wave(knot: int) -> Floats:
        level = np.where(bands[:, knot] > SILENT, np.exp(bands[:, knot]), 0.0)
        spectrum[here] = partials * level.astype(np.float32)[band]
        made = fft.irfft(spectrum, size).astype(np.float32, copy=False)
        return np.stack([np.roll(made, take * size // TAKES) for take in range(TAKES)])

    total = np.sqrt((np.exp(2.0 * bands.astype(np.float64))).sum(axis=0))
    first = int(np.searchsorted(knots, ATTACK - BLEND, side="right")) - 1
    before = wave(first)
    for knot in range(first, last):
        after, low, high = wave(knot + 1), int(knots[knot]), int(knots[knot + 1])
        share = np.arange(high - low) / (high - low)
        falls = total[knot + 1] / total[knot]  # the sum of all bands falls or rises exponentially
        if abs(falls - 1.0) > 1e-3:
            share = (1.0 - falls**share) / (1.0 - falls)
        here_on = slice(low, high)
        out[:, here_on] = before[:, here_on] + share.astype(np.float32) * (after[:, here_on] - before[:, here_on])
        before = after
    out[:, -BLEND:] *= np.linspace(1.0, 0.0, BLEND, dtype=np.float32)
    return out


def again(attack: Floats, alike: float, rng: np.random.Generator) -> Floats:
    """The attack of another stroke: as loud, every band give or take `APART`, the highest correlating with the first by `alike`.

    Shape: [ATTACK].
    """
    size = fft.next_fast_len(2 * ATTACK, real=True)
    falls = np.exp(-np.arange(round(6 * SPREAD_S * SAMPLE_RATE)) / (SPREAD_S * SAMPLE_RATE))
    blur = rng.standard_normal(len(falls)) * falls
    blur -= falls * (blur.sum() / falls.sum())  # a skin moves the same way at every stroke
    blur *= np.sqrt((1.0 - alike**2) / np.sum(blur**2))
    blur[0] += alike
    true = fft.rfft(attack.astype(np.float64), size)
    made = true * fft.rfft(blur, size)
    hz = np.arange(len(true)) * (SAMPLE_RATE / size)
    band = np.clip(band_of(hz), 0, BANDS - 1)
    asked, there = (np.bincount(band, np.abs(spectrum) ** 2, BANDS) for spectrum in (true, made))
    drawn = np.interp(np.arange(BANDS), np.arange(0, BANDS + 1, 2), rng.normal(0.0, APART, BANDS // 2 + 1))
    drawn -= 0.5 * np.log((asked * np.exp(2.0 * drawn)).sum() / max(asked.sum(), 1e-30))
    gains = 0.5 * np.log(np.maximum(asked, 1e-30) / np.maximum(there, 1e-30)) + drawn
    middles = np.log(np.sqrt(np.array(EDGES_HZ[1:]) * EDGES_HZ[:-1]))
    made *= np.exp(np.interp(np.log(np.maximum(hz, 1.0)), middles, gains))
    return fft.irfft(made, size)[:ATTACK].astype(np.float32)


def strokes(attack: Floats, lines: Floats, bands: Floats, seed: int, alike: float) -> Floats:
    """Whole hits, the first with the attack as it is. Shapes: [ATTACK], see `ring` for the others, to [TAKES, RING]."""
    out = ring(lines, bands, seed)
    rng = np.random.default_rng([20_41, seed])
    attacks = np.stack([attack, *(again(attack, alike, rng) for _ in range(TAKES - 1))])
    share = np.clip((np.arange(ATTACK) - (ATTACK - BLEND)) / BLEND, 0.0, 1.0) * (np.pi / 2)
    out[:, :ATTACK] = attacks * np.cos(share) + out[:, :ATTACK] * np.sin(share)
    return out
