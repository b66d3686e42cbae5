"""How well the listening hears: `python -m model.learning.measure [--pieces N]`.

Pieces of the corpus that nothing was fitted on: other seeds, players and tunes that were held out. A quarter are rendered by the
rule-based band with FluidR3 alone, a third are piano solos. Truth is what the pieces were made from.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jamd.contract.units import PARTS, SAMPLE_RATE
from model.corpus.piece import Piece, make_piece
from model.learning import listening
from model.learning.harmony import FAMILIES
from model.learning.listening import Ear, Heard
from model.learning.timbre import KNOBS
from model.metrics.heard import Doubles

FIRST_SEED = 930_000_000
PIANO, DUO, HORN, BASS = (True, False, False, False), (True, True, False, False), (False, False, False, True), (False, True, False, False)
LINE_UPS = (None, None, PIANO, None, DUO, PIANO, None, HORN, PIANO, None, BASS, PIANO)
"""None: as drawn, mostly a trio or quartet."""
WINDOW = 0.07
"""Seconds by which a beat may be off, as in mir_eval."""


@dataclass(frozen=True)
class Judged:
    """One piece: what was kept and whether it was right. nan where there was nothing to judge."""

    name: str
    solo_piano: bool
    tempo: float
    heard: Heard
    tempo_right: bool
    octave_right: bool
    beat_f: float
    downbeat_f: float
    chord_roots: Doubles
    """For each chord span: 1 right, 0 wrong."""
    chord_kinds: Doubles
    chord_sure: Doubles
    parts_right: float
    knobs: Doubles
    """Heard and true of density and register. Shape: [2, 2]."""
    energies: Doubles
    """Heard and true energy of stretches of 10 s, each against the mean of the piece. Shape: [stretches, 2]."""
    swing: tuple[float, float]


def f_measure(heard: Doubles, true: Doubles, window: float = WINDOW) -> float:
    """Beat F-measure: each heard one fits one true one within the window; those of the first two seconds are left out.

    Shape: two of [n], in seconds.
    """
    heard, true = heard[heard >= 2.0], true[true >= 2.0]
    if len(heard) == 0 or len(true) == 0:
        return 0.0
    hits, place = 0, 0
    for time in true:
        while place < len(heard) and heard[place] < time - window:
            place += 1
        if place < len(heard) and heard[place] <= time + window:
            hits, place = hits + 1, place + 1
    return 2 * hits / (len(heard) + len(true))


def judge(piece: Piece, audio: NDArray[Any], name: str = "") -> Judged:
    """Hear a piece and compare with what it was made from. Shape of the audio: [frames, 2]."""
    ear = Ear(audio, SAMPLE_RATE)
    heard = ear.hear()
    seconds, period = len(audio) / SAMPLE_RATE, 60.0 / piece.tempo
    inside = heard.beats[(heard.beats >= 0) & (heard.beats <= seconds)]
    true = np.arange(0, seconds, period)
    down = heard.beats[heard.first_downbeat :: heard.per_bar]
    ratio = heard.tempo / piece.tempo if heard.tempo else 0.0
    roots, kinds, sure = [], [], []
    for span in heard.chords:
        chord = piece.chart.chord_at((span.start_s + span.end_s) / 2 / period - 0.25)
        if chord.root is not None and chord.family in FAMILIES:
            roots.append(chord.root == span.heard.chord.root)
            kinds.append(roots[-1] and chord.family == span.heard.chord.family)
            sure.append(span.sure)
    parts = heard.parts
    share = piece.parts.mean(axis=0)
    knobs = [[getattr(heard.timbre, k), float(getattr(piece, k).mean())] for k in KNOBS]
    return Judged(
        name=name,
        solo_piano=bool(share[0] > 0.5 and share[1:].max() == 0),
        tempo=piece.tempo,
        heard=heard,
        tempo_right=abs(ratio - 1) < 0.02,
        octave_right=any(abs(ratio / m - 1) < 0.02 for m in (0.5, 1.0, 2.0)),
        beat_f=f_measure(inside, true),
        downbeat_f=f_measure(down[(down >= 0) & (down <= seconds)], true[:: piece.beats_per_bar]),
        chord_roots=np.array(roots, float),
        chord_kinds=np.array(kinds, float),
        chord_sure=np.array(sure, bool),
        parts_right=float("nan") if parts is None else float(np.array_equal(np.array(parts), share > 0.5)),
        knobs=np.array(knobs),
        energies=_energies(piece, audio, ear),
        swing=(heard.swing, piece.swing),
    )


def _energies(piece: Piece, audio: NDArray[Any], ear: Ear) -> Doubles:
    rows, own = [], float(np.sqrt((audio**2).mean()))
    for start in range(0, int(len(audio) / SAMPLE_RATE) - 9, 10):
        sound = audio[start * SAMPLE_RATE : (start + 10) * SAMPLE_RATE]
        level = 20 * float(np.log10(max(float(np.sqrt((sound**2).mean())), 1e-6) / own))
        bars = slice(int(start * piece.bars / piece.seconds), max(int((start + 10) * piece.bars / piece.seconds), 1))
        true = float(piece.energy[bars].mean())
        rows.append([ear.hear(start, start + 10, level).energy, true])
    out = np.array(rows).reshape(-1, 2)
    return out - out.mean(axis=0) if len(out) else out  # type: ignore[no-any-return]


def pieces(count: int) -> list[tuple[Piece, str]]:
    """Held-out pieces and what they are."""
    from model.corpus.personas import held_out_personas
    from model.corpus.real import split
    from model.corpus.sounds import PLAIN, Studio
    from model.corpus.sources import load_sources

    sources = split(load_sources(), held_out=True)
    full, players, out = Studio.full(), held_out_personas(), []
    for index in range(count):
        line_up = LINE_UPS[index % len(LINE_UPS)]
        plain = index % 4 == 3 or index % 8 == 2
        player = players[index % len(players)] if index % 3 == 0 and not plain else None
        piece = make_piece(
            FIRST_SEED + index, parts=line_up, persona=player, studio=PLAIN if plain else full, sources=None if plain else sources
        )
        kind = "band" if line_up is None else "+".join(n for n, on in zip(PARTS, line_up, strict=True) if on)
        out.append((piece, f"{kind}{'' if player is None else ' of ' + player.name}{', plain' if plain else ''}"))
    return out


def mean(values: list[float] | Doubles) -> str:
    """Mean of what is a number, as text."""
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    return f"{known.mean():6.1%} of {len(known)}" if len(known) else "     - of 0"


def table(judged: list[Judged]) -> str:
    """Rows of text: everything, piano solos, the rest."""
    lines = []
    groups = (("all", judged), ("solo piano", [j for j in judged if j.solo_piano]), ("others", [j for j in judged if not j.solo_piano]))
    for name, group in groups:
        kept = [j for j in group if j.heard.knows_tempo]
        beats = [j for j in group if j.heard.knows_beats]
        bars = [j for j in group if j.heard.knows_bars]
        chords = [j for j in group if j.heard.knows_chords]
        roots = np.concatenate([j.chord_roots[j.chord_sure] for j in chords] or [np.zeros(0)])
        kinds = np.concatenate([j.chord_kinds[j.chord_sure] for j in chords] or [np.zeros(0)])
        spans = sum(len(j.chord_roots) for j in group)
        swings = [j for j in bars if np.isfinite(j.heard.swing)]
        lines += [
            f"{name}: {len(group)} pieces",
            f"  tempo within 2 %, every piece          {mean([j.tempo_right for j in group])}",
            f"  tempo within 2 % or an octave of it    {mean([j.octave_right for j in group])}",
            f"  tempo within 2 %, where kept           {mean([j.tempo_right for j in kept])}  (kept {len(kept)} of {len(group)})",
            f"  beat F-measure, every piece            {mean([j.beat_f for j in group])}",
            f"  beat F-measure, where beats are kept   {mean([j.beat_f for j in beats])}",
            f"  beat and bar right (F > 0.8) where kept{mean([j.beat_f > 0.8 and j.downbeat_f > 0.8 for j in bars])}",
            f"  chord root, every half bar             {mean(np.concatenate([j.chord_roots for j in group] or [np.zeros(0)]))}",
            f"  chord root, where kept                 {mean(roots)}  (kept {len(kinds) / max(spans, 1):.0%} of the half bars)",
            f"  chord root and kind, where kept        {mean(kinds)}",
            f"  all four parts right, where kept       {mean([j.parts_right for j in group])}",
            f"  swing within 0.05, where kept          {mean([abs(j.heard.swing - j.swing[1]) < 0.05 for j in swings])}",
        ]
        for index, knob in enumerate(KNOBS):
            values = np.array([j.knobs[index] for j in group])
            if len(values) > 2:
                spread = float(np.corrcoef(values.T)[0, 1])
                lines.append(f"  {knob:<9} correlation with the label   {spread:6.2f}  (mean error {np.abs(np.diff(values)).mean():.2f})")
        moved = np.concatenate([j.energies for j in group] or [np.zeros((0, 2))])
        moved = moved[np.abs(moved[:, 1]) > 0.02]
        if len(moved) > 2:
            lines.append(f"  energy    correlation inside a piece      {float(np.corrcoef(moved.T)[0, 1]):6.2f}  ({len(moved)} stretches)")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pieces", type=int, default=48)
    options = parser.parse_args()
    from model.corpus.render import render_mix

    judged = []
    print("piece                               bpm  heard  sure  beatF  downF  bars  chords(root, kept)  parts")
    for piece, name in pieces(options.pieces):
        one = judge(piece, render_mix(piece), name)
        judged.append(one)
        roots = one.chord_roots[one.chord_sure]
        print(
            f"{name[:34]:<34} {one.tempo:5.0f} {one.heard.tempo:6.1f} {one.heard.tempo_sure:5.2f} {one.beat_f:6.2f} {one.downbeat_f:6.2f} "
            f"{one.heard.bars_sure:5.2f}  {roots.mean() if len(roots) else float('nan'):5.2f} {len(roots):3d}/{len(one.chord_roots):<3d}"
            f"          {one.parts_right:3.0f}",
            flush=True,
        )
    print()
    print(table(judged))
    print(
        f"\nkept are: tempo {listening.TEMPO_SURE}, beats {listening.BEATS_SURE}, bars {listening.BARS_SURE}, "
        f"alone {listening.ALONE_SURE}, root {listening.ROOT_SURE}, chord {listening.CHORD_SURE}, parts {listening.PARTS_SURE}"
    )


if __name__ == "__main__":
    main()
