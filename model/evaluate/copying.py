"""Kind `copying`: the longest run of notes that plans share with the training pieces, beside what held-out pieces share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np

from model.corpus.notes import Notes
from model.corpus.piece import make_piece
from model.corpus.real import split
from model.corpus.sounds import Studio
from model.corpus.sources import Sources, load_sources
from model.evaluate.bench import Bench
from model.evaluate.plans import make_choruses, notes_of_solo
from model.evaluate.result import Result
from model.metrics.copying import Floor, PhraseIndex, build_index, find_copies, line_of, stored_notes
from model.training.store import draw_persona

FIRST_TRAINING_SEED: Final = 1_000_000
"""Of the planner, see model.training.planner."""
PERSONAS: Final = 0.5


def training_notes(count: int, sources: Sources) -> Iterable[Notes]:
    """The notes of the first pieces that the planner's training makes, given the same sources."""
    own, studio = split(sources), Studio.full()
    for seed in range(FIRST_TRAINING_SEED, FIRST_TRAINING_SEED + count):
        yield make_piece(seed, persona=draw_persona(seed, PERSONAS), studio=studio, sources=own).notes


def _row(name: str, notes: Notes, indexes: dict[str, PhraseIndex]) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "line": float(sum(len(line_of(notes, part)) for part in (0, 3)))}
    for kind, index in indexes.items():
        match = find_copies(notes, index)
        row |= {f"{kind}": float(match.notes), f"{kind}, share": match.share, f"{kind}, covered": match.covered}
    return row


def _figures(kind: str, model: Sequence[dict[str, Any]], others: Sequence[dict[str, Any]]) -> dict[str, float]:
    """How the model's runs stand to those of as long plans that are not in the training."""
    ours, floor = (np.array([row[kind] for row in rows]) for rows in (model, others))
    level = Floor(floor.astype(np.int64), np.zeros(len(floor)))
    middle = float(np.median(ours))
    below = [float(np.mean(level.notes < notes)) for notes in ours]
    return {
        f"{kind}: longest": float(ours.max()), f"{kind}: longest of the held-out": float(floor.max()), f"{kind}: median": middle,
        f"{kind}: median of the held-out": float(np.median(floor)),
        f"{kind}: share of plans beyond 95 % of the held-out": float(np.mean([share >= 0.95 for share in below])),
    }  # fmt: skip


def measure_copying(bench: Bench) -> Result:
    """Piano lines of the cases; piano and horn lines of two choruses; against training pieces and, where there are any, real solos."""
    sources = load_sources()
    about = str(bench.store) if bench.store is not None else f"{bench.pieces} pieces from seed {FIRST_TRAINING_SEED} on"
    result = Result(
        f"Longest run of notes shared with training notes ({about}), in any key: by intervals and rhythm, and by intervals alone, in notes;"
        " its share of the line; share of the line in runs of eight notes or more. Held-out: the corpus' band on the same charts."
    )
    kept = list(stored_notes(bench.store)[0] if bench.store is not None else training_notes(bench.pieces, sources))
    bench.progress(f"copying: {len(kept)} training pieces")
    indexes = {"intervals and rhythm": build_index(kept), "intervals": build_index(kept, rhythm=False)}
    own, held = split(sources), split(sources, held_out=True)
    if own.solos:
        solos = [notes_of_solo(solo) for solo in own.solos]
        indexes |= {"real solos": build_index(solos), "real solos, intervals": build_index(solos, rhythm=False)}
    else:
        result.skipped = ("real solos: JAMD_CORPUS names none",)
    rows: dict[str, list[dict[str, Any]]] = {"model": [], "corpus, held out": [], "model, choruses": [], "corpus, held out, choruses": []}
    for case in bench.cases:
        rows["model"].append(_row(str(case.index), bench.model_case(case).notes, indexes))
        rows["corpus, held out"].append(_row(str(case.index), bench.corpus_piece(case).notes, indexes))
    for number, chorus in enumerate(make_choruses(bench, min(bench.some, len(bench.cases)))):
        rows["model, choruses"].append(_row(str(number), chorus.model, indexes))
        rows["corpus, held out, choruses"].append(_row(str(number), chorus.corpus, indexes))
    if held.solos:
        rows["real solos, held out"] = [_row(solo.title, notes_of_solo(solo), indexes) for solo in held.solos]
    for kind in indexes:
        for what in ("", ", choruses"):
            found = _figures(kind, rows[f"model{what}"], rows[f"corpus, held out{what}"])
            result.figures |= {f"{name}{what}": value for name, value in found.items()}
    result.rows = rows
    return result
