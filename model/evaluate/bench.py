"""What all kinds of evaluation share: the cases, the models, and the renders of both, kept in files so that each is made once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray

from jamd.contract.chart import Chart
from jamd.contract.units import FRAME_SAMPLES, SAMPLE_RATE
from model.corpus.notes import Notes, make_notes
from model.corpus.piece import Piece, make_piece
from model.corpus.real import split
from model.corpus.render import render_mix
from model.corpus.songs import make_chart
from model.corpus.sounds import PLAIN, Studio
from model.corpus.sources import load_sources
from model.generator.clip import DEFAULT_GUIDANCE, ClipRender, ClipRequest, frames_of_bars
from model.generator.events import PlannedNote
from model.generator.models import Models, load_models
from model.generator.offline import write_wav
from model.style.words import Style
from model.training.planner import PERSONAS
from model.training.store import draw_persona

FIRST_SEED: Final = 800_000_000
"""Seeds of the test charts; training takes its own from 0 and from 1,000,000 on."""
OTHER_SEED: Final = FIRST_SEED + 1_000_000
"""Seeds of the corpus' second performance of each case."""
FEELS: Final = ("swing", "swing", "bossa", "swing", "modal", "waltz", "swing", "ballad")
TRIO: Final = {"piano": True, "bass": True, "drums": True, "horn": False}
CASE_S: Final = 16.0
BAND: Final = 2
"""Of the corpus' band: raised when it plays other notes, so that what was rendered of it before is made anew."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Case:
    index: int
    chart: Chart
    tempo: float
    feel: str
    bars: int

    @property
    def frames(self) -> int:
        """Length of its bars at 48 kHz."""
        return frames_of_bars(self.bars, self.tempo, self.chart.beats_per_bar)

    def lasting(self, seconds: float, fewest: int = 1) -> Case:
        """The same with as many whole bars as come nearest to a length."""
        return replace(self, bars=max(round(seconds * self.tempo / 60 / self.chart.beats_per_bar), fewest))


def make_cases(count: int) -> list[Case]:
    """Charts and tempos by seed, evenly over 80..240 bpm, of about 16 s."""
    out = []
    for index in range(count):
        rng = np.random.default_rng([FIRST_SEED, index])
        feel = FEELS[index % len(FEELS)]
        low, high = (56, 84) if feel == "ballad" else (80, 240)
        tempo = float(np.round(np.exp(rng.uniform(np.log(low), np.log(high)))))
        chart = make_chart(rng, feel)
        out.append(Case(index, chart, tempo, feel, 1).lasting(CASE_S, 4))
    return out


@dataclass(frozen=True)
class Sampling:
    """Knobs of the draws, see `Performer.set_sampling`."""

    temperature: float = 1.0
    top_p: float = 0.95
    guidance: float = DEFAULT_GUIDANCE


@dataclass(frozen=True)
class Played:
    """A render. `audio`: shape [frames, 2]; `notes`: what was planned, with times in seconds and beats."""

    audio: Floats
    notes: Notes


def notes_of(planned: Sequence[PlannedNote], tempo: float) -> Notes:
    """A plan as the corpus has its notes."""
    return make_notes([(n.part, n.pitch, float(n.velocity), n.beat, n.length) for n in planned], tempo)


@dataclass
class Bench:
    """Cases, models, and where renders are kept.

    A kind named in `anew` has its files made again, as they are when weights, sampling or cases are others than before.
    """

    out: Path
    cases: list[Case]
    sampling: Sampling = Sampling()
    name: str = "small"
    """Weights, see `load_models`."""
    given: Models | None = None
    """Take these instead."""
    anew: tuple[str, ...] = ()
    studio: Studio = PLAIN
    """Of the corpus renders that FAD and long renders are held against."""
    clip_s: float = 10.0
    """Of the clips that kinds render beside the cases."""
    some: int = 6
    """Cases of the kinds that render many clips a case."""
    long_s: float = 600.0
    store: Path | None = None
    """What the model was trained on, for copying; None: pieces by seed."""
    pieces: int = 1000
    """Pieces by seed for copying."""
    progress: Callable[[str], None] = print

    @cached_property
    def models(self) -> Models:
        return self.given or load_models(self.name)

    @cached_property
    def digest(self) -> str:
        """Of all weights."""
        found = hashlib.sha256()
        for module in (self.models.codec, self.models.planner, self.models.player, self.models.tones):
            if module is None:
                continue
            for name, value in module.state_dict().items():
                if isinstance(value, torch.Tensor):
                    found.update(name.encode())
                    found.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        return found.hexdigest()[:16]

    @cached_property
    def _checked(self) -> set[str]:
        return set()

    def request(self, case: Case, **given: Any) -> ClipRequest:
        """The trio plays a case; `given` are fields of a ClipRequest."""
        fields: dict[str, Any] = {
            "seed": case.index + 1, "style": Style(case.feel), "parts": TRIO, "temperature": self.sampling.temperature,
            "top_p": self.sampling.top_p, "guidance": self.sampling.guidance,
        }  # fmt: skip
        return ClipRequest(case.chart, case.tempo, case.frames, **(fields | given))

    def play(self, request: ClipRequest, models: Models | None = None) -> Played:
        """A clip of the model."""
        clip = ClipRender(models or self.models, request)
        while not clip.done:
            clip.advance()
        return Played(clip.audio, notes_of(clip.notes, request.tempo))

    def model_file(self, case: Case) -> Path:
        """The model's render of a case; its plan lies beside it."""
        self._check("model", "model-*", f"{self.digest} {self.sampling}")
        path = self.out / f"model-{case.index:03d}.wav"
        if not path.is_file():
            played = self.play(self.request(case))
            np.save(path.with_suffix(".npy"), played.notes)
            write_wav(path, played.audio)
        return path

    def alike_file(self, case: Case) -> Path:
        """The model's render of a case, asked for the instruments of the corpus' other performance."""
        kind = "alike" if self.studio == PLAIN else "full-alike"
        self._check(kind, f"{kind}-*", f"{self.digest} {self.sampling} {self.studio}")
        path = self.out / f"{kind}-{case.index:03d}.wav"

        def make() -> Floats:
            sounds = self.corpus_piece(case, other=True, studio=self.studio).sounds
            return self.play(self.request(case, style=Style(case.feel, {part: sound.name for part, sound in sounds.items()}))).audio

        return self._sound(path, make)

    def plan_file(self, case: Case) -> Path:
        """The model's plan of a case played on the instruments of the corpus' other performance: its notes without its sound."""
        kind = "plan" if self.studio == PLAIN else "full-plan"
        self._check(kind, f"{kind}-*", f"{self.digest} {self.sampling} {self.studio}")

        def make() -> Floats:
            return render_mix(replace(self.corpus_piece(case, other=True, studio=self.studio), notes=self.model_case(case).notes))

        return self._sound(self.out / f"{kind}-{case.index:03d}.wav", make)

    def learnt_file(self, case: Case, *, other: bool = False) -> Path:
        """The same with notes as training draws them: personas in half of them, drums and hand shapes of humans where there are any."""
        sources = split(load_sources(), held_out=True)
        kind = "learnt" if self.studio == PLAIN else "full-learnt"
        self._check(kind, f"{kind}-*", f"{BAND} {len(sources.grooves)} {len(sources.comping)} {self.studio}")

        def make() -> Floats:
            rules = self.corpus_piece(case, other=other, studio=self.studio)
            drawn = self.corpus_piece(case, other=other, sources=sources, persona=draw_persona(rules.seed, PERSONAS))
            return render_mix(replace(rules, notes=drawn.notes))

        return self._sound(self.out / f"{kind}-{'other-' if other else ''}{case.index:03d}.wav", make)

    def model_case(self, case: Case) -> Played:
        """The same, read."""
        path = self.model_file(case)
        return Played(read(path), np.load(path.with_suffix(".npy")))

    def corpus_piece(self, case: Case, *, other: bool = False, studio: Studio = PLAIN, **given: Any) -> Piece:
        """The rule-based band on the same chart; `other`: as it would play it another time. `given` is for `make_piece`."""
        fields: dict[str, Any] = {"density": 0.5, "energy": 0.5, "register": 0.5, "parts": [True, True, True, False]}
        seed = (OTHER_SEED if other else FIRST_SEED) + case.index
        fields |= {"chart": case.chart, "tempo": case.tempo, "bars": case.bars, "feel": case.feel, "studio": studio}
        return make_piece(seed, **(fields | given))

    def corpus_file(self, case: Case, levels: int | None = None, *, other: bool = False) -> Path:
        """The rule-based band's render of a case, through the codec if levels are given.

        Only FAD's sets (`other`, or another studio than the plain one) have other names than those of the plain comparison.
        """
        if levels is None:
            self._check("corpus", "corpus*-straight-*", f"{BAND}")
        else:
            self._check("codec", "corpus*-[0-9]*-[0-9]*", f"{BAND} {self.digest}")
        path = self.out / f"corpus{'-other' if other else ''}-{levels or 'straight'}-{case.index:03d}.wav"
        return self._sound(path, lambda: self._corpus(case, levels, other, PLAIN))

    def reference_file(self, case: Case, levels: int | None = None, *, other: bool = False) -> Path:
        """The same as the bench's studio records it."""
        if self.studio == PLAIN:
            return self.corpus_file(case, levels, other=other)
        self._check("studio", "studio-*", f"{BAND} {self.digest} {self.studio}")
        path = self.out / f"studio-{'other-' if other else ''}{levels or 'straight'}-{case.index:03d}.wav"
        return self._sound(path, lambda: self._corpus(case, levels, other, self.studio))

    def _corpus(self, case: Case, levels: int | None, other: bool, studio: Studio) -> Floats:
        audio = render_mix(self.corpus_piece(case, other=other, studio=studio))
        return audio if levels is None else self.through_codec(audio, levels)

    def through_codec(self, audio: Floats, levels: int) -> Floats:
        """Encoded and decoded with some levels, its delay taken off. Shape: [samples, 2]."""
        codec = self.models.codec
        padded = np.pad(audio, ((0, -len(audio) % FRAME_SAMPLES + FRAME_SAMPLES), (0, 0)))
        with torch.no_grad():
            codes = codec.encode(torch.from_numpy(padded.T.copy())[None].to(next(codec.parameters()).device), levels)
            out: Floats = codec.decode(codes)[0].cpu().numpy().T[codec.delay : codec.delay + len(audio)]
        return out

    def _sound(self, path: Path, make: Callable[[], Floats]) -> Path:
        if not path.is_file():
            write_wav(path, make())
        return path

    def _check(self, kind: str, pattern: str, key: str) -> None:
        """Once a kind: throw its files away if they were made of something else, or are to be made anew."""
        if kind in self._checked:
            return
        self._checked.add(kind)
        about = self.out / "renders.json"
        known = json.loads(about.read_text()) if about.is_file() else {}
        if kind in self.anew or known.get(kind) != key:
            for path in self.out.glob(pattern):
                if path.suffix in (".wav", ".npy"):
                    path.unlink()
        about.write_text(json.dumps(known | {kind: key}, indent=2))


def read(path: Path) -> Floats:
    """Sound of a file at 48 kHz. Shape: [frames, 2]."""
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate == SAMPLE_RATE
    return np.asarray(audio, np.float32)
