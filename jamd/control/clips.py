"""What is in the slots: clips from the engine, from files and to files, at the tempo of the clock.

The audio process owns the memory of a clip once it is attached, keeps it as it was made, and makes copies at other lengths when
asked. A copy or a new clip for a slot that sounds waits there until it is told to take over, where the music is by then.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jamd import paths
from jamd.contract import messages as m
from jamd.contract.errors import JamdError, MessageError
from jamd.contract.folders import inside
from jamd.contract.layout import AudioOp, SlotState
from jamd.contract.memory import unlink_shared
from jamd.contract.prompts import check_prompts
from jamd.contract.units import SAMPLE_RATE
from jamd.control import clip_files
from jamd.control.desk import ASKED, Tell, tell_late
from jamd.control.mixer import linear
from jamd.control.state import Clip, Slot

if TYPE_CHECKING:
    from jamd.control.slots import Slots

SUFFIXES = (".wav", ".flac")
LOADABLE = (".wav", ".flac", ".aiff", ".aif", ".ogg", ".mp3")
TEMPO_STEP = 0.002
"""Share by which the clock's tempo must differ before a clip is stretched to it."""
FRESH = (0.75, 1.34)
"""Ratios of tempo outside of which a clip is rendered afresh, if its chart is known."""
STEADY_FRAMES = 9600
"""For so long the tempo must have stood before clips follow it."""
DRIFT = 96
"""Frames by which a loop may be off the clock."""
FOLLOW_FRAMES = 2400
"""Between two looks for clips that the tempo has left behind."""
CORRECT_FRAMES = 24_000
"""Between two looks for loops that have drifted."""
SOON = 480
"""Frames ahead at which what is to happen at once is told to the audio thread."""


class Clips:
    """Helper of the slots' desk."""

    def __init__(self, desk: Slots) -> None:
        self._desk = desk
        self._names = 0
        self._tempo = 0.0
        self._tempo_since = 0
        self._followed = 0
        self._corrected = 0
        self._saved: set[int] = set()
        self._writing: set[Path] = set()
        """Files that clips are being saved as."""
        self._asked: dict[int, tuple[int, Tell | None]] = {}
        """Number of the last render of each slot, and who asked for it."""
        self._reading: dict[int, int] = {}
        """Slots that a file is being read for, and the number of that."""
        """Who asked for each slot's clip."""
        self._gains: set[int] = set()
        """Slots whose gain the audio thread has to be told."""

    @property
    def unread(self) -> set[int]:
        """Slots whose clips of the last run are being read, or could not be: neither cleared nor filled with another one since."""
        return {index for index in self._saved if self._slots[index].clip is None}

    @property
    def _slots(self) -> list[Slot]:
        return self._desk.state.slots

    def _attach(self, index: int, clip: Clip) -> None:
        slot = self._slots[index]
        slot.clip, slot.sounding_tempo, slot.stretching, slot.swap_at, slot.error = clip, clip.tempo, 0.0, None, ""
        self._saved.discard(index)
        self._desk.session.changes += 1
        self._desk.send("audio", m.ClipAttach(slot=index, name=clip.memory, frames=clip.frames, loop=bool(slot.setup.loop)))
        self._gains.add(index)
        self._tell_gains()

    def _tell_gains(self) -> None:
        """Where too many commands wait for the audio thread, the next turn tells the rest."""
        for index in sorted(self._gains):
            try:
                self._desk.push(AudioOp.SLOT_GAIN, self._desk.now, index, linear(self._slots[index].setup.gain_db))
            except MessageError:
                return
            self._gains.discard(index)

    def attach_all(self) -> None:
        """For an audio process that holds nothing yet."""
        for index, slot in enumerate(self._slots):
            slot.attached = False
            slot.forget_launch()
            if slot.clip is not None and slot.clip.memory:
                self._attach(index, slot.clip)

    def detach_soon(self, index: int) -> None:
        """Once the fade of a stop is over, unless something new is there by then."""
        if not self._slots[index].request:  # the musician has cleared it
            self._saved.discard(index)

        def detach() -> None:
            if self._slots[index].clip is None:
                self._desk.send("audio", m.ClipDetach(slot=index))

        asyncio.get_running_loop().call_later(0.05, detach)

    # --- filling --------------------------------------------------------------------------------------------------------

    def _expect(self, slot: Slot) -> int:
        """The slot waits for a clip from now on; returns the number of this request, which makes older ones void."""
        self._desk.state.requests += 1
        slot.request, slot.rendering, slot.error = self._desk.state.requests, True, ""
        return slot.request

    def render(self, index: int, bars: int, tempo: float, beats_per_bar: int, chart: str, style: str, seed: int | None) -> bool:
        """Have the engine make a clip for a slot. False: it is not there, and nothing has changed.

        Raises:
            MessageError: a style without any weight.
        """
        check_prompts(style)
        message = m.RenderClip(
            slot=index, request=self._desk.state.requests + 1, bars=bars, tempo=tempo, beats_per_bar=beats_per_bar, chart_text=chart,
            style=style, seed=seed,
        )  # fmt: skip
        there = self._desk.send("engine", message)
        if there:
            self._asked[index] = self._expect(self._slots[index]), ASKED.get()
        return there

    def renders_are_lost(self) -> None:
        """The engine has gone."""
        for index, slot in enumerate(self._slots):
            if slot.rendering and self._reading.get(index) != slot.request:
                slot.rendering, slot.error = False, "the engine was started again: render it once more"
                tell_late(self._asker(index), slot.error, "engine")

    def _asker(self, index: int) -> Tell | None:
        """Who asked for the render that a slot waits for; nobody is told twice."""
        request, tell = self._asked.pop(index, (0, None))
        return tell if request == self._slots[index].request else None

    # --- events ---------------------------------------------------------------------------------------------------------

    def take(self, message: m.Message) -> None:
        if isinstance(message, m.ClipReady):
            self._ready(message)
        elif isinstance(message, m.ClipFailed):
            slot = self._slots[message.slot]
            if slot.request == message.request:
                slot.rendering, slot.error = False, message.message
                self._desk.log(f"slot {message.slot + 1}: {message.message}")
                tell_late(self._asker(message.slot), message.message, message.code)
        elif isinstance(message, m.ClipAttached):
            self._attached(message)

    def _ready(self, message: m.ClipReady) -> None:
        slot = self._slots[message.slot]
        if slot.request != message.request or not slot.rendering:  # another one was asked for, or the slot was cleared
            unlink_shared(message.name)
            return
        beats = round(message.frames / SAMPLE_RATE * message.tempo / 60.0)
        clip = Clip(
            memory=message.name, frames=message.frames, bars=message.bars, beats_per_bar=max(beats // message.bars, 1),
            tempo=message.tempo, seed=message.seed, chart=message.chart_text, style=message.style, figures=message.figures,
        )  # fmt: skip
        self._asked.pop(message.slot, None)
        self._attach(message.slot, clip)
        again = f", drawn {message.tries} times" if message.tries > 1 else ""
        self._desk.log(f"slot {message.slot + 1}: {message.bars} bars rendered in {message.seconds_to_render:.1f} s{again}")
        self._desk.session.recording.keep_clip(message.slot, clip)

    def _attached(self, message: m.ClipAttached) -> None:
        if message.slot >= len(self._slots):  # the metronome's
            return
        index, slot = message.slot, self._slots[message.slot]
        if slot.clip is None:
            self.detach_soon(index)
            return
        if message.name:
            if message.name != slot.clip.memory:
                return
            slot.rendering, slot.attached = False, True
            self._desk.session.store_clip(index)
        elif slot.stretching:
            slot.sounding_tempo, slot.stretching = slot.stretching, 0.0
            self._desk.session.recording.note("audio", self._desk.now, "STRETCH", [index, message.frames])
        if message.waits:
            slot.swap_at = self._desk.quantum(index, self._desk.now) if message.name else self._desk.now + SOON

    def take_over(self, index: int, limit: int) -> None:
        """Let a clip that waits come in, if that is due before a frame, or nothing sounds that it would cut off."""
        slot = self._slots[index]
        if slot.swap_at is None:
            return
        view = self._desk.session.memory.slot(index)
        if not view.next_frames:  # it waits no longer: the slot was emptied
            slot.swap_at = None
        elif slot.swap_at <= limit or view.state not in (SlotState.PLAYING, SlotState.STOPPING):
            frame = slot.swap_at if slot.swap_at <= limit else self._desk.now
            place = self._place(slot, frame, view.next_frames)
            self._desk.push(AudioOp.SLOT_SWAP, frame, index, -1.0 if place is None else float(place))
            slot.swap_at = None

    def is_waiting(self, index: int) -> bool:
        """Whether what sounds in a slot is not the clip that the desk has there."""
        return self._slots[index].swap_at is not None or self._desk.session.memory.slot(index).next_frames > 0

    def _place(self, slot: Slot, frame: int, frames: int) -> int | None:
        """Where a copy of `frames` frames has to be at a frame of the time line; None: the clock does not say."""
        clock = self._desk.clock
        if slot.launch_beat is None or not clock.playing or slot.clip is None:
            return None
        past = (clock.beat_at(frame) - slot.launch_beat) % slot.clip.beats
        return int(past / slot.clip.beats * frames)

    # --- files ----------------------------------------------------------------------------------------------------------

    def later(self, index: int, work: Callable[[], Any], then: Callable[[Any], None], request: int | None = None) -> None:
        """Work in a thread, its result in the loop; what goes wrong is the slot's error, and ends the wait for `request`."""
        loop = asyncio.get_running_loop()
        if request is not None:
            self._reading[index] = request

        async def go() -> None:
            tell = ASKED.get()
            ASKED.set(None)  # what follows from the result nobody has asked for
            try:
                then(await loop.run_in_executor(None, work))
            except Exception as error:  # whatever a file holds: the slot says so, and waits no longer
                text = str(error) if isinstance(error, JamdError | OSError) else f"{type(error).__name__}: {error}"
                tell_late(tell, text, error.code if isinstance(error, JamdError) else "file")
                self._desk.log(f"slot {index + 1}: {text}")
                slot = self._slots[index]
                if request is None:
                    slot.error = text
                elif slot.request == request:
                    slot.error, slot.rendering = text, False
                self._desk.session.changes += 1
            finally:
                if request is not None and self._reading.get(index) == request:
                    del self._reading[index]

        task = loop.create_task(go())
        self._desk.session.tasks.add(task)
        task.add_done_callback(self._desk.session.tasks.discard)

    def fresh_name(self, index: int) -> str:
        """A name for a clip's memory; no control process before this one had it either."""
        self._names += 1
        return f"{self._desk.session.memory.name}-file-{index + 1}-{self._names}-{secrets.token_hex(4)}"

    def load(self, index: int, path: str) -> None:
        file = inside(paths.clips_folder(), path, LOADABLE)
        state = self._desk.state
        clip_files.check(file)
        name, tempo, per_bar = self.fresh_name(index), state.tempo, state.chart.beats_per_bar
        self.load_file(index, lambda: clip_files.load(file, name, tempo, per_bar), path)

    def load_saved(self, index: int, work: Callable[[], Clip]) -> None:
        """Fill a slot with its clip of the last run."""
        self._saved.add(index)
        self.load_file(index, work, "")

    def load_file(self, index: int, work: Callable[[], Clip], label: str) -> None:
        """Fill a slot with what `work` reads."""
        slot = self._slots[index]
        request = self._expect(slot)

        def then(clip: Clip) -> None:
            if slot.request != request:
                unlink_shared(clip.memory)
                return
            clip.file = clip.file or label
            self._attach(index, clip)
            self._desk.session.recording.keep_clip(index, clip)

        self.later(index, work, then, request)

    def save(self, index: int, path: str) -> None:
        slot = self._slots[index]
        if slot.clip is None:
            raise MessageError(f"slot {index + 1} is empty", code="slot")
        inside(paths.clips_folder(), path)  # a name, before an ending is added to it
        file = inside(paths.clips_folder(), path if Path(path).suffix else f"{path}.wav", SUFFIXES)
        if file in self._writing or file.exists():
            raise MessageError(f"{path} is there already: choose another name", code="file")
        clip = slot.clip
        self._writing.add(file)

        def write() -> None:
            try:
                clip_files.save(file, clip)
            finally:
                self._writing.discard(file)

        self.later(index, write, lambda _: self._desk.log(f"slot {index + 1}: saved as {file.name}"))

    # --- tempo ----------------------------------------------------------------------------------------------------------

    def poll(self) -> None:
        """Stretch what the clock has left behind; bring loops that have drifted back to it."""
        if self._gains:
            self._tell_gains()
        now, clock = self._desk.now, self._desk.clock
        tempo = clock.segment_at(now).tempo if clock.playing else self._desk.state.tempo
        if tempo != self._tempo:
            self._tempo, self._tempo_since = tempo, now
        if now - self._followed >= FOLLOW_FRAMES:
            self._followed = now
            if now - self._tempo_since >= STEADY_FRAMES:
                for index, slot in enumerate(self._slots):
                    self._follow_tempo(index, slot, tempo)
        if now - self._corrected >= CORRECT_FRAMES:
            self._corrected = now
            for index, slot in enumerate(self._slots):
                self._correct(index, slot, tempo)

    @staticmethod
    def _is_left_behind(slot: Slot, tempo: float) -> bool:
        return abs(tempo / slot.sounding_tempo - 1) > TEMPO_STEP

    def _follow_tempo(self, index: int, slot: Slot, tempo: float) -> None:
        clip = slot.clip
        if clip is None or not slot.attached or slot.stretching or slot.rendering or not self._is_left_behind(slot, tempo):
            return
        if self.is_waiting(index):
            return
        ratio = tempo / clip.tempo
        if not FRESH[0] <= ratio <= FRESH[1] and clip.chart and self._desk.state.engine.get("ready"):
            self.render(index, clip.bars, tempo, clip.beats_per_bar, clip.chart, clip.style, clip.seed)
            return
        frames = clip.frames if abs(ratio - 1) < 1e-4 else round(clip.beats * 60.0 / tempo * SAMPLE_RATE)
        if not 0.5 <= frames / clip.frames <= 2.0:
            slot.error = f"made at {clip.tempo:g} bpm, it cannot follow the clock to {tempo:g}"
            slot.sounding_tempo = tempo
            return
        if self._desk.send("audio", m.ClipStretch(slot=index, frames=frames)):
            slot.stretching = tempo

    def _correct(self, index: int, slot: Slot, tempo: float) -> None:
        if not slot.loaded or self.is_waiting(index) or self._is_left_behind(slot, tempo):
            return
        view = self._desk.session.memory.slot(index)
        if view.state != SlotState.PLAYING or not slot.setup.loop or slot.stop_at is not None or slot.launch_at is not None:
            return
        at = self._desk.now + SOON
        wanted = self._place(slot, at, view.frames)
        if wanted is None or view.frames <= 0:
            return
        off = (at - view.started - wanted + view.frames // 2) % view.frames - view.frames // 2
        if abs(off) > DRIFT:
            self._desk.push(AudioOp.SLOT_SEEK, at, index, float(wanted))
