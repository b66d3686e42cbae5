"""Do the measures tell players apart? `python -m model.evaluate.personal.validate OUT`.

Personas of the corpus, each leading all four parts. Each plays some charts, heard as recordings are: the reference. All of them then play
other charts, the same for everybody, as renders are: what `jamd evaluate` does with recordings and models. For every pair of personas a
measure is right where the persona comes out nearer to itself than the other does. There is no model and no codec in this.

`--write` puts what is found into `fitted.py`: mean and spread of the audio features, the usual spectrum, and how far other players are on
each measure. Where the audio features have changed, run it twice.
"""

from __future__ import annotations

import argparse
import json
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from jamd.contract.units import SAMPLE_RATE
from model.corpus.personas import PERSONAS, Persona, training_personas
from model.corpus.piece import make_piece
from model.corpus.render import render_mix
from model.corpus.sounds import Studio
from model.evaluate.bench import Case, make_cases
from model.evaluate.personal import fitted
from model.evaluate.personal.clips import Asked, Clip, hear
from model.evaluate.personal.compare import Comparison, measure
from model.evaluate.personal.measures import DISTANCES
from model.evaluate.personal.reference import Reference
from model.evaluate.personal.requests import Options
from model.evaluate.personal.spectrum import hear_spectrum, levelled
from model.evaluate.personal.timeline import of_heard, of_request
from model.generator.clip import ClipRequest
from model.learning.listening import Ear
from model.metrics.heard import Doubles, Floats
from model.metrics.plain import plain
from model.style.encoder import StyleEncoder

FIRST_SEED: Final = 700_000_000
"""Of the pieces; no training takes seeds from here."""
CASES: Final = (16, 8)
"""Charts of the reference, and of the renders."""
CASE_S: Final = 12.0
SCALE_PIECES: Final = 96
LEAST_SPREAD: Final = 1e-3
"""Of an audio feature."""


def lasting(seed: int, persona: Persona, seconds: float, studio: Studio) -> Floats:
    """A piece of a persona of about so many seconds. Shape: [frames, 2]."""
    piece = make_piece(seed, persona=persona, studio=studio)
    bars = max(round(seconds * piece.tempo / 60 / piece.beats_per_bar), 2)
    return render_mix(make_piece(seed, persona=persona, studio=studio, bars=bars))


def charts() -> list[Case]:
    """In four, at 80 to 240 bpm."""
    found = [case.lasting(CASE_S) for case in make_cases(2 * sum(CASES)) if case.chart.beats_per_bar == 4 and case.feel != "ballad"]
    return found[: sum(CASES)]


def play(persona: Persona, case: Case, studio: Studio) -> Floats:
    """A persona leads all parts through a chart. Shape: [frames, 2]."""
    seed = FIRST_SEED + 1000 * PERSONAS.index(persona) + case.index
    piece = make_piece(seed, persona=persona, studio=studio, chart=case.chart, tempo=case.tempo, bars=case.bars, parts=[True] * 4)
    return render_mix(piece)


def hear_persona(persona: Persona, studio: Studio, style: StyleEncoder | None) -> tuple[list[Clip], list[Clip]]:
    """The reference, its beats and chords heard; and the renders, theirs known."""
    recorded, rendered = [], []
    for number, case in enumerate(charts()):
        audio = play(persona, case, studio)
        name = f"{persona.name} {case.index}"
        if number < CASES[0]:
            heard = Ear(levelled(audio), SAMPLE_RATE).hear()
            recorded.append(hear(audio, of_heard(heard), style, name=name))
        else:
            request = ClipRequest(case.chart, case.tempo, case.frames)
            rendered.append(hear(audio, of_request(request), style, name=name, asked=Asked(case.chart, case.tempo)))
    return recorded, rendered


def scales(studio: Studio, pieces: int = SCALE_PIECES) -> tuple[Doubles, Doubles, Doubles]:
    """Mean and spread of the audio features, and the mean spectrum, over pieces of the personas that trainings use.

    Returns:
        Shapes [features], [features], [bands].
    """
    known = training_personas()
    heard = [hear_spectrum(levelled(lasting(FIRST_SEED - 1 - index, known[index % len(known)], 12.0, studio))) for index in range(pieces)]
    table = np.array([one.features for one in heard])
    return table.mean(axis=0), np.maximum(table.std(axis=0), LEAST_SPREAD), np.mean([one.mean for one in heard], axis=0)


def rows_of(found: Comparison) -> list[dict[str, Any]]:
    """A row a measure and other player: the player another time (floor), the same persona's renders, the other's."""
    who, *others = found.players
    rows = [
        {"persona": who, "other": other, "measure": one.name, "better": one.better, "floor": found.floors[one.name].value,
         "same": found.values[who][one.name].value, "value": found.values[other][one.name].value}
        for one in found.measures for other in others
    ]  # fmt: skip
    rows += [
        {"persona": who, "other": other, "measure": "distance to the player", "better": "lower", "floor": 0.0,
         "same": found.apart[who], "value": found.apart[other]} for other in others if found.terms
    ]  # fmt: skip
    return rows


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


def typical(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """How far other players are from a player on each distance, less the floor: the mean over the pairs."""
    out = {}
    for one in DISTANCES:
        found = [row["value"] - row["floor"] for row in rows if row["measure"] == one.name]
        found = [value for value in found if np.isfinite(value)]
        if found and np.mean(found) > 0:
            out[one.name] = float(np.mean(found))
    return out


def write_fitted(mean: Doubles, spread: Doubles, spectrum: Doubles, terms: Mapping[str, float], path: Path) -> None:
    """Write `fitted.py`."""

    def array(name: str, values: Doubles, about: str) -> list[str]:
        lines = [f"{name}: Final = np.array(["]
        for start in range(0, len(values), 10):
            lines.append("    " + ", ".join(f"{value:.5g}" for value in values[start : start + 10]) + ",")
        return [*lines, "])", f'"""{about}"""']

    lines = [
        '"""Written by `python -m model.evaluate.personal.validate --write`, not by hand."""', "", "from __future__ import annotations", "",
        "from typing import Final", "", "import numpy as np", "", "# fmt: off",
    ]  # fmt: skip
    lines += array("MEAN", mean, "Of the audio features over the corpus. Shape: [features].")
    lines += array("SPREAD", spread, "Their standard deviation. Shape: [features].")
    lines += array("SPECTRUM", spectrum, "Mean log-mel spectrum of the corpus in dB. Shape: [80].")
    lines += ["TYPICAL: Final[dict[str, float]] = {", *(f'    "{name}": {value:.4g},' for name, value in terms.items()), "}"]
    lines += ['"""How far another player of the corpus is, less the floor; the terms of the distance to the player."""', "# fmt: on", ""]
    path.write_text("\n".join(lines))


def to_markdown(judged: Sequence[Mapping[str, Any]]) -> str:
    """As docs/evaluation.md has it."""
    lines = ["| measure | pairs | right | the player another time | the same player | another player |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {row['measure']} | {row['pairs']} | {row['right']:.2f} | {row['floor']:.3g} | {row['same']:.3g} | {row['other']:.3g} |"
        for row in judged
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--personas", type=int, default=12)
    parser.add_argument("--studio", choices=("plain", "full"), default="full")
    parser.add_argument("--write", action="store_true", help="write fitted.py anew")
    options = parser.parse_args()
    from model.generator.models import load_models

    studio = Studio.full() if options.studio == "full" else Studio()
    style = load_models("small").style
    chosen = [PERSONAS[place] for place in np.random.default_rng(5).permutation(len(PERSONAS))[: options.personas]]
    options.out.mkdir(parents=True, exist_ok=True)
    heard: dict[str, tuple[list[Clip], list[Clip]]] = {}
    for persona in chosen:
        path = options.out / f"{persona.name}.pickle"
        if not path.is_file():
            path.write_bytes(pickle.dumps(hear_persona(persona, studio, style)))
            print(f"{persona.name} heard", flush=True)
        heard[persona.name] = pickle.loads(path.read_bytes())
    rows: list[dict[str, Any]] = []
    for name, (recorded, rendered) in heard.items():
        players = {name: rendered, **{other: own[1] for other, own in heard.items() if other != name}}
        rows += rows_of(measure(players, Reference(tuple(recorded), (), (), ""), Options(draws=30, bootstraps=2)))
    (options.out / "validation.json").write_text(json.dumps(plain(rows)))
    print(to_markdown(judge(rows)))
    if options.write:
        write_fitted(*scales(studio), typical(rows), Path(fitted.__file__))


if __name__ == "__main__":
    main()
