"""The band's desk: start and stop, chart and chord, style, knobs, parts, trading."""

from __future__ import annotations

from typing import Any

from bridges.charts import chart_from_text
from jamd.contract import messages as m
from jamd.contract.chart import parse_chord
from jamd.contract.clock import Clock
from jamd.contract.layout import GATE, AudioOp
from jamd.contract.parameters import PARAMETER_BY_NAME
from jamd.contract.prompts import check_prompts, write_prompts
from jamd.control.desk import ALWAYS, Desk

RING_OUT = 4800
"""Frames in which the band fades where the player's turn begins."""
HORIZON_MS = 400.0
"""How far ahead turns are given to the audio thread."""
SURE = 2048
"""Frames ahead that the audio thread may be playing already: what is due there stays."""
SLIGHT = 240
"""Frames by which the engine's beginning and end may be off the gate's; the gate takes as long to open."""
TOGETHER = 2400
"""Frames in which the engine is told of another beginning once, however often the tempo is changed."""


class Band(Desk):
    """Actions of `/jam/...`."""

    _turn = -1
    """Number of the last turn that the audio thread was told of."""
    _anew: int | None = None
    """Frame of the bar line at which turns begin again, where bars are counted anew."""
    _told_from = _told_until = 0
    """What the engine was told."""
    _tell_at: int | None = None
    """Frame at which it is to be told of another beginning."""

    def __init__(self, session: Any) -> None:
        super().__init__(session)
        self._gates: dict[int, tuple[int, float]] = {}
        """Ramps and values of the gate that wait for their frames."""

    def settle(self) -> None:
        """Forget a jam that has come to its end."""
        state = self.state
        if state.jam_until is not None and self.now >= state.jam_until:
            state.jam_from = state.jam_until = None

    # --- the gate -------------------------------------------------------------------------------------------------------

    def _gate(self, frame: int, value: float, ramp: int = 0) -> None:
        """Open it (1) or close it (0) at a frame."""
        self.push(AudioOp.JAM_GATE, frame, ramp, value)
        self._gates = {at: given for at, given in self._gates.items() if at >= self.now} | {frame: (ramp, value)}

    def _take_back(self, since: int, closing_since: int | None = None) -> bool:
        """The gate's commands from a frame on are not to be; those that close it, from another one on. True if there were some."""
        now, closing = self.now, since if closing_since is None else closing_since
        found = [at for at, (_, value) in self._gates.items() if at >= now and (at >= since or (value < 0.5 and at >= closing))]
        for at in found:
            self.push(AudioOp.CANCEL, at, GATE)
            del self._gates[at]
        return bool(found)

    def clock_moved(self, old: Clock) -> None:
        """What waits for a beat of the old clock falls on it in the new one; a chart plays on where bars are counted anew."""
        state, clock = self.state, self.clock
        located, bar = clock.segments[-1], state.chart_bar
        if located.bar < bar and not clock.counts_bars_like(old) and old.beat_of_bar(bar) <= located.beat + 1e-6:
            form = len(state.chart.bars)
            state.chart_bar -= -(-(bar - located.bar) // form) * form
        soonest, lead = self.now + SURE, self.ahead(self.session.config.engine.lead_ms) + TOGETHER
        moved = {at: clock.carried(old, at) for at in self._gates if at > soonest}
        began, until = state.jam_from, state.jam_until
        if began is not None and began > soonest:
            begin = moved.get(began, clock.carried(old, began))
            if until is None and abs(begin - self._told_from) > SLIGHT:
                begin = begin if begin >= lead else clock.next_bar(lead)[0]
                self._tell_at = self.now + TOGETHER if self._tell_at is None else self._tell_at
            state.jam_from = moved[began] = begin
        if until is not None and until > soonest:
            state.jam_until = moved[until] = moved.get(until, clock.carried(old, until))
            if until > lead and abs(state.jam_until - self._told_until) > SLIGHT:
                self._stop_engine(state.jam_until)
        moved = {at: to for at, to in moved.items() if to != at and at in self._gates}
        given = {to: self._gates.pop(at) for at, to in moved.items()}
        for at in moved:
            self.push(AudioOp.CANCEL, at, GATE)
        for to, (ramp, value) in given.items():
            self._gate(to, value, ramp)
        self._count_turns_anew(old)

    def _tell_beginning(self) -> None:
        """The band begins elsewhere than the engine was told."""
        if self._tell_at is None or self.now < self._tell_at:
            return
        self._tell_at, begin = None, self.state.jam_from
        if begin is None or self.state.jam_until is not None or abs(begin - self._told_from) <= SLIGHT:
            return
        if self._told_until > self.now:  # the jam before it ends there, too: the first of two stops takes back what comes after that jam
            for _ in range(2):
                self.send("engine", m.JamStop(frame=begin + 480))
            self._told_until = begin
        self.send("engine", m.JamStart(frame=begin))
        self._told_from = begin

    def _count_turns_anew(self, old: Clock) -> None:
        """Where bars have got other numbers, the partner's turn begins with the first of them."""
        state, clock = self.state, self.clock
        if not state.trade or state.jam_from is None or state.jam_until is not None:
            self._anew = None
        elif not clock.counts_bars_like(old):
            soonest = self.ahead(self.session.config.engine.change_ms)
            self._anew, _ = clock.next_bar(max(clock.segments[-1].frame, soonest, state.jam_from))
        elif self._anew is not None:
            self._anew = clock.carried(old, self._anew)

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
        self._gate(frame, 1.0)
        self.send("engine", m.JamStart(frame=frame))
        state.jam_from, state.jam_until, self._told_from = frame, None, frame
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
        self._take_back(frame)
        self._gate(frame, 0.0)
        self.state.jam_until = frame
        self._stop_engine(frame)

    def _stop_engine(self, frame: int) -> None:
        """The stream goes on for the length of the fade, unless it never begins."""
        never = self.state.jam_from is not None and self.state.jam_from >= frame
        self.send("engine", m.JamStop(frame=frame if never else frame + 480))
        self._told_until = frame

    def stop(self) -> None:
        self.settle()
        self.session.transport.sources.disarm()
        state = self.state
        if state.jam_from is None or state.jam_until is not None:
            return
        if state.jam_from > self.now:  # has not begun: it never will
            self.halt(state.jam_from)
            return
        self.halt(state.clock.next_bar(self.now)[0])

    def panic(self) -> None:
        state = self.state
        try:
            self.push(AudioOp.PANIC, self.now)
        finally:  # whatever the audio process says
            self.send("engine", m.Panic())
            state.jam_from = state.jam_until = self._anew = None
            self._gates.clear()
            self.session.transport.sources.disarm()
            self.session.slots.all_stopped()
            self.session.transport.halt()
        self.log("panic: everything stopped")

    # --- what to play ---------------------------------------------------------------------------------------------------

    def chart(self, text: str) -> None:
        """In our own notation, or as a link of iReal Pro, which is kept in our own."""
        chart = chart_from_text(text)
        text = chart.text() if "://" in text else text
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
            return ALWAYS
        return self.clock.next_beat(self.ahead(self.session.config.engine.change_ms))[1]

    def style(self, text: str, *more: float | str) -> None:
        """One prompt, or prompts each followed by its weight."""
        if more:
            prompts = [text, *(one for one in more if isinstance(one, str))]
            weights = [one for one in more if not isinstance(one, str)]
            text = write_prompts(list(zip(prompts, [*weights, 1.0][: len(prompts)], strict=True)))
        check_prompts(text)
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
            if state.trade and state.jam_from is not None and state.jam_until is None:
                undone = self._take_back(max(state.jam_from + 1, self.now))
                if undone or self._turn % 2:
                    self._gate(max(state.jam_from, self.now), 1.0)
            state.trade = 0
            self._turn, self._anew = -1, None
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
        if state.jam_from is not None and state.jam_until is None:
            frame = state.clock.frame_of_bar(bar)
            undone = self._take_back(max(frame, state.jam_from + 1), state.jam_from + 1)
            if undone or self._turn % 2:  # the player's turn ends early, or does not begin
                self._gate(frame, 1.0)
        state.trade_bar = bar
        self._turn, self._anew = 0, None
        self.send("engine", m.SetTrade(bars=state.trade, bar=bar))

    def poll(self) -> None:
        """Open and close the jam's gate on the bar lines where turns change."""
        state = self.state
        self._tell_beginning()
        if not state.trade or state.jam_from is None or state.jam_until is not None or not state.clock.playing:
            return
        if self._anew is not None:
            if self._anew > self.ahead(self.session.config.engine.change_ms):
                return
            self._trade_from(state.clock.next_bar(self._anew)[1])
        while True:
            following = self._turn + 1
            frame = state.clock.frame_of_bar(state.trade_bar + following * state.trade)
            if frame > self.ahead(HORIZON_MS):
                return
            self._turn = following
            if frame > self.now - 24_000:  # of turns that were missed only the last counts
                partner = following % 2 == 0
                self._gate(frame, 1.0 if partner else 0.0, 0 if partner else RING_OUT)

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
