"""The sounds that the band may have: soundfont programs and sampled instruments, and which of them are at hand.

The General MIDI program of a sound is what the model is told; its name is what captions speak of.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np

from model.corpus import sampler

_SOUNDFONTS: Final = (Path("/usr/share/sounds/sf2"), Path("/usr/share/sounds/sf3"))


@dataclass(frozen=True)
class Sound:
    """One way for a part to sound. `soundfont` None: a sampled instrument of this name."""

    name: str
    part: str
    program: int
    """General MIDI program that the model is told."""
    soundfont: str | None = None
    bank: int = 0
    preset: int = 0
    gain_db: float = 0.0


def _fluid(name: str, part: str, program: int, preset: int | None = None, gain_db: float = 0.0) -> Sound:
    return Sound(name, part, program, "FluidR3_GM.sf2", 128 if part == "drums" else 0, program if preset is None else preset, gain_db)


def _general(name: str, part: str, program: int, gain_db: float = 0.0, bank: int = 0) -> Sound:
    return Sound(name, part, program, "MuseScore_General_Lite.sf3", 128 if part == "drums" else bank, program, gain_db)


SOUNDS: Final[tuple[Sound, ...]] = (
    _fluid("grand", "piano", 0), _fluid("bright", "piano", 1), _fluid("rhodes", "piano", 4, gain_db=-3), _fluid("vibes", "piano", 11),
    _general("grand", "piano", 0), _general("rhodes", "piano", 4, -1), _general("vibes", "piano", 11),
    Sound("steinway", "piano", 0), Sound("yamaha", "piano", 0),
    _fluid("guitar", "piano", 26, gain_db=-2), _fluid("organ", "piano", 16, gain_db=-1),
    _fluid("upright", "bass", 32), _fluid("electric", "bass", 33), _fluid("fretless", "bass", 33, 35), _general("upright", "bass", 32),
    _general("electric", "bass", 33, 1), Sound("pizzicato", "bass", 32),
    _fluid("synth", "bass", 38), _fluid("808", "drums", 25, gain_db=-8),
    _fluid("jazz", "drums", 32), _fluid("brushes", "drums", 40), _fluid("standard", "drums", 0, gain_db=2),
    _fluid("room", "drums", 0, 8, 1), _general("jazz", "drums", 32, -4), _general("brushes", "drums", 40, -4),
    _general("standard", "drums", 0, 1), Sound("standard", "drums", 0, "Black_Pearl_4_LV2.sf2", 0, 0, -1),
    Sound("jazz", "drums", 32, "TimGM6mb.sf2", 128, 32, 2), Sound("brushes", "drums", 40, "TimGM6mb.sf2", 128, 40, 2),
    _fluid("trumpet", "horn", 56, gain_db=2), _fluid("muted_trumpet", "horn", 59), _fluid("soprano", "horn", 64),
    _fluid("alto", "horn", 65), _fluid("tenor", "horn", 66), _fluid("baritone", "horn", 67), _fluid("clarinet", "horn", 71),
    _fluid("flute", "horn", 73), _fluid("trombone", "horn", 57, gain_db=-2), _general("trumpet", "horn", 56),
    _general("tenor", "horn", 66, 2), _general("alto", "horn", 65, 1), _general("clarinet", "horn", 71, 3),
    _general("flute", "horn", 73, 1), _general("trombone", "horn", 57, -3), Sound("weresax", "horn", 65),
)  # fmt: skip
"""Gains bring every sound to the level of the FluidR3 sounds of its part."""


@dataclass(frozen=True)
class Studio:
    """What is at hand to render with. The plain studio has the sounds of FluidR3 and a simple room."""

    instruments: Path | None = None
    """Folder of sampled instruments."""
    soundfonts: bool = False
    """Other soundfonts of the system as well."""
    recordings: bool = False
    """Microphones, rooms, compression, tape and noise are drawn."""

    @classmethod
    def full(cls) -> Studio:
        """Everything that this machine has; instruments from the folder named by JAMD_INSTRUMENTS.

        Recordings need the package pedalboard; without it there is the simple room.
        """
        return cls(sampler.instruments_folder(), True, find_spec("pedalboard") is not None)


PLAIN: Final = Studio()


@cache
def find_soundfont(name: str) -> Path | None:
    """A soundfont of the system by file name."""
    return next((folder / name for folder in _SOUNDFONTS if (folder / name).is_file()), None)


@cache
def at_hand(studio: Studio) -> tuple[Sound, ...]:
    """Sounds that a studio can make."""
    sampled = {name for names in sampler.available(studio.instruments).values() for name in names}

    def can(sound: Sound) -> bool:
        if sound.soundfont is None:
            return sound.name in sampled
        if sound.soundfont == "FluidR3_GM.sf2":
            return True
        return studio.soundfonts and find_soundfont(sound.soundfont) is not None

    return tuple(sound for sound in SOUNDS if can(sound))


def choose(rng: np.random.Generator, part: str, program: int, studio: Studio, name: str | None = None) -> Sound:
    """A sound for a part: one of this name if there is one, else one with this program.

    Raises:
        ValueError: no sound of the part has the name or the program.
    """
    having = [sound for sound in at_hand(studio) if sound.part == part]
    fitting = [sound for sound in having if sound.name == name] if name else []
    if name and not fitting:  # a sampled instrument that is not at hand: the program that it stands for
        program = next((sound.program for sound in SOUNDS if sound.part == part and sound.name == name), program)
    fitting = fitting or [sound for sound in having if sound.program == program]
    if not fitting:
        raise ValueError(f"no sound for {part} with program {program}")
    weights = np.array([2.0 if sound.soundfont is None else 1.0 for sound in fitting])
    return fitting[int(rng.choice(len(fitting), p=weights / weights.sum()))]
