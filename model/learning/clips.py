"""Clips of recordings, what is dropped, and what is held out: whole pieces, never single clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from jamd.contract.units import FRAME_SAMPLES
from model.learning.listening import Heard
from model.learning.recordings import Audio, Recording, Unreadable, read_stretch

HELD_OUT: Final = 0.15
"""Share of the time that is kept from the training, to judge it by."""
GUARD: Final = "kept free between training and held-out playing"


@dataclass(frozen=True)
class Clip:
    """A stretch of a recording, ready to learn from."""

    recording: Recording
    start_s: float
    end_s: float
    gain: float
    offset: tuple[float, float]
    """Taken off each channel before the gain."""
    piece: str
    heard: Heard
    remarks: tuple[str, ...] = ()
    held_out: bool = False

    @property
    def seconds(self) -> float:
        return self.end_s - self.start_s

    def audio(self) -> Audio:
        """Levelled sound with the soft ceiling of the corpus, a whole number of model steps. Shape: [frames, 2].

        Raises:
            FailureError: the file cannot be read any more.
        """
        return level(read_stretch(self.recording, self.start_s, self.end_s), self.gain, self.offset)


def level(sound: Audio, gain: float, offset: Sequence[float]) -> Audio:
    """Gain and a soft ceiling above 0.7, as the corpus is mastered. Shape: [frames, 2], cut to whole model steps."""
    sound = (sound[: len(sound) // FRAME_SAMPLES * FRAME_SAMPLES] - np.asarray(offset, np.float32)) * np.float32(gain)
    over = np.abs(sound) > 0.7
    sound[over] = (np.sign(sound) * (0.7 + 0.27 * np.tanh((np.abs(sound) - 0.7) / 0.27)))[over]
    return sound.astype(np.float32)


@dataclass(frozen=True)
class Dropped:
    """A stretch of a file that is not used."""

    file: Path
    start_s: float
    end_s: float
    reason: str


@dataclass(frozen=True)
class Material:
    """All that was made of a musician's files."""

    clips: list[Clip]
    dropped: list[Dropped]
    unreadable: list[Unreadable]
    seconds_given: float
    """Of all files that could be read."""
    data_hash: str
    remarks: list[str]

    @property
    def seconds_used(self) -> float:
        """Of all clips, training and held-out."""
        return sum(clip.seconds for clip in self.clips)

    @property
    def seconds_usable(self) -> float:
        """What is used and what is only kept free between training and held-out playing."""
        return self.seconds_used + sum(one.end_s - one.start_s for one in self.dropped if one.reason == GUARD)

    @property
    def training(self) -> list[Clip]:
        return [clip for clip in self.clips if not clip.held_out]

    @property
    def held_out(self) -> list[Clip]:
        return [clip for clip in self.clips if clip.held_out]


def split(clips: list[Clip], share: float = HELD_OUT) -> tuple[list[Clip], list[Dropped]]:
    """Mark what is held out: whole pieces of about `share` of the time; of a single piece its end, with a clip left out before it."""
    lengths: dict[str, float] = {}
    for clip in clips:
        key = f"{clip.recording.path}|{clip.piece}"
        lengths[key] = lengths.get(key, 0.0) + clip.seconds
    total = sum(lengths.values())
    by_size = sorted(lengths, key=lambda key: (abs(lengths[key] - share * total), key))
    if len(lengths) > 1 and lengths[by_size[0]] <= 0.4 * total:
        chosen, held = {by_size[0]}, lengths[by_size[0]]
        for key in sorted(lengths, key=lambda key: (lengths[key], key)):
            if key not in chosen and held + lengths[key] <= 1.2 * share * total:
                chosen.add(key)
                held += lengths[key]
        return [replace(clip, held_out=f"{clip.recording.path}|{clip.piece}" in chosen) for clip in clips], []
    longest = max(lengths, key=lambda key: lengths[key]) if lengths else ""
    own = [index for index, clip in enumerate(clips) if f"{clip.recording.path}|{clip.piece}" == longest]
    if len(own) < 3:
        return clips, []
    count = max(1, round(share * len(own)))
    last, guard = set(own[-count:]), own[-count - 1]
    gap = clips[guard]
    kept = [replace(clip, held_out=index in last) for index, clip in enumerate(clips) if index != guard]
    return kept, [Dropped(gap.recording.path, gap.start_s, gap.end_s, GUARD)]
