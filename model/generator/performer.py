"""Planner, player and codec as one instrument: each step gives the next 640 samples of the band.

The situation may change at any time between steps: the plan is taken back to a beat with `replan`, and what is written from there on
follows. The codec gives a step's audio one step later; `Performer` hides that by running one step ahead.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

import numpy as np
import torch
from numpy.typing import NDArray

from jamd.contract.errors import EngineError
from jamd.contract.prompts import read_prompts
from jamd.contract.units import FRAME_RATE, FRAME_SAMPLES
from model.conditioning import ROLL_WIDTH, Controls, roll
from model.corpus.notes import NOTE_DTYPE
from model.generator.events import PlannedNote
from model.generator.models import Models
from model.generator.planner import PlanStream, Sampling
from model.generator.situation import Situation
from model.layers.chamber import Chamber
from model.layers.excitation import DRUM_RINGS_S, RELEASED_S, excite
from model.layers.room import DRY, ROOMS, Room, mix_rooms
from model.layers.timbres import Timbres
from model.style.words import Style, programs_of

HELD_S = 3600.0
"""Length in seconds of a live note until it is let go."""
SKIPPED = 0.1
"""Beats by which a note may lie before its step."""
ROUNDED = 1e-4
"""Beats by which a frame that stands for a beat may lie before it."""
RING_OUT = 1 / 12
"""Share of the level that goes with each step once no part is on: 20 dB after 110 ms, silence after 160."""


class Performer:
    """One stream of music.

    Args:
        models: shared; all that changes is in this object.
        situation: read at every step; call `replan` after changing it.
        first_frame: the clock's frame at which the stream begins.
        seed: of all draws.
    """

    def __init__(self, models: Models, situation: Situation, first_frame: int, seed: int = 0) -> None:
        self.models = models
        self.situation = situation
        self.first_frame = first_frame
        self.voice = models.voice(seed)
        self.temperature = 1.0
        self.top_p = 0.95
        self.guidance = 1.0
        self.steps = 0
        first_beat = situation.clock.beat_at(first_frame)
        self.plan = PlanStream(models.plan_core(seed + 1), situation.context, int(np.floor(first_beat + ROUNDED)))
        self.played: list[PlannedNote] = []
        """Notes that have begun, as they were played; the owner may clear it."""
        self._active = np.zeros(0, NOTE_DTYPE)
        self._leaving = np.zeros(0, NOTE_DTYPE)
        """Notes of parts that have just been switched off: they fade within the step."""
        self._primed = False
        self._gain = 1.0
        self._room, self._chamber = Room(), Chamber()
        self._style: Style | None = None
        self._own: NDArray[np.float32] | None = None
        self._embedding: NDArray[np.float32] | None = None
        self._orchestra = None if models.tones is None else models.tones.orchestra()
        self._sounds: dict[str, str] = {}
        self._timbres: Timbres | None = None
        self._given: list[PlannedNote] = []
        self._live: set[int] = set()
        self._held: list[tuple[int, int]] = []

    @property
    def band(self) -> dict[str, str]:
        """Instrument of each part: those of the style, and those that the players bring."""
        return self.situation.style.band(self.models.own.sounds)

    @property
    def frame(self) -> int:
        """Absolute frame of the next block."""
        return self.first_frame + max(self.steps - 1, 0) * FRAME_SAMPLES

    @property
    def beat(self) -> float:
        """Beat of the next step that will be written; notes before it can no longer change."""
        return self.situation.clock.beat_at(self.first_frame + self.steps * FRAME_SAMPLES)

    def set_sampling(self, temperature: float, top_p: float, guidance: float) -> None:
        """Knobs of the draws. Sound is never drawn hotter than 1; guidance holds it to the plan (see `Player.step`)."""
        self.temperature, self.top_p = temperature, top_p
        self.plan.sampling = Sampling(temperature, top_p)
        self.guidance = guidance

    def replan(self, beat: float | None = None, anew: bool = False) -> None:
        """Write the plan anew from `beat` (not before the step that comes next); `anew`: without a memory of what was played."""
        self.plan.rewind(max(beat if beat is not None else self.beat, self.beat), anew)

    def prefill(self, audio: NDArray[np.float32]) -> None:
        """Go on from recorded audio that ends where this stream begins, with the clock's own beats and chords in it.

        Call it before the first block. What lies further back than the network's window is not looked at.

        Shape: [frames, 2] at 48 kHz.

        Raises:
            EngineError: the stream has begun, or there is less than one model frame of audio.
        """
        if self.steps or self._primed:
            raise EngineError("prefill comes before the first block", code="prefill")
        count = min(len(audio) // FRAME_SAMPLES, self.models.player.config.window)
        if audio.ndim != 2 or audio.shape[1] != 2 or count < 1:
            raise EngineError(f"prefill needs stereo audio of {FRAME_SAMPLES} frames or more, not {list(audio.shape)}", code="prefill")
        self._take_style()
        tail = torch.from_numpy(np.ascontiguousarray(audio[-count * FRAME_SAMPLES :].T, np.float32))[None]
        codes = self.models.codec.encode(tail.to(self.models.device))[0].cpu().numpy()
        first = self.first_frame - count * FRAME_SAMPLES
        vectors = np.concatenate([self.controls(first + index * FRAME_SAMPLES).vectors() for index in range(count)])
        self.voice.feed(codes, vectors, np.zeros((count, ROLL_WIDTH), np.float32))

    def give(self, notes: Sequence[PlannedNote], parts: Sequence[int]) -> None:
        """Notes that take the place of the plan for some parts, by rising beat; the other parts go on as planned."""
        self._given = sorted((note for note in notes if note.part in parts), key=lambda note: note.beat)
        self._live.update(parts)

    def note_on(self, part: int, pitch: int, velocity: int) -> None:
        """A live note, from the next step on until `note_off`. Its part is no longer planned (until `release`)."""
        self._live.add(part)
        now = self.steps / FRAME_RATE
        row = np.array([(part, pitch, max(velocity, 1), self.beat, 1.0, now, HELD_S)], NOTE_DTYPE)
        self._active = np.concatenate((self._active, row))
        self._held.append((part, pitch))

    def note_off(self, part: int, pitch: int) -> None:
        """Let a live note go; one that is not held is ignored."""
        if (part, pitch) not in self._held:
            return
        self._held.remove((part, pitch))
        now = self.steps / FRAME_RATE
        mine = (self._active["part"] == part) & (self._active["pitch"] == pitch) & (self._active["duration"] == HELD_S)
        self._active["duration"][mine] = np.maximum(now - self._active["start"][mine], 1 / FRAME_RATE)

    def release(self, part: int) -> None:
        """The planner has the part back."""
        for pitch in [pitch for held, pitch in self._held if held == part]:
            self.note_off(part, pitch)
        self._live.discard(part)
        self._given = [note for note in self._given if note.part != part]

    def look_ahead(self, beats: float, most: int) -> int:
        """Write up to `most` events of the plan ahead of need; returns how many were written. It waits where the planner will forget."""
        self._take_style()
        return self.plan.extend(self.beat + beats, most, ahead=True)

    def plan_until(self, beat: float) -> None:
        """Write the plan up to a beat, without playing."""
        self._take_style()
        self.plan.extend(beat)

    def skip(self, steps: int) -> None:
        """Let time pass without sound: after an overload the stream goes on at a later place."""
        self.steps += steps
        until = self.beat
        self.plan.extend(np.ceil(until))
        self.plan.forget(until)
        self._active = self._active[:0]

    def _begin_notes(self, beat: float, end: float, tempo: float) -> None:
        parts = self.situation.parts_at(beat)
        now = self.steps / FRAME_RATE
        rows = []
        passed = takewhile(lambda note: note.beat < end, self.plan.notes)
        # a clock that is located goes over up to a beat: what lay there is not played in one heap
        due = [note for note in passed if note.part not in self._live and note.beat >= beat - SKIPPED]
        while self._given and self._given[0].beat < end:
            note = self._given.pop(0)
            if note.beat >= beat - 1e-6:
                due.append(note)
        for note in due:
            if not parts[note.part]:
                continue
            start = now + max(note.beat - beat, 0.0) / max(end - beat, 1e-9) / FRAME_RATE
            rows.append((note.part, note.pitch, note.velocity, note.beat, note.length, start, note.length * 60.0 / tempo))
            self.played.append(note)
        self.plan.forget(end)
        active = self._active
        ends = active["start"] + np.where(active["part"] == 2, DRUM_RINGS_S, active["duration"] + RELEASED_S)
        sounding, off = active[ends > now], ~np.array(parts)
        self._leaving, active = sounding[off[sounding["part"]]], sounding[~off[sounding["part"]]]
        self._active = np.concatenate((active, np.array(rows, NOTE_DTYPE))) if rows else active

    def controls(self, frame: int) -> Controls:
        """Controls of the step that begins at a frame."""
        situation = self.situation
        beat = situation.clock.beat_at(frame + FRAME_SAMPLES // 2)
        _, within, segment = situation.bar_of(beat)
        chart, place, _ = situation.harmony(beat)
        change, following = chart.next_change(place)

        density, energy, register = (situation.knob(name) for name in ("density", "energy", "register"))

        def one(value: float) -> NDArray[np.float64]:
            return np.array([value], np.float64)

        return Controls(
            beat=one(beat),
            beat_in_bar=one(within),
            beats_per_bar=np.array([segment.beats_per_bar]),
            tempo=one(segment.tempo),
            swing=one(situation.swing_at(segment.tempo)),
            chord_now=np.array([0]),
            chord_next=np.array([1]),
            time_to_next=one(change - place),
            density=one(0.5 if density is None else density),
            energy=one(0.5 if energy is None else energy),
            register=one(0.5 if register is None else register),
            parts=np.array([situation.parts_at(beat)]),
            chords=(chart.chord_at(place), following),
            programs=programs_of(self.band),
        )

    def _take_style(self) -> None:
        """The style that is asked for, or else that of the adapters that sound."""
        style, own = self.situation.style, self.models.own.embedding
        if style is self._style and own is self._own:
            return
        self._style, self._own = style, own
        embedding = own if style.embedding is None and not read_prompts(style.text) else style.embedding
        if embedding is not self._embedding:
            self._embedding = embedding
            self.voice.set_style(embedding)
            self.plan.set_style(embedding)

    def _step(self) -> NDArray[np.float32]:
        frame = self.first_frame + self.steps * FRAME_SAMPLES
        self._take_style()
        clock = self.situation.clock
        beat, end = clock.beat_at(frame), clock.beat_at(frame + FRAME_SAMPLES)
        self.plan.extend(np.ceil(end))
        self._begin_notes(beat, end, self.situation.segment_at(beat).tempo)
        excitation = self._excite()
        block = self.voice.play(
            self.controls(frame).vectors(), roll(self._active, self.steps, 1), min(self.temperature, 1.0), self.top_p, self.guidance,
            excitation,
        )  # fmt: skip
        self.steps += 1
        return self._tacet(self._room(block, self._walls()), any(self.situation.parts_at(beat)))

    def _excite(self) -> NDArray[np.float32] | None:
        """Sources of the notes that sound, and their chambers; instruments change within a step. Shape: [SOURCES, FRAME_SAMPLES]."""
        if self._orchestra is None:
            return None
        first, sounds = self.steps * FRAME_SAMPLES, self.band
        if self._timbres is None:
            self._sounds, self._timbres = sounds, self._orchestra.line_up(sounds)
        before = self._timbres
        if sounds == self._sounds and not len(self._leaving):
            return self._chamber(excite(self._active, first, FRAME_SAMPLES, before))
        if sounds != self._sounds:
            self._sounds, self._timbres = sounds, self._orchestra.line_up(sounds)
        old = excite(np.concatenate((self._active, self._leaving)), first, FRAME_SAMPLES, before)
        new = excite(self._active, first, FRAME_SAMPLES, self._timbres)
        return self._chamber(old + (new - old) * np.linspace(0.0, 1.0, FRAME_SAMPLES, dtype=np.float32))

    def _walls(self) -> NDArray[np.float32]:
        """Room of the adapters that sound and of the style together."""
        own, asked = self.models.room.params, self.situation.style.room
        if asked == "dry":
            return np.array(DRY, np.float32)
        if asked is None or ROOMS[asked][0] == 0.0:
            return own
        return mix_rooms([(own, 1.0), (np.array(ROOMS[asked], np.float32), 1.0)])

    def _tacet(self, block: NDArray[np.float32], on: bool) -> NDArray[np.float32]:
        """With no part on nothing sounds: the last notes ring out, then silence. Shape: [frames, 2]."""
        before = self._gain
        self._gain = min(before + 0.5, 1.0) if on else max(before - RING_OUT, 0.0)
        if before == self._gain == 1.0:
            return block
        ramp = np.linspace(before, self._gain, len(block), endpoint=False, dtype=np.float32)
        return block * ramp[:, None] ** 2

    def block(self) -> NDArray[np.float32]:
        """The next 640 frames. Shape: [640, 2]."""
        if not self._primed:
            self._step()
            self._primed = True
        return self._step()
