"""The band's desk: start and stop, chart and chord, style, knobs, parts, trading."""

from __future__ import annotations

from typing import Any

from jamd.contract import messages as m
from jamd.contract.chart import parse_chart, parse_chord
from jamd.contract.clock import Clock
from jamd.contract.layout import AudioOp
from jamd.contract.parameters import PARAMETER_BY_NAME
from jamd.contract.prompts import write_prompts
from jamd.control.desk import Desk

RING_OUT = 4800
"""Frames in which the band fades where the player's turn begins."""
HORIZON_MS = 400.0
"""How far ahead turns are given to the audio thread."""


class Band(Desk):
    """Actions of `/jam/...`."""

    _turn = -1
    """Number of the last turn that the audio thread was told of."""

    def settle(self) -> None:
        """Forget a jam that has come to its end."""
        state = self.state
        if state.jam_until is not None and self.now >= state.jam_until:
            state.jam_from = state.jam_until = None

    # --- start and stop -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self.settle()
        state = self.state
        if state.jam_from is not None and state.jam_until is None:
            return
        self.session.need_engine()
        lead = self.session.config.engine.lead_ms
        if not state.clock.playing:
            if self.session.transport.sources.arm():
                return
            self.session.transport.begin(lead)
            frame = state.clock.segments[-1].frame
        else:
            earliest = max(self.ahead(lead), state.jam_until or 0)
            frame, _ = state.clock.next_bar(earliest)
        self.push(AudioOp.JAM_GATE, frame, value=1.0)
        self.send("engine", m.JamStart(frame=frame))
        state.jam_from, state.jam_until = frame, None
        if state.trade:
            self._trade_from(state.clock.bar_at(frame)[0])

    @property
    def is_wanted(self) -> bool:
        """It plays, or is about to, and nobody has asked it to stop."""
        return self.state.jam_from is not None and self.state.jam_until is None

    def halt(self, frame: int) -> None:
        """No jam from a frame on."""
        if self.state.jam_from is None:
            return
        self.push(AudioOp.JAM_GATE, frame, value=0.0)
        # the stream goes on for the length of the fade
        self.send("engine", m.JamStop(frame=frame + 480))
        self.state.jam_until = frame

    def stop(self) -> None:
        self.settle()
        self.session.transport.sources.disarm()
        state = self.state
        if state.jam_from is None or state.jam_until is not None:
            return
        if state.jam_from > self.now:  # has not begun: it never will
            self.push(AudioOp.JAM_GATE, state.jam_from, value=0.0)
            self.send("engine", m.JamStop(frame=state.jam_from))
            state.jam_until = state.jam_from
            return
        self.halt(state.clock.next_bar(self.now)[0])

    def panic(self) -> None:
        state = self.state
        self.push(AudioOp.PANIC, self.now)
        self.send("engine", m.Panic())
        state.jam_from = state.jam_until = None
        self.session.transport.sources.disarm()
        self.session.slots.all_stopped()
        self.session.transport.halt()
        self.log("panic: everything stopped")

    # --- what to play ---------------------------------------------------------------------------------------------------

    def chart(self, text: str) -> None:
        chart = parse_chart(text)
        state = self.state
        bar = 0
        if state.clock.playing:
            frame, bar = state.clock.next_bar(self.ahead(self.session.config.engine.change_ms))
            if state.jam_from is not None and state.jam_from > frame:
                frame, bar = state.jam_from, state.clock.bar_at(state.jam_from)[0]
            self.session.transport.sources.set_metre(chart.beats_per_bar)
            if chart.beats_per_bar != state.clock.segment_at(frame).beats_per_bar:
                self.session.set_clock(state.clock.with_metre(chart.beats_per_bar, frame))
        else:
            self.session.set_clock(Clock.standing(self.now, state.tempo, chart.beats_per_bar))
        state.chart_text, state.chart_bar = text, bar
        self.send("engine", m.SetChart(text=text, bar=bar))

    def chord(self, text: str) -> None:
        parse_chord(text)
        beat = self._change_beat()
        self.state.chord_text, self.state.chord_beat = text, beat
        self.send("engine", m.SetChord(text=text, beat=beat))

    def chord_resume(self) -> None:
        if not self.state.chord_text:
            return
        self.state.chord_text = ""
        self.send("engine", m.SetChord(text=None, beat=self._change_beat()))

    def _change_beat(self) -> float:
        if not self.clock.playing:
            return -1e9
        return self.clock.next_beat(self.ahead(self.session.config.engine.change_ms))[1]

    def style(self, text: str, *more: float | str) -> None:
        """One prompt, or prompts each followed by its weight."""
        if more:
            prompts = [text, *(one for one in more if isinstance(one, str))]
            weights = [one for one in more if not isinstance(one, str)]
            text = write_prompts(list(zip(prompts, [*weights, 1.0][: len(prompts)], strict=True)))
        self.state.style = text
        self.send("engine", m.SetStyle(text=text))

    def param(self, name: str, value: float) -> None:
        self.state.params[name] = value
        self.send("engine", m.SetParam(name=name, value=float(value)))

    def part(self, name: str, on: bool) -> None:
        self.state.parts[name] = bool(on)
        self.send("engine", m.SetPart(name=name, on=bool(on), frame=self.now))

    # --- taking turns ---------------------------------------------------------------------------------------------------

    def trade(self, bars: int) -> None:
        """The partner's turn begins with the next bar."""
        state = self.state
        if bars == 0:
            if state.trade and state.jam_from is not None and state.jam_until is None and self._turn % 2:
                self.push(AudioOp.JAM_GATE, max(state.jam_from, self.now), value=1.0)
            state.trade = 0
            self._turn = -1
            self.send("engine", m.SetTrade(bars=0, bar=0))
            return
        state.trade = bars
        if state.clock.playing:
            frame = self.ahead(self.session.config.engine.change_ms)
            if state.jam_from is not None:
                frame = max(frame, state.jam_from)
            self._trade_from(state.clock.next_bar(frame)[1])

    def _trade_from(self, bar: int) -> None:
        state = self.state
        if self._turn % 2 and state.jam_from is not None:  # the player's turn ends early
            self.push(AudioOp.JAM_GATE, state.clock.frame_of_bar(bar), value=1.0)
        state.trade_bar = bar
        self._turn = 0
        self.send("engine", m.SetTrade(bars=state.trade, bar=bar))

    def poll(self) -> None:
        """Open and close the jam's gate on the bar lines where turns change."""
        state = self.state
        if not state.trade or state.jam_from is None or state.jam_until is not None or not state.clock.playing:
            return
        while True:
            following = self._turn + 1
            frame = state.clock.frame_of_bar(state.trade_bar + following * state.trade)
            if frame > self.ahead(HORIZON_MS):
                return
            self._turn = following
            if frame > self.now - 24_000:  # of turns that were missed only the last counts
                partner = following % 2 == 0
                self.push(AudioOp.JAM_GATE, frame, 0 if partner else RING_OUT, 1.0 if partner else 0.0)

    # --- views ----------------------------------------------------------------------------------------------------------

    def view(self) -> dict[str, Any]:
        self.settle()
        state = self.state
        name = "stopped"
        if state.jam_from is not None:
            name = "queued" if state.jam_from > self.now else "stopping" if state.jam_until is not None else "playing"
        out: dict[str, Any] = {
            "state": name, "chart": state.chart_text, "chart_bar": state.chart_bar + 1, "style": state.style,
            "chord": state.chord.symbol if state.chord is not None else "", "from_frame": state.jam_from, "trade": state.trade,
        }  # fmt: skip
        if state.trade and name == "playing":
            bar = state.clock.bar_at(self.now)[0]
            out["turn"] = "player" if bar >= state.trade_bar and (bar - state.trade_bar) // state.trade % 2 else "partner"
        return out

    def value(self, action: str, which: Any) -> Any:
        s = self.state
        if action == "param":
            return int(s.params[which]) if PARAMETER_BY_NAME[which].kind == "int" else float(s.params[which])
        if action == "part":
            return int(s.parts[which])
        if action == "chord":
            return s.chord.symbol if s.chord is not None else ""
        return {"chart": s.chart_text, "style": s.style, "trade": s.trade}[action]
