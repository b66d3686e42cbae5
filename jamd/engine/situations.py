"""Control's messages as changes of the situation. The engine plays by them, and so does a take that is played again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from jamd.contract import messages as m
from jamd.contract.chart import parse_chart, parse_chord
from jamd.contract.clock import Clock
from jamd.contract.units import PARTS
from model.generator.clip import DEFAULT_GUIDANCE
from model.generator.models import Models
from model.generator.performer import Performer
from model.generator.situation import Situation

NOW: Final = -1e9
"""As a beat to write the plan anew from: the earliest that still can be."""
SMALL_BEND: Final = 0.02
"""Share by which the tempo may bend without the plan being written anew."""


def situation_of(state: m.EngineState, models: Models) -> Situation:
    """The whole desired state.

    Raises:
        ChartError: a chart or chord that cannot be read.
    """
    situation = Situation(clock=state.clock, charts=[(state.chart_bar, parse_chart(state.chart_text))])
    situation.parts.update({name: bool(state.parts.get(name, True)) for name in PARTS})
    situation.style = models.read_style(state.style)
    situation.trade = (state.trade, state.trade_bar)
    if state.chord_text:
        situation.set_chord(parse_chord(state.chord_text), state.chord_beat)
    return situation


def _new_clock(situation: Situation, clock: Clock) -> float | None:
    """Where the plan has to change: nowhere if only the tempo bends a little."""
    old, situation.clock = situation.clock, clock
    changed, known = [], set(old.segments)
    for segment in clock.segments:
        if segment in known:
            continue
        before = old.segment_at(segment.frame)
        same_bars = segment.beats_per_bar == before.beats_per_bar and abs(segment.bar_beat - before.beat_of_bar(segment.bar)) < 1e-6
        if not same_bars or abs(segment.tempo / before.tempo - 1) > SMALL_BEND:
            changed.append(segment.beat)
    return min(changed) if changed else None


def apply(situation: Situation, message: m.Message, models: Models) -> float | None:
    """Do what a message asks; returns the beat from which the plan has to be written anew, `NOW`, or None for nowhere.

    Raises:
        JamdError: a text that cannot be read; nothing has changed.
    """
    match message:
        case m.SetClock():
            return _new_clock(situation, message.clock)
        case m.SetChart():
            situation.set_chart(parse_chart(message.text), message.bar)
            return situation.clock.beat_of_bar(message.bar)
        case m.SetChord():
            situation.set_chord(parse_chord(message.text) if message.text else None, message.beat)
            return message.beat
        case m.SetPart():
            situation.parts[message.name] = bool(message.on)
            return NOW
        case m.SetStyle():
            situation.style = models.read_style(message.text)
            return NOW
        case m.SetTrade():
            situation.trade = (message.bars, message.bar)
            return NOW
    return None


def set_param(situation: Situation, performers: Sequence[Performer], params: dict[str, float], name: str, value: float) -> None:
    """A knob of the jam, and of those who play by the situation."""
    params[name] = value
    if name in ("density", "energy", "register", "swing"):
        if getattr(situation, name) == value:
            return
        setattr(situation, name, float(value))
        for performer in performers:
            performer.replan()
    elif name in ("temperature", "top_p", "guidance"):
        for performer in performers:
            performer.set_sampling(**sampling_of(params))


def sampling_of(params: Mapping[str, float]) -> dict[str, float]:
    """The knobs of the draws."""
    return {
        "temperature": params.get("temperature", 1.0),
        "top_p": params.get("top_p", 0.95),
        "guidance": params.get("guidance", DEFAULT_GUIDANCE),
    }
