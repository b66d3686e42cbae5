"""Judge the model by tools that know nothing of it: `python -m model.evaluate OUT`.

Charts and tempos that no training saw are rendered by the model and, for comparison, by the corpus band itself, straight and through the
codec. basic-pitch (Bittner et al. 2022) finds the notes in all three; librosa's beat tracker (Ellis 2007) finds the tempo.

Chord fit: share of the found notes' weight (duration times amplitude) that lies on pitch classes of the chord that the chart has at
that time. The same notes against the charts of the other renders say what chance gives.

Needs basic-pitch, onnxruntime and librosa: scripts/evaluation.sh installs them.
"""

from __future__ import annotations

import argparse
import json
import logging
import warnings
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


@dataclass(frozen=True)
class FoundNote:
    """A note that a transcriber found: seconds, MIDI pitch, amplitude 0..1."""

    start: float
    end: float
    pitch: int
    amplitude: float


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


def transcribe(path: Path) -> list[FoundNote]:
    """Notes that basic-pitch finds."""
    logging.disable(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from basic_pitch import FilenameSuffix, build_icassp_2022_model_path
        from basic_pitch.inference import Model, predict

        global _transcriber
        if _transcriber is None:
            _transcriber = Model(build_icassp_2022_model_path(FilenameSuffix.onnx))
        import contextlib
        import io

        with contextlib.redirect_stdout(io.StringIO()):
            _, _, events = predict(path, _transcriber)
    return [FoundNote(float(a), float(b), int(pitch), float(amplitude)) for a, b, pitch, amplitude, _ in events]


_transcriber: Any = None


def chord_fit(notes: Sequence[FoundNote], chart: Chart, tempo: float) -> float:
    """Share of the notes' weight on chord tones; NaN without notes. Notes count for the chord at 60 ms after their start."""
    hit = total = 0.0
    for note in notes:
        chord = chart.chord_at((note.start + 0.06) * tempo / 60)
        if chord.root is None:
            continue
        weight = (note.end - note.start) * note.amplitude
        total += weight
        hit += weight * (note.pitch % 12 in chord.pitch_classes)
    return hit / total if total else float("nan")


def found_tempo(path: Path) -> float:
    """Tempo that librosa's beat tracker finds, bpm."""
    import librosa
    from librosa.beat import beat_track

    audio, rate = soundfile.read(path, dtype="float32")
    tempo, _ = beat_track(y=librosa.resample(audio.mean(axis=1), orig_sr=rate, target_sr=22_050), sr=22_050)
    return float(np.atleast_1d(tempo)[0])


def tempo_error(found: float, asked: float) -> tuple[float, float]:
    """Relative error as it is, and at the nearest of half, same and double."""
    ratios = [abs(found * factor / asked - 1) for factor in (1.0, 0.5, 2.0)]
    return ratios[0], min(ratios)


def judge(cases: Sequence[Case], paths: Sequence[Path]) -> dict[str, float]:
    """Means over renders of one kind."""
    fits, shuffled, notes_a_second, strict, octave = [], [], [], [], []
    for case, path in zip(cases, paths, strict=True):
        notes = transcribe(path)
        fits.append(chord_fit(notes, case.chart, case.tempo))
        others = [other.chart for other in cases if other.index != case.index][:: max(len(cases) // 12, 1)]
        shuffled.append(float(np.nanmean([chord_fit(notes, chart, case.tempo) for chart in others])))
        notes_a_second.append(len(notes) / soundfile.info(path).duration)
        a, b = tempo_error(found_tempo(path), case.tempo)
        strict.append(a < 0.04)
        octave.append(b < 0.04)
    return {
        "chord_fit": float(np.nanmean(fits)),
        "chord_fit_shuffled": float(np.nanmean(shuffled)),
        "better_than_shuffled": float(np.mean(np.array(fits) > np.array(shuffled))),
        "notes_a_second": float(np.mean(notes_a_second)),
        "tempo_within_4_percent": float(np.mean(strict)),
        "tempo_within_4_percent_or_octave": float(np.mean(octave)),
    }


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
    table = json.loads(result.read_text()) if result.exists() else {}
    cases = make_cases(options.count)
    kinds = options.kinds.split(",")
    if "model" in kinds:
        sampling = (options.temperature, options.top_p, options.guidance)
        table["model"] = judge(cases, [render_model(case, options.out, *sampling) for case in cases])
    if "corpus" in kinds:
        table["corpus"] = judge(cases, [write_corpus(case, options.out, None) for case in cases])
    if "codec" in kinds:
        for levels in (4, 8):
            name = f"corpus through the codec, {levels} levels"
            table[name] = judge(cases, [write_corpus(case, options.out, levels) for case in cases])
    result.write_text(json.dumps(table, indent=2))
    keys = list(next(iter(table.values())))
    print("\n| | " + " | ".join(key.replace("_", " ") for key in keys) + " |\n|---|" + "---|" * len(keys))
    for name, row in table.items():
        print(f"| {name} | " + " | ".join(f"{row[key]:.2f}" for key in keys) + " |")


if __name__ == "__main__":
    main()
