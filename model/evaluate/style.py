"""Kind `style`: does a prompt steer what is played? The style encoder's ear on renders of eight prompts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from jamd.contract.units import PARTS
from model.corpus.render import render_mix
from model.corpus.sounds import PLAIN, choose
from model.evaluate.bench import Bench, Case, Floats
from model.evaluate.manner import manner_of
from model.evaluate.plans import chorus_case
from model.evaluate.result import Result
from model.style.words import Style

PROMPTS: Final = (
    "slow tender ballad with brushes", "fast bebop with tenor saxophone", "brazilian bossa nova with flute",
    "funky groove with electric piano", "cool jazz with vibraphone", "modal jazz, dark and open, muted trumpet",
    "hard bop, loud drums and trumpet", "intimate piano trio, soft and sparse",
)  # fmt: skip
SEEDS: Final = 2
LEAST_S: Final = 4.0
"""Shorter renders tell the encoder too little."""


def ranks(similarity: NDArray[np.float32]) -> NDArray[np.int64]:
    """Place of the own prompt by similarity, 0 the nearest. Shape: similarity [prompts, prompts], a row a render; [prompts]."""
    own = np.diagonal(similarity)
    return np.asarray((similarity > own[:, None]).sum(axis=1), np.int64)


def _heard(bench: Bench, audio: Floats, texts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cosine of a render with each prompt. Shape: [prompts]."""
    assert bench.models.style is not None
    with torch.no_grad():
        mine = bench.models.style.embed_audio(torch.from_numpy(np.ascontiguousarray(audio.T))[None].to(bench.models.style.device))[0]
    return np.asarray(texts @ mine.float().cpu().numpy())


def _band(bench: Bench, case: Case, style: Style) -> Floats:
    """The corpus' band as the words have it: feel, knobs, manner and instruments. Shape: [frames, 2]."""
    knobs: dict[str, Any] = {knob: style.leaning(knob, 0.5) for knob in ("density", "energy", "register")}
    piece = bench.corpus_piece(case, feel=style.feel or case.feel, parts=[True] * len(PARTS), manner=manner_of(style), **knobs)
    dice = np.random.default_rng(0)
    return render_mix(replace(piece, sounds={part: choose(dice, part, 0, PLAIN, name) for part, name in style.sounds.items()}))


def measure_style(bench: Bench) -> Result:
    """Recall of the own prompt among all: with its embedding, with what the vocabulary makes of it alone, and by the corpus' band."""
    encoder = bench.models.style
    result = Result(
        f"{len(PROMPTS)} prompts, {SEEDS} seeds each, all four parts, the same chart for all prompts of a seed. Recall: the render's"
        " embedding is nearest to (among the three nearest to) its own prompt's; chance is"
        f" {1 / len(PROMPTS):.3g} and {3 / len(PROMPTS):.3g}. `words alone`: what the vocabulary makes of it, no embedding."
        " `band`: the corpus' band, told the same by the vocabulary, which says how well this ear can tell at all on one chart and tempo."
        " The ear is the encoder that steers: it says that the prompt arrives, not how it sounds to people."
    )
    if encoder is None:
        result.skipped = ("the model has no style encoder",)
        return result
    with torch.no_grad():
        texts = encoder.embed_text(PROMPTS).float().cpu().numpy()
    rows: dict[str, list[dict[str, Any]]] = {"prompts": [], "words alone": [], "band": []}
    for seed in range(SEEDS):
        case: Case = replace(chorus_case(1000 + seed), tempo=(110.0, 150.0)[seed % 2]).lasting(max(bench.clip_s * 0.8, LEAST_S))
        similarity: dict[str, list[NDArray[np.float32]]] = {}
        for prompt in PROMPTS:
            style = bench.models.read_style(prompt)
            for source, asked in (("prompts", style), ("words alone", replace(style, embedding=None))):
                request = bench.request(case, seed=seed + 1, style=asked, parts=dict.fromkeys(PARTS, True))
                similarity.setdefault(source, []).append(_heard(bench, bench.play(request).audio, texts))
            similarity.setdefault("band", []).append(_heard(bench, _band(bench, case, style), texts))
        for source, found in similarity.items():
            table = np.stack(found)
            for index, (prompt, place) in enumerate(zip(PROMPTS, ranks(table), strict=True)):
                others = float(np.delete(table[index], index).mean())
                rows[source].append(
                    {"name": f"{prompt} {seed}", "recall_at_1": float(place < 1), "recall_at_3": float(place < 3),
                     "rank": float(place + 1), "own_cosine": float(table[index, index]), "other_cosine": others}
                )  # fmt: skip
            bench.progress(f"style, seed {seed}, {source}: recall at 1 {np.mean(ranks(table) < 1):.2f}")
    result.rows = rows
    return result
