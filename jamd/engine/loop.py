"""The engine's loop: messages, jam, clips, status, in this order, between model steps.

Threads: one. The audio process reads what is written to `memory.stream`; nothing else of the shared memory is touched here. The
stream is a time line: a block that comes too late is never played, so after an overload the jam skips to where the music is.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np

from jamd.contract import messages as m
from jamd.contract.channel import Channel
from jamd.contract.chart import Chart, parse_chart, parse_chord
from jamd.contract.clock import Clock
from jamd.contract.errors import JamdError
from jamd.contract.memory import AudioMemory, Word
from jamd.contract.units import FRAME_SAMPLES, PARTS, SAMPLE_RATE
from jamd.engine.meter import StepMeter
from model.generator.clip import DEFAULT_GUIDANCE, ClipRender, ClipRequest, frames_of_bars
from model.generator.models import Models
from model.generator.performer import Performer
from model.generator.situation import Situation

STATUS_S = 0.25
LOOK_AHEAD_BEATS = 6.0


@dataclass
class _ClipJob:
    message: m.RenderClip
    seed: int
    render: ClipRender
    began: float


class Engine:
    """The model at work.

    Args:
        models: loaded networks.
        memory: the run's shared memory.
        channel: to control.
        prefix: beginning of the names of clips in shared memory.
        depth_ms: how much of the jam is written ahead of the audio thread: the latency knob.
    """

    def __init__(self, models: Models, memory: AudioMemory, channel: Channel, prefix: str, depth_ms: float = 120.0) -> None:
        self.models = models
        self.memory = memory
        self.channel = channel
        self.prefix = prefix
        self.depth = int(depth_ms / 1000 * SAMPLE_RATE)
        self.situation: Situation | None = None
        self.params: dict[str, float] = {}
        self.performer: Performer | None = None
        self.jam_until: int | None = None
        self.meter = StepMeter()
        self.jobs: list[_ClipJob] = []
        self.running = True
        self._status_at = 0.0
        self._jams = 0
        self._clips = 0

    # --- messages -----------------------------------------------------------------------------------------------------

    def handle(self, message: Any) -> None:
        """Apply one message. What cannot be applied is reported and changes nothing."""
        try:
            self._apply(message)
        except JamdError as error:
            self.channel.send(m.EngineError(code=error.code, message=str(error)))

    def _apply(self, message: Any) -> None:
        if isinstance(message, m.EngineState):
            self._take_state(message)
            return
        if isinstance(message, m.Shutdown):
            self.running = False
            return
        situation = self.situation
        if situation is None:
            return
        match message:
            case m.SetClock():
                old, situation.clock = situation.clock, message.clock
                self._replan_from_change(old, message.clock)
                self._set_stand_in()
            case m.SetChart():
                situation.set_chart(parse_chart(message.text), message.bar)
                self._replan(self._beat_of_bar(message.bar))
                self._applied("/jam/chart", message.text)
            case m.SetChord():
                situation.set_chord(parse_chord(message.text) if message.text else None, message.beat)
                self._replan(message.beat)
                self._applied("/jam/chord", message.text)
            case m.SetParam():
                self._set_param(message.name, message.value)
                self._applied(f"/jam/param/{message.name}", message.value)
            case m.SetPart():
                situation.parts[message.name] = bool(message.on)
                self._replan(None)
                self._applied(f"/jam/part/{message.name}", int(message.on))
            case m.SetStyle():
                situation.style = self.models.read_style(message.text)
                self._replan(None)
                self._applied("/jam/style", message.text)
            case m.JamStart():
                self._start(message.frame)
            case m.JamStop():
                self.jam_until = message.frame
                self.memory.stream.end(message.frame)
            case m.Panic():
                self._stop()
                self._cancel_jobs()
            case m.RenderClip():
                self._queue_clip(message)

    def _take_state(self, state: m.EngineState) -> None:
        chart = parse_chart(state.chart_text)
        self.situation = Situation(clock=state.clock, charts=[(state.chart_bar, chart)])
        self.situation.parts.update({name: bool(state.parts.get(name, True)) for name in PARTS})
        self.situation.style = self.models.read_style(state.style)
        if state.chord_text:
            self.situation.set_chord(parse_chord(state.chord_text), state.chord_beat)
        for name, value in state.params.items():
            self._set_param(name, value)
        self._stop()
        if state.jam_from is not None:
            lead = int(0.3 * SAMPLE_RATE)
            frame = state.jam_from
            if frame < self.memory.frame + lead:  # a jam that was under way: join it at the next bar
                frame = state.clock.next_bar(self.memory.frame + lead)[0]
            self._start(frame)
            self.jam_until = state.jam_until
            if state.jam_until is not None:
                self.memory.stream.end(state.jam_until)

    def _set_param(self, name: str, value: float) -> None:
        self.params[name] = value
        situation = self.situation
        assert situation is not None
        if name in ("density", "energy", "register", "swing"):
            if getattr(situation, name) == value:
                return
            setattr(situation, name, float(value))
            self._replan(None)
        elif name in ("temperature", "top_p", "guidance") and self.performer is not None:
            self.performer.set_sampling(**self._sampling())

    def _sampling(self) -> dict[str, float]:
        return {
            "temperature": self.params.get("temperature", 1.0),
            "top_p": self.params.get("top_p", 0.95),
            "guidance": self.params.get("guidance", DEFAULT_GUIDANCE),
        }

    def _applied(self, address: str, value: Any) -> None:
        frame = self.performer.frame if self.performer is not None else self.memory.frame
        self.channel.send(m.Applied(address=address, value_json=json.dumps(value), frame=frame))

    def _beat_of_bar(self, bar: int) -> float:
        assert self.situation is not None
        found = self.situation.clock.segments[0]
        for segment in self.situation.clock.segments:
            if segment.bar <= bar:
                found = segment
        return found.bar_beat + (bar - found.bar) * found.beats_per_bar

    def _replan(self, beat: float | None) -> None:
        if self.performer is not None:
            self.performer.replan(beat)

    def _replan_from_change(self, old: Clock, new: Clock) -> None:
        if self.performer is not None:
            fresh = [segment.beat for segment in new.segments if segment not in old.segments]
            if fresh:
                self.performer.replan(min(fresh))

    # --- the jam ------------------------------------------------------------------------------------------------------

    def _seed(self) -> int:
        seed = int(self.params.get("seed", 0))
        self._jams += 1
        return seed if seed else int(time.time_ns() % (1 << 31)) ^ self._jams

    def _start(self, frame: int) -> None:
        assert self.situation is not None
        self.performer = Performer(self.models, self.situation, frame, self._seed())
        self.performer.set_sampling(**self._sampling())
        self.jam_until = None
        self.meter = StepMeter()
        self._set_stand_in()
        self.memory.stream.begin(frame)

    def _set_stand_in(self) -> None:
        """What plays when data is missing: the last bar, or as many halves of it as the ring holds."""
        assert self.situation is not None
        segment = self.situation.clock.segments[-1]
        frames = round(segment.frames_per_beat * segment.beats_per_bar)
        while frames > self.memory.stream.size // 2:
            frames //= 2
        self.memory.header[Word.LOOP_FRAMES] = frames

    def _stop(self) -> None:
        self.performer = None
        self.jam_until = None

    def _cancel_jobs(self) -> None:
        for job in self.jobs:
            self.channel.send(m.ClipFailed(slot=job.message.slot, request=job.message.request, code="cancelled", message="cancelled"))
        self.jobs.clear()

    def queued(self) -> int:
        """Frames of the jam that are written and not yet played."""
        stream = self.memory.stream
        return stream.written - max(self.memory.frame, 0)

    def _jam_block(self) -> bool:
        """Write one block if the ring is not at its depth. True if it did."""
        performer = self.performer
        if performer is None:
            return False
        if self.jam_until is not None and performer.frame >= self.jam_until:
            self._stop()
            return False
        late = self.memory.stream.late()
        if late > 0:
            steps = -(-(late + self.depth) // FRAME_SAMPLES)
            performer.skip(steps)
            self.memory.stream.skip_to(performer.frame)
            self.meter.skipped_frames += steps * FRAME_SAMPLES
        ahead = performer.frame + FRAME_SAMPLES - self.memory.frame
        before_start = performer.steps * FRAME_SAMPLES < self.depth
        if ahead > self.depth and not before_start:
            return False
        began = time.perf_counter()
        block = performer.block()
        performer.look_ahead(LOOK_AHEAD_BEATS, 1)
        self.meter.add(time.perf_counter() - began)
        self.memory.stream.write(block)
        del performer.played[:-512]
        return True

    # --- clips --------------------------------------------------------------------------------------------------------

    def _queue_clip(self, message: m.RenderClip) -> None:
        try:
            chart: Chart = parse_chart(message.chart_text)
            situation = self.situation
            assert situation is not None
            seed = message.seed if message.seed is not None else self._seed()
            sampling = self._sampling()
            request = ClipRequest(
                chart=chart,
                tempo=message.tempo,
                frames=frames_of_bars(message.bars, message.tempo, chart.beats_per_bar),
                seed=seed,
                loop=True,
                style=self.models.read_style(message.style),
                parts=dict(situation.parts),
                density=situation.density if situation.density is not None else 0.5,
                energy=situation.energy if situation.energy is not None else 0.5,
                register=situation.register if situation.register is not None else 0.5,
                swing=situation.swing,
                temperature=sampling["temperature"],
                top_p=sampling["top_p"],
                guidance=sampling["guidance"],
            )
        except JamdError as error:
            self.channel.send(m.ClipFailed(slot=message.slot, request=message.request, code=error.code, message=str(error)))
            return
        self.jobs = [job for job in self.jobs if job.message.slot != message.slot]
        self.jobs.append(_ClipJob(message, seed, ClipRender(self.models, request), time.monotonic()))

    def _clip_block(self) -> bool:
        """One block of the oldest clip, when the jam can spare the time. True if it did."""
        if not self.jobs:
            return False
        if self.performer is not None and self.queued() < self.depth * 0.6:
            return False
        job = self.jobs[0]
        job.render.advance()
        if job.render.done:
            self.jobs.pop(0)
            self._deliver(job)
        return True

    def _deliver(self, job: _ClipJob) -> None:
        audio = job.render.audio
        self._clips += 1
        name = f"{self.prefix}-clip-{self._clips}-{job.message.request}"
        block = SharedMemory(name=name, create=True, size=audio.nbytes)
        np.ndarray(audio.shape, np.float32, buffer=block.buf)[:] = audio
        # the audio process owns it from here on; this process must not unlink it at its end
        resource_tracker.unregister(block._name, "shared_memory")  # type: ignore[attr-defined]
        block.close()
        message = job.message
        self.channel.send(
            m.ClipReady(
                slot=message.slot,
                request=message.request,
                name=name,
                frames=len(audio),
                bars=message.bars,
                tempo=message.tempo,
                seed=job.seed,
                chart_text=message.chart_text,
                seconds_to_render=time.monotonic() - job.began,
            )
        )

    # --- the loop -----------------------------------------------------------------------------------------------------

    def _report(self) -> None:
        now = time.monotonic()
        if now - self._status_at < STATUS_S:
            return
        self._status_at = now
        performer = self.performer
        bar, chord = 0, ""
        if performer is not None and self.situation is not None:
            beat = self.situation.clock.beat_at(self.memory.frame)
            bar = self.situation.bar_of(beat)[0]
            chart, place, _ = self.situation.harmony(beat)
            chord = chart.chord_at(place).symbol
        self.channel.send(
            m.EngineStatus(
                real_time_factor=self.meter.real_time_factor,
                frame_ms_p50=self.meter.percentile(50),
                frame_ms_p99=self.meter.percentile(99),
                queue_ms=max(self.queued(), 0) * 1000 / SAMPLE_RATE if performer is not None else 0.0,
                skipped_frames=self.meter.skipped_frames,
                jam=performer is not None,
                bar=bar,
                chord=chord,
                slow=self.meter.complaint(),
            )
        )

    def run(self) -> None:
        """Until `Shutdown` or the channel closes."""
        timeout = 0.0
        while self.running:
            for message in self.channel.receive(timeout=timeout):
                self.handle(message)
            worked = self._jam_block() or self._clip_block()
            self._report()
            if worked:
                timeout = 0.0
            elif self.performer is not None:
                timeout = 0.0 if self.performer.look_ahead(LOOK_AHEAD_BEATS, 1) else 0.003
            else:
                timeout = 0.05
