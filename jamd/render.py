"""`jamd render`: charts to files."""

from __future__ import annotations

import math
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridges.charts import load_chart
from jamd.adapter_folders import find_adapter
from jamd.contract.errors import FailureError, UsageError
from jamd.contract.units import PARTS, SAMPLE_RATE
from jamd.render_options import RenderOptions
from model.generator.clip import ClipRequest, frames_of_bars
from model.generator.models import Models, load_models
from model.generator.offline import read_notes, render_clip

DEFAULT_CHART = "| Dm7 | G7 | Cmaj7 | A7 |"


def numbered(path: Path, index: int, count: int) -> Path:
    """The path itself for one file, else with a number before its ending."""
    return path if count == 1 else path.with_name(f"{path.stem}-{index + 1}{path.suffix}")


def check_target(path: Path) -> None:
    """See whether a file can be written, before anything is rendered for it.

    Raises:
        FailureError: its folder is missing or closed, or it is a folder itself.
    """
    if path.is_dir():
        raise FailureError(f"cannot write {path}: it is a folder", code="file")
    if not path.parent.is_dir():
        raise FailureError(f"cannot write {path}: there is no folder {path.parent}", code="file")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise FailureError(f"cannot write {path}: permission denied", code="file")


def read_recording(path: Path) -> NDArray[np.float32]:
    """A recording as 48 kHz stereo. Shape: [frames, 2].

    Raises:
        FailureError: the file cannot be read.
    """
    import soundfile
    from scipy.signal import resample_poly

    try:
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.SoundFileError) as error:
        raise FailureError(f"cannot read {path}: {error}", code="file") from error
    audio = np.repeat(audio, 2, axis=1) if audio.shape[1] == 1 else audio[:, :2]
    if rate != SAMPLE_RATE:
        common = math.gcd(rate, SAMPLE_RATE)
        audio = resample_poly(audio, SAMPLE_RATE // common, rate // common, axis=0).astype(np.float32)
    return np.nan_to_num(audio)


def play_with(models: Models, words: str) -> None:
    """Everything that these models play from now on is played with an adapter.

    Args:
        words: NAME or NAME:STRENGTH.

    Raises:
        JamdError: there is no such adapter, it is damaged or made for another base, or the strength is no number from 0 to 2.
    """
    from model.adapters.rack import AdapterRack

    name, _, strength = words.partition(":")
    try:
        value = float(strength) if strength else 1.0
    except ValueError:
        raise UsageError(f"--adapter is NAME or NAME:STRENGTH, not {words!r}") from None
    if not 0.0 <= value <= 2.0:
        raise UsageError(f"--adapter: a strength is from 0 to 2, not {strength}")
    rack = AdapterRack(models)
    rack.load(find_adapter(name))
    rack.use_now([(name, value)])


def main(options: RenderOptions) -> list[dict[str, Any]]:
    """Render; one entry a file.

    Raises:
        JamdError: a chart that cannot be read, a file that cannot be written, weights that are missing.
    """
    import torch

    chart = load_chart(options.chart if options.chart is not None else DEFAULT_CHART)
    if options.seconds is not None:
        frames = round(options.seconds * SAMPLE_RATE)
    else:
        bars = options.bars if options.bars is not None else len(chart.bars)
        frames = frames_of_bars(bars, options.tempo, chart.beats_per_bar)
    if frames < 1:
        raise UsageError("nothing to render: the length is 0")
    targets = [target for target in (options.out, options.midi) if target is not None]
    for index in range(options.count):
        for target in targets:
            check_target(numbered(target, index, options.count))
    torch.set_num_threads(1)
    models = load_models(options.model)
    if options.adapter is not None:
        play_with(models, options.adapter)
    given = tuple(read_notes(options.notes)) if options.notes is not None else ()
    before = read_recording(options.go_on) if options.go_on is not None else None
    out = []
    for index in range(options.count):
        request = ClipRequest(
            chart=chart,
            tempo=options.tempo,
            frames=frames,
            seed=options.seed + index,
            loop=options.loop,
            style=models.read_style(options.style),
            parts={name: name in options.parts for name in PARTS},
            density=options.density,
            energy=options.energy,
            register=options.register,
            swing=options.swing,
            temperature=options.temperature,
            top_p=options.top_p,
            guidance=options.guidance,
            before=before,
            given=given,
            given_parts=tuple(sorted({note.part for note in given})),
        )
        midi = numbered(options.midi, index, options.count) if options.midi is not None else None
        done = render_clip(models, request, numbered(options.out, index, options.count), midi)
        out.append(
            {key: str(value) if isinstance(value, Path) else value for key, value in asdict(done).items()}
            | ({"midi": str(midi)} if midi is not None else {})
        )
    return out
