"""The clock's desk: play, stop, tempo, locate, count-in and metronome; whose clock leads is `sources`' matter.

Bars are counted from 0 here and from 1 where people see them. A count-in is what lies before bar 0 (or the bar located to): the
clock's line goes on backwards there.
"""

from __future__ import annotations

import math
import time
from itertools import pairwise
from typing import Any

import numpy as np

from jamd.contract import messages as m
from jamd.contract.clock import Clock
from jamd.contract.layout import CLICKS, AudioOp
from jamd.contract.memory import share_audio
from jamd.contract.parameters import SLOTS
from jamd.contract.units import SAMPLE_RATE, TEMPO_MAX, TEMPO_MIN
from jamd.control.desk import ALWAYS, Desk
from jamd.control.sources import Sources
from jamd.control.sync.tap import TapTempo

START_MS = 50.0
HORIZON_MS = 250.0
CLICK_HZ = (1600.0, 1000.0)
CLICK_S = 0.03


class Transport(Desk):
    """Actions of `/clock/...`."""

    def __init__(self, session: Any) -> None:
        super().__init__(session)
        self.sources = Sources(self)
        self._tap = TapTempo()
        self._clicked = 0.0
        """Beat up to which clicks have been given to the audio thread."""
        self._count_from: float | None = None
        self._clicks: list[tuple[int, int]] = []
        """Frames and voices of the last clicks that have been given."""

    # --- play and stop --------------------------------------------------------------------------------------------------

    def begin(self, lead_ms: float) -> None:
        """Start the clock, its first bar not sooner than `lead_ms` from now, after the count-in."""
        state = self.state
        per_bar = state.chart.beats_per_bar
        counted = float(state.count_in * per_bar)
        frame = self.ahead(lead_ms) + round(counted * 60.0 * SAMPLE_RATE / state.tempo)
        clock = Clock.started(frame, state.tempo, per_bar, state.start_bar)
        self._count_from = -counted
        self._clicked = self._count_from - 1e-3
        self._from_the_top(clock)
        self.sources.started()

    def play(self) -> None:
        if not self.state.clock.playing and not self.sources.play():
            self.begin(START_MS)

    def stop(self) -> None:
        """Everything that plays, at once."""
        self.sources.stop()
        self.stop_here()

    def stop_here(self) -> None:
        """Everything that plays here, whatever the source does."""
        self.session.band.halt(self.now)
        self.session.slots.stop_all(self.now)
        self.halt()

    def halt(self) -> None:
        """The clock alone, with its clicks."""
        was, clicks, self._clicks = self.state.clock.playing, self._clicks, []
        self.session.set_clock(self.state.clock.stopped())
        if was:
            self.sources.stopped()
        for frame, voice in clicks:  # last: there may be no room for it
            if frame >= self.now:
                self.push(AudioOp.CANCEL, frame, voice)

    def follow_start(self, clock: Clock) -> None:
        """The source has started, and the clock with it."""
        self._count_from = None
        self._clicked = clock.beat_at(self.now) - 1e-3
        self._from_the_top(clock)

    def _from_the_top(self, clock: Clock) -> None:
        """Beats count anew: the chart begins, and a chord that is held is held from the first one on; what was held then is forgotten."""
        state = self.state
        state.chart_bar, state.start_bar, state.chord_beat = 0, 0, ALWAYS
        self.session.set_clock(clock)
        self.send("engine", m.SetChart(text=state.chart_text, bar=0))
        self.send("engine", m.SetChord(text=state.chord_text or None, beat=ALWAYS))

    def locate(self, bar: int) -> None:
        state = self.state
        if self.sources.locate(bar - 1):
            return
        if not state.clock.playing:
            state.start_bar = bar - 1
            return
        changes = [after.frame for before, after in pairwise(state.clock.segments) if after.bars != before.bars]
        frame, _ = state.clock.next_bar(max([self.ahead(self.session.config.engine.change_ms), *changes]))
        old = state.clock.segment_at(frame)
        self.session.set_clock(state.clock.placed(frame, bar - 1, 0.0, old.tempo, old.beats_per_bar))

    # --- tempo ----------------------------------------------------------------------------------------------------------

    def tempo(self, bpm: float) -> None:
        if not self.sources.set_tempo(bpm):
            self.set_tempo(bpm)

    def set_tempo(self, bpm: float) -> None:
        """From the next beat that can still be changed."""
        state = self.state
        if state.clock.playing:
            frame, _ = state.clock.next_beat(self.ahead(self.session.config.engine.change_ms))
            if state.source == "jack":  # a transport without a master counts in the new tempo at once
                frame = self.now
            self.session.set_clock(state.clock.with_tempo(bpm, frame))
        else:
            self.session.set_clock(Clock.standing(self.now, bpm, state.chart.beats_per_bar))
        state.tempo = bpm

    def tap(self) -> None:
        bpm = self._tap.tap(time.monotonic())
        if bpm is not None and TEMPO_MIN <= bpm <= TEMPO_MAX:
            self.tempo(round(bpm, 2))

    # --- set-up ---------------------------------------------------------------------------------------------------------

    def source(self, name: str) -> None:
        self.sources.choose(name)
        self.state.source = name

    def count_in(self, bars: int) -> None:
        self.state.count_in = bars

    def metronome(self, on: int) -> None:
        self.state.metronome = on
        self._clicked = max(self._clicked, self.clock.beat_at(self.now))

    def master(self, on: int) -> None:
        self.sources.lead_jack(bool(on))
        self.state.master = on

    def send_midi(self, on: int) -> None:
        self.sources.send_midi(bool(on))
        self.state.send_midi = on

    def latency(self, milliseconds: float) -> None:
        self.state.latency_ms = milliseconds
        self.tell_latency()

    @property
    def latency_frames(self) -> int:
        """How much earlier than an outside clock the outputs play."""
        return round(self.state.latency_ms * SAMPLE_RATE / 1000)

    def tell_latency(self) -> None:
        self.send("audio", m.SetLatency(frames=max(-self.latency_frames, 0)))

    # --- in time --------------------------------------------------------------------------------------------------------

    def attach_clicks(self) -> None:
        """The metronome's two sounds, for an audio process that has just come up."""
        time_s = np.arange(int(CLICK_S * SAMPLE_RATE)) / SAMPLE_RATE
        for index, (hz, level) in enumerate(zip(CLICK_HZ, (0.5, 0.3), strict=True)):
            tone = level * np.sin(2 * np.pi * hz * time_s) * np.exp(-time_s * 120)
            audio = np.repeat(tone.astype(np.float32)[:, None], 2, axis=1)
            name = f"{self.session.memory.name}-click-{index}-{self.now}"
            share_audio(audio, name)
            self.send("audio", m.ClipAttach(slot=SLOTS + index, name=name, frames=len(audio), loop=False))
        assert len(CLICK_HZ) == CLICKS

    def poll(self) -> None:
        self.sources.poll()
        clock = self.clock
        if not clock.playing:
            return
        if self._count_from is None and not self.state.metronome:
            return
        limit = clock.beat_at(self.ahead(HORIZON_MS))
        beat = max(np.floor(self._clicked) + 1.0, np.ceil(clock.beat_at(self.now) - 0.25))
        while beat <= limit:
            counts = self._count_from is not None and self._count_from <= beat < 0
            if beat >= 0 and not self.state.metronome:
                self._count_from = None
                return
            if counts or self.state.metronome:
                frame = clock.frame_at(beat)
                accent = clock.bar_at(frame)[1] < 0.5
                voice = SLOTS + (0 if accent else 1)
                self.push(AudioOp.SLOT_LAUNCH, frame, voice)
                self._clicks = [*self._clicks[-3:], (frame, voice)]
            self._clicked = beat
            beat += 1.0

    # --- views ----------------------------------------------------------------------------------------------------------

    def view(self) -> dict[str, Any]:
        state, now = self.state, self.now
        bar, beat = state.clock.bar_at(now)
        playing = state.clock.playing
        segment = state.clock.segment_at(now)
        shown = bar + 1 if bar >= 0 else max(bar, -max(state.count_in, 1))  # bars of the count-in are below 0
        return {
            "playing": playing, "tempo": round(state.tempo, 3), "beats_per_bar": segment.beats_per_bar,
            "bar": shown if playing else 0, "beat": math.floor((beat + 1) * 100) / 100 if playing else 0.0, "frame": now,
            "source": state.source, "count_in": state.count_in, "metronome": state.metronome, "master": state.master,
            "latency": state.latency_ms,
        } | self.sources.view()  # fmt: skip

    def value(self, action: str, which: Any) -> Any:
        state = self.state
        names = {"latency": "latency_ms"}
        return getattr(state, names.get(action, action))
