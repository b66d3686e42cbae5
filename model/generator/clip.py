"""A clip: a number of bars rendered by itself, block by block, so that the jam can go on between two blocks.

A looping clip is given one bar of run-up, the chart's last, which is not part of it: the loop's end is cross-faded with the end of
the run-up, so that the join is what the music really did one sample before its start.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.chart import Chart
from jamd.contract.clock import Clock, ClockSegment
from jamd.contract.units import FRAME_SAMPLES, PARTS, SAMPLE_RATE
from model.generator.events import PlannedNote
from model.generator.models import Models
from model.generator.performer import Performer
from model.generator.situation import Situation
from model.metrics.loudness import loudness
from model.style.words import Style

CROSSFADE: Final = int(0.02 * SAMPLE_RATE)
START_FADE: Final = 64
DEFAULT_GUIDANCE: Final = 3.0
MATCHED_S: Final = 6.0
"""Of a recording's end, and of what goes on from it, whose loudness is made equal."""
MOST_GAIN_DB: Final = 15.0
LARGEST: Final = 0.98
"""Sample that a clip is turned up to, at most."""


@dataclass(frozen=True)
class ClipRequest:
    chart: Chart
    tempo: float
    frames: int
    seed: int = 0
    loop: bool = False
    style: Style = field(default_factory=Style)
    parts: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(PARTS, True))
    density: float = 0.5
    energy: float = 0.5
    register: float = 0.5
    swing: float = 0.0
    temperature: float = 1.0
    top_p: float = 0.95
    guidance: float = DEFAULT_GUIDANCE
    before: NDArray[np.float32] | None = None
    """Recorded audio that the clip goes on from, as loud as that ended. Shape: [frames, 2]."""
    given: tuple[PlannedNote, ...] = ()
    """Notes that take the place of the plan; beats count from the start of the clip."""
    given_parts: tuple[int, ...] = ()
    """Parts that play the given notes and nothing else."""


def frames_of_bars(bars: int, tempo: float, beats_per_bar: int) -> int:
    """Length of whole bars, to the sample."""
    return round(bars * beats_per_bar * 60.0 / tempo * SAMPLE_RATE)


def gain_to_match(before: NDArray[np.float32], after: NDArray[np.float32]) -> np.float32:
    """Factor that makes a clip's first seconds as loud as a recording's last (BS.1770), as far as its peaks allow; 1 where one is silent.

    Shapes: [frames, 2].
    """
    length = round(MATCHED_S * SAMPLE_RATE)
    wanted = loudness(before[-length:], SAMPLE_RATE) - loudness(after[:length], SAMPLE_RATE)
    if not np.isfinite(wanted):
        return np.float32(1.0)
    peak = max(float(np.abs(after).max()), 1e-9)
    factor = 10.0 ** (min(max(wanted, -MOST_GAIN_DB), MOST_GAIN_DB) / 20.0)
    return np.float32(min(factor, max(LARGEST / peak, 1.0)))


class ClipRender:
    """Renders a request with `advance()` until `done`; then `audio` is [frames, 2] and `notes` is what was played."""

    def __init__(self, models: Models, request: ClipRequest) -> None:
        self.request = request
        chart = request.chart
        per_bar = chart.beats_per_bar
        run_up_bars = 1 if request.loop else 0
        self.run_up = frames_of_bars(run_up_bars, request.tempo, per_bar)
        segment = ClockSegment(frame=0, beat=0.0, tempo=request.tempo, beats_per_bar=per_bar, bar_beat=0.0, bar=-run_up_bars)
        self.run_up_beats = run_up_bars * per_bar
        situation = Situation(
            clock=Clock(segments=(segment,), playing=True),
            charts=[(0, chart)],
            density=request.density,
            energy=request.energy,
            register=request.register,
            swing=request.swing,
            parts=dict(request.parts),
            style=request.style,
        )
        self.performer = Performer(models, situation, 0, request.seed)
        self.performer.set_sampling(request.temperature, request.top_p, request.guidance)
        if request.before is not None:
            self.performer.prefill(request.before)
        if request.given_parts:
            self.performer.give([replace(note, beat=note.beat + self.run_up_beats) for note in request.given], request.given_parts)
        self._total = self.run_up + request.frames
        self._buffer = np.zeros((self._total + FRAME_SAMPLES, 2), np.float32)
        self._written = 0

    @property
    def done(self) -> bool:
        return self._written >= self._total

    @property
    def progress(self) -> float:
        return min(self._written / self._total, 1.0)

    def advance(self) -> None:
        """One block of 640 frames."""
        self._buffer[self._written : self._written + FRAME_SAMPLES] = self.performer.block()
        self._written += FRAME_SAMPLES

    def finish(self) -> NDArray[np.float32]:
        """All that is left, at once. Returns `audio`."""
        while not self.done:
            self.advance()
        return self.audio

    @property
    def audio(self) -> NDArray[np.float32]:
        """The clip. Shape: [frames, 2], within -1..1."""
        out = self._buffer[self.run_up : self._total].copy()
        if self.request.loop:
            n = min(CROSSFADE, self.run_up, len(out))
            ramp = np.linspace(0.0, 1.0, n, dtype=np.float32)[:, None]
            out[-n:] = out[-n:] * np.sqrt(1 - ramp) + self._buffer[self.run_up - n : self.run_up] * np.sqrt(ramp)
        else:
            n = min(START_FADE, len(out))
            out[:n] *= np.linspace(0.0, 1.0, n, dtype=np.float32)[:, None]
            n = min(CROSSFADE, len(out))
            out[-n:] *= np.linspace(1.0, 0.0, n, dtype=np.float32)[:, None]
        out = np.nan_to_num(out)
        if self.request.before is not None:
            out *= gain_to_match(self.request.before, out)
        return np.clip(out, -1.0, 1.0)

    @property
    def notes(self) -> list[PlannedNote]:
        """What was played; beats count from the start of the clip."""
        beats = self.request.frames / SAMPLE_RATE * self.request.tempo / 60.0
        out = []
        for note in self.performer.played:
            beat = note.beat - self.run_up_beats
            if -1e-6 <= beat < beats:
                out.append(PlannedNote(note.part, note.pitch, note.velocity, beat, min(note.length, beats - beat)))
        return out
