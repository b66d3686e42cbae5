"""The session: the only owner of desired state. Every way in, OSC or MIDI, ends in one action of one of its desks.

An action checks, then changes the state, then tells the engine and the audio thread; what fails the check changes nothing.
Launches go straight into the command ring of the audio thread.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from jamd import __version__
from jamd.contract import messages as m
from jamd.contract.arguments import Route
from jamd.contract.clock import Clock
from jamd.contract.config import Config
from jamd.contract.errors import MessageError
from jamd.contract.memory import AudioMemory
from jamd.contract.parameters import find
from jamd.contract.units import SAMPLE_RATE
from jamd.control.adapters import Adapters
from jamd.control.band import Band
from jamd.control.desk import Desk
from jamd.control.journal import Kind
from jamd.control.learning import Learning
from jamd.control.machine import Machine
from jamd.control.meters import Meters
from jamd.control.mixer import Mixer
from jamd.control.recording import Recording
from jamd.control.slots import Slots
from jamd.control.state import State
from jamd.control.store import Saved, Store
from jamd.control.transport import Transport

Send = Callable[[str, m.Message], bool]


class Session:
    """State, desks, and what comes back from the other processes.

    Args:
        memory: the run's shared memory.
        config: settings.
        send: passes a message to a role; False if that process is not there.
        log: called with one line for everything a person should know of.
        state: of a control process that was killed, or as it was saved.
    """

    def __init__(self, memory: AudioMemory, config: Config, send: Send, log: Callable[[str], None], state: State | None = None) -> None:
        self.memory = memory
        self.config = config
        self.state = state if state is not None else State()
        self.began = time.monotonic()
        self.log = log
        self._send = send
        self.changes = 0
        """Rises with every change of the state."""
        self.tasks: set[asyncio.Task[None]] = set()
        """What is done beside the loop."""
        self.store: Store | None = None
        self.meters = Meters(memory)
        self.machine = Machine(os.getppid())  # the supervisor
        self.midi_view: Callable[[], dict[str, Any]] = dict
        self.transport = Transport(self)
        self.band = Band(self)
        self.slots = Slots(self)
        self.mixer = Mixer(self)
        self.recording = Recording(self)
        self.adapters = Adapters(self)
        self.learning = Learning(self)
        self.desks: dict[str, Desk] = {
            "transport": self.transport, "band": self.band, "slots": self.slots, "mixer": self.mixer, "recording": self.recording,
            "adapters": self.adapters, "learning": self.learning,
        }  # fmt: skip

    def add_desk(self, name: str, desk: Desk) -> None:
        """One more subject."""
        self.desks[name] = desk

    # --- in -------------------------------------------------------------------------------------------------------------

    def perform(self, address: str, values: Sequence[Any], via: Kind = "osc") -> Any:
        """One message: checked, then done. A setter without arguments gives its value; else None, or what the action answers.

        Raises:
            JamdError: it cannot be done; nothing has changed.
        """
        route, number = find(address)
        if route.setter and not values:
            return self.value(route, number)
        arguments = route.check(values, address)
        if route.button and arguments and not isinstance(arguments[0], str):
            if arguments[0] == 0:
                return None
            arguments = []
        desk, _, name = route.action.partition(".")
        action = getattr(self.desks[desk], name)
        if number:
            answer = action(number - 1, *arguments)
        elif route.name:
            answer = action(route.name, *arguments)
        else:
            answer = action(*arguments)
        self.changes += 1
        self.recording.note(via, self.memory.frame, address, values)
        return answer

    def value(self, route: Route, number: int) -> Any:
        """The current value of a setter."""
        desk, _, name = route.action.partition(".")
        return self.desks[desk].value(name, number - 1 if number else route.name)

    def poll(self) -> None:
        """Every few milliseconds: what has to be done in time. An error of one desk is raised once all have had their turn."""
        failed: Exception | None = None
        for desk in self.desks.values():
            try:
                desk.poll()
            except Exception as error:
                failed = error
        if failed is not None:
            raise failed

    # --- out ------------------------------------------------------------------------------------------------------------

    def send(self, role: str, message: m.Message) -> bool:
        return self._send(role, message)

    def set_clock(self, clock: Clock) -> None:
        """The clock from now on, for everybody; what waits for its beat waits for it still."""
        old, self.state.clock = self.state.clock, clock.prune(self.memory.frame - 60 * SAMPLE_RATE)
        self.changes += 1
        self.send("engine", m.SetClock(clock=self.state.clock))
        if old.playing and clock.playing:
            self.band.clock_moved(old)
            self.slots.clock_moved(old)
            self.adapters.clock_moved(old)

    def need_engine(self) -> None:
        """
        Raises:
            MessageError: it is not there, or not yet ready.
        """
        if not self.state.engine.get("ready"):
            raise MessageError("the engine is not ready yet", code="engine")

    def engine_state(self) -> m.EngineState:
        """Everything, for an engine that has just come up."""
        self.band.settle()
        s = self.state
        return m.EngineState(
            clock=s.clock, chart_text=s.chart_text, chart_bar=s.chart_bar, chord_text=s.chord_text or None, chord_beat=s.chord_beat,
            params=dict(s.params), parts=dict(s.parts), style=s.style, jam_from=s.jam_from, jam_until=s.jam_until,
            trade=s.trade, trade_bar=s.trade_bar, loaded=self.adapters.wanted(), adapters=s.adapters,
            adapter_strength=s.adapter_strength,
        )  # fmt: skip

    # --- what comes back ------------------------------------------------------------------------------------------------

    def take(self, message: m.Message) -> None:
        """An event of engine or audio."""
        state = self.state
        self.changes += not isinstance(message, m.EngineStatus | m.EngineInput)
        match message:
            case m.EngineProgress():
                state.engine |= {"progress": message.text, "ready": False}
            case m.EngineReady():
                state.engine = {
                    "ready": True, "model": message.model, "parameters": message.parameters, "device": message.device,
                    "warm_up_s": round(message.warm_up_s, 3), "warm_up_real_time_factor": round(message.real_time_factor, 3),
                }  # fmt: skip
                self.log(f"engine ready: {message.model}, {message.parameters / 1e6:.1f} M parameters")
                self.recording.engine_is_back()
            case m.EngineStatus():
                state.engine |= {
                    "real_time_factor": round(message.real_time_factor, 3), "frame_ms_p50": round(message.frame_ms_p50, 2),
                    "frame_ms_p99": round(message.frame_ms_p99, 2), "queue_ms": round(message.queue_ms, 1),
                    "skipped_frames": message.skipped_frames, "jam": message.jam, "slow": message.slow,
                    "chord": message.chord, "bar": message.bar,
                }  # fmt: skip
                gpu = {"gpu_memory_mb": message.gpu_memory_mb, "temperature_c": message.gpu_temperature_c}
                state.engine |= {key: round(value) for key, value in gpu.items() if value is not None}
            case m.AudioReady():
                state.audio = {"backend": message.backend, "rate": message.rate, "block": message.block, "ports": message.ports}
            case m.AudioFault() | m.EngineError():
                self.log(message.message)
            case m.AdapterEvent():
                self.adapters.take(message)
            case m.Connections():
                state.connections = message.pairs
            case m.EngineInput() | m.RecordEvent():
                self.recording.take(message)
            case m.ClipReady() | m.ClipFailed() | m.ClipAttached():
                self.slots.take(message)

    def audio_came(self, fresh: bool) -> None:
        """The audio process is there (`fresh`: it holds nothing yet)."""
        if self.state.connections:
            self.send("audio", m.Connect(pairs=self.state.connections))
        self.transport.tell_latency()
        if fresh:
            if self.state.audio.get("backend") == "jack":  # compiling takes a second: not when the musician waits
                asyncio.get_running_loop().run_in_executor(None, importlib.import_module, "bridges.jack.transport")
            self.transport.attach_clicks()
            self.slots.attach_all()
            self.mixer.restore()

    def audio_gone(self) -> None:
        """Nothing can be launched until it is back."""
        self.state.audio = {}
        for slot in self.state.slots:
            slot.attached = False
        if self.state.recording:
            self.recording.take(m.RecordEvent(kind="failed", text="the recording stopped with the audio process", frames=0))

    def engine_gone(self) -> None:
        self.state.engine = {"ready": False, "progress": "the engine is being started again"}
        self.slots.clips.renders_are_lost()
        self.adapters.engine_gone()

    def close(self) -> None:
        """The daemon ends."""
        self.recording.close()
        self.transport.sources.close()

    # --- beyond the run -------------------------------------------------------------------------------------------------

    def restore(self, saved: Saved) -> None:
        """Slots, mixer and connections of the last run."""
        state = self.state
        state.gain_db, state.latency_ms, state.connections = saved.gain_db, saved.latency_ms, saved.connections
        for one in saved.slots:
            if 0 <= one.slot < len(state.slots):
                state.slots[one.slot].setup = one.setup
        self.read_clips([one.slot for one in saved.slots if one.clip])

    def read_clips(self, saved: Iterable[int]) -> None:
        """The clips that were saved, of the slots that wait for one."""
        state, clips = self.state, self.slots.clips
        for index in saved:
            if self.store is None or not 0 <= index < len(state.slots) or state.slots[index].clip is not None:
                continue
            reader = self.store.clip_reader(index, clips.fresh_name(index), state.tempo, state.chart.beats_per_bar)
            if reader is None:
                self.log(f"slot {index + 1}: the file of its clip is gone")
            else:
                clips.load_saved(index, reader)

    def store_clip(self, index: int) -> None:
        """A slot has a new clip: keep it."""
        clip, store = self.state.slots[index].clip, self.store
        if clip is not None and store is not None and not clip.stored:
            clip.stored = True
            self.slots.clips.later(index, store.clip_writer(index, clip), lambda _: None)

    # --- views ----------------------------------------------------------------------------------------------------------

    def audio_view(self, reader: Hashable) -> dict[str, Any]:
        """Peaks are those since this reader's last reading."""
        stats = self.meters.read(reader)
        return self.state.audio | {
            "xruns": stats.xruns, "late_cycles": stats.late_cycles, "callbacks": stats.callbacks,
            "underruns": stats.underruns, "underrun_frames": stats.underrun_frames, "max_callback_us": stats.max_callback_us,
            "queue_ms": round(stats.queue_frames * 1000 / SAMPLE_RATE, 1), "peak_left": round(stats.peak_left, 4),
            "peak_right": round(stats.peak_right, 4),
            "peaks": {name: [round(left, 4), round(right, 4)] for name, (left, right) in stats.peaks.items()},
            "limiter_db": round(stats.limiter_reduction_db, 2), "fault": stats.fault,
        }  # fmt: skip

    def engine_view(self) -> dict[str, Any]:
        return self.machine.view() | self.state.engine  # where a GPU computes, its temperature is told

    def params_view(self) -> dict[str, Any]:
        return {"params": dict(self.state.params), "parts": {k: int(v) for k, v in self.state.parts.items()},
                "gain": self.state.gain_db}  # fmt: skip

    def status(self) -> dict[str, Any]:
        return {
            "version": __version__, "uptime_ms": self.uptime_ms, "clock": self.transport.view(), "jam": self.band.view(),
            "engine": self.engine_view(), "audio": self.audio_view("status"), "slots": self.slots.view(), "record": self.recording.view(),
            "adapters": {"playing": self.state.adapters, "strength": self.state.adapter_strength, "memory": self.state.loaded},
            **self.params_view(),
        }  # fmt: skip

    @property
    def uptime_ms(self) -> int:
        return int((time.monotonic() - self.began) * 1000)
