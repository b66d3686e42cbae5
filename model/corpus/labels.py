"""Labels of every model step, evaluated at its middle."""

from __future__ import annotations

from typing import Any

import numpy as np

from jamd.contract.chart import Chord
from jamd.contract.units import FRAME_SAMPLES, SAMPLE_RATE
from model.corpus.piece import Piece


def frame_labels(piece: Piece) -> dict[str, Any]:
    """Arrays over the steps of a piece, and `chords`, the list that `chord_now` and `chord_next` index.

    beat f8, bar i4, beat_in_bar f8, tempo f4, swing f4, chord_now u1, chord_next u1, time_to_next f4 (beats), density, energy,
    register f4, parts bool [steps, parts].
    """
    samples = round(piece.seconds * SAMPLE_RATE)
    steps = -(-samples // FRAME_SAMPLES)
    beat = (np.arange(steps) + 0.5) * FRAME_SAMPLES / SAMPLE_RATE * piece.tempo / 60.0
    bar = np.minimum((beat // piece.beats_per_bar).astype(np.int32), piece.bars - 1)
    chords: list[Chord] = []
    index: dict[Chord, int] = {}
    now = np.zeros(steps, np.uint8)
    following = np.zeros(steps, np.uint8)
    wait = np.zeros(steps, np.float32)
    change, after = -1.0, None
    current = 0
    for step in range(steps):
        if beat[step] >= change:
            chord = piece.chart.chord_at(beat[step])
            change, after = piece.chart.next_change(beat[step])
            for one in (chord, after):
                if one not in index:
                    index[one] = len(chords)
                    chords.append(one)
            current = index[chord]
        assert after is not None
        now[step], following[step], wait[step] = current, index[after], change - beat[step]
    return {
        "beat": beat, "bar": bar, "beat_in_bar": beat - bar * piece.beats_per_bar,
        "tempo": np.full(steps, piece.tempo, np.float32), "swing": np.full(steps, piece.swing, np.float32),
        "chord_now": now, "chord_next": following, "time_to_next": wait,
        "density": piece.density[bar], "energy": piece.energy[bar], "register": piece.register[bar],
        "parts": piece.parts[bar], "chords": chords,
    }  # fmt: skip
