"""What the trainings are told of a clip: frame controls and contexts of beats, with what is unsure left out as their own dropout does."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.chart import NO_CHORD, Bar, Chart, Chord
from jamd.contract.units import FRAME_RATE, PARTS
from model.conditioning import GROUPS, Controls, Floats, drop_groups
from model.generator.events import BeatContext, blank
from model.generator.situation import auto_swing, usual_feel
from model.learning.listening import Heard, Span
from model.metrics.heard import Doubles

CHARTED: Final = 0.6
"""Share of the half bars whose chord must be sure, for the planner to learn from a clip: it cannot be told less than a chart."""
EARLY: Final = 0.15
"""Beats by which a clip may begin before or end after a bar line and still be counted as cut there."""
PLACES: Final = 12
"""Of a beat, at which chords may change."""
MIDDLE: Final = 0.5
"""Of a knob."""


def frame_controls(heard: Heard, steps: int) -> tuple[Floats, list[str]]:
    """Control vectors of a clip, and the groups that are given in at least a part of it. Shape: [steps, CONTROL_WIDTH].

    A chord is given in the steps where it is sure; the chord named as next is the likeliest one, sure or not. The grid (place in beat
    and bar, metre, tempo) is one group and is given only where all of it is sure. Knobs are told as `planner_contexts` tells them.
    """
    times = (np.arange(steps) + 0.5) / FRAME_RATE
    counted = heard.tempo > 0 and len(heard.beats) > 1
    beat = heard.beat_at(times) if counted else np.zeros(steps)
    chords, now, following, wait, sure = _chords(heard, times)
    playing = heard.parts
    controls = Controls(
        beat=beat,
        beat_in_bar=beat % heard.per_bar,
        beats_per_bar=np.full(steps, heard.per_bar),
        tempo=np.full(steps, heard.tempo if counted else 120.0),
        swing=np.full(steps, _swing(heard)),
        chord_now=now,
        chord_next=following,
        time_to_next=wait,
        density=np.full(steps, _density(heard)),
        energy=np.full(steps, heard.energy),
        register=np.full(steps, MIDDLE),
        parts=np.tile(np.array(playing if playing is not None else (False,) * len(PARTS)), (steps, 1)),
        chords=chords,
        programs={},
    )
    given = {
        "grid": heard.knows_bars,
        "swing": heard.knows_bars,
        "chord": bool(sure.any()),
        "density": True,
        "energy": True,
        "register": True,
        "parts": playing is not None,
        "instruments": False,
    }
    vectors = controls.vectors()
    drop_groups(vectors, [name for name in GROUPS if not given[name]])
    if given["chord"]:
        unsure = vectors[~sure]
        drop_groups(unsure, ["chord"])
        vectors[~sure] = unsure
    return vectors, [name for name in GROUPS if given[name]]


def _swing(heard: Heard) -> float:
    return heard.swing if np.isfinite(heard.swing) else auto_swing(heard.tempo or 120.0, None)


def _density(heard: Heard) -> float:
    """As it is heard where bass or drums play, which is well enough; register never is."""
    return heard.timbre.density if heard.knows_tempo and heard.accompanied else MIDDLE


Chords = tuple[list[Chord], NDArray[np.int64], NDArray[np.int64], Doubles, NDArray[np.bool_]]


def _merged(spans: tuple[Span, ...]) -> list[tuple[float, float, Chord, bool]]:
    """(start, end, chord, sure) with equal neighbours taken together where both are as sure."""
    out: list[tuple[float, float, Chord, bool]] = []
    for span in spans:
        if out and out[-1][2] == span.heard.chord and out[-1][3] == span.sure:
            out[-1] = (out[-1][0], span.end_s, span.heard.chord, span.sure)
        else:
            out.append((span.start_s, span.end_s, span.heard.chord, span.sure))
    return out


def _chords(heard: Heard, times: Doubles) -> Chords:
    """Chords, which sounds in each step, which comes next and in how many beats, and whether the step's chord is sure."""
    steps = len(times)
    now, following = np.zeros(steps, np.int64), np.zeros(steps, np.int64)
    wait, sure = np.full(steps, 4.0), np.zeros(steps, bool)
    chords: list[Chord] = [NO_CHORD]
    if not heard.knows_chords:
        return chords, now, following, wait, sure
    spans = _merged(heard.chords)
    for index, (start, end, chord, known) in enumerate(spans):
        later = next((place for place in range(index + 1, len(spans)) if spans[place][2] != chord), None)
        if chord not in chords:
            chords.append(chord)
        inside = (times >= start) & (times < end)
        now[inside] = chords.index(chord)
        sure[inside] = known and later is not None  # how long the last chord of a clip lasts is not known
        if later is not None:
            after = spans[later][2]
            if after not in chords:
                chords.append(after)
            following[inside] = chords.index(after)
            wait[inside] = (spans[later][0] - times[inside]) * heard.tempo / 60.0
    return chords, now, following, wait, sure


def heard_chart(heard: Heard) -> Chart | None:
    """The clip's chords as a chart from its first counted bar on; None where bars or too many chords are unsure."""
    if not (heard.knows_bars and heard.knows_chords):
        return None
    if sum(span.sure for span in heard.chords) < CHARTED * len(heard.chords):
        return None
    first, last = first_bar(heard), int(np.ceil((heard.beat_at(np.array([heard.seconds]))[0] - EARLY) / heard.per_bar))
    places = heard.beat_at(np.array([span.start_s for span in heard.chords]))
    bars = []
    for bar in range(first, max(last, first + 1)):
        line = bar * heard.per_bar
        at_line = max(int(np.searchsorted(places, line + EARLY)) - 1, 0)
        inside: list[tuple[float, Chord]] = [(0.0, heard.chords[at_line].heard.chord)]
        for index in range(at_line + 1, int(np.searchsorted(places, line + heard.per_bar - EARLY))):
            chord = heard.chords[index].heard.chord
            if not chord.sounds_like(inside[-1][1]):
                inside.append((round((float(places[index]) - line) * PLACES) / PLACES, chord))
        bars.append(Bar(tuple(inside)))
    return Chart(heard.per_bar, tuple(bars))


def first_bar(heard: Heard) -> int:
    """Number of the bar in which a clip begins, where 0 begins at the beat numbered 0."""
    return int(np.floor((heard.beat_at(np.zeros(1))[0] + EARLY) / heard.per_bar))


def bar_start(heard: Heard) -> float:
    """Where that bar begins, in seconds from the start of the clip; 0 where beats are not known."""
    if len(heard.beats) < 2:
        return 0.0
    numbers = np.arange(len(heard.beats)) - heard.first_downbeat
    return float(np.interp(first_bar(heard) * heard.per_bar, numbers, heard.beats))


def planner_contexts(heard: Heard, chart: Chart) -> Floats:
    """What the planner is told of each beat from the first bar on. Shape: [beats, CONTEXT_WIDTH].

    What is not heard is told as a jam tells it whose knobs nobody touches: density and register in their middles, swing and feel by the
    tempo. What the partner plays then is how this musician plays. (Left out instead, it would tell this playing from the base's own, which
    is learnt beside it, and the partner would play the base's wherever it is told.) The form is left out where no chart is told.
    """
    playing = heard.parts or (False,) * len(PARTS)
    rows, begins = [], first_bar(heard)
    start, bars = heard.form or (0, 1)
    for beat in range(chart.beats + 1):
        rows.append(
            BeatContext(
                chart=chart,
                chart_beat=float(beat),
                bar=(start + begins + beat // heard.per_bar) % bars,
                beat_in_bar=beat % heard.per_bar,
                tempo=heard.tempo,
                parts=playing,
                swing=_swing(heard),
                density=_density(heard),
                energy=heard.energy,
                register=MIDDLE,
                feel=usual_feel(heard.tempo, heard.per_bar),
            ).vector()
        )
    out = np.stack(rows)
    if heard.form is None:
        blank(out, "form")
    return out
