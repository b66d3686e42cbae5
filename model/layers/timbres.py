"""Instruments that the excitation can be made from: their names, and tables of how each sounds in the mean. No torch.

`Orchestra` holds all of them as the tones carry them; `line_up` takes out the three tuned instruments and the kit that play, which is
what `model.layers.excitation` reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.conditioning import DRUM_ROWS, KEYS

HARMONICS: Final = 24
TUNED: Final = 3
"""Piano, bass, horn: the first sources."""
KNOTS_S: Final = (0.02, 0.06, 0.15, 0.35, 0.8, 1.8, 4.0)
"""Ages at which the envelope of a partial is given; between them it is exponential."""
BURST_KNOTS_S: Final = (0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.4)
EDGES_HZ: Final = (40.0, 150.0, 300.0, 600.0, 1200.0, 2400.0, 4000.0, 6000.0, 9000.0, 13_000.0, 20_000.0)
BANDS: Final = len(EDGES_HZ) - 1
MODES: Final = 8
RELEASE_S: Final = (0.03, 0.25)
"""Least and most that an instrument has."""

Floats = NDArray[np.float32]
INSTRUMENTS: Final[dict[str, tuple[str, ...]]] = {
    "piano": ("grand", "bright", "rhodes", "vibes", "steinway", "yamaha", "guitar", "organ"),
    "bass": ("upright", "electric", "fretless", "pizzicato", "synth"),
    "horn": (
        "tenor", "trumpet", "muted_trumpet", "soprano", "alto", "baritone", "clarinet", "flute", "trombone", "weresax",
    ),
}  # fmt: skip
"""Of each tuned source, its usual one first."""
KITS: Final = ("jazz", "brushes", "standard", "room", "808")
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
    bands: Floats
    """Noise of drums. Shape: [DRUM_ROWS, BANDS, len(BURST_KNOTS_S)]."""
    modes: Floats
    """Shape: [DRUM_ROWS, MODES, len(BURST_KNOTS_S)]."""
    modes_hz: Floats
    """Shape: [DRUM_ROWS, MODES]."""

    @classmethod
    def plain(cls) -> Timbres:
        """Made up, for networks without weights: partials that fall with their number and age, hits of white noise."""
        return Orchestra.plain().line_up({})


class Orchestra(NamedTuple):
    """Tables of every instrument of INSTRUMENTS, in the order of TABLES, and of every kit. Fields as those of `Timbres`."""

    partials: Floats
    response: Floats
    stretch: Floats
    attack_s: Floats
    release_s: Floats
    bands: Floats
    modes: Floats
    modes_hz: Floats

    @classmethod
    def plain(cls) -> Orchestra:
        """All instruments of a part alike; see `Timbres.plain`."""
        tuned, kits, bursts = len(TABLES), len(KITS), len(BURST_KNOTS_S)
        number = np.log(np.arange(1, HARMONICS + 1))[:, None]
        falls = np.repeat([0.8, 0.8, 0.0], [len(names) for names in INSTRUMENTS.values()])
        attack = np.repeat([0.002, 0.004, 0.03], [len(names) for names in INSTRUMENTS.values()])
        knots, burst_knots = np.array(KNOTS_S), np.array(BURST_KNOTS_S)
        return cls(*(np.ascontiguousarray(table, np.float32) for table in (
            -3.0 - number - falls[:, None, None, None] * knots + np.zeros((tuned, KEYS, 1, 1)),
            np.full((tuned, KEYS, HARMONICS), 1.5), np.zeros((tuned, KEYS)), attack, np.full(tuned, 0.05),
            -4.0 - 6.0 * burst_knots + np.zeros((kits, DRUM_ROWS, BANDS, 1)), np.full((kits, DRUM_ROWS, MODES, bursts), -12.0),
            np.full((kits, DRUM_ROWS, MODES), 200.0),
        )))  # fmt: skip

    def line_up(self, sounds: Mapping[str, str]) -> Timbres:
        """The instruments of these names by part; a part that is not named, or has no such instrument, plays its usual one."""
        at, rows = 0, []
        for part, names in INSTRUMENTS.items():
            name = sounds.get(part, names[0])
            rows.append(at + (names.index(name) if name in names else 0))
            at += len(names)
        kit = KITS.index(sounds["drums"]) if sounds.get("drums") in KITS else 0
        tuned = (table[rows] for table in self[:5])
        return Timbres(*tuned, *(np.ascontiguousarray(table[kit]) for table in self[5:]))
