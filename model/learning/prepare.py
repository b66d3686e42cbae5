"""From files to a folder of training material: `prepare`. What is done is not done again; `material.txt` says all that was decided."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from jamd.contract.errors import FailureError
from jamd.contract.units import FRAME_RATE
from model.conditioning import Floats
from model.learning import transcription
from model.learning.clips import Clip, Material
from model.learning.controls import frame_controls
from model.learning.examples import Example, write_example
from model.learning.material import LEAST_S, MOST_S, gather
from model.learning.recordings import find_files
from model.learning.told import Told

if TYPE_CHECKING:
    from model.generator.models import Models

VERSION: Final = 10
"""Raised whenever the same files would give something else."""
NAME: Final = "prepared.json"


@dataclass(frozen=True)
class Prepared:
    """Training material in a folder."""

    folder: Path
    examples: list[Example]
    style: Floats
    """Style embedding of all training clips together, of length 1; zeros without a style encoder. Shape: [style width]."""
    seconds_used: float
    seconds_usable: float
    """With what is kept free between training and held-out playing."""
    seconds_given: float
    data_hash: str

    @property
    def training(self) -> list[Example]:
        return [example for example in self.examples if not example.held_out]

    @property
    def held_out(self) -> list[Example]:
        return [example for example in self.examples if example.held_out]

    @property
    def report(self) -> Path:
        """What was used, dropped and why, for people."""
        return self.folder / "material.txt"


def prepare(
    paths: Sequence[Path],
    models: Models,
    out_folder: Path,
    *,
    force: bool = False,
    style: str = "",
    most_s: float = MOST_S,
    plays: tuple[str, ...] | None = None,
    told: Mapping[Path, Told] | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Prepared:
    """Write everything that the trainings read under a folder, or read what is there of the same files.

    Args:
        paths: files and folders.
        models: whose codec and style encoder are used.
        out_folder: is made; may hold what an interrupted run left.
        force: take less than two minutes, too.
        style: a prompt that is blended half and half with the sound's own style.
        most_s: seconds of playing that are enough.
        plays: the parts of PARTS that play, where the musician said so; None: they are heard, too.
        told: what the musician said of files, by their resolved paths.
        progress: told what is being done and which share of it is.

    Raises:
        UsageError: nothing usable, or too little without `force`.
        FailureError: a recording cannot be read any more, or the folder cannot be written.
    """
    tell = progress or (lambda what, share: None)
    signature = _signature(paths, models, style, most_s, plays, told or {})
    if (done := load_prepared(out_folder, signature)) is not None and (force or done.seconds_usable >= LEAST_S):
        return done
    material = gather(paths, force=force, most_s=most_s, plays=plays, told=told, progress=lambda what, share: tell(what, 0.6 * share))
    clips = out_folder / "clips"
    try:
        clips.mkdir(parents=True, exist_ok=True)
        (out_folder / NAME).unlink(missing_ok=True)
        names = []
        for index, clip in enumerate(material.clips):
            tell(f"encoding clip {index + 1} of {len(material.clips)}", 0.6 + 0.4 * index / len(material.clips))
            names.append(_name(clip, models))
            _write(clip, clips / names[-1], models)
        for stale in clips.iterdir():
            if stale.name not in names:
                shutil.rmtree(stale, ignore_errors=True)
        examples = [Example(clips / name) for name in names]
        np.save(out_folder / "style.npy", style_of(examples, models, style))
        (out_folder / "material.txt").write_text(describe(material, examples), encoding="utf-8", errors="backslashreplace")
        about = {
            "version": VERSION, "signature": signature, "clips": names, "seconds_used": material.seconds_used,
            "seconds_usable": material.seconds_usable, "seconds_given": material.seconds_given, "data_hash": material.data_hash,
        }  # fmt: skip
        part = out_folder / f".{NAME}"
        part.write_text(json.dumps(about, indent=1))
        part.replace(out_folder / NAME)
    except OSError as error:
        raise FailureError(f"{out_folder}: {error.strerror or error}") from error
    tell("prepared", 1.0)
    done = load_prepared(out_folder)
    assert done is not None
    return done


def load_prepared(folder: Path, signature: str = "") -> Prepared | None:
    """What `prepare` finished in a folder; None where there is nothing whole, or it was made of something else."""
    try:
        about: dict[str, Any] = json.loads((folder / NAME).read_text())
        if about["version"] != VERSION or (signature and about["signature"] != signature):
            return None
        examples = [Example(folder / "clips" / name) for name in about["clips"]]
        if not all((example.folder / "about.json").is_file() for example in examples):
            return None
        style = np.load(folder / "style.npy")
        used, usable, given = (float(about[name]) for name in ("seconds_used", "seconds_usable", "seconds_given"))
        return Prepared(folder, examples, style, used, usable, given, about["data_hash"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(clip: Clip, target: Path, models: Models) -> None:
    """A clip's folder, whole or not at all; one that is there only learns whether it is held out."""
    if (target / "about.json").is_file():
        about = json.loads((target / "about.json").read_text())
        if about["held_out"] != clip.held_out:
            (target / "about.json").write_text(json.dumps(about | {"held_out": clip.held_out}, indent=1))
        return
    part = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        write_example(clip, part, models.codec, models.style)
        shutil.rmtree(target, ignore_errors=True)
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _network_hash(models: Models) -> str:
    """Short hash of what turns sound into codes and styles."""
    digest = hashlib.sha256()
    for book in models.codec.quantizer.books():
        digest.update(book.codes.detach().float().cpu().numpy().tobytes())
    if models.style is not None:
        digest.update(models.style.neutral.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _name(clip: Clip, models: Models) -> str:
    """A name for a clip's folder that changes with everything that makes it."""
    stat = clip.recording.path.stat()
    chords = [span.heard.chord.symbol for span in clip.heard.chords]
    controls = frame_controls(clip.heard, round(clip.seconds * FRAME_RATE))[0].tobytes()
    parts = (VERSION, clip.recording.path.resolve(), stat.st_size, stat.st_mtime_ns, clip.start_s, clip.end_s, clip.gain, clip.offset,
             clip.heard.line(), clip.heard.form, np.round(clip.heard.beats, 4).tolist(), chords, hashlib.sha256(controls).hexdigest(),
             transcription.available(), _network_hash(models))  # fmt: skip
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:20]


def _signature(
    paths: Sequence[Path], models: Models, style: str, most_s: float, plays: tuple[str, ...] | None, told: Mapping[Path, Told]
) -> str:
    files, bad = find_files(paths)
    known = sorted((str(f.resolve()), f.stat().st_size, f.stat().st_mtime_ns) for f in files)
    said = sorted((str(path), repr(one)) for path, one in told.items())
    parts = (
        VERSION,
        known,
        sorted(str(one.path) for one in bad),
        style,
        most_s,
        plays,
        said,
        transcription.available(),
        _network_hash(models),
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def style_of(examples: list[Example], models: Models, text: str = "") -> Floats:
    """The style of the training clips together, blended with a prompt if there is one. Shape: [style width]."""
    rows = [example.styles for example in examples if not example.held_out and len(example.styles)]
    if models.style is None or not rows:
        return np.zeros(512, np.float32)
    mean = np.concatenate(rows).mean(axis=0)
    mean /= max(float(np.linalg.norm(mean)), 1e-9)
    prompt = models.read_style(text).embedding if text else None
    if prompt is not None:
        both = mean + np.asarray(prompt, np.float32)
        if float(np.linalg.norm(both)) > 1e-3:
            mean = both / np.linalg.norm(both)
    return mean.astype(np.float32)  # type: ignore[no-any-return]


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60}:{seconds - int(seconds) // 60 * 60:04.1f}"


def describe(material: Material, examples: list[Example]) -> str:
    """All that was decided, for people."""
    training, held = material.training, material.held_out
    plans = sum(example.notes is not None for example in examples)
    lines = [
        f"{clock(material.seconds_used)} of {clock(material.seconds_given)} used: {len(training)} clips to learn from, "
        f"{len(held)} held out ({clock(sum(clip.seconds for clip in held))})",
        f"plans from transcription: {plans} of {len(examples)} clips"
        + ("" if transcription.available() else " (onnxruntime is not installed: no notes are heard)"),
        f"data {material.data_hash}",
        "",
        "Used",
    ]
    for clip, example in zip(material.clips, examples, strict=True):
        about = example.about
        lines.append(
            f"  {clip.piece}  {clock(clip.start_s)} to {clock(clip.end_s)}{'  held out' if clip.held_out else ''}: {about['heard']}; "
            f"told: {', '.join(about['given']) or 'nothing'}; plan: {about['plan']}{''.join('; ' + remark for remark in clip.remarks)}"
        )
    if material.dropped:
        lines += ["", "Dropped"]
        lines += [f"  {one.file.name}  {clock(one.start_s)} to {clock(one.end_s)}: {one.reason}" for one in material.dropped]
    if material.unreadable:
        lines += ["", "Not read", *(f"  {one.path.name}: {one.reason}" for one in material.unreadable)]
    if material.remarks:
        lines += ["", "Remarks", *(f"  {remark}" for remark in material.remarks)]
    return "\n".join(lines) + "\n"
