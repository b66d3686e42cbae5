"""The slots' desk: rendering, launching on the quantum, modes, choke groups, scenes; `follow` and `clips` do the rest.

A launch is a command with the frame of its bar line, handed straight to the audio thread. Where a clip is in its music is known by
`launch_beat`, so that a copy of another length (another tempo) can take over in its place.
"""

from __future__ import annotations

import math
from typing import Any

from jamd.contract import messages as m
from jamd.contract.clock import Clock
from jamd.contract.errors import MessageError
from jamd.contract.layout import AudioOp, SlotState
from jamd.contract.parameters import SLOTS
from jamd.control.clips import SOON, Clips
from jamd.control.follow import next_slot
from jamd.control.slot_setups import SlotSetups
from jamd.control.state import Slot, SlotName, SlotSetup

ROW = 8
BEATS_OF_NOTES = {"1/16": 0.25, "1/8": 0.5, "1/4": 1.0, "1/2": 2.0}
HORIZON_MS = 250.0
"""How far ahead repeats and follow actions are given to the audio thread."""
SETTLED = 2048
"""Frames after which a launch or stop is done."""
NOTHING = 0.01
"""Beats that are no place in a clip but its start."""


class Slots(SlotSetups):
    """Actions of `/slot/N/...` and `/scene/N/...`; indices count from 0."""

    def __init__(self, session: Any) -> None:
        super().__init__(session)
        self.clips = Clips(self)

    # --- filling --------------------------------------------------------------------------------------------------------

    def render(self, index: int, bars: int, style: str | None, seed: int | None) -> None:
        state = self.state
        style = state.style if style is None else style
        if not self.clips.render(index, bars, state.tempo, state.chart.beats_per_bar, state.chart_text, style, seed):
            raise MessageError("the engine is not there: try again in a moment", code="engine")

    def load(self, index: int, path: str) -> None:
        self.clips.load(index, path)

    def save(self, index: int, path: str) -> None:
        self.clips.save(index, path)

    def clear(self, index: int) -> None:
        slot = self.slot(index)
        waited = self._take_back(index, self.now)
        if waited or self._sounds(index):
            self.push(AudioOp.SLOT_STOP, self.now, index)
        slot.forget_launch()
        slot.clip, slot.attached, slot.rendering, slot.error = None, False, False, ""
        slot.request = 0
        self.clips.detach_soon(index)

    # --- launch and stop ------------------------------------------------------------------------------------------------

    def _need_clip(self, index: int) -> Slot:
        slot = self.slot(index)
        if not slot.loaded:
            word = "is still rendering" if slot.rendering else "is empty"
            raise MessageError(f"slot {index + 1} {word}", code="slot")
        return slot

    def quantum(self, index: int, frame: int) -> int:
        """The first frame at or after `frame` on the slot's quantum."""
        clock = self.clock
        word = self.slot(index).setup.quantize
        if not clock.playing or word == "none":
            return frame
        if word in BEATS_OF_NOTES:
            return clock.next_division(frame, BEATS_OF_NOTES[word])[0]
        return clock.next_quantum(frame, int(word))[0]

    def launch(self, index: int, on: int | None = None) -> None:
        """A pad that is pressed (or let go, if `on` is 0)."""
        if on == 0:
            self.release(index)
            return
        slot = self._need_clip(index)
        mode = slot.setup.mode
        if mode == "toggle" and (self._sounds(index) or slot.launch_at is not None) and slot.stop_at is None:
            self.stop(index)
            return
        frame = self.quantum(index, self.now)
        self.launch_at(index, frame)
        slot.held = mode in ("gate", "repeat")
        slot.repeat_at = frame if mode == "repeat" else None

    def launch_at(self, index: int, frame: int) -> None:
        """Start a slot at a frame, and stop what it chokes there."""
        slot = self.slot(index)
        clock = self.clock
        self._take_back(index, self.now)
        for other in self._choked_by(index):
            self._stop_at(other, frame)
        position, beat = 0, clock.beat_at(frame)
        if slot.setup.legato and slot.clip is not None:
            position, beat = self._legato(index, frame)
        self.push(AudioOp.SLOT_LAUNCH, frame, index, position)
        slot.launch_at, slot.launch_beat, slot.stop_at = frame, beat if clock.playing else None, None
        bars = slot.setup.follow_bars or (slot.clip.bars if slot.clip is not None else 1)
        per_bar = slot.clip.beats_per_bar if slot.clip is not None else 4
        slot.follow_beat = clock.beat_at(frame) + bars * per_bar if slot.setup.follow != "none" and clock.playing else None

    def _legato(self, index: int, frame: int) -> tuple[int, float]:
        """Place in the clip, and the beat of its start, had it been playing along: with the clip that it chokes, or with the clock."""
        slot, clock = self.slot(index), self.clock
        assert slot.clip is not None
        begin = next((b for b in (self.slot(i).launch_beat for i in self._choked_by(index)) if b is not None), None)
        if begin is None:
            begin = clock.segment_at(frame).beat_of_bar(0)
        past = (clock.beat_at(frame) - begin) % slot.clip.beats
        if past > slot.clip.beats - NOTHING:  # a bar line lies between frames
            past = 0.0
        return round(past / slot.clip.beats * self.memory_frames(index, frame)), clock.beat_at(frame) - past

    def memory_frames(self, index: int, frame: int) -> int:
        """Length of the copy that the audio thread plays at a frame."""
        view, at = self.session.memory.slot(index), self.slot(index).swap_at
        return view.next_frames if view.next_frames and (at is None or at <= frame) else view.frames

    def _choked_by(self, index: int) -> list[int]:
        group = self.slot(index).setup.choke
        if not group:
            return []
        return [i for i, other in enumerate(self.state.slots)
                if i != index and other.setup.choke == group and (self._sounds(i) or other.launch_at is not None)]  # fmt: skip

    def release(self, index: int) -> None:
        slot = self.slot(index)
        if slot.held and slot.setup.mode == "gate":
            self.stop(index)
        slot.held, slot.repeat_at = False, None

    def stop(self, index: int) -> None:
        slot = self.slot(index)
        slot.held, slot.repeat_at, slot.follow_beat = False, None, None
        if not slot.loaded:
            return
        self._stop_at(index, self.quantum(index, self.now))

    def _stop_at(self, index: int, frame: int) -> None:
        """Stop a slot at a frame, unless it is to stop before; what it was to do from there on it will not."""
        slot = self.slot(index)
        self._take_back(index, frame)
        if slot.stop_at is None or slot.stop_at < self.now:
            self.push(AudioOp.SLOT_STOP, frame, index)
            slot.stop_at = frame

    def _take_back(self, index: int, since: int) -> bool:
        """A slot's launch and stop are not to be, where they are due at a frame or after it. True if there were some."""
        slot = self.slot(index)
        found = sorted({at for at in (slot.launch_at, slot.stop_at) if at is not None and at >= max(since, self.now)})
        for at in found:
            self.push(AudioOp.CANCEL, at, index)
        slot.launch_at = None if slot.launch_at in found else slot.launch_at
        slot.stop_at = None if slot.stop_at in found else slot.stop_at
        return bool(found)

    def launch_scene(self, row: int) -> None:
        """All clips of a row, at the latest of their quanta."""
        loaded = [i for i in range(row * ROW, row * ROW + ROW) if self.slot(i).loaded]
        if not loaded:
            raise MessageError(f"scene {row + 1} is empty", code="slot")
        now = self.now
        frame = max(self.quantum(i, now) for i in loaded)
        for index in loaded:
            self.launch_at(index, frame)

    def stop_scene(self, row: int) -> None:
        for index in range(row * ROW, row * ROW + ROW):
            if self._sounds(index) or self.slot(index).launch_at is not None:
                self.stop(index)

    def stop_all(self, frame: int) -> None:
        """Everything, without waiting for a quantum."""
        for index, slot in enumerate(self.state.slots):
            self._take_back(index, self.now)
            if slot.loaded:
                self.push(AudioOp.SLOT_STOP, frame, index)
            slot.forget_launch()

    def all_stopped(self) -> None:
        """A panic has silenced them, and taken their commands away."""
        for slot in self.state.slots:
            slot.forget_launch()
            slot.rendering = False

    def _sounds(self, index: int) -> bool:
        return self.session.memory.slot(index).state in (SlotState.PLAYING, SlotState.STOPPING)

    # --- a clock that changes -------------------------------------------------------------------------------------------

    def clock_moved(self, old: Clock) -> None:
        """Launches and stops that wait for a beat of the old clock fall on it in the new one; those of one frame stay together."""
        quanta: dict[int, int] = {}
        for slot in self.state.slots:
            if slot.swap_at is not None and slot.swap_at > self.now + SETTLED:
                word = slot.setup.quantize
                slot.swap_at = self.clock.carried(old, slot.swap_at, int(word) if word.isdecimal() else 1)
            for at in (slot.launch_at, slot.stop_at):
                if at is not None and at > self.now + SETTLED:
                    word = slot.setup.quantize
                    quanta[at] = max(quanta.get(at, 1), int(word) if word.isdecimal() else 1)
        moved = {at: self.clock.carried(old, at, bars) for at, bars in quanta.items()}
        if all(at == to for at, to in moved.items()):
            return
        for index in range(len(self.state.slots)):
            self._move(index, old, moved)

    def _move(self, index: int, old: Clock, moved: dict[int, int]) -> None:
        """Give a slot's launch and stop anew."""
        slot = self.slot(index)
        launch, stop = slot.launch_at, slot.stop_at
        for at in sorted({at for at in (launch, stop) if at in moved}):
            self.push(AudioOp.CANCEL, at, index)
        if launch in moved:
            frame = moved[launch]
            beat, before, position = self.clock.beat_at(frame), old.beat_at(launch), 0
            if slot.launch_beat is not None and slot.clip is not None:
                past = (before - slot.launch_beat) % slot.clip.beats
                if NOTHING < past < slot.clip.beats - NOTHING:  # legato
                    past = (beat - slot.launch_beat) % slot.clip.beats
                    position = round(past / slot.clip.beats * self.memory_frames(index, frame))
                else:
                    slot.launch_beat = beat
            if slot.follow_beat is not None:
                slot.follow_beat += beat - before
            self.push(AudioOp.SLOT_LAUNCH, frame, index, position)
            slot.launch_at, slot.repeat_at = frame, frame if slot.repeat_at == launch else slot.repeat_at
        if stop in moved:
            self.push(AudioOp.SLOT_STOP, moved[stop], index)
            slot.stop_at = moved[stop]

    # --- in time --------------------------------------------------------------------------------------------------------

    def poll(self) -> None:
        now, limit = self.now, self.ahead(HORIZON_MS)
        clock = self.clock
        for index, slot in enumerate(self.state.slots):
            if slot.clip is None:
                continue
            self.clips.take_over(index, limit)
            if slot.launch_at is not None and now > slot.launch_at + SETTLED:
                slot.launch_at = None
            if slot.stop_at is not None and now > slot.stop_at + SETTLED and not self._sounds(index):
                slot.stop_at = slot.launch_beat = slot.follow_beat = None
            if not clock.playing:
                continue
            if slot.repeat_at is not None and slot.held and slot.repeat_at <= now:
                frame = self.quantum(index, now + SOON)
                if slot.setup.quantize == "none":  # there is no quantum: as often as the clip is long
                    frame = max(frame, slot.repeat_at + self.memory_frames(index, frame))
                if frame > slot.repeat_at and frame <= limit:
                    self.launch_at(index, frame)
                    slot.repeat_at = frame
            if slot.follow_beat is not None and slot.stop_at is None and clock.frame_at(slot.follow_beat) <= limit:
                self._follow(index, clock.frame_at(slot.follow_beat))
        self.clips.poll()

    def _follow(self, index: int, frame: int) -> None:
        slot = self.slot(index)
        action = slot.setup.follow
        slot.follow_beat = None
        if action == "again":
            self.launch_at(index, frame)
            return
        group = [i for i, other in enumerate(self.state.slots) if other.loaded and other.setup.choke == slot.setup.choke]
        target = None if action in ("stop", "none") else next_slot(action, index, group, self.state.requests + frame)
        if action != "none" and target != index:
            self._stop_at(index, frame)
            slot.repeat_at, slot.held = None, False
        if target is not None:
            self.launch_at(target, frame)

    # --- what comes back ------------------------------------------------------------------------------------------------

    def take(self, message: m.Message) -> None:
        """Clips of the engine, and what the audio process did with them."""
        self.clips.take(message)

    def attach_all(self) -> None:
        """An audio process that has just come up gets every clip."""
        self.clips.attach_all()

    # --- views ----------------------------------------------------------------------------------------------------------

    def state_of(self, index: int) -> SlotName:
        """The state that a musician sees."""
        slot = self.slot(index)
        playing = self.session.memory.slot(index).state
        if slot.launch_at is not None and slot.launch_at > self.now:
            return "queued"
        if slot.loaded and playing == SlotState.PLAYING:
            return "stopping" if slot.stop_at is not None else "playing"
        if slot.loaded and playing == SlotState.STOPPING:
            return "stopping"
        if slot.rendering or (slot.clip is not None and not slot.attached):
            return "rendering"
        return "ready" if slot.loaded else "empty"

    def states(self) -> dict[int, SlotName]:
        """By number from 1."""
        return {index + 1: self.state_of(index) for index in range(SLOTS)}

    def view(self) -> list[dict[str, Any]]:
        out = []
        for index, slot in enumerate(self.state.slots):
            name = self.state_of(index)
            if name == "empty" and not slot.error and slot.setup == SlotSetup():
                continue
            row: dict[str, Any] = {"slot": index + 1, "state": name}
            clip = slot.clip
            if clip is not None:
                row |= {"bars": clip.bars, "tempo": clip.tempo, "seed": clip.seed, "sounds_at": slot.sounding_tempo}
                row |= {"figures": clip.figures} if clip.figures else {}
            else:
                row |= {"bars": 0, "tempo": 0.0, "seed": 0}
            row |= {"name": slot.setup.name, "mode": slot.setup.mode, "quantize": slot.setup.quantize, "loop": slot.setup.loop,
                    "gain": slot.setup.gain_db}  # fmt: skip
            view = self.session.memory.slot(index)
            if name in ("playing", "stopping") and view.frames:
                row["place"] = round(math.fmod(view.position / view.frames, 1.0), 3)
            out.append(row | ({"error": slot.error} if slot.error else {}))
        return out
