"""The engine's loop: messages, jam, clips, status, in this order, between model steps.

Threads: one. The audio process reads what is written to `memory.stream`; nothing else of the shared memory is touched here.
"""

from __future__ import annotations

import time

from jamd.contract import messages as m
from jamd.contract.chart import Chart, parse_chart
from jamd.contract.errors import AdapterError, JamdError
from jamd.contract.memory import AudioMemory
from jamd.contract.steady import SteadyChannel
from jamd.contract.units import SAMPLE_RATE
from jamd.engine.adapters import EngineAdapters
from jamd.engine.clip_jobs import ClipJobs
from jamd.engine.gpu import Gpu
from jamd.engine.history import History
from jamd.engine.jam import Jam
from jamd.engine.situations import sampling_of, set_param, situation_of
from model.generator.clip import ClipRequest, frames_of_bars
from model.generator.models import Models
from model.generator.situation import Situation

STATUS_S = 0.25


class Engine:
    """The model at work.

    Args:
        models: loaded networks.
        memory: the run's shared memory.
        channel: to control.
        prefix: beginning of the names of clips in shared memory.
        depth_ms: how much of the jam is written ahead of the audio thread: the latency knob.
    """

    def __init__(self, models: Models, memory: AudioMemory, channel: SteadyChannel, prefix: str, depth_ms: float = 120.0) -> None:
        self.models = models
        self.memory = memory
        self.channel = channel
        self.situation: Situation | None = None
        self.params: dict[str, float] = {}
        self.gpu = Gpu(models.device)
        self.jobs = ClipJobs(models, prefix, channel.send)
        self.adapters = EngineAdapters(models, channel.send)
        self.history = History(channel.send, lambda: self.adapters.rack.active)
        self.jam = Jam(models, memory, int(depth_ms / 1000 * SAMPLE_RATE), self.history, self.adapters.before_step)
        self.running = True
        self._status_at = 0.0
        self._jams = 0

    # --- messages -----------------------------------------------------------------------------------------------------

    def handle(self, message: m.Message) -> None:
        """Apply one message. What cannot be applied is reported and changes nothing."""
        try:
            self._apply(message)
        except JamdError as error:
            self.channel.send(m.EngineError(code=error.code, message=str(error)))

    def _apply(self, message: m.Message) -> None:
        situation = self.situation
        match message:
            case m.EngineState():
                self._take_state(message)
            case m.Shutdown():
                self.running = False
            case _ if situation is None:
                pass
            case m.JamStart():
                self._start(message.frame)
            case m.JournalOn():
                self.history.report(message.on)
            case m.RenderClip():
                self._queue_clip(message)
            case m.AdapterLoad() | m.AdapterUnload() | m.AdapterUse() | m.AdapterStrength():
                self._adapters(message)
            case _:
                self.history.note(message, self.jam.performer, self.memory.frame)
                self.jam.tell(situation, self.params, message)
                if isinstance(message, m.Panic):
                    self.jobs.cancel()

    def _adapters(self, message: m.AdapterLoad | m.AdapterUnload | m.AdapterUse | m.AdapterStrength) -> None:
        match message:
            case m.AdapterLoad():
                self.adapters.load(message.name, message.folder)
            case m.AdapterUnload():
                try:
                    self.adapters.unload(message.name)
                except AdapterError as error:
                    self.channel.send(m.AdapterEvent(name=message.name, state="refused", text=str(error)))
            case m.AdapterStrength():
                self.adapters.strength(message.value)
            case m.AdapterUse():
                try:
                    self.adapters.use(message.adapters, message.frame)
                except AdapterError as error:
                    playing = self.adapters.chosen
                    asked = message.adapters
                    self.channel.send(
                        m.AdapterEvent(name="", state="refused", text=str(error), asked=asked, playing=playing, request=message.request)
                    )
                    return
                if not self.jam.playing:  # at once: the next clip is to have it
                    self.adapters.before_step(message.frame)

    def _take_state(self, state: m.EngineState) -> None:
        self.adapters.load_now(state.loaded)
        self.adapters.strength(state.adapter_strength)
        self.situation = situation_of(state, self.models)
        known = [pair for pair in state.adapters if self.adapters.is_ready(pair[0])]
        if known and known != self.adapters.chosen:
            try:
                self.adapters.use(known, 0)
                self.adapters.before_step(0)
            except AdapterError as error:
                self.channel.send(m.EngineError(code=error.code, message=str(error)))
        for name, value in state.params.items():
            set_param(self.situation, [], self.params, name, value)
        self.jam.stop()
        if state.jam_from is not None:
            lead = int(0.3 * SAMPLE_RATE)
            frame = state.jam_from
            if frame < self.memory.frame + lead:  # a jam that was under way: join it at the next bar
                frame = state.clock.next_bar(self.memory.frame + lead)[0]
            self._start(frame)
            if state.jam_until is not None:
                self.jam.end(state.jam_until)

    # --- the jam ------------------------------------------------------------------------------------------------------

    def _seed(self) -> int:
        seed = int(self.params.get("seed", 0))
        self._jams += 1
        return seed if seed else int(time.time_ns() % (1 << 31)) ^ self._jams

    def _start(self, frame: int) -> None:
        assert self.situation is not None
        self.jam.start(self.situation, self.params, frame, self._seed())

    # --- clips --------------------------------------------------------------------------------------------------------

    def _queue_clip(self, message: m.RenderClip) -> None:
        try:
            chart: Chart = parse_chart(message.chart_text)
            situation = self.situation
            assert situation is not None
            seed = message.seed if message.seed is not None else self._seed()
            sampling = sampling_of(self.params)
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
        self.jobs.add(message, request)

    def _clip_block(self) -> bool:
        """A piece of a clip, when the jam can spare the time. True if it did something."""
        if not self.jobs or not self.jam.has_time():
            return False
        if not self.jam.playing:
            self.adapters.before_step(self.memory.frame)
        self.jobs.advance()
        return True

    # --- the loop -----------------------------------------------------------------------------------------------------

    def _report(self) -> None:
        now = time.monotonic()
        if now - self._status_at < STATUS_S:
            return
        self._status_at = now
        jam, meter = self.jam, self.jam.meter
        self.gpu.read()
        bar, chord = 0, ""
        if jam.playing and self.situation is not None:
            beat = self.situation.clock.beat_at(self.memory.frame)
            bar = self.situation.bar_of(beat)[0]
            chart, place, _ = self.situation.harmony(beat)
            chord = chart.chord_at(place).symbol
        self.channel.send(
            m.EngineStatus(
                real_time_factor=meter.real_time_factor,
                frame_ms_p50=meter.percentile(50),
                frame_ms_p99=meter.percentile(99),
                queue_ms=max(jam.queued(), 0) * 1000 / SAMPLE_RATE if jam.playing else 0.0,
                skipped_frames=meter.skipped_frames,
                jam=jam.playing,
                bar=bar,
                chord=chord,
                slow=meter.complaint(),
                gpu_memory_mb=self.gpu.memory_mb,
                gpu_temperature_c=self.gpu.temperature_c,
            )
        )

    def run(self) -> None:
        """Until `Shutdown` or the channel closes."""
        timeout = 0.0
        while self.running:
            for message in self.channel.receive(timeout=timeout):
                self.handle(message)
            worked = self.jam.advance() or self._clip_block()
            if not self.jam.playing and not self.jobs:
                self.adapters.settle()
            self.adapters.poll()
            self._report()
            if worked:
                timeout = 0.0
            elif self.jam.playing:
                timeout = 0.0 if self.jam.look_ahead() else 0.003
            else:
                timeout = 0.05
