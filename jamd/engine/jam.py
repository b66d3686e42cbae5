"""The jam in the engine: a performer whose blocks go to the stream, a little ahead of the audio thread.

The stream is a time line: a block that comes too late is never played, so after an overload the jam skips to where the music is. A
jam that is started again before the one before has ended is prepared beside it, and follows it in the same run of the stream.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from jamd.contract import messages as m
from jamd.contract.layout import Word
from jamd.contract.memory import AudioMemory
from jamd.contract.units import FRAME_SAMPLES, SAMPLE_RATE
from jamd.engine.adapters import Change
from jamd.engine.history import History
from jamd.engine.meter import StepMeter
from jamd.engine.situations import NOW, apply, sampling_of, set_param
from model.generator.models import Models
from model.generator.performer import Performer
from model.generator.situation import Situation

LOOK_AHEAD_BEATS = 6.0


class Jam:
    """One stream of music at a time, and the next one.

    Args:
        depth: frames that are written ahead of the audio thread.
        before_step: called with the frame at which the next step begins; says whether it has changed what plays.
    """

    def __init__(
        self, models: Models, memory: AudioMemory, depth: int, history: History, before_step: Callable[[int], Change] | None = None
    ) -> None:
        self._models = models
        self._memory = memory
        self._depth = depth
        self._history = history
        self._before_step = before_step
        self.performer: Performer | None = None
        self.until: int | None = None
        self.meter = StepMeter()
        self._next: Performer | None = None
        self._next_blocks: list[NDArray[np.float32]] = []

    @property
    def playing(self) -> bool:
        return self.performer is not None

    def performers(self) -> list[Performer]:
        """Who plays, and who will."""
        return [one for one in (self.performer, self._next) if one is not None]

    def start(self, situation: Situation, params: Mapping[str, float], frame: int, seed: int, follows: bool | None = None) -> None:
        """A new jam from a frame on; `follows` the one that has been asked to end, or cuts it off."""
        now = self._memory.frame
        if follows is None:
            follows = self.performer is not None and self.until is not None and now < self.until <= frame + SAMPLE_RATE // 100
        self._history.begin(situation, params, frame, now, seed, follows)
        performer = Performer(self._models, situation, frame, seed)
        performer.set_sampling(**sampling_of(params))
        if follows and self.performer is not None:
            self._next, self._next_blocks = performer, []
            return
        self._next = None
        self.performer, self.until = performer, None
        self.meter = StepMeter()
        self.set_stand_in(situation)
        self._memory.stream.begin(frame)

    def end(self, frame: int) -> None:
        """Nothing is played from a frame on."""
        if self._next is not None:  # it is stopped before it began
            self._next = None
            return
        self.until = frame
        self._memory.stream.end(frame)

    def stop(self) -> None:
        """At once."""
        self.performer = self._next = self.until = None

    def tell(self, situation: Situation, params: dict[str, float], message: m.Message) -> None:
        """A message of control: to the situation and the knobs, and to those who play by them.

        Raises:
            JamdError: a text that cannot be read; nothing has changed.
        """
        match message:
            case m.SetParam():
                set_param(situation, self.performers(), params, message.name, message.value)
            case m.JamStop():
                self.end(message.frame)
            case m.Panic():
                self.stop()
            case _:
                beat = apply(situation, message, self._models)
                if beat is not None:
                    for performer in self.performers():
                        performer.replan(beat if beat > NOW else None)
                self.set_stand_in(situation)

    def set_stand_in(self, situation: Situation) -> None:
        """What plays when data is missing: the last bar, or as many halves of it as the ring holds."""
        segment = situation.clock.segments[-1]
        frames = round(segment.frames_per_beat * segment.beats_per_bar)
        while frames > self._memory.stream.size // 2:
            frames //= 2
        self._memory.header[Word.LOOP_FRAMES] = frames

    def queued(self) -> int:
        """Frames that are written and not yet played."""
        return self._memory.stream.written - max(self._memory.frame, 0)

    def has_time(self) -> bool:
        """Other work may be done between two blocks."""
        return self.performer is None or self.queued() >= self._depth * 0.6

    def look_ahead(self) -> bool:
        """Write a little of the plan. True if there was something to write."""
        return self.performer is not None and bool(self.performer.look_ahead(LOOK_AHEAD_BEATS, 1))

    def advance(self) -> bool:
        """Write one block if the stream is not at its depth. True if it did."""
        performer = self.performer
        if performer is None:
            return False
        if self.until is not None and performer.frame >= self.until:
            self._hand_over()
            return self.performer is not None
        stream = self._memory.stream
        late = stream.late()
        if late > 0:
            steps = -(-(late + self._depth) // FRAME_SAMPLES)
            self._history.note_skip(steps, performer, self._memory.frame)
            performer.skip(steps)
            stream.skip_to(performer.frame)
            self.meter.skipped_frames += steps * FRAME_SAMPLES
        ahead = performer.frame + FRAME_SAMPLES - self._memory.frame
        before_start = performer.steps * FRAME_SAMPLES < self._depth
        if ahead > self._depth and not before_start:
            return self._prepare()
        began = time.perf_counter()
        changed = Change.NONE if self._before_step is None else self._before_step(performer.first_frame + performer.steps * FRAME_SAMPLES)
        if changed:
            self._history.note_adapters(performer, self._memory.frame)
            for one in self.performers():  # what was written ahead are the notes of those before
                one.replan(anew=changed is Change.PLAYERS)
        block = performer.block()
        performer.look_ahead(LOOK_AHEAD_BEATS, 1)
        self.meter.add(time.perf_counter() - began)
        stream.write(block)
        del performer.played[:-512]
        return True

    def _prepare(self) -> bool:
        """A block of the jam that comes next, before its time."""
        if self._next is None or len(self._next_blocks) * FRAME_SAMPLES >= self._depth:
            return False
        self._next_blocks.append(self._next.block())
        return True

    def _hand_over(self) -> None:
        """The jam has come to its end; the next one goes on in the same run."""
        following, blocks = self._next, self._next_blocks
        self.stop()
        if following is None:
            return
        self._next_blocks = []
        self._memory.stream.resume(following.first_frame)
        for block in blocks:
            self._memory.stream.write(block)
        self.performer = following
        self.set_stand_in(following.situation)
