"""The base's own playing, mixed into an adapter's training so that it does not forget the rest (generative replay, Shin et al. 2017).

Nothing of the base's corpus is needed: player and planner play charts by rule, unguided, and what they drew is kept as it was drawn.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.units import FRAME_SAMPLES, PARTS
from model.conditioning import Floats
from model.corpus.songs import make_chart
from model.generator.clip import ClipRender, ClipRequest, frames_of_bars
from model.generator.models import Models
from model.generator.planner import PlannerCore, Sampling, parts_of
from model.generator.player import HISTORY
from model.generator.voice import Voice
from model.training.planner import PlannerPiece
from model.training.player import Item

VERSION: Final = 1
SECONDS: Final = 180.0
"""Of replay for each base; made once."""
_PIECE_S: Final = 15.0
_FEELS: Final = {"swing": (100, 260), "bossa": (110, 170), "ballad": (58, 80), "waltz": (100, 190), "modal": (110, 240), "funk": (85, 120)}
_LINE_UPS: Final = ((1, 1, 1, 0), (1, 1, 1, 1), (1, 0, 0, 0), (1, 1, 0, 0), (0, 1, 1, 1), (0, 0, 0, 1))


@dataclass(frozen=True)
class ReplayPiece:
    """A stretch that the base played."""

    codes: NDArray[np.int64]
    """Shape: [steps, levels]."""
    controls: Floats
    """Shape: [steps, CONTROL_WIDTH]."""
    roll: Floats
    """Shape: [steps, ROLL_WIDTH]."""
    events: NDArray[np.int64]
    """Shape: [events, fields]."""
    contexts: Floats
    """Of each event's beat. Shape: [events, CONTEXT_WIDTH]."""

    def draw(self, rng: np.random.Generator, steps: int, levels: int) -> Item:
        """A crop as `model.training.player.draw` gives it, without a style; codes of `levels` or more levels padded with zeros."""
        start = int(rng.integers(len(self.codes) - steps + 1))
        codes = np.zeros((steps, levels), np.int64)
        codes[:, : self.codes.shape[1]] = self.codes[start : start + steps]
        before = np.full((HISTORY, levels), -1, np.int64)
        known = self.codes[max(start - HISTORY, 0) : start]
        if len(known):
            before[-len(known) :] = 0
            before[-len(known) :, : self.codes.shape[1]] = known
        cut = slice(start, start + steps)
        return codes, self.controls[cut].copy(), self.roll[cut].copy(), before, np.zeros(512, np.float32)

    @property
    def line_up(self) -> tuple[bool, ...]:
        """Who plays, in the order of PARTS."""
        return tuple(bool(on) for on in parts_of(self.contexts[0]))

    def planner_piece(self) -> PlannerPiece:
        return PlannerPiece(self.events, np.arange(len(self.events)), self.contexts)


class _KeptVoice:
    """A voice that keeps what it was told and what it drew."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self.rows: list[tuple[NDArray[np.int64], Floats, Floats]] = []

    def play(
        self, controls: Floats, roll: Floats, temperature: float, top_p: float, guidance: float, excitation: Floats | None = None
    ) -> Floats:
        sound = self._voice.play(controls, roll, temperature, top_p, guidance, excitation)
        self.rows.append((np.array(self.codes), controls[0].copy(), roll[0].copy()))
        return sound

    def feed(self, codes: NDArray[np.int64], controls: Floats, roll: Floats) -> Floats:
        return self._voice.feed(codes, controls, roll)

    def set_style(self, style: Floats | None) -> None:
        self._voice.set_style(style)

    @property
    def codes(self) -> NDArray[np.int64]:
        return self._voice.codes


class _KeptPlan:
    """A planner's stream that keeps the events that it read."""

    def __init__(self, core: PlannerCore) -> None:
        self._core = core
        self.rows: list[tuple[list[int], Floats]] = []

    @property
    def length(self) -> int:
        return self._core.length

    def set_style(self, style: NDArray[np.float32] | None) -> None:
        self._core.set_style(style)

    def rewind(self, length: int) -> None:
        self._core.rewind(length)
        del self.rows[max(length - 1, 0) :]

    def reset(self) -> None:
        self._core.reset()
        self.rows.clear()

    def begin(self) -> None:
        self._core.begin()

    def read(self, event: list[int], context: NDArray[np.float32]) -> None:
        self.rows.append((list(event), context.copy()))
        self._core.read(event, context)

    def write(self, last: list[int], contexts: NDArray[np.float32], sampling: Sampling, may: NDArray[np.bool_] | None = None) -> list[int]:
        return self._core.write(last, contexts, sampling, may)


def play_piece(models: Models, seed: int) -> ReplayPiece:
    """A stretch of about 15 s on a chart by rule, everything drawn from the seed."""
    rng = np.random.default_rng([20_31, seed])
    feel = str(rng.choice(list(_FEELS)))
    chart = make_chart(rng, feel)
    low, high = _FEELS[feel]
    tempo = float(np.round(np.exp(rng.uniform(np.log(low), np.log(high)))))
    bars = max(round(_PIECE_S * tempo / 60 / chart.beats_per_bar), 2)
    line_up = _LINE_UPS[int(rng.integers(len(_LINE_UPS)))]
    density, energy, register = rng.uniform(0.15, 0.85, 3)
    request = ClipRequest(
        chart, tempo, frames_of_bars(bars, tempo, chart.beats_per_bar), seed=seed, style=models.read_style(feel),
        parts={name: bool(on) for name, on in zip(PARTS, line_up, strict=True)}, density=float(density), energy=float(energy),
        register=float(register), guidance=1.0,
    )  # fmt: skip
    render = ClipRender(models, request)
    performer = render.performer
    performer.voice = voice = _KeptVoice(performer.voice)
    performer.plan.core = plan = _KeptPlan(performer.plan.core)
    while not render.done:
        render.advance()
    codes, controls, roll = (np.stack(column) for column in zip(*voice.rows, strict=True))
    events, contexts = (np.stack(column) for column in zip(*plan.rows, strict=True))
    return ReplayPiece(codes.astype(np.int64), controls, roll, events.astype(np.int64), contexts)


def load_replay(
    models: Models, folder: Path, seconds: float = SECONDS, progress: Callable[[str, float], None] | None = None
) -> list[ReplayPiece]:
    """The base's playing in a folder, as much as is asked for; what is there of the same base is not played again.

    Args:
        models: without adapters.
        folder: is made.
        progress: told what is being done and which share of it is.
    """
    about = {"version": VERSION, "base": models.base, "codec": models.codec.config.to_dict()}
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / "about.json"
    if not note.is_file() or json.loads(note.read_text()) != about:
        for stale in folder.glob("*.npz"):
            stale.unlink()
        note.write_text(json.dumps(about))
    out: list[ReplayPiece] = []
    have = 0.0
    while have < seconds:
        path = folder / f"{len(out):04d}.npz"
        if not path.is_file():
            if progress is not None:
                progress("listening to the base", have / seconds)
            piece = play_piece(models, len(out))
            part = folder / f".{path.name}.{os.getpid()}.npz"
            np.savez_compressed(
                part, codes=piece.codes, controls=piece.controls, roll=piece.roll, events=piece.events, contexts=piece.contexts
            )
            part.replace(path)
        with np.load(path) as file:
            out.append(ReplayPiece(*(file[name] for name in ("codes", "controls", "roll", "events", "contexts"))))
        have += len(out[-1].codes) * FRAME_SAMPLES / 48_000
    return out
