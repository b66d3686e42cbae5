"""Planner, player and codec as one instrument: each step gives the next 640 samples of the band.

The situation may change at any time between steps: the plan is taken back to a beat with `replan`, and what is written from there on
follows. The codec gives a step's audio one step later; `Performer` hides that by running one step ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from jamd.contract.errors import EngineError
from jamd.contract.units import FRAME_RATE, FRAME_SAMPLES, PARTS
from model.checkpoint import load_weights, read_header
from model.codec import Codec
from model.conditioning import Controls, roll
from model.config import CodecConfig, PlannerConfig, PlayerConfig
from model.corpus.notes import NOTE_DTYPE
from model.generator.events import PlannedNote
from model.generator.planner import Planner, PlanStream, Sampling
from model.generator.player import Player
from model.generator.situation import Situation
from model.layers.int8 import to_int8

RING_OUT = 1 / 40
"""Share of the level that goes with each step once no part is on: silence after half a second."""
WEIGHTS = Path(__file__).parents[1] / "weights"


@dataclass(frozen=True)
class Models:
    """The networks of one size, ready to play."""

    name: str
    codec: Codec
    planner: Planner
    player: Player
    parameters: int = 0
    """Trained numbers of all three, counted before any rounding."""


def load_models(name: str = "small", folder: Path | None = None, *, int8: bool = True) -> Models:
    """Load `NAME-codec`, `NAME-planner` and `NAME-player` safetensors from the weights folder.

    Args:
        name: a size that ships, or the path of a folder that holds the three files as codec, planner, player.
        int8: round the weights of linear layers, which is what a CPU plays fastest; the encoder stays as it is.

    Raises:
        EngineError: a file is missing, damaged or does not fit.
    """
    base = folder or WEIGHTS
    paths = {kind: base / f"{name}-{kind}.safetensors" for kind in ("codec", "planner", "player")}
    if Path(name).is_dir():
        paths = {kind: Path(name) / f"{kind}.safetensors" for kind in paths}
    missing = [str(path) for path in paths.values() if not path.is_file()]
    if missing:
        raise EngineError(f"no weights for model {name!r}: {missing[0]} is missing", code="weights")
    headers = {kind: read_header(path) for kind, path in paths.items()}
    codec = Codec(CodecConfig.from_dict(headers["codec"]["config"]))
    planner = Planner(PlannerConfig.from_dict(headers["planner"]["config"]))
    player = Player(PlayerConfig.from_dict(headers["player"]["config"]))
    for kind, module in (("codec", codec), ("planner", planner), ("player", player)):
        load_weights(paths[kind], module)
        module.eval().requires_grad_(False)
    parameters = sum(p.numel() for module in (codec, planner, player) for p in module.parameters())
    if int8:
        for part in (codec.decoder, planner, player):
            to_int8(part)
    return Models(name, codec, planner, player, parameters)


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
        self.generator = torch.Generator().manual_seed(seed)
        self.temperature = 1.0
        self.top_p = 0.95
        self.guidance = 1.0
        self.steps = 0
        first_beat = situation.clock.beat_at(first_frame)
        self.plan = PlanStream(models.planner, situation.context, int(np.floor(first_beat + 1e-6)), torch.Generator().manual_seed(seed + 1))
        self.played: list[PlannedNote] = []
        """Notes that have begun, as they were played; the owner may clear it."""
        self._player_state = models.player.make_state()
        self._decoder_state = models.codec.make_decoder_state()
        self._active = np.zeros(0, NOTE_DTYPE)
        self._primed = False
        self._gain = 1.0

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
        if (guidance != 1.0) != (self.guidance != 1.0):
            self._player_state = self.models.player.resize(self._player_state, 2 if guidance != 1.0 else 1)
        self.guidance = guidance

    def replan(self, beat: float | None = None) -> None:
        """Write the plan anew from `beat` (not before the step that comes next)."""
        self.plan.rewind(max(beat if beat is not None else self.beat, self.beat))

    def look_ahead(self, beats: float, most: int) -> int:
        """Write up to `most` events of the plan ahead of need; returns how many were written."""
        return self.plan.extend(self.beat + beats, most)

    def skip(self, steps: int) -> None:
        """Let time pass without sound: after an overload the stream goes on at a later place."""
        self.steps += steps
        until = self.beat
        self.plan.extend(np.ceil(until))
        self.plan.forget(until)
        self._active = self._active[:0]

    def _begin_notes(self, beat: float, end: float, tempo: float) -> None:
        parts = self.situation.parts
        now = self.steps / FRAME_RATE
        rows = []
        for note in self.plan.notes:
            if note.beat >= end:
                break
            if not parts[PARTS[note.part]]:
                continue
            start = now + max(note.beat - beat, 0.0) / max(end - beat, 1e-9) / FRAME_RATE
            rows.append((note.part, note.pitch, note.velocity, note.beat, note.length, start, note.length * 60.0 / tempo))
            self.played.append(note)
        self.plan.forget(end)
        active = self._active
        ends = active["start"] + np.maximum(active["duration"], np.where(active["part"] == 2, 0.5, 0.0))
        off = np.array([not parts[name] for name in PARTS])
        active = active[(ends > now) & ~off[active["part"]]]
        self._active = np.concatenate((active, np.array(rows, NOTE_DTYPE))) if rows else active

    def controls(self, frame: int) -> Controls:
        """Controls of the step that begins at a frame."""
        situation = self.situation
        beat = situation.clock.beat_at(frame + FRAME_SAMPLES // 2)
        _, within, segment = situation.bar_of(beat)
        chart, place, _ = situation.harmony(beat)
        change, following = chart.next_change(place)

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
            density=one(0.5 if situation.density is None else situation.density),
            energy=one(0.5 if situation.energy is None else situation.energy),
            register=one(0.5 if situation.register is None else situation.register),
            parts=np.array([[situation.parts[name] for name in PARTS]]),
            chords=(chart.chord_at(place), following),
            programs=situation.style.programs,
        )

    @torch.no_grad()
    def _step(self) -> NDArray[np.float32]:
        frame = self.first_frame + self.steps * FRAME_SAMPLES
        clock = self.situation.clock
        beat, end = clock.beat_at(frame), clock.beat_at(frame + FRAME_SAMPLES)
        self.plan.extend(np.ceil(end))
        self._begin_notes(beat, end, self.situation.segment_at(beat).tempo)
        controls = torch.from_numpy(self.controls(frame).vectors())[None]
        piano_roll = torch.from_numpy(roll(self._active, self.steps, 1))[None]
        temperature = min(self.temperature, 1.0)
        codes = self.models.player.step(controls, piano_roll, self._player_state, self.generator, temperature, self.top_p, self.guidance)
        audio = self.models.codec.decode_step(codes, self._decoder_state)
        self.steps += 1
        return self._tacet(audio[0].T.contiguous().numpy())

    def _tacet(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """With no part on nothing sounds: the last notes ring out, then silence. Shape: [frames, 2]."""
        on = any(self.situation.parts[name] for name in PARTS)
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
