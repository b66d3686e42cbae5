"""Fit what `fitted.py` holds: `python -m model.learning.fit STORE [STORE ...] [--pieces N]`.

Multinomial and plain logistic regressions and ridge regressions, on rendered pieces whose beats, chords, parts and knobs are known
(`python -m model.training.store` makes a store; half of the pieces behind `fitted.py` had one or two parts, by `render_piece(...,
parts=...)`, 240 of the 480: 7 in 20 piano alone, horn 3, bass 2, drums 2, pairs the rest). What is measured by
`python -m model.learning.measure` comes from other seeds and players.
"""

from __future__ import annotations

import argparse
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from jamd.contract.chart import parse_chart
from jamd.contract.units import FRAME_RATE, SAMPLE_RATE
from model.learning import harmony, rhythm, timbre
from model.metrics.heard import Doubles
from model.training.store import StoredPiece

WINDOW_S = 12.0
"""Length of the stretches that timbre is learnt on."""


@dataclass
class Rows:
    """What one piece gives to each regression."""

    tempo: tuple[Doubles, float]
    bars: tuple[Doubles, int] | None
    cells: Doubles
    chords: list[tuple[int, int]]
    """(root, family) of each cell; -1 where there is none that is told apart."""
    timbre: list[tuple[Doubles, Doubles, Doubles]]
    """Features, parts (share of the time), knobs."""


def rows_of(piece: StoredPiece) -> Rows:
    """Hear a piece and say what would have been right."""
    about, labels = piece.about, piece.labels
    audio = np.asarray(piece.audio, np.float32) / 32768.0
    levels = rhythm.band_levels(audio, SAMPLE_RATE)
    bands = rhythm.flux(levels)
    pitches = harmony.hear_pitches(audio, SAMPLE_RATE)
    tempo, per_bar, period = float(about["tempo"]), int(about["beats_per_bar"]), 60.0 / float(about["tempo"])
    half = per_bar / 2
    edges = np.arange(0, about["bars"] * per_bar + 1e-6, half) * period
    values = harmony.cells(pitches, edges)
    chart = parse_chart(about["chart"])
    chords = []
    for index in range(len(values)):
        chord = chart.chord_at(index * half + 0.25)
        known = chord.root is not None and chord.family in harmony.FAMILIES and pitches.present
        chords.append((int(chord.root or 0), harmony.FAMILIES.index(chord.family)) if known else (-1, -1))
    learnt = []
    for start in np.arange(0.0, len(audio) / SAMPLE_RATE - WINDOW_S, WINDOW_S):
        cut = slice(int(start * rhythm.FPS), int((start + WINDOW_S) * rhythm.FPS))
        steps = slice(int(start * FRAME_RATE), int((start + WINDOW_S) * FRAME_RATE))
        values_here = timbre.features(levels[cut], bands[cut], tempo)
        knobs = np.array([float(labels[name][steps].mean()) for name in timbre.KNOBS])
        learnt.append((values_here, labels["parts"][steps].mean(axis=0), knobs))
    return Rows((rhythm.tempo_features(bands), tempo), _bars(bands, pitches, tempo, per_bar), values, chords, learnt)


def _bars(bands: Doubles, pitches: harmony.Pitches, tempo: float, per_bar: int) -> tuple[Doubles, int] | None:
    """Features of all hypotheses on metre and downbeat, and which is right; None where the tracked beats are neither on nor between."""
    beats, period = rhythm.track_beats(bands.sum(axis=1), tempo), 60.0 / tempo
    if len(beats) < 16:
        return None
    between = np.mean(np.abs((beats / period + 0.5) % 1 - 0.5) < 0.25) < 0.5
    place = np.round(beats / period - 0.55 * between).astype(int) * 2 + int(between)
    found, count = np.unique((2 * np.arange(len(beats)) - place) % (2 * per_bar), return_counts=True)
    if count.max() < 0.8 * len(beats):
        return None
    novelty = harmony.novelty(pitches, rhythm.half_beats(beats), 1.6 * period)
    names, features = rhythm.bar_hypotheses(rhythm.accents(bands, beats, novelty))
    return features, names.index((per_bar, int(found[count.argmax()])))


def _choice(features: NDArray[Any], right: NDArray[np.bool_], penalty: float) -> Doubles:
    """Weights of a softmax over hypotheses. Shape: [n, hypotheses, features], [n, hypotheses] to [features]."""
    x, y = torch.from_numpy(features).double(), torch.from_numpy(right)
    scale = x.flatten(0, 1).std(dim=0) + 1e-6
    weights = torch.zeros(x.shape[2], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=150, line_search_fn="strong_wolfe")

    def loss() -> Any:
        optimiser.zero_grad()
        z = (x / scale) @ weights
        value = (z.logsumexp(1) - z.masked_fill(~y, -1e9).logsumexp(1)).mean() + penalty * weights.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return (weights.detach() / scale).numpy()  # type: ignore[no-any-return]


def _chords(cells: Doubles, right: NDArray[np.int64]) -> tuple[Doubles, Doubles]:
    """Weights and biases by family. Shape: [cells, TONES], [cells, 2] to [families, TONES], [families]."""
    families = len(harmony.FAMILIES)
    x = torch.from_numpy(harmony.rotated(cells))
    y = torch.from_numpy(right[:, 0] * families + right[:, 1])
    weights = torch.zeros(families, harmony.TONES, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(families, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights, bias], max_iter=80, line_search_fn="strong_wolfe")

    def loss() -> Any:
        optimiser.zero_grad()
        value = torch.nn.functional.cross_entropy((x @ weights.T + bias).flatten(1), y) + 1e-5 * weights.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return weights.detach().numpy(), bias.detach().numpy()


def _changes(pieces: list[Rows]) -> Doubles:
    """How often each kind is followed by which, by the interval of the roots. Shape: [families, 12, families]."""
    count = np.full((len(harmony.FAMILIES), 12, len(harmony.FAMILIES)), 0.3)
    for piece in pieces:
        for (root, family), (after, kind) in zip(piece.chords, piece.chords[1:], strict=False):
            if root >= 0 and after >= 0 and (root, family) != (after, kind):
                count[family, (after - root) % 12, kind] += 1
    return count / count.sum(axis=(1, 2), keepdims=True)  # type: ignore[no-any-return]


def _presence(z: Doubles, parts: Doubles, penalty: float) -> tuple[Doubles, Doubles]:
    """A logistic regression a part. Shape: [n, features], [n, parts] to [parts, features], [parts]."""
    x, y = torch.from_numpy(z), torch.from_numpy(parts)
    weights = torch.zeros(parts.shape[1], z.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(parts.shape[1], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights, bias], max_iter=150, line_search_fn="strong_wolfe")

    def loss() -> Any:
        optimiser.zero_grad()
        logits = x @ weights.T + bias
        value = torch.nn.functional.binary_cross_entropy_with_logits(logits, y) + penalty * weights.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return weights.detach().numpy(), bias.detach().numpy()


def fit(pieces: list[Rows]) -> dict[str, dict[str, Doubles]]:
    """Everything that `fitted.py` holds."""
    tempos = np.array([row.tempo[1] for row in pieces])
    right = np.abs(np.log2(rhythm.TEMPOS[None] / tempos[:, None])) < 1.5 / 48
    inside = right.any(axis=1)
    comb = _choice(np.stack([row.tempo[0] for row in pieces])[inside], right[inside], 5e-3)
    barred = [row.bars for row in pieces if row.bars is not None]
    downbeats = _choice(np.stack([b[0] for b in barred]), np.eye(len(barred[0][0]), dtype=bool)[[b[1] for b in barred]], 1e-2)
    cells = np.concatenate([row.cells for row in pieces])
    chords = np.array([chord for row in pieces for chord in row.chords])
    known = (chords[:, 0] >= 0) & (np.abs(cells).sum(axis=1) > 0)
    weights, bias = _chords(cells[known], chords[known])
    sounds = [row for piece in pieces for row in piece.timbre]
    features, parts, knobs = (np.stack(column) for column in zip(*sounds, strict=True))
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-3
    z = np.clip((features - mean) / spread, -4, 4)
    plays, plays_bias = _presence(z, (parts > 0.5).astype(np.float64), 3e-4)
    centre = knobs.mean(axis=0)
    ridge = np.linalg.solve(z.T @ z + 0.05 * len(z) * np.eye(z.shape[1]), z.T @ (knobs - centre)).T
    return {
        "RHYTHM": {"tempo": comb, "bars": downbeats},
        "HARMONY": {"weights": weights, "bias": bias, "changes": _changes(pieces), "scale": np.array([1.0])},
        "TIMBRE": {"mean": mean, "spread": spread, "parts": plays, "parts_bias": plays_bias, "knobs": ridge, "knobs_bias": centre},
    }


def write_fitted(values: dict[str, dict[str, Doubles]], path: Path, pieces: int) -> None:
    """A Python module with the numbers in it."""
    lines = [
        f'"""Weights of the listening, fitted on {pieces} rendered pieces by `python -m model.learning.fit`: not written by hand."""',
        "",
        "from __future__ import annotations",
        "",
        "from typing import Any, Final",
        "",
        "# fmt: off",
    ]
    for name, table in values.items():
        lines.append(f"{name}: Final[dict[str, Any]] = {{")
        for key, array in table.items():
            lines.append(f'    "{key}": [')
            for row in array.reshape(-1, array.shape[-1]) if array.ndim > 1 else [array]:
                numbers = ", ".join(f"{float(x):.4g}" for x in row)
                wrapped = textwrap.wrap(f"[{numbers}]," if array.ndim > 1 else f"{numbers},", 130, break_on_hyphens=False)
                lines += [" " * 8 + line for line in wrapped]
            lines.append("    ],")
        lines.append("}")
    path.write_text("\n".join([*lines, "# fmt: on", ""]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stores", type=Path, nargs="+")
    parser.add_argument("--pieces", type=int, default=10_000, help="at most so many of each store")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("fitted.py"))
    options = parser.parse_args()
    folders = [f for store in options.stores for f in sorted(p for p in store.iterdir() if p.name.isdigit())[: options.pieces]]
    pieces = []
    for number, folder in enumerate(folders, 1):
        pieces.append(rows_of(StoredPiece(folder)))
        if number % 50 == 0:
            print(f"{number} of {len(folders)} pieces heard", flush=True)
    write_fitted(fit(pieces), options.out, len(pieces))


if __name__ == "__main__":
    main()
