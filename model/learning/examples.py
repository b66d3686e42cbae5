"""A clip as the trainings read it, kept as a folder: codes, controls, notes, styles and, where sure, events for the planner."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.units import FRAME_RATE, FRAME_SAMPLES, PARTS, SAMPLE_RATE
from model.conditioning import ROLL_WIDTH, Floats, roll
from model.generator.events import encode
from model.learning.clips import Clip, level
from model.learning.controls import EARLY, bar_start, first_bar, frame_controls, heard_chart, planner_contexts
from model.learning.recordings import Audio, read_stretch
from model.learning.transcription import transcribe_solo

if TYPE_CHECKING:
    from torch import Tensor

    from model.codec import Codec
    from model.style.encoder import StyleEncoder
    from model.training.planner import PlannerPiece
    from model.training.player import Item

LEAD_S: Final = 0.64
"""Played into the codec before a clip, so that its first codes know what came before. A whole number of steps."""
TAIL_S: Final = 4.0
"""Listened to after a clip, so that notes which last beyond it are known in full."""
STYLE_S: Final = 6
"""Seconds that the style encoder hears at once, as in the trainings."""


@dataclass(frozen=True)
class Example:
    """A prepared clip; what it holds is read when it is asked for."""

    folder: Path

    @cached_property
    def about(self) -> dict[str, Any]:
        """file, piece, start_s, end_s, held_out, given (groups of controls), heard (in words), plan (why or why not), remarks."""
        return json.loads((self.folder / "about.json").read_text())  # type: ignore[no-any-return]

    @property
    def held_out(self) -> bool:
        return bool(self.about["held_out"])

    @property
    def seconds(self) -> float:
        return self.steps / FRAME_RATE

    @property
    def steps(self) -> int:
        return len(self.codes)

    @cached_property
    def codes(self) -> NDArray[np.int16]:
        """Shape: [steps, levels of the codec]."""
        return np.load(self.folder / "codes.npy")  # type: ignore[no-any-return]

    @cached_property
    def before(self) -> NDArray[np.int16]:
        """Codes of the steps before the clip, -1 where it begins the recording. Shape: [HISTORY, levels]."""
        return np.load(self.folder / "before.npy")  # type: ignore[no-any-return]

    @cached_property
    def controls(self) -> Floats:
        """Shape: [steps, CONTROL_WIDTH]."""
        return np.load(self.folder / "controls.npy")  # type: ignore[no-any-return]

    @cached_property
    def notes(self) -> NDArray[Any] | None:
        """Transcribed notes (NOTE_DTYPE, seconds from the start of the clip); None: no plan is known."""
        path = self.folder / "notes.npy"
        return np.load(path) if path.exists() else None

    @cached_property
    def powers(self) -> Floats | None:
        """Power of the recording in the bands of the tones, middle and side. Shape: [steps, 2, bands]."""
        path = self.folder / "powers.npy"
        return np.load(path) if path.exists() else None

    @cached_property
    def orders(self) -> Floats | None:
        """Levels of the recording in bands, from the softest moment to the loudest (`model.evaluate.personal.spectrum`), in dB."""
        path = self.folder / "orders.npy"
        return np.load(path) if path.exists() else None

    @cached_property
    def styles(self) -> Floats:
        """Style embeddings of stretches of the clip. Shape: [n, style width]; n is 0 without a style encoder."""
        return np.load(self.folder / "styles.npy")  # type: ignore[no-any-return]

    def roll(self, start: int, steps: int) -> Floats:
        """The plan, or zeros where none is known. Shape: [steps, ROLL_WIDTH]."""
        return np.zeros((steps, ROLL_WIDTH), np.float32) if self.notes is None else roll(self.notes, start, steps)

    def draw(self, rng: np.random.Generator, steps: int, start: int | None = None) -> Item:
        """A crop as `model.training.player.draw` gives it: codes, controls, plan, codes before, style.

        Raises:
            ValueError: the clip is shorter than the crop.
        """
        if steps > self.steps:
            raise ValueError(f"a crop of {steps} steps from a clip of {self.steps}")
        start = int(rng.integers(self.steps - steps + 1)) if start is None else start
        codes = self.codes[start : start + steps].astype(np.int64)
        known = np.concatenate([self.before, self.codes[:start]])[-len(self.before) :].astype(np.int64)
        style = self.styles[int(rng.integers(len(self.styles)))].copy() if len(self.styles) else np.zeros(512, np.float32)
        return codes, self.controls[start : start + steps].copy(), self.roll(start, steps), known, style

    @cached_property
    def planned(self) -> Planned | None:
        """What the planner learns from; None where chords, bars or notes are not sure."""
        path = self.folder / "planner.npz"
        if not path.exists():
            return None
        with np.load(path) as file:
            return Planned(file["notes"], file["contexts"], float(self.about["bar_s"]), int(self.about["per_bar"]))

    def planner_piece(self) -> PlannerPiece | None:
        """The clip alone, for the planner's training; None where chords, bars or notes are not sure."""
        pieces = planner_pieces([self])
        return pieces[0] if pieces else None


@dataclass(frozen=True)
class Planned:
    """Notes and contexts of a clip from its first bar on."""

    notes: NDArray[Any]
    """NOTE_DTYPE; beats from the first bar on."""
    contexts: Floats
    """Shape: [beats + 1, CONTEXT_WIDTH]."""
    bar_s: float
    """Where the first bar begins, in seconds of the recording."""
    per_bar: int

    def beats_before(self, example: Example) -> int:
        """Whole beats of the first bar that lie before the clip."""
        tempo = float(example.about["tempo"])
        return max(int((float(example.about["start_s"]) - self.bar_s) * tempo / 60.0 + EARLY), 0) if tempo > 0 else 0

    def ends_at(self, tempo: float) -> float:
        """Where the bar after the last one begins, in seconds of the recording."""
        return self.bar_s + (len(self.contexts) - 1) * 60.0 / tempo


def planner_pieces(examples: Sequence[Example]) -> list[PlannerPiece]:
    """Sure notes on sure charts; clips that follow each other on the same bar lines are one piece, so that notes know those before."""
    from model.training.planner import PlannerPiece

    runs: list[list[tuple[Example, Planned]]] = []
    for example in sorted(examples, key=lambda one: (one.about["file"], one.about["start_s"])):
        planned = example.planned
        if planned is None:
            continue
        if runs and _goes_on(*runs[-1][-1], example, planned):
            runs[-1].append((example, planned))
        else:
            runs.append([(example, planned)])
    out = []
    for run in runs:
        skipped = run[0][1].beats_before(run[0][0])  # of the first bar, what the clip does not have is no rest
        notes, contexts, beat = [], [], -skipped
        for _, planned in run:
            moved = planned.notes.copy()
            moved["beat"] += beat
            beat += len(planned.contexts) - 1
            notes.append(moved)
            contexts.append(planned.contexts[:-1])
        contexts.append(run[-1][1].contexts[-1:])
        rows = np.concatenate(contexts)[skipped:]
        events, beats = encode(np.concatenate(notes))
        styles = [example.styles for example, _ in run if len(example.styles)]
        out.append(PlannerPiece(events, np.minimum(beats, len(rows) - 1), rows, (), np.concatenate(styles) if styles else None))
    return out


def _goes_on(last: Example, before: Planned, example: Example, planned: Planned) -> bool:
    """Whether a clip begins with the bar in which the last one ended."""
    tempo = float(last.about["tempo"])
    near = tempo > 0 and abs(before.ends_at(tempo) - planned.bar_s) < 0.25 * 60.0 / tempo
    return bool(near and example.about["file"] == last.about["file"] and before.per_bar == planned.per_bar)


def audio_with_lead(clip: Clip, tail_s: float = 0.0) -> tuple[Audio, int]:
    """Levelled sound of a clip after a lead-in, and the steps of that: 0 where the recording begins. Shape: [frames, 2].

    Args:
        tail_s: of what comes after the clip, silence where nothing does.
    """
    lead = LEAD_S if clip.start_s >= LEAD_S else 0.0
    sound = read_stretch(clip.recording, clip.start_s - lead, clip.end_s + tail_s)
    return level(sound, clip.gain, clip.offset), round(lead * FRAME_RATE)


def write_example(clip: Clip, folder: Path, codec: Codec, style: StyleEncoder | None) -> None:
    """Make everything of a clip in a folder that is there and empty.

    Raises:
        FailureError: the recording cannot be read any more.
    """
    import torch

    from model.evaluate.personal.spectrum import hear_spectrum, levelled
    from model.generator.player import HISTORY

    sound, lead = audio_with_lead(clip)
    device = codec.basis.device
    with torch.no_grad():
        waves = torch.from_numpy(np.ascontiguousarray(sound.T))[None].to(device)
        whole = codec.encode(waves, codec.config.levels)[0]
        np.save(folder / "powers.npy", band_powers(codec, waves)[lead:])
    codes = whole.cpu().numpy().astype(np.int16)
    before = np.full((HISTORY, codes.shape[1]), -1, np.int16)
    if lead:
        before[:] = codes[lead - HISTORY : lead]
    codes, sound = codes[lead:], sound[lead * FRAME_SAMPLES :]
    controls, given = frame_controls(clip.heard, len(codes))
    np.save(folder / "codes.npy", codes)
    np.save(folder / "before.npy", before)
    np.save(folder / "controls.npy", controls)
    np.save(folder / "styles.npy", embed(sound, style))
    np.save(folder / "orders.npy", hear_spectrum(levelled(sound)).orders.astype(np.float32))
    plan, planner = _write_plan(clip, folder)
    chart = heard_chart(clip.heard)
    about = {
        "file": str(clip.recording.path), "piece": clip.piece, "start_s": clip.start_s, "end_s": clip.end_s, "gain": clip.gain,
        "held_out": clip.held_out, "given": given, "heard": clip.heard.line(), "key": clip.heard.key, "tempo": clip.heard.tempo,
        "parts": _names(clip.heard.parts), "bar_s": clip.start_s + bar_start(clip.heard), "per_bar": clip.heard.per_bar,
        "chart": "" if chart is None else chart.text(),
        "plan": plan, "planner": planner, "remarks": list(clip.remarks), "steps": len(codes),
    }  # fmt: skip
    (folder / "about.json").write_text(json.dumps(about, indent=1))


def band_powers(codec: Codec, waves: Tensor) -> Floats:
    """Power of a sound in the bands of the tones, middle and side. Shape: [1, 2, steps * hop] to [steps, 2, bands]."""
    from model.codec.tones import band_matrix
    from model.config import TonesConfig

    bands = band_matrix(TonesConfig().bands, codec.config.hop).to(waves.device)
    share = bands / bands.sum(dim=1, keepdim=True)
    return (codec.expand(codec.analyse(waves)).square() @ share.T)[0].cpu().numpy().astype(np.float32)  # type: ignore[no-any-return]


def _names(parts: tuple[bool, ...] | None) -> list[str]:
    """Of parts that are on; none where that is not sure."""
    return [name for name, on in zip(PARTS, parts or (), strict=False) if on]


def _write_plan(clip: Clip, folder: Path) -> tuple[str, bool]:
    """Notes and planner events where they are sure. Returns why there is a plan or not, and whether the planner learns from it."""
    from model.learning import transcription

    if not transcription.available():
        return "none: onnxruntime, with which notes are heard, is not installed", False
    if clip.heard.solo is None:
        return "none: no instrument plays alone for sure", False
    sound, lead = audio_with_lead(clip, TAIL_S)
    found = transcribe_solo(sound, SAMPLE_RATE, clip.heard, lead / FRAME_RATE)
    if found is None:
        return f"none: {clip.heard.solo} is not transcribed", False
    figures = f"{len(found.notes)} notes, certainty {found.certain:.2f}, {found.explained:.0%} of the onsets explained"
    if not found.sure:
        return f"none: the notes are not sure ({figures})", False
    np.save(folder / "notes.npy", found.notes)
    chart = heard_chart(clip.heard)
    if chart is None:
        return f"{found.part}: {figures}", False
    notes = found.notes.copy()
    notes["beat"] -= first_bar(clip.heard) * clip.heard.per_bar
    notes = notes[(notes["beat"] >= -EARLY) & (notes["beat"] < chart.beats)]
    np.savez(folder / "planner.npz", notes=notes, contexts=planner_contexts(clip.heard, chart))
    return f"{found.part}: {figures}", True


def embed(sound: Audio, style: StyleEncoder | None) -> Floats:
    """Style embeddings of the start, middle and end of a clip. Shape: [frames, 2] to [n, style width], n 3 or 0."""
    import torch

    length = STYLE_S * SAMPLE_RATE
    if style is None or len(sound) < length:
        return np.zeros((0, 512), np.float32)
    starts = [0, (len(sound) - length) // 2, len(sound) - length]
    batch = np.stack([sound[start : start + length].T for start in starts])
    with torch.no_grad():
        return style.embed_audio(torch.from_numpy(np.ascontiguousarray(batch)).to(style.device)).cpu().numpy().astype(np.float32)  # type: ignore[no-any-return]
