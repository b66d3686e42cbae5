"""The session: the only owner of desired state. Every way in, OSC or MIDI, ends in one of its actions.

An action checks, then changes the state, then tells the engine and the audio thread; what fails the check changes nothing.
Launches go straight into the command ring of the audio thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from jamd import __version__
from jamd.contract import messages as m
from jamd.contract.chart import parse_chart, parse_chord
from jamd.contract.clock import Clock
from jamd.contract.config import Config
from jamd.contract.errors import MessageError
from jamd.contract.memory import AudioMemory, AudioOp, SlotState
from jamd.contract.parameters import PARAMETER_BY_NAME
from jamd.contract.prompts import write_prompts
from jamd.contract.units import SAMPLE_RATE, db_to_linear
from jamd.control.state import Slot, SlotName, State

Send = Callable[[str, m.Message], bool]


class Session:
    """State and actions.

    Args:
        memory: the run's shared memory.
        config: settings.
        send: passes a message to a role; False if that process is not there.
        log: called with one line for everything a person should know of.
    """

    def __init__(self, memory: AudioMemory, config: Config, send: Send, log: Callable[[str], None]) -> None:
        self.memory = memory
        self.config = config
        self.state = State()
        self.began = time.monotonic()
        self._send = send
        self._log = log
        self._requests = 0

    # --- time ---------------------------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        return self.memory.frame

    def _ahead(self, milliseconds: float) -> int:
        return self.now + int(milliseconds / 1000 * SAMPLE_RATE)

    def _push(self, op: AudioOp, frame: int, index: int = 0, value: float = 0.0) -> None:
        if not self.memory.commands.push(op, frame, index, value):
            raise MessageError("too many commands wait for the audio thread", code="overload")

    def _set_clock(self, clock: Clock) -> None:
        self.state.clock = clock.prune(self.now - 60 * SAMPLE_RATE)
        self._send("engine", m.SetClock(clock=self.state.clock))

    def _start_clock(self, lead_ms: float) -> None:
        state = self.state
        state.chart_bar = 0
        self._set_clock(Clock.started(self._ahead(lead_ms), state.tempo, state.chart.beats_per_bar))
        self._send("engine", m.SetChart(text=state.chart_text, bar=0))

    def _settle(self) -> None:
        """Forget what has come to its end."""
        state, now = self.state, self.now
        if state.jam_until is not None and now >= state.jam_until:
            state.jam_from = state.jam_until = None
        for index, slot in enumerate(state.slots):
            if slot.launch_at is not None and now > slot.launch_at + 2048:
                slot.launch_at = None
            if slot.stop_at is not None and now > slot.stop_at + 2048 and self.memory.slot(index).state != SlotState.STOPPING:
                slot.stop_at = None

    def engine_state(self) -> m.EngineState:
        """Everything, for an engine that has just come up."""
        self._settle()
        s = self.state
        return m.EngineState(
            clock=s.clock, chart_text=s.chart_text, chart_bar=s.chart_bar,
            chord_text=s.chord.symbol if s.chord is not None else None, chord_beat=s.chord_beat,
            params=dict(s.params), parts=dict(s.parts), style=s.style, jam_from=s.jam_from, jam_until=s.jam_until,
        )  # fmt: skip

    # --- clock --------------------------------------------------------------------------------------------------------

    def clock_play(self) -> None:
        if not self.state.clock.playing:
            self._start_clock(50.0)

    def clock_stop(self) -> None:
        state = self.state
        self._halt_jam(self.now)
        for index, slot in enumerate(state.slots):
            if slot.loaded:
                self._push(AudioOp.SLOT_STOP, self.now, index)
            slot.launch_at = slot.stop_at = None
        self._set_clock(state.clock.stopped())

    def clock_tempo(self, bpm: float) -> None:
        state = self.state
        if state.clock.playing:
            frame, _ = state.clock.next_beat(self._ahead(self.config.engine.change_ms))
            self._set_clock(state.clock.with_tempo(bpm, frame))
        else:
            self._set_clock(Clock(Clock.started(self.now, bpm, state.chart.beats_per_bar).segments, False))
        state.tempo = bpm

    # --- jam ----------------------------------------------------------------------------------------------------------

    def jam_start(self) -> None:
        self._settle()
        state = self.state
        if state.jam_from is not None and state.jam_until is None:
            return
        if "engine" not in self._roles_ready():
            raise MessageError("the engine is not ready yet", code="engine")
        if not state.clock.playing:
            self._start_clock(self.config.engine.lead_ms)
            frame = state.clock.segments[-1].frame
        else:
            earliest = max(self._ahead(self.config.engine.lead_ms), state.jam_until or 0)
            frame, _ = state.clock.next_bar(earliest)
        self._push(AudioOp.JAM_GATE, frame, value=1.0)
        self._send("engine", m.JamStart(frame=frame))
        state.jam_from, state.jam_until = frame, None

    def _roles_ready(self) -> set[str]:
        return {"engine"} if self.state.engine.get("ready") else set()

    def _halt_jam(self, frame: int) -> None:
        if self.state.jam_from is None:
            return
        self._push(AudioOp.JAM_GATE, frame, value=0.0)
        # the stream goes on for the length of the fade
        self._send("engine", m.JamStop(frame=frame + 480))
        self.state.jam_until = frame

    def jam_stop(self) -> None:
        self._settle()
        state = self.state
        if state.jam_from is None or state.jam_until is not None:
            return
        if state.jam_from > self.now:  # has not begun: it never will
            self._push(AudioOp.JAM_GATE, state.jam_from, value=0.0)
            self._send("engine", m.JamStop(frame=state.jam_from))
            state.jam_until = state.jam_from
            return
        frame, _ = state.clock.next_bar(self.now)
        self._halt_jam(frame)

    def jam_panic(self) -> None:
        state = self.state
        self._push(AudioOp.PANIC, self.now)
        self._send("engine", m.Panic())
        state.jam_from = state.jam_until = None
        for slot in state.slots:
            slot.launch_at = slot.stop_at = None
            slot.rendering = False
        self._set_clock(state.clock.stopped())
        self._log("panic: everything stopped")

    def jam_chart(self, text: str) -> None:
        chart = parse_chart(text)
        state = self.state
        bar = 0
        if state.clock.playing:
            frame, bar = state.clock.next_bar(self._ahead(self.config.engine.change_ms))
            if state.jam_from is not None and state.jam_from > frame:
                frame, bar = state.jam_from, state.clock.bar_at(state.jam_from)[0]
            if chart.beats_per_bar != state.clock.segment_at(frame).beats_per_bar:
                self._set_clock(state.clock.with_metre(chart.beats_per_bar, frame))
        else:
            self._set_clock(Clock(Clock.started(self.now, state.tempo, chart.beats_per_bar).segments, False))
        state.chart, state.chart_text, state.chart_bar = chart, text, bar
        self._send("engine", m.SetChart(text=text, bar=bar))

    def jam_chord(self, text: str) -> None:
        chord = parse_chord(text)
        beat = self._change_beat()
        self.state.chord, self.state.chord_beat = chord, beat
        self._send("engine", m.SetChord(text=text, beat=beat))

    def jam_chord_resume(self) -> None:
        if self.state.chord is None:
            return
        self.state.chord = None
        self._send("engine", m.SetChord(text=None, beat=self._change_beat()))

    def _change_beat(self) -> float:
        if not self.state.clock.playing:
            return -1e9
        return self.state.clock.next_beat(self._ahead(self.config.engine.change_ms))[1]

    def jam_style(self, text: str, *more: float | str) -> None:
        """One prompt, or prompts each followed by its weight."""
        if more:
            prompts = [text, *(one for one in more if isinstance(one, str))]
            weights = [one for one in more if not isinstance(one, str)]
            text = write_prompts(list(zip(prompts, [*weights, 1.0][: len(prompts)], strict=True)))
        self.state.style = text
        self._send("engine", m.SetStyle(text=text))

    def jam_param(self, name: str, value: float) -> None:
        self.state.params[name] = value
        self._send("engine", m.SetParam(name=name, value=float(value)))

    def jam_part(self, name: str, on: bool) -> None:
        self.state.parts[name] = bool(on)
        self._send("engine", m.SetPart(name=name, on=bool(on), frame=self.now))

    def gain(self, decibels: float) -> None:
        self._push(AudioOp.MASTER_GAIN, self.now, value=db_to_linear(decibels) if decibels > -90 else 0.0)
        self.state.gain_db = decibels

    # --- slots ----------------------------------------------------------------------------------------------------------

    def slot_render(self, index: int, bars: int, style: str | None, seed: int | None) -> None:
        state = self.state
        slot = state.slots[index]
        self._requests += 1
        message = m.RenderClip(
            slot=index, request=self._requests, bars=bars, tempo=state.tempo, beats_per_bar=state.chart.beats_per_bar,
            chart_text=state.chart_text, style=state.style if style is None else style, seed=seed,
        )  # fmt: skip
        if not self._send("engine", message):
            raise MessageError("the engine is not there: try again in a moment", code="engine")
        slot.request, slot.rendering, slot.error = self._requests, True, ""

    def slot_launch(self, index: int) -> None:
        slot = self.state.slots[index]
        if not slot.loaded:
            word = "is still rendering" if slot.rendering else "is empty"
            raise MessageError(f"slot {index + 1} {word}", code="slot")
        clock = self.state.clock
        frame = clock.next_bar(self.now)[0] if clock.playing else self.now
        self._push(AudioOp.SLOT_LAUNCH, frame, index)
        slot.launch_at, slot.stop_at = frame, None

    def slot_stop(self, index: int) -> None:
        slot = self.state.slots[index]
        if not slot.loaded:
            return
        clock = self.state.clock
        frame = clock.next_bar(self.now)[0] if clock.playing else self.now
        self._push(AudioOp.SLOT_STOP, frame, index)
        slot.stop_at = frame

    def slot_name(self, index: int) -> SlotName:
        """The state that a musician sees."""
        slot = self.state.slots[index]
        playing = self.memory.slot(index).state
        if slot.launch_at is not None and slot.launch_at > self.now:
            return "queued"
        if slot.loaded and playing == SlotState.PLAYING:
            return "stopping" if slot.stop_at is not None else "playing"
        if slot.loaded and playing == SlotState.STOPPING:
            return "stopping"
        if slot.rendering:
            return "rendering"
        return "ready" if slot.loaded else "empty"

    # --- what comes back ------------------------------------------------------------------------------------------------

    def take(self, message: m.Message) -> None:
        """An event of engine or audio."""
        state = self.state
        match message:
            case m.EngineProgress():
                state.engine |= {"progress": message.text, "ready": False}
            case m.EngineReady():
                state.engine = {
                    "ready": True, "model": message.model, "parameters": message.parameters, "device": message.device,
                    "warm_up_s": round(message.warm_up_s, 3), "warm_up_real_time_factor": round(message.real_time_factor, 3),
                }  # fmt: skip
                self._log(f"engine ready: {message.model}, {message.parameters / 1e6:.1f} M parameters")
            case m.EngineStatus():
                state.engine |= {
                    "real_time_factor": round(message.real_time_factor, 3), "frame_ms_p50": round(message.frame_ms_p50, 2),
                    "frame_ms_p99": round(message.frame_ms_p99, 2), "queue_ms": round(message.queue_ms, 1),
                    "skipped_frames": message.skipped_frames, "jam": message.jam, "slow": message.slow,
                    "chord": message.chord, "bar": message.bar,
                }  # fmt: skip
            case m.ClipReady():
                self._clip_ready(message)
            case m.ClipFailed():
                slot = state.slots[message.slot]
                if slot.request == message.request:
                    slot.rendering, slot.error = False, message.message
                    self._log(f"slot {message.slot + 1}: {message.message}")
            case m.ClipAttached():
                state.slots[message.slot].loaded = True
                state.slots[message.slot].rendering = False
            case m.AudioReady():
                state.audio = {"backend": message.backend, "rate": message.rate, "block": message.block, "ports": message.ports}
            case m.AudioFault() | m.EngineError():
                self._log(message.message)

    def _clip_ready(self, message: m.ClipReady) -> None:
        slot = self.state.slots[message.slot]
        if slot.request != message.request:  # another render of this slot was asked for meanwhile
            self._send("audio", m.ClipAttach(slot=message.slot, name=message.name, frames=message.frames, loop=True))
            return
        slot.bars, slot.tempo, slot.seed = message.bars, message.tempo, message.seed
        attach = m.ClipAttach(slot=message.slot, name=message.name, frames=message.frames, loop=True)
        if self.memory.slot(message.slot).state == SlotState.PLAYING:  # fade the old one out first
            self._push(AudioOp.SLOT_STOP, self.now, message.slot)
            asyncio.get_running_loop().call_later(0.05, self._send, "audio", attach)
        else:
            self._send("audio", attach)
        self._log(f"slot {message.slot + 1}: {message.bars} bars rendered in {message.seconds_to_render:.1f} s")

    def engine_gone(self) -> None:
        self.state.engine = {"ready": False, "progress": "the engine is being started again"}
        for slot in self.state.slots:
            slot.rendering = False

    # --- views ----------------------------------------------------------------------------------------------------------

    def clock_view(self) -> dict[str, Any]:
        state = self.state
        now = self.now
        bar, beat = state.clock.bar_at(now)
        playing = state.clock.playing
        return {
            "playing": playing, "tempo": state.tempo, "beats_per_bar": state.clock.segment_at(now).beats_per_bar,
            "bar": bar + 1 if playing else 0, "beat": round(beat + 1, 2) if playing else 0.0, "frame": now, "source": "internal",
        }  # fmt: skip

    def jam_view(self) -> dict[str, Any]:
        self._settle()
        state = self.state
        name = "stopped"
        if state.jam_from is not None:
            name = "queued" if state.jam_from > self.now else "stopping" if state.jam_until is not None else "playing"
        return {
            "state": name, "chart": state.chart_text, "chart_bar": state.chart_bar + 1, "style": state.style,
            "chord": state.chord.symbol if state.chord is not None else "", "from_frame": state.jam_from,
        }  # fmt: skip

    def audio_view(self) -> dict[str, Any]:
        stats = self.memory.stats
        return self.state.audio | {
            "xruns": stats.xruns, "late_cycles": stats.late_cycles, "callbacks": stats.callbacks,
            "underruns": stats.underruns, "underrun_frames": stats.underrun_frames, "max_callback_us": stats.max_callback_us,
            "queue_ms": round(stats.queue_frames * 1000 / SAMPLE_RATE, 1), "peak_left": round(stats.peak_left, 4),
            "peak_right": round(stats.peak_right, 4), "limiter_db": round(stats.limiter_reduction_db, 2), "fault": stats.fault,
        }  # fmt: skip

    def slots_view(self) -> list[dict[str, Any]]:
        self._settle()
        out = []
        for index, slot in enumerate(self.state.slots):
            name = self.slot_name(index)
            if name != "empty" or slot.error:
                out.append({"slot": index + 1, "state": name, "bars": slot.bars, "tempo": slot.tempo, "seed": slot.seed}
                           | ({"error": slot.error} if slot.error else {}))  # fmt: skip
        return out

    def params_view(self) -> dict[str, Any]:
        return {"params": dict(self.state.params), "parts": {k: int(v) for k, v in self.state.parts.items()},
                "gain": self.state.gain_db}  # fmt: skip

    def status(self) -> dict[str, Any]:
        return {
            "version": __version__, "uptime_ms": self.uptime_ms, "clock": self.clock_view(), "jam": self.jam_view(),
            "engine": self.state.engine, "audio": self.audio_view(), "slots": self.slots_view(), **self.params_view(),
        }  # fmt: skip

    @property
    def uptime_ms(self) -> int:
        return int((time.monotonic() - self.began) * 1000)

    def value(self, action: str, name: str) -> Any:
        """The current value of a setter."""
        s = self.state
        values: dict[str, Callable[[], Any]] = {
            "jam_chart": lambda: s.chart_text,
            "jam_chord": lambda: s.chord.symbol if s.chord is not None else "",
            "jam_style": lambda: s.style,
            "jam_param": lambda: int(s.params[name]) if PARAMETER_BY_NAME[name].kind == "int" else float(s.params[name]),
            "jam_part": lambda: int(s.parts[name]),
            "clock_tempo": lambda: s.tempo,
            "gain": lambda: s.gain_db,
        }
        return values[action]()


__all__ = ["Send", "Session", "Slot"]
