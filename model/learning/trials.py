"""Short performances by which an adapter is judged: the same charts, seeds and clips for the adapter and for its base."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.chart import Chart, parse_chart
from jamd.contract.clock import Clock
from jamd.contract.units import FRAME_RATE, FRAME_SAMPLES, PARTS
from model.corpus.notes import Notes, make_notes
from model.generator.clip import DEFAULT_GUIDANCE
from model.generator.events import ADVANCES, decode_event
from model.generator.models import Models
from model.generator.performer import Performer
from model.generator.planner import Sampling
from model.generator.situation import Situation
from model.learning.examples import Example
from model.metrics.heard import Floats
from model.style.words import Style
from model.training.planner import PlannerPiece

Codes = NDArray[np.int64]
"""Codes of the player's first level. Shape: [steps]."""
TOP_P: Final = 0.95
CERTAIN: Final = 0.6
"""Temperature of going on from a clip. At 1 one that is known by heart is left after a second, by an unlikely draw; at this it is played
to the end."""
TRIO: Final = ("piano", "bass", "drums")


@dataclass(frozen=True)
class Case:
    """What is played."""

    chart: Chart
    tempo: float
    feel: str
    parts: tuple[str, ...] = TRIO


FORM: Final = Case(
    parse_chart(
        "| Fmaj7 | Dm7 | Gm7 | C7 | Am7 | D7 | Gm7 C7 | Fmaj7 | Cm7 | F7 | Bbmaj7 | Bbmaj7 | Dm7 | G7 | Gm7 | C7 |"
        "| Fmaj7 | Dm7 | Gm7 | C7 | Am7 | D7 | Gm7 C7 | Fmaj7 |"
    ),
    140.0, "swing",
)  # fmt: skip
"""For free running."""
CASES: Final = (
    Case(parse_chart("| Ebmaj7 | Cm7 | Fm7 | Bb7 | Gm7 | C7b9 | Fm7 Bb7 | Ebmaj7 |"), 168.0, "swing", PARTS),
    Case(parse_chart("| Dm7b5 | G7b9 | Cm7 | Cm7 | Fm7 | Bb7 | Ebmaj7 | G7alt |"), 132.0, "bossa"),
    Case(parse_chart("| Abmaj7 Fm7 | Bbm7 Eb7 | Cm7 F7 | Bbm7 Eb7 |"), 72.0, "ballad"),
)
"""For chords and tempo: keys, feels and tempos that lie apart."""


@dataclass(frozen=True)
class Take:
    """One performance."""

    case: Case
    audio: Floats
    """Shape: [frames, 2]."""
    notes: Notes
    """As planned."""
    codes: Codes


def play(models: Models, case: Case, seconds: float, seed: int, tick: Callable[[], None]) -> Take:
    """Play a case from its start, in no style, as the daemon does when nobody asks for anything.

    Args:
        models: play as they are, with the adapter that is in them.
        tick: called before each step; may raise.
    """
    situation = Situation(
        clock=Clock.started(0, case.tempo, case.chart.beats_per_bar), charts=[(0, case.chart)], style=Style(case.feel),
        parts={name: name in case.parts for name in PARTS},
    )  # fmt: skip
    performer = Performer(models, situation, 0, seed)
    performer.set_sampling(1.0, TOP_P, DEFAULT_GUIDANCE)
    steps = round(seconds * FRAME_RATE)
    audio, codes = np.zeros((steps * FRAME_SAMPLES, 2), np.float32), np.zeros(steps, np.int64)
    for step in range(steps):
        tick()
        audio[step * FRAME_SAMPLES : (step + 1) * FRAME_SAMPLES] = performer.block()
        codes[step] = performer.voice.codes[0]
    rows = [(note.part, note.pitch, float(note.velocity), note.beat, note.length) for note in performer.played]
    return Take(case, audio, make_notes(rows, case.tempo), codes)


def go_on(models: Models, example: Example, start: int, steps: int, seed: int, tick: Callable[[], None]) -> Codes:
    """Go on from a place in a clip, told all that the clip tells: what sounded before, controls, plan and style.

    Whoever knows a clip by heart goes on as it does (as in the extraction of Carlini et al. 2021).

    Args:
        start: steps of the clip that are given, 1 or more.
        steps: to play.
        tick: called before each step; may raise.
    """
    voice = models.voice(seed)
    voice.set_style(example.styles[0] if len(example.styles) else None)
    first = max(start - models.player.config.window, 0)
    voice.feed(example.codes[first:start].astype(np.int64), example.controls[first:start], example.roll(first, start - first))
    guidance = 1.0 if example.notes is None else DEFAULT_GUIDANCE
    controls, roll = example.controls[start : start + steps], example.roll(start, steps)
    codes = np.zeros(steps, np.int64)
    for step in range(steps):
        tick()
        voice.play(controls[step : step + 1], roll[step : step + 1], CERTAIN, TOP_P, guidance)
        codes[step] = voice.codes[0]
    return codes


def write_on(models: Models, piece: PlannerPiece, start: int, seed: int) -> Notes:
    """The same for the notes of a clip: write on from a place to the end of its chart, told what the clip tells of each beat.

    Args:
        start: events of the clip that are given, 1 or more.

    Returns:
        What was written; times in seconds are of no meaning.
    """
    core = models.plan_core(seed)
    core.set_style(None if piece.styles is None else piece.styles[0])
    core.begin()
    for event, beat in zip(piece.events[:start], piece.beats[:start], strict=True):
        core.read(event.tolist(), piece.contexts[beat])
    last, beat, final = piece.events[start - 1].tolist(), int(piece.beats[start - 1]), len(piece.contexts) - 1
    rows: list[tuple[int, int, float, float, float]] = []
    for _ in range(2 * len(piece.events)):
        event = core.write(last, piece.contexts[np.minimum(beat + np.arange(ADVANCES), final)], Sampling(CERTAIN, TOP_P))
        last, beat = event, beat + event[0]
        if beat >= final:
            break
        core.read(event, piece.contexts[beat])
        if (note := decode_event(event, beat)) is not None:
            rows.append((note.part, note.pitch, float(note.velocity), note.beat, note.length))
    return make_notes(rows, 120.0)
