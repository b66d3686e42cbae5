"""Kind `long`: ten minutes of free running, minute by minute, and how long each step takes."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from jamd.contract.chart import parse_chart
from jamd.contract.units import FRAME_RATE, FRAME_SAMPLES, SAMPLE_RATE
from model.corpus.render import render_mix
from model.evaluate.bench import TRIO, Bench, Case
from model.evaluate.result import Result
from model.evaluate.stream import run_free
from model.generator.offline import write_wav
from model.metrics.endurance import measure_endurance, normal_range
from model.style.words import Style

TEMPO: Final = 140.0
SEED: Final = 1
CHART: Final = parse_chart(
    "| Fmaj7 | Dm7 | Gm7 | C7 | Am7 | D7 | Gm7 C7 | Fmaj7 |"
    "| Fmaj7 | Dm7 | Gm7 | C7 | Am7 | D7 | Gm7 C7 | Fmaj7 |"
    "| Cm7 | F7 | Bbmaj7 | Bbmaj7 | Dm7 | G7 | Gm7 | C7 |"
    "| Fmaj7 | Dm7 | Gm7 | C7 | Am7 | D7 | Gm7 C7 | Fmaj7 |"
)
"""32 bars, a form of A A B A."""
CORPUS_PIECES: Final = 12
"""Choruses of the corpus' band that say what is usual."""
STARTING: Final = 2 * FRAME_RATE
"""First steps whose times do not count: kernels and memory are warmed up."""


def measure_long(bench: Bench) -> Result:
    """One render of `bench.long_s` seconds against choruses of the corpus' band."""
    result = Result(
        f"{bench.long_s:g} s of free running on 32 bars at {TEMPO:g} bpm, one seed. Usual is 5 to 95 % of {CORPUS_PIECES} choruses of the"
        " corpus' band on the same chart at any density; onsets and notes are a beat. Step times are of this machine as it was then."
    )
    run = run_free(bench, CHART, TEMPO, Style("swing"), TRIO, round(bench.long_s * SAMPLE_RATE), SEED)
    write_wav(bench.out / "long.wav", run.audio)
    np.save(bench.out / "long.npy", run.notes)
    chorus = Case(0, CHART, TEMPO, "swing", len(CHART.bars))
    given: dict[str, Any] = {"density": None, "energy": None, "register": None}
    pieces = [
        bench.corpus_piece(Case(9000 + index, CHART, TEMPO, "swing", chorus.bars), studio=bench.studio, **given)
        for index in range(CORPUS_PIECES)
    ]
    normal = normal_range((render_mix(piece), SAMPLE_RATE, TEMPO) for piece in pieces)
    planned = np.percentile([len(piece.notes) / (piece.bars * piece.beats_per_bar) for piece in pieces], [5, 95])
    found = measure_endurance(run.audio, SAMPLE_RATE, TEMPO, run.notes, normal)
    outside = [rate for rate in found.planned_per_beat if not planned[0] <= rate <= planned[1]]
    result.rows["by minute"] = [
        {"name": str(minute), "loudness_lufs": level, "onsets_per_beat": heard, "planned_per_beat": notes}
        for minute, (level, heard, notes) in enumerate(
            zip(found.loudness, found.onsets_per_beat, found.planned_per_beat, strict=False)
        )
    ]  # fmt: skip
    steps = run.step_s[STARTING:] if len(run.step_s) > 2 * STARTING else run.step_s
    low, middle, high = np.percentile(steps, [50, 99, 100]) * 1000
    result.figures = {
        "seconds": found.seconds, "loudness, LUFS": found.loudness_whole, "loudest less softest minute, LU": found.spread,
        "drift, LU a minute": found.drift, "longest silence, s": found.silence_s, "longest silence at, s": found.silence_at_s,
        "largest step of a sample": found.largest_step, "largest step at, s": found.largest_step_at_s, "clicks": float(len(found.clicks)),
        "usual onsets a beat, low": normal[0], "usual onsets a beat, high": normal[1], "minutes outside, onsets": float(found.outside),
        "usual notes a beat, low": float(planned[0]), "usual notes a beat, high": float(planned[1]),
        "minutes outside, planned notes": float(len(outside)), "minutes": float(len(found.planned_per_beat)),
        "step p50, ms": float(low), "step p99, ms": float(middle), "step max, ms": float(high),
        "a step lasts, ms": 1000 / FRAME_RATE, "steps over time": float((steps > 1 / FRAME_RATE).sum()),
        "real-time factor": float(steps.mean()) * SAMPLE_RATE / FRAME_SAMPLES,
    }  # fmt: skip
    bench.progress(f"long: spread {found.spread:.1f} LU, silence {found.silence_s:.2f} s, p99 {middle:.1f} ms")
    return result
