"""Kind `form`: at which distance planned lines are like themselves and how long their phrases are, beside real solos."""

from __future__ import annotations

from typing import Any, Final

from jamd.contract.units import PARTS
from model.corpus.notes import Notes
from model.corpus.real import split
from model.corpus.sources import load_sources
from model.evaluate.bench import Bench
from model.evaluate.plans import FORM_BARS, make_choruses, notes_of_solo
from model.evaluate.result import Result
from model.metrics.copying import LINES, line_of
from model.metrics.similarity import Phrases, bar_vectors, compare_phrases, lags, phrases

LAGS: Final = (1, 2, 4, 8, 16, 32)


def _row(name: str, notes: Notes, bars: int, part: str) -> tuple[dict[str, Any], Phrases]:
    """Likeness at some lags in bars, the best lag, and phrases of one part's line."""
    number = PARTS.index(part)
    found = lags(bar_vectors(notes, bars, 4, number))
    spoken = phrases(line_of(notes, number))
    marks = {f"likeness, {lag} bars": float(found.similarity[lag]) for lag in LAGS if lag < len(found.similarity)}
    return {"name": name, **marks, "best lag": float(found.best), "contrast": found.contrast, **spoken.summary()}, spoken


def measure_form(bench: Bench) -> Result:
    """Two choruses of 32 bars, planned by the model and by the corpus' band; real solos of as many bars or more if there are any."""
    result = Result(
        f"Lines of two choruses of {FORM_BARS} bars: mean likeness (pitch classes and rhythm, 0 to 1) of bars so far apart, the lag of the"
        " greatest, how far that stands out (`contrast`), and phrase lengths in notes and beats (a rest of more than a beat ends one)."
        " Below: Kolmogorov-Smirnov distance of phrase lengths, 0 to 1."
    )
    rows: dict[str, list[dict[str, Any]]] = {}
    spoken: dict[str, list[Phrases]] = {}

    def add(source: str, name: str, notes: Notes, bars: int, part: str) -> None:
        row, own = _row(name, notes, bars, part)
        rows.setdefault(source, []).append(row)
        spoken.setdefault(source, []).append(own)

    for index, chorus in enumerate(make_choruses(bench, min(bench.some, len(bench.cases)))):
        for part in LINES:
            add(f"model, {part}", str(index), chorus.model, chorus.case.bars, part)
            add(f"corpus, {part}", str(index), chorus.corpus, chorus.case.bars, part)
    solos = [solo for solo in split(load_sources(), held_out=True).solos if solo.beats_per_bar == 4 and solo.bars >= FORM_BARS]
    for solo in solos:
        add("real solos", solo.title, notes_of_solo(solo), solo.bars, "horn")
    pairs = [(f"model, {part}", f"corpus, {part}") for part in LINES]
    if solos:
        pairs += [("model, horn", "real solos"), ("model, piano", "real solos"), ("corpus, horn", "real solos")]
    else:
        result.skipped = ("real solos: JAMD_CORPUS names none",)
    for one, two in pairs:
        if all(any(len(item.notes) for item in spoken.get(name, [])) for name in (one, two)):
            for unit, distance in compare_phrases(spoken[one], spoken[two]).items():
                result.figures[f"phrases in {unit}: {one} to {two}"] = distance
    result.rows = rows
    return result
