"""Kind `fad`: Fréchet distance (musicnn) of the model's renders to the corpus', beside what another corpus performance comes to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jamd.contract.units import SAMPLE_RATE
from model.evaluate.bench import Bench, Case, read
from model.evaluate.result import Result
from model.metrics import fad

FEWEST = 2
"""Cases."""


def measure_fad(bench: Bench) -> Result:
    """All sets are of the same charts, tempos and lengths, so that their number of embeddings is the same."""
    result = Result(
        f"FAD by {fad.EMBEDDING}, to the corpus' renders of the cases. The floor is the corpus' band playing the same charts another time;"
        " the codec's set is that other performance through the codec at the player's levels. The corpus' band has a grand in 62 % of its"
        " pieces, an upright bass in 85 %, brushes here and there; the model has its usual instruments, and is asked for those of the other"
        " performance. The model's plan on that performance's instruments is what its notes alone come to. All sets are equally large."
        " The cases are played by rules; the planner learned from them, from personas and from human drummers and pianists:"
        " `to notes as they were learnt` is the distance to such performances of the same charts, on the same instruments."
        " `extrapolated` has the bias of the number of samples taken off."
    )
    if not fad.available():
        result.skipped = ("musicnn is not installed: scripts/evaluation.sh installs it",)
        return result
    if len(bench.cases) < FEWEST:
        result.skipped = (f"{len(bench.cases)} cases are too few",)
        return result
    levels = bench.models.player.config.levels

    def embeddings(name: str, path_of: Callable[[Case], Path]) -> list[NDArray[np.float32]]:
        bench.progress(f"fad: {name}")
        return [fad.embed(read(path_of(case)), SAMPLE_RATE) for case in bench.cases]

    groups = embeddings("corpus", bench.reference_file)
    learnt = np.concatenate(embeddings("learnt", bench.learnt_file))
    reference = np.concatenate(groups)
    sets = {
        "corpus, another time": np.concatenate(embeddings("floor", lambda case: bench.reference_file(case, other=True))),
        f"corpus, another time, codec with {levels} levels": np.concatenate(
            embeddings("codec", lambda case: bench.reference_file(case, levels, other=True))
        ),
        "model": np.concatenate(embeddings("model", bench.model_file)),
        "model, asked for that performance's instruments": np.concatenate(embeddings("model, instruments", bench.alike_file)),
        "model's plan, on that performance's instruments": np.concatenate(embeddings("model, plan", bench.plan_file)),
    }
    as_learnt = np.concatenate(embeddings("learnt, another time", lambda case: bench.learnt_file(case, other=True)))
    found = {name: fad.fad(reference, table) for name, table in sets.items()}
    for name, table in sets.items():
        result.figures[name] = found[name]
        if len(table) >= 16:
            result.figures[f"{name}, extrapolated"] = fad.extrapolated(reference, table)
    first, coded, model, alike, notes = found.values()
    result.figures |= {
        "model / corpus another time": model / max(first, 1e-9), "model / the same through the codec": model / max(coded, 1e-9),
        "asked for its instruments / corpus another time": alike / max(first, 1e-9),
        "the plan alone / corpus another time": notes / max(first, 1e-9),
        "embeddings a set": float(len(reference)), "full studio": float(bench.studio.recordings),
    }  # fmt: skip
    floor = fad.fad(learnt, as_learnt)
    result.figures |= {
        "to notes as they were learnt: the same, another time": floor,
        "to notes as they were learnt: the rules' notes": fad.fad(learnt, sets["corpus, another time"]),
    }  # fmt: skip
    for name in (name for name in sets if name.startswith("model")):
        distance = fad.fad(learnt, sets[name])
        result.figures[f"to notes as they were learnt: {name}"] = distance
        result.figures[f"to notes as they were learnt: {name} / the same, another time"] = distance / max(floor, 1e-9)
    result.figures["rules' notes: notes as they were learnt"] = fad.fad(reference, as_learnt)
    if len(groups) >= 4:
        result.figures["halves of the corpus' renders"], result.figures["halves, deviation"] = fad.floor(groups)
    return result
