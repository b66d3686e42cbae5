"""Judge the model by tools that know nothing of it: `python -m model.evaluate OUT`.

Charts and tempos that no training saw are rendered by the model and, for comparison, by the corpus band itself, straight and through the
codec. basic-pitch (Bittner et al. 2022) finds the notes in all of them, BeatNet (Heydari et al. 2021) the beats; model.metrics says what
is made of that. `fit` is the share of the found notes' energy on tones of the chord that the chart has at that time.

Needs the weights of basic-pitch and BeatNet, and onnxruntime: scripts/evaluation.sh installs them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from jamd.contract.chart import Chart
from jamd.contract.units import FRAME_SAMPLES, SAMPLE_RATE
from model.corpus.piece import make_piece
from model.corpus.render import render_mix
from model.corpus.songs import make_chart
from model.generator.clip import DEFAULT_GUIDANCE, ClipRequest, frames_of_bars
from model.generator.offline import render_clip
from model.generator.performer import load_models
from model.metrics.renders import Render, Table, evaluate_renders, to_markdown
from model.style.words import Style

FIRST_SEED = 800_000_000
"""Seeds of the test charts; training takes its own from 0 and from 1,000,000 on."""
FEELS = ("swing", "swing", "bossa", "swing", "modal", "waltz", "swing", "ballad")


@dataclass(frozen=True)
class Case:
    index: int
    chart: Chart
    tempo: float
    feel: str
    bars: int


def make_cases(count: int) -> list[Case]:
    """Charts and tempos by seed, evenly over 80..240 bpm."""
    out = []
    for index in range(count):
        rng = np.random.default_rng([FIRST_SEED, index])
        feel = FEELS[index % len(FEELS)]
        low, high = (56, 84) if feel == "ballad" else (80, 240)
        tempo = float(np.round(np.exp(rng.uniform(np.log(low), np.log(high)))))
        chart = make_chart(rng, feel)
        out.append(Case(index, chart, tempo, feel, max(round(16 * tempo / 60 / chart.beats_per_bar), 4)))
    return out


def render_model(case: Case, folder: Path, temperature: float, top_p: float, guidance: float) -> Path:
    """The model's render of a case."""
    global _models
    if _models is None:
        _models = load_models()
    request = ClipRequest(
        case.chart, case.tempo, frames_of_bars(case.bars, case.tempo, case.chart.beats_per_bar), seed=case.index + 1,
        style=Style(case.feel), parts={"piano": True, "bass": True, "drums": True, "horn": False},
        temperature=temperature,
        top_p=top_p,
        guidance=guidance,
    )  # fmt: skip
    path = folder / f"model-{case.index:03d}.wav"
    render_clip(_models, request, path)
    return path


_models: Any = None


def corpus_audio(case: Case) -> NDArray[np.float32]:
    """The rule-based band on the same chart. Shape: [samples, 2]."""
    piece = make_piece(
        FIRST_SEED + case.index, chart=case.chart, tempo=case.tempo, bars=case.bars, feel=case.feel, density=0.5, energy=0.5,
        register=0.5, parts=[True, True, True, False],
    )  # fmt: skip
    return render_mix(piece)


def write_corpus(case: Case, folder: Path, levels: int | None) -> Path:
    """The rule-based band in a file; through the codec if levels are given."""
    audio = corpus_audio(case)
    if levels is not None:
        audio = through_codec(audio, levels)
    path = folder / f"corpus-{levels or 'straight'}-{case.index:03d}.wav"
    soundfile.write(path, audio, SAMPLE_RATE, subtype="PCM_24")
    return path


def through_codec(audio: NDArray[np.float32], levels: int) -> NDArray[np.float32]:
    """Encoded and decoded with some levels, its delay taken off. Shape: [samples, 2]."""
    import torch

    global _models
    if _models is None:
        _models = load_models()
    codec = _models.codec
    padded = np.pad(audio, ((0, -len(audio) % FRAME_SAMPLES + FRAME_SAMPLES), (0, 0)))
    codes = codec.encode(torch.from_numpy(padded.T.copy())[None], levels)
    out: NDArray[np.float32] = codec.decode(codes)[0].numpy().T[codec.delay : codec.delay + len(audio)]
    return out


SHOWN = (
    "fit", "fit_shuffled", "fit_other_keys", "fit_other_charts", "key_right", "bass", "bass_other_keys", "tempo_kept_error",
    "tempo_beatnet_right", "tempo_beatnet_right_folded", "grid_ms", "grid_chance_ms", "onsets_per_beat", "level_db",
)  # fmt: skip
"""Measures of the printed table; see model.metrics.renders for all."""


def judge(source: str, cases: Sequence[Case], paths: Sequence[Path]) -> Table:
    """All measures over the renders of one kind."""
    renders = [
        Render(f"{source} {case.index}", path, case.chart, case.tempo, bars=case.bars) for case, path in zip(cases, paths, strict=True)
    ]
    table = evaluate_renders(renders, progress=lambda line: print(line, flush=True))[0]
    return Table(source, table.rows, table.summary)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--top-p", type=float, default=0.95)
    parser.add_argument("--guidance", type=float, default=DEFAULT_GUIDANCE)
    parser.add_argument("--kinds", default="model,corpus,codec", help="what to judge; the table keeps what was judged before")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    result = options.out / "evaluation.json"
    known = json.loads(result.read_text()) if result.exists() else {}
    cases = make_cases(options.count)
    kinds = options.kinds.split(",")
    tables = []
    if "model" in kinds:
        sampling = (options.temperature, options.top_p, options.guidance)
        tables.append(judge("model", cases, [render_model(case, options.out, *sampling) for case in cases]))
    if "corpus" in kinds:
        tables.append(judge("corpus", cases, [write_corpus(case, options.out, None) for case in cases]))
    if "codec" in kinds:
        for levels in (4, 8):
            paths = [write_corpus(case, options.out, levels) for case in cases]
            tables.append(judge(f"corpus through the codec, {levels} levels", cases, paths))
    known |= {table.source: table.summary for table in tables}
    result.write_text(json.dumps(known, indent=2))
    shown = [Table(source, [], {key: summary[key] for key in SHOWN if key in summary}) for source, summary in known.items()]
    print("\n" + to_markdown(shown))


if __name__ == "__main__":
    main()
