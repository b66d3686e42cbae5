"""Kind `note`: does the player play what is planned? basic-pitch's notes against the planned ones.

Who plays a heard note is not known. Recall of a part group counts its own planned notes; precision counts the heard notes on its side
of the pitch that best parts the planned bass from the rest, whoever planned them. One heard note answers one planned note.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.units import PARTS, SAMPLE_RATE
from model.corpus.notes import Notes
from model.evaluate.bench import Bench, Floats, read
from model.evaluate.result import Result
from model.generator.models import Models
from model.generator.voice import Voice
from model.metrics import transcribe
from model.metrics.heard import DRUMS, HeardNotes

WINDOW_S: Final = 0.05
BASS: Final = PARTS.index("bass")


@dataclass(frozen=True)
class Matched:
    """Planned notes, tuned ones only, and heard ones, each with what answers it (-1: nothing)."""

    planned: Notes
    heard: HeardNotes
    heard_of: NDArray[np.int64]
    """Shape: [planned]."""
    planned_of: NDArray[np.int64]
    """Shape: [heard]."""


def match(planned: Notes, heard: HeardNotes, window: float = WINDOW_S) -> Matched:
    """As many pairs as possible of equal pitch whose onsets are at most `window` seconds apart.

    Args:
        planned: fields part, pitch, start; drums are left out.
        heard: fields pitch, start.
    """
    tuned = planned[planned["part"] != DRUMS]
    one, two = np.full(len(tuned), -1, np.int64), np.full(len(heard), -1, np.int64)
    for pitch in np.intersect1d(tuned["pitch"], heard["pitch"]):
        mine, theirs = np.nonzero(tuned["pitch"] == pitch)[0], np.nonzero(heard["pitch"] == pitch)[0]
        mine, theirs = mine[np.argsort(tuned["start"][mine])], theirs[np.argsort(heard["start"][theirs])]
        i = j = 0
        while i < len(mine) and j < len(theirs):
            apart = float(heard["start"][theirs[j]] - tuned["start"][mine[i]])
            if abs(apart) <= window:
                one[mine[i]], two[theirs[j]] = theirs[j], mine[i]
                i, j = i + 1, j + 1
            elif apart > 0:
                i += 1
            else:
                j += 1
    return Matched(tuned, heard, one, two)


def parting(planned: Notes) -> int:
    """The highest pitch that counts as bass: fewest planned notes lie on the wrong side. -1 without a bass, 127 without others."""
    bass = planned["pitch"][planned["part"] == BASS].astype(np.int64)
    rest = planned["pitch"][(planned["part"] != BASS) & (planned["part"] != DRUMS)].astype(np.int64)
    if len(bass) == 0 or len(rest) == 0:
        return -1 if len(bass) == 0 else 127
    pitches = np.arange(20, 90)
    wrong = (bass[:, None] > pitches).sum(axis=0) + (rest[:, None] <= pitches).sum(axis=0)
    return int(pitches[int(wrong.argmin())])


def scores(found: Matched) -> dict[str, float]:
    """Precision, recall and F1 of the bass, of piano and horn, and of both; median lag of the pairs in ms. nan: nothing there."""
    out: dict[str, float] = {}
    border = parting(found.planned)
    ours = {"bass": found.planned["part"] == BASS, "upper": found.planned["part"] != BASS, "all": found.planned["part"] >= 0}
    low = found.heard["pitch"] <= border
    theirs = {"bass": low, "upper": ~low, "all": found.heard["pitch"] >= 0}
    for group, mine in ours.items():
        recall = float(np.mean(found.heard_of[mine] >= 0)) if mine.any() else float("nan")
        if not mine.any():
            precision = float("nan")
        else:
            precision = float(np.mean(found.planned_of[theirs[group]] >= 0)) if theirs[group].any() else 0.0
        f1 = 2 * precision * recall / (precision + recall) if precision + recall > 0 else precision + recall
        out |= {f"{group}_precision": precision, f"{group}_recall": recall, f"{group}_f1": f1}
    pairs = np.nonzero(found.heard_of >= 0)[0]
    late = found.heard["start"][found.heard_of[pairs]] - found.planned["start"][pairs]
    out["heard_by_planned"] = len(found.heard) / len(found.planned) if len(found.planned) else float("nan")
    out["lag_ms"] = float(np.median(late) * 1000) if len(pairs) else float("nan")
    return out


class _Deaf:
    """A voice that never sees the plan."""

    def __init__(self, voice: Voice) -> None:
        self.voice = voice

    def play(
        self, controls: Floats, roll: Floats, temperature: float, top_p: float, guidance: float, excitation: Floats | None = None
    ) -> Floats:
        return self.voice.play(controls, np.zeros_like(roll), temperature, top_p, guidance)

    def feed(self, codes: NDArray[np.int64], controls: Floats, roll: Floats) -> Floats:
        return self.voice.feed(codes, controls, np.zeros_like(roll))

    def set_style(self, style: Floats | None) -> None:
        self.voice.set_style(style)

    @property
    def codes(self) -> NDArray[np.int64]:
        return self.voice.codes


@dataclass(frozen=True)
class Withheld(Models):
    """The same networks; the player does not get the plan."""

    def voice(self, seed: int) -> Voice:
        return _Deaf(super().voice(seed))


def withheld(models: Models) -> Withheld:
    """Models that plan and play as they do, but each for itself."""
    return Withheld(**{item.name: getattr(models, item.name) for item in fields(models)})


def measure_note(bench: Bench) -> Result:
    """The model, the corpus with its own notes (the ceiling), the same through the codec, and the model with the plan withheld."""
    result = Result(
        "basic-pitch's notes against the planned ones: pitch exact, onset within 50 ms. `upper`: piano and horn. The corpus' own audio"
        " against its own notes is the ceiling, the player that never sees the plan (guidance 1) the bottom."
    )
    if not transcribe.available():
        result.skipped = ("no transcriber: scripts/evaluation.sh installs onnxruntime",)
        return result
    levels = bench.models.player.config.levels
    deaf = withheld(bench.models)

    def row(name: str, audio: Floats, notes: Notes) -> dict[str, Any]:
        return {"name": name, **scores(match(notes, transcribe.transcribe(audio, SAMPLE_RATE)))}

    sources: dict[str, list[dict[str, Any]]] = {}
    for case in bench.cases:
        played = bench.model_case(case)
        notes = bench.corpus_piece(case).notes
        blind = bench.play(bench.request(case, guidance=1.0), deaf)
        for source, audio, plan in (
            ("model", played.audio, played.notes),
            ("corpus", read(bench.corpus_file(case)), notes),
            (f"corpus through the codec, {levels} levels", read(bench.corpus_file(case, levels)), notes),
            ("plan withheld", blind.audio, blind.notes),
        ):
            sources.setdefault(source, []).append(row(f"{source} {case.index}", audio, plan))
        found = {source: rows[-1]["all_f1"] for source, rows in sources.items()}
        bench.progress(f"note {case.index}: F1 " + ", ".join(f"{source} {value:.2f}" for source, value in found.items()))
    result.rows = sources
    return result
