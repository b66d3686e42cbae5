"""Clips in the making: block by block between the steps of the jam, measured before they are let out, drawn again if poor."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from jamd.contract import messages as m
from jamd.contract.memory import share_audio
from model.generator.check import CHECKED_TRIES, ClipCheck, ClipFigures, better
from model.generator.clip import ClipRender, ClipRequest
from model.generator.models import Models


def plain(figures: ClipFigures) -> dict[str, float]:
    """What was measured, without what was not judged."""
    values = {name: getattr(figures, name) for name in ("tempo_error", "grid_ms", "fit", "loud", "silent")}
    return {name: round(float(value), 4) for name, value in values.items() if math.isfinite(value)}


@dataclass
class _Job:
    message: m.RenderClip
    request: ClipRequest
    render: ClipRender | None = None
    """Made when its turn comes: a stream of the networks holds 26 MB."""
    began: float = field(default_factory=time.monotonic)
    check: ClipCheck | None = None
    tries: int = 1
    best: tuple[NDArray[np.float32], ClipFigures, int] | None = None


class ClipJobs:
    """The queue of clips to render. `advance` does one short piece of the oldest one's work.

    Args:
        prefix: beginning of the clips' names in shared memory.
        send: to control.
    """

    def __init__(self, models: Models, prefix: str, send: Callable[[m.Message], None]) -> None:
        self._models = models
        self._prefix = prefix
        self._send = send
        self._jobs: list[_Job] = []
        self._count = 0

    def __bool__(self) -> bool:
        return bool(self._jobs)

    def add(self, message: m.RenderClip, request: ClipRequest) -> None:
        """Queue a clip; an older one for the same slot is forgotten."""
        self._jobs = [job for job in self._jobs if job.message.slot != message.slot]
        self._jobs.append(_Job(message, request))

    def cancel(self) -> None:
        """Forget all of them, and say so."""
        for job in self._jobs:
            message = job.message
            self._send(m.ClipFailed(slot=message.slot, request=message.request, code="cancelled", message="cancelled"))
        self._jobs.clear()

    def advance(self) -> None:
        """One block of sound, or one piece of the measuring."""
        job = self._jobs[0]
        if job.render is None:
            job.render = ClipRender(self._models, job.request)
        if not job.render.done:
            job.render.advance()
            return
        if job.check is None:
            request = job.request
            job.check = ClipCheck(
                job.render.audio, request.chart, request.tempo, swing=job.render.performer.situation.swing_at(request.tempo),
                notes=job.render.notes, parts=request.parts,
            )  # fmt: skip
        if not job.check.done:
            job.check.advance()
            return
        figures = job.check.figures
        assert figures is not None
        self._judge(job, job.render.audio, figures)

    def _judge(self, job: _Job, audio: NDArray[np.float32], figures: ClipFigures) -> None:
        if job.best is None or better(figures, job.best[1]):
            job.best = (audio, figures, job.request.seed)
        if not figures.ok and job.tries < CHECKED_TRIES:
            job.tries += 1
            job.request = replace(job.request, seed=(job.request.seed + 1) % (1 << 31))
            job.render = job.check = None
            return
        self._jobs.pop(0)
        self._deliver(job, *job.best)

    def _deliver(self, job: _Job, audio: NDArray[np.float32], figures: ClipFigures, seed: int) -> None:
        self._count += 1
        message = job.message
        name = f"{self._prefix}-clip-{self._count}-{message.request}-{time.monotonic_ns() % 1_000_000}"
        share_audio(audio, name)
        self._send(
            m.ClipReady(
                slot=message.slot, request=message.request, name=name, frames=len(audio), bars=message.bars, tempo=message.tempo,
                seed=seed, chart_text=message.chart_text, style=message.style, seconds_to_render=time.monotonic() - job.began,
                figures=plain(figures), tries=job.tries,
            )
        )  # fmt: skip
