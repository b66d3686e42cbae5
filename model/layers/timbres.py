"""Instruments that the excitation can be made from: their names, and tables of how each sounds in the mean. No torch.

`Tables` is what was measured, as the tones carry it; `Orchestra` has every hit of it as a waveform, and its `line_up` takes out the
three tuned instruments and the kit that play, which is what `model.layers.excitation` reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.conditioning import DRUM_ROWS, KEYS
from model.layers import hits

HARMONICS: Final = 64
TUNED: Final = 3
"""Piano, bass, horn: the first sources."""
KNOTS_S: Final = (0.02, 0.06, 0.15, 0.35, 0.8, 1.8, 4.0)
"""Ages at which the envelope of a partial is given; between them it is exponential."""
RELEASE_S: Final = (0.006, 0.25)
"""Least and most that an instrument has."""
RESIDUAL: Final = 5760
"""Samples, 120 ms, of what a note begins with beside its partials: hammer, pluck, breath."""
ZONE: Final = 3
"""Keys that share a residual; it is measured on the middle one."""
ZONES: Final = -(-KEYS // ZONE)

Floats = NDArray[np.float32]
Shorts = NDArray[np.int16]
INSTRUMENTS: Final[dict[str, tuple[str, ...]]] = {
    "piano": ("grand", "bright", "rhodes", "vibes", "steinway", "yamaha", "guitar", "organ"),
    "bass": ("upright", "electric", "fretless", "pizzicato", "synth"),
    "horn": (
        "tenor", "trumpet", "muted_trumpet", "soprano", "alto", "baritone", "clarinet", "flute", "trombone", "weresax",
    ),
}  # fmt: skip
"""Of each tuned source, its usual one first."""
KITS: Final = ("jazz", "brushes", "standard", "room", "808")
MACHINES: Final = ("808",)
"""Kits whose strokes are all the same."""
TABLES: Final = tuple(name for names in INSTRUMENTS.values() for name in names)


class Timbres(NamedTuple):
    """What plays. Levels are natural logarithms of amplitudes at velocity 80."""

    partials: Floats
    """Shape: [TUNED, KEYS, HARMONICS, len(KNOTS_S)]."""
    response: Floats
    """Exponent of velocity. Shape: [TUNED, KEYS, HARMONICS]."""
    stretch: Floats
    """Inharmonicity. Shape: [TUNED, KEYS]."""
    attack_s: Floats
    """Seconds in which a note comes up. Shape: [TUNED]."""
    release_s: Floats
    """Seconds in which it falls by a factor of e once it has ended. Shape: [TUNED]."""
    residual: Floats
    """What the sum of partials lacks of the beginning of a note. Shape: [TUNED, ZONES, RESIDUAL]."""
    bite: Floats
    """Its exponent of velocity. Shape: [TUNED, ZONES]."""
    hits: Shorts
    """Waveforms of the drums, each as loud as 16 bits can hold. Shape: [DRUM_ROWS, hits.TAKES, hits.RING]."""
    steps: Floats
    """What a step of them stands for. Shape: [DRUM_ROWS, hits.TAKES]."""

    @classmethod
    def plain(cls) -> Timbres:
        """Made up, for networks without weights: partials that fall with their number and age, short hits of noise."""
        return Tables.plain().orchestra().line_up({})


class Tables(NamedTuple):
    """What was measured of every instrument of INSTRUMENTS, in the order of TABLES, and of every kit; the first fields as in `Timbres`."""

    partials: Floats
    response: Floats
    stretch: Floats
    attack_s: Floats
    release_s: Floats
    residual: Floats
    bite: Floats
    attacks: Floats
    """First milliseconds of the hits. Shape: [kits, DRUM_ROWS, hits.ATTACK]."""
    lines: Floats
    """Spectra of what rings on. Shape: [kits, DRUM_ROWS, hits.LINES]."""
    bands: Floats
    """And its levels. Shape: [kits, DRUM_ROWS, hits.BANDS, len(hits.KNOTS_S)]."""

    @classmethod
    def plain(cls) -> Tables:
        """All instruments of a part alike; see `Timbres.plain`."""
        tuned, kits = len(TABLES), len(KITS)
        number = np.log(np.arange(1, HARMONICS + 1))[:, None]
        falls = np.repeat([0.8, 0.8, 0.0], [len(names) for names in INSTRUMENTS.values()])
        attack = np.repeat([0.002, 0.004, 0.03], [len(names) for names in INSTRUMENTS.values()])
        knots, burst_knots = np.array(KNOTS_S), np.array(hits.KNOTS_S)
        noise = np.random.default_rng(5).standard_normal((kits, DRUM_ROWS, hits.ATTACK)) * np.exp(-4.0)
        return cls(*(np.ascontiguousarray(table, np.float32) for table in (
            -3.0 - number - falls[:, None, None, None] * knots + np.zeros((tuned, KEYS, 1, 1)),
            np.full((tuned, KEYS, HARMONICS), 1.5), np.zeros((tuned, KEYS)), attack, np.full(tuned, 0.05),
            np.zeros((tuned, ZONES, RESIDUAL)), np.full((tuned, ZONES), 2.0), noise,
            np.zeros((kits, DRUM_ROWS, hits.LINES)), -6.0 - 40.0 * burst_knots + np.zeros((kits, DRUM_ROWS, hits.BANDS, 1)),
        )))  # fmt: skip

    def orchestra(self) -> Orchestra:
        """All of it, ready to play."""
        kits, rows = self.attacks.shape[:2]
        made, steps = np.empty((kits, rows, hits.TAKES, hits.RING), np.int16), np.empty((kits, rows, hits.TAKES), np.float32)
        for kit, row in np.ndindex(kits, rows):
            sound = hits.strokes(self.attacks[kit, row], self.lines[kit, row], self.bands[kit, row], row, hits.ALIKE[row])
            if KITS[kit] in MACHINES:
                sound[1:] = sound[0]
            steps[kit, row] = np.maximum(np.abs(sound).max(axis=1), 1e-9) / np.iinfo(np.int16).max
            made[kit, row] = np.round(sound / steps[kit, row][:, None])
        return Orchestra(self, made, steps)


class Orchestra(NamedTuple):
    """Every instrument and every kit, ready to play."""

    tables: Tables
    hits: Shorts
    """Waveforms of the drums. Shape: [kits, DRUM_ROWS, hits.TAKES, hits.RING]."""
    steps: Floats
    """What a step of them stands for. Shape: [kits, DRUM_ROWS, hits.TAKES]."""

    def line_up(self, sounds: Mapping[str, str]) -> Timbres:
        """The instruments of these names by part; a part that is not named, or has no such instrument, plays its usual one."""
        at, rows = 0, []
        for part, names in INSTRUMENTS.items():
            name = sounds.get(part, names[0])
            rows.append(at + (names.index(name) if name in names else 0))
            at += len(names)
        kit = KITS.index(sounds["drums"]) if sounds.get("drums") in KITS else 0
        t = self.tables
        return Timbres(
            t.partials[rows], t.response[rows], t.stretch[rows], t.attack_s[rows], t.release_s[rows], t.residual[rows], t.bite[rows],
            self.hits[kit], self.steps[kit],
        )  # fmt: skip
