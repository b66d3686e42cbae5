"""Kind `instruments`: is the instrument that is asked for the one that is heard? By musicnn, which knows neither model nor corpus."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.units import PARTS, SAMPLE_RATE
from model.corpus.render import render_mix
from model.corpus.sampler import instruments_folder
from model.corpus.sounds import Sound
from model.evaluate.bench import Bench, Case, Floats, make_cases
from model.evaluate.result import Result
from model.layers.timbres import INSTRUMENTS, KITS
from model.metrics import fad
from model.style.words import SOUNDS, Style
from model.training.timbres import sound_of

CLIP_S: Final = 8.0
LISTENED: Final = 3
"""Charts on which the corpus plays each instrument to be known by,"""
PLAYED: Final = 2
"""and others on which it is to be told."""


def known_sounds() -> dict[str, list[Sound]]:
    """Sounds of each part that can be rendered here: without sampled instruments those of the soundfont."""
    out: dict[str, list[Sound]] = {}
    for part, names in {**INSTRUMENTS, "drums": KITS}.items():
        sounds = [sound_of(part, name) for name in names]
        out[part] = [sound for sound in sounds if sound.soundfont is not None or instruments_folder() is not None]
    return out


def _cases() -> tuple[list[Case], list[Case]]:
    cases = [case.lasting(CLIP_S, 2) for case in make_cases(LISTENED + PLAYED)]
    return cases[:LISTENED], cases[LISTENED:]


def _corpus(bench: Bench, case: Case, sound: Sound) -> Floats:
    """The rule-based band's player alone on a sound. Shape: [frames, 2]."""
    piece = bench.corpus_piece(case, parts=[part == sound.part for part in PARTS])
    return render_mix(replace(piece, sounds={**piece.sounds, sound.part: sound}))


def _model(bench: Bench, case: Case, sound: Sound) -> Floats:
    """The model's. Shape: [frames, 2]."""
    asked = Style(case.feel, {**SOUNDS, sound.part: sound.name})
    return bench.play(bench.request(case, style=asked, parts={part: part == sound.part for part in PARTS})).audio


def _ear(audio: Floats) -> NDArray[np.float64]:
    return np.asarray(fad.embed(audio, SAMPLE_RATE), np.float64).mean(axis=0)


def told_apart(references: NDArray[np.float64], heard: NDArray[np.float64], middle: NDArray[np.float64]) -> NDArray[np.int64]:
    """The instrument whose reference each sound is nearest to, by direction from a middle, numbers scaled by their spread over clips.

    Shape: references [sounds, clips, size], heard [count, size], middle [size]: that of `heard` is taken for it, to [count].
    """
    centres = references.mean(axis=1)
    spread = np.sqrt(((references - centres[:, None]) ** 2).mean(axis=(0, 1))) + 1e-3
    one, other = (heard - middle) / spread, (centres - centres.mean(axis=0)) / spread
    cosine = one @ other.T / (np.linalg.norm(one, axis=1)[:, None] * np.linalg.norm(other, axis=1) + 1e-9)
    return np.asarray(cosine.argmax(axis=1), np.int64)


def measure_instruments(bench: Bench) -> Result:
    """A part alone, each of its instruments in turn: the share that is nearest to its own among the part's."""
    result = Result(
        f"A part alone, {CLIP_S:g} s, each of its instruments asked for on {PLAYED} charts. Right: the mean embedding by {fad.EMBEDDING} is"
        f" nearest to that of the corpus' band on the same instrument and {LISTENED} other charts, of all instruments of the part. `apart`:"
        " the same with what all instruments of a source have in common taken off, as what is left is what asking for one does."
        " `corpus`: its own band on the charts that the model plays."
    )
    if not fad.available():
        result.skipped = ("musicnn is not installed: scripts/evaluation.sh installs it",)
        return result
    listened, played = _cases()
    rows: dict[str, list[dict[str, Any]]] = {"model": [], "corpus": []}
    for part, sounds in known_sounds().items():
        references = np.stack([np.stack([_ear(_corpus(bench, case, sound)) for case in listened]) for sound in sounds])
        common = references.mean(axis=(0, 1))
        makers: dict[str, Callable[[Bench, Case, Sound], Floats]] = {"model": _model, "corpus": _corpus}
        said = []
        for source, make in makers.items():
            heard = np.stack([np.stack([_ear(make(bench, case, sound)) for case in played]) for sound in sounds])
            plain, apart = (
                told_apart(references, heard.reshape(-1, heard.shape[-1]), middle).reshape(heard.shape[:2])
                for middle in (common, heard.mean(axis=(0, 1)))
            )
            for index, sound in enumerate(sounds):
                for one, two in zip(plain[index], apart[index], strict=True):
                    found = {part: float(one == index), f"{part}, apart": float(two == index)}
                    rows[source].append({"name": f"{part}: {sound.name}, as {sounds[int(two)].name}", **found})
            own = np.arange(len(sounds))[:, None]
            said.append(f"{source} {(plain == own).mean():.2f}, apart {(apart == own).mean():.2f}")
        bench.progress(f"instruments, {part} (chance {1 / len(sounds):.2f}): " + "; ".join(said))
        result.figures[f"{part}, instruments"] = float(len(sounds))
    result.rows = rows
    return result
