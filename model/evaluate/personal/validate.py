"""Do the measures tell players apart? `python -m model.evaluate.personal.validate OUT`.

Personas of the corpus, each leading all four parts, or its own part alone. Each plays some charts: the reference. All of them then play
other charts, the same for everybody, as base and adapter do. For every pair of personas a measure is right where the persona comes out
nearer to itself than the other does. There is no model and no codec in this.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from jamd.contract.units import PARTS
from model.corpus.personas import PERSONAS, Persona
from model.corpus.piece import make_piece
from model.corpus.render import render_mix
from model.corpus.sounds import Studio
from model.evaluate.bench import Case, make_cases
from model.evaluate.personal.clips import Asked, Clip, hear
from model.evaluate.personal.compare import Comparison, measure
from model.evaluate.personal.reference import Reference
from model.evaluate.personal.requests import Options
from model.metrics.heard import Floats
from model.metrics.plain import plain
from model.style.encoder import StyleEncoder

FIRST_SEED: Final = 700_000_000
"""Of the pieces; no training takes seeds from here."""
CHARTS: Final = (16, 8)
"""Of the reference, and of the renders."""
CASE_S: Final = 12.0


def charts() -> list[Case]:
    """In four, at 80 to 240 bpm."""
    found = [case.lasting(CASE_S) for case in make_cases(2 * sum(CHARTS)) if case.chart.beats_per_bar == 4 and case.feel != "ballad"]
    return found[: sum(CHARTS)]


def play(persona: Persona, case: Case, alone: bool, studio: Studio) -> Floats:
    """A persona's own part, or all four, on a chart. Shape: [frames, 2]."""
    seed = FIRST_SEED + 1000 * PERSONAS.index(persona) + case.index
    parts = [not alone or name == persona.part for name in PARTS]
    return render_mix(
        make_piece(seed, persona=persona, studio=studio, chart=case.chart, tempo=case.tempo, bars=case.bars, parts=parts)
    )  # fmt: skip


def hear_persona(persona: Persona, alone: bool, studio: Studio, style: StyleEncoder | None) -> list[Clip]:
    """What it plays on all charts."""
    return [
        hear(play(persona, case, alone, studio), style, name=f"{persona.name} {case.index}", asked=Asked(case.chart, case.tempo))
        for case in charts()
    ]


def choose(count: int, part: str | None, seed: int = 5) -> list[Persona]:
    """Personas at random, or such as play a part."""
    known = [persona for persona in PERSONAS if part is None or persona.part == part]
    return [known[place] for place in np.random.default_rng(seed).permutation(len(known))[:count]]


def hold(heard: Mapping[str, Sequence[Clip]]) -> list[dict[str, Any]]:
    """Every persona's renders, and those of all others, against its reference."""
    rows: list[dict[str, Any]] = []
    for name, clips in heard.items():
        names = [name, *(other for other in heard if other != name)]
        reference = Reference(tuple(clips[: CHARTS[0]]), (), (), "")
        rows += rows_of(measure({who: heard[who][CHARTS[0] :] for who in names}, reference, Options(draws=30, bootstraps=2)))
    return rows


def rows_of(found: Comparison) -> list[dict[str, Any]]:
    """A row a measure and other player: the player another time (floor), the same persona's renders, the other's."""
    who, *others = found.players
    rows = [
        {"persona": who, "other": other, "measure": one.name, "better": one.better, "floor": found.floors[one.name].value,
         "same": found.values[who][one.name].value, "value": found.values[other][one.name].value}
        for one in found.measures for other in others
    ]  # fmt: skip
    sums = {name: float(np.mean(list(terms.values()))) for name, terms in found.terms.items()}
    return rows + [
        {"persona": who, "other": other, "measure": "distance to the player", "better": "lower", "floor": 0.0, "same": sums[who],
         "value": sums[other]} for other in others if sums
    ]  # fmt: skip


def judge(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """By measure: share of the pairs that are right (ties count half), and the mean floor, same and other."""
    out = []
    for name in dict.fromkeys(row["measure"] for row in rows):
        own = [row for row in rows if row["measure"] == name]
        table = np.array([[row["floor"], row["same"], row["value"]] for row in own], float)
        kind = own[0]["better"]
        known = np.isfinite(table if kind == "near" else table[:, 1:]).all(axis=1)
        if not known.any():
            continue
        floor, same, other = table[known].T
        gain = other - same if kind == "lower" else same - other if kind == "higher" else abs(other - floor) - abs(same - floor)
        right = float(np.mean((gain > 0) + 0.5 * (gain == 0)))
        out.append({"measure": name, "pairs": int(known.sum()), "right": right, "floor": float(floor.mean()), "same": float(same.mean()),
                    "other": float(other.mean())})  # fmt: skip
    return out


def to_markdown(judged: Sequence[Mapping[str, Any]]) -> str:
    """As docs/evaluation.md has it."""
    lines = ["| measure | pairs | right | halves of the reference | the same player | another player |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {row['measure']} | {row['pairs']} | {row['right']:.2f} | {row['floor']:.3g} | {row['same']:.3g} | {row['other']:.3g} |"
        for row in judged
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--personas", type=int, default=12)
    parser.add_argument("--alone", choices=PARTS, help="personas that play this part, alone")
    parser.add_argument("--studio", choices=("plain", "full"), default="full", help="full: every sound of this machine, recordings")
    options = parser.parse_args()
    from model.generator.models import load_models

    studio = Studio.full() if options.studio == "full" else Studio()
    style = load_models("small").style
    heard: dict[str, list[Clip]] = {}
    for persona in choose(options.personas, options.alone):
        heard[persona.name] = hear_persona(persona, options.alone is not None, studio, style)
        print(f"{persona.name} heard", flush=True)
    rows = hold(heard)
    options.out.mkdir(parents=True, exist_ok=True)
    name = options.alone or "band"
    (options.out / f"{name}.json").write_text(json.dumps(plain(rows), indent=1))
    print(to_markdown(judge(rows)))


if __name__ == "__main__":
    main()
