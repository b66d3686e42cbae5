"""Jazz drumming from the Groove MIDI Dataset (Gillick et al. 2019, Google Magenta, CC BY 4.0), as whole bars.

Expected: `groove_jazz/DRUMMER_SESSION_NUMBER_STYLE_TEMPO_KIND_N-N.mid`, such as
`drummer1_session1_48_jazz_93_beat_4-4.mid`. All were played to a click, so that a file's ticks are the click's beats and
bars, and what is off the grid is the drummer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import mido
import numpy as np

from model.corpus.grid import Row
from model.corpus.sources.cut import EARLY, cut_rows

DRUMS: Final = 2
LENGTH: Final = 0.2
"""Beats; the length of a drum note means nothing."""

KIT: Final[Mapping[int, int]] = {
    22: 42, 26: 46, 35: 36, 36: 36, 37: 37, 38: 38, 40: 38, 42: 42, 43: 43, 44: 44, 45: 45, 46: 46, 47: 45, 48: 48, 49: 49,
    50: 48, 51: 51, 52: 57, 53: 53, 55: 49, 57: 57, 58: 43, 59: 51,
}  # fmt: skip
"""Pitches of the Roland TD-11 (rims and edges apart) as those of General MIDI: hi-hat 42, 44, 46, snare 38, stick 37,
kick 36, toms 43, 45, 48, crash 49 and 57, ride 51, bell 53. What is not listed is left out."""

_NAME: Final = re.compile(r"([^_]+)_.*_jazz-?([a-z]*)_(\d+)_(beat|fill)_(\d)-4\.midi?$")
_LATE_START: Final = 1.0
_EARLY_END: Final = 1.25
"""Beats that may be silent at the start of a first bar and at the end of a last, in a bar that counts as whole."""


@dataclass(frozen=True)
class Groove:
    """Whole bars of one drummer. `rows` by rising beat; beat 0 is the first beat of the first whole bar."""

    drummer: str
    style: str
    """`swing`, `funk`, `fast`...; empty: plain jazz."""
    tempo: float
    beats_per_bar: int
    kind: Literal["beat", "fill"]
    bars: int
    rows: tuple[Row, ...]


def groove_bars(groove: Groove, rng: np.random.Generator, bars: int) -> list[Row]:
    """As many bars as wanted: from a bar drawn by `rng` on (a fill: from its first), and round again at the end.

    Raises:
        ValueError: fewer than one bar is asked for.
    """
    if bars < 1:
        raise ValueError(f"{bars} bars")
    first = 0 if groove.kind == "fill" else int(rng.integers(max(groove.bars - bars, 0) + 1))
    out: list[Row] = []
    done = 0
    while done < bars:
        count = min(bars - done, groove.bars - first)
        piece = cut_rows(groove.rows, first * groove.beats_per_bar, count * groove.beats_per_bar)
        shift = done * groove.beats_per_bar
        out += [(part, pitch, velocity, beat + shift, length) for part, pitch, velocity, beat, length in piece]
        done, first = done + count, 0
    return out


def read_groove(path: Path) -> Groove:
    """One performance.

    Raises:
        ValueError: the name or the metre says nothing, or there is not one whole bar.
        OSError, EOFError, KeyError, IndexError: it is no MIDI file.
    """
    name = _NAME.match(path.name)
    if name is None or name.group(5) not in "34":
        raise ValueError(f"{path.name}: not a name of a jazz performance in 3/4 or 4/4")
    per_bar = int(name.group(5))
    midi = mido.MidiFile(path)
    hits: list[Row] = []
    for track in midi.tracks:
        ticks = 0
        for message in track:
            ticks += message.time
            if message.type == "note_on" and message.velocity > 0 and message.note in KIT:
                hits.append((DRUMS, KIT[message.note], float(message.velocity), ticks / midi.ticks_per_beat, LENGTH))
    hits.sort(key=lambda row: (row[3], row[1]))
    first, bars = _whole_bars(hits, per_bar)
    return Groove(
        drummer=name.group(1), style=name.group(2), tempo=float(name.group(3)), beats_per_bar=per_bar,
        kind="fill" if name.group(4) == "fill" else "beat", bars=bars, rows=tuple(cut_rows(hits, first * per_bar, bars * per_bar)),
    )  # fmt: skip


def _whole_bars(hits: Sequence[Row], per_bar: int) -> tuple[int, int]:
    """The first whole bar, and how many there are."""
    if not hits:
        raise ValueError("nobody plays")
    start, end = hits[0][3] + EARLY, hits[-1][3]
    first = int(start // per_bar)
    if start - EARLY - first * per_bar > _LATE_START:
        first += 1
    last = int((end + _EARLY_END) // per_bar)
    if last <= first:
        raise ValueError("there is not one whole bar")
    return first, last - first
