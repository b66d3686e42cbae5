"""Kind `continuation`: does the model go on from a recording as that sounds? Nearer to it than without it, in level and in timbre."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from jamd.contract.units import SAMPLE_RATE
from model.corpus.render import render_mix
from model.corpus.sounds import PLAIN, choose
from model.evaluate.bench import Bench, Case, Floats
from model.evaluate.parts import level_db
from model.evaluate.result import Result
from model.metrics import musicnn
from model.metrics.distances import log_mel

BEFORE_S: Final = 6.0
AFTER_S: Final = 4.0
"""What is judged: a little more than the network's window."""


@dataclass(frozen=True)
class Kind:
    """The piano's General MIDI program and the level in dB RMS."""

    name: str
    program: int
    level: float


KINDS: Final = (Kind("soft Rhodes", 4, -32.0), Kind("loud vibraphone", 11, -14.0))


def recording(bench: Bench, case: Case, kind: Kind) -> Floats:
    """The corpus' band over the whole chart, its end: the last of BEFORE_S seconds at most. Shape: [frames, 2]."""
    piece = bench.corpus_piece(replace(case, bars=len(case.chart.bars)), other=True)
    sound = choose(np.random.default_rng(0), "piano", kind.program, PLAIN)
    piece = replace(piece, programs={**piece.programs, "piano": (0, kind.program)}, sounds={**piece.sounds, "piano": sound})
    audio = render_mix(piece)[-round(BEFORE_S * SAMPLE_RATE) :]
    return np.clip(audio * np.float32(10 ** ((kind.level - level_db(audio)) / 20)), -1.0, 1.0)


def _spectrum(audio: Floats) -> np.ndarray:
    """Mean log-mel of one channel at level 0. Shape: [80]."""
    mean = log_mel(audio.mean(axis=1), SAMPLE_RATE).mean(axis=0)
    return np.asarray(mean - mean.mean())


def distances(before: Floats, after: Floats) -> dict[str, float]:
    """How far what follows lies from a recording: level in dB, mean log-mel at equal level, musicnn's mean embedding (1 - cosine)."""
    out = {
        "level_db": abs(level_db(before) - level_db(after)),
        "spectrum": float(np.abs(_spectrum(before) - _spectrum(after)).mean()),
    }
    if musicnn.available():
        one, two = (musicnn.embed(sound, SAMPLE_RATE).mean(axis=0) for sound in (before, after))
        out["musicnn"] = 1.0 - float(one @ two / max(float(np.linalg.norm(one) * np.linalg.norm(two)), 1e-9))
    return out


def measure_continuation(bench: Bench) -> Result:
    """The same clip and seed after each kind of recording, and without one, both held against the recording."""
    result = Result(
        f"{AFTER_S:g} s of the model after {BEFORE_S:g} s of the corpus' band with another piano at another level, and the same seed"
        " without them: distance to the recording in level (dB), mean log-mel spectrum at equal level, and musicnn (1 - cosine)."
    )
    if not musicnn.available():
        result.skipped = ("musicnn: scripts/evaluation.sh installs it",)
    rows: dict[str, list[dict[str, Any]]] = {}
    nearer: dict[str, list[float]] = {}
    frames = round(AFTER_S * SAMPLE_RATE)
    for case in bench.cases[: bench.some]:
        request = replace(bench.request(case), frames=frames)
        alone = bench.play(request).audio
        for kind in KINDS:
            before = recording(bench, case, kind)
            after = bench.play(replace(request, before=before)).audio
            own, without = distances(before, after), distances(before, alone)
            for source, found in ((f"after a {kind.name}", own), (f"without it, {kind.name}", without)):
                rows.setdefault(source, []).append({"name": str(case.index), **found})
            for name in own:
                nearer.setdefault(f"{name}: share nearer after a {kind.name}", []).append(float(own[name] < without[name]))
        bench.progress(f"continuation {case.index}: " + ", ".join(f"{s} {found[-1]['level_db']:.1f} dB" for s, found in rows.items()))
    result.rows = rows
    result.figures = {name: float(np.mean(values)) for name, values in nearer.items()}
    return result
