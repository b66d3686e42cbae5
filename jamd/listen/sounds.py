"""The sounds of a session: both sides rendered, the player's clip beside them, all at one loudness, in files whose names say nothing.

A session is made beside its place and moved there when it is whole: nothing has to be rendered once it has begun.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import soundfile
from numpy.typing import NDArray

from jamd.adapter_folders import find_adapter
from jamd.contract.errors import FailureError
from jamd.contract.units import PARTS, SAMPLE_RATE
from jamd.listen.plan import Plan, Setting
from jamd.listen.trials import BASE, FILE, Session, Side, Trial, balanced
from model.adapters.format import read_manifest
from model.adapters.rack import AdapterRack
from model.generator.clip import ClipRender, ClipRequest, frames_of_bars
from model.generator.models import Models
from model.metrics.loudness import loudness

LOUDNESS: Final = -18.0
"""LUFS of all sounds, but for trials in which a peak would be too high."""
PEAK_DB: Final = -1.0
FADE: Final = int(0.02 * SAMPLE_RATE)

Sound = NDArray[np.float32]


def matched(sounds: Sequence[Sound]) -> list[Sound]:
    """The same sounds at one integrated loudness (ITU-R BS.1770-4), none above PEAK_DB; silence stays. Shape of each: [frames, 2]."""
    levels = [loudness(sound, SAMPLE_RATE) for sound in sounds]
    target = LOUDNESS
    for sound, level in zip(sounds, levels, strict=True):
        if np.isfinite(level):
            target = min(target, level + PEAK_DB - 20 * float(np.log10(np.abs(sound).max())))
    return [
        sound * np.float32(10 ** ((target - level) / 20)) if np.isfinite(level) else sound
        for sound, level in zip(sounds, levels, strict=True)
    ]


class Sides:
    """Both players of a test on one set of networks.

    Args:
        models: as they play.
        names: of adapters, BASE among them for none.

    Raises:
        AdapterError: an adapter is missing, damaged or made for another base.
    """

    def __init__(self, models: Models, names: Sequence[str]) -> None:
        self._models, self._rack = models, AdapterRack(models)
        for name in names:
            if name != BASE:
                self._rack.load(find_adapter(name))

    def play(self, name: str, request: ClipRequest) -> Sound:
        """A render by one of them. Shape: [frames, 2]."""
        self._rack.use_now([] if name == BASE else [(name, 1.0)])
        return ClipRender(self._models, request).finish()


def side(name: str, base_of: str) -> Side:
    """A side as it is now; BASE is the base that the adapter `base_of` was made for.

    Raises:
        AdapterError: there is no such adapter, or it is damaged.
    """
    manifest = read_manifest(find_adapter(base_of if name == BASE else name))
    if name == BASE:
        return Side(BASE, manifest.base_hash)
    heard = f"{manifest.tensors_hash} alpha {manifest.alpha:g} on {manifest.base_hash}"
    return Side(name, hashlib.sha256(heard.encode()).hexdigest())


def clip_sound(setting: Setting, seconds: float) -> Sound | None:
    """The start of the player's clip, faded at both ends. Shape: [frames, 2].

    Raises:
        FailureError: the recording cannot be read any more.
    """
    if setting.clip is None:
        return None
    sound = setting.clip.audio()[: round(seconds * SAMPLE_RATE)]
    ramp = np.linspace(0.0, 1.0, min(FADE, len(sound)), dtype=np.float32)[:, None]
    sound[: len(ramp)] *= ramp
    sound[len(sound) - len(ramp) :] *= ramp[::-1]
    return sound


def request_of(setting: Setting, parts: Sequence[str], seconds: float, seed: int) -> ClipRequest:
    """As many whole bars as come nearest to `seconds`, at least one."""
    per_bar = setting.chart.beats_per_bar
    bars = max(round(seconds * setting.tempo / 60.0 / per_bar), 1)
    frames = frames_of_bars(bars, setting.tempo, per_bar)
    return ClipRequest(setting.chart, setting.tempo, frames, seed=seed, parts={name: name in parts for name in PARTS})


def make_session(
    root: Path,
    head: Session,
    plan: Plan,
    models: Models,
    seconds: float,
    rng: np.random.Generator,
    progress: Callable[[str, float], None],
) -> Path:
    """Render everything and write the folder of a session, whole or not at all; returns it.

    Args:
        root: of the sessions of this adapter.
        head: the session, its trials still missing.
        plan: what is played.
        models: as they play, without adapters.
        seconds: about how long each sound is.
        rng: draws the order and the seeds.
        progress: told what is being done and which share of it is.

    Raises:
        AdapterError: an adapter is damaged or made for another base.
        FailureError: a recording cannot be read any more, or a file not be written.
    """
    sides = Sides(models, (head.adapter.name, head.against.name))
    firsts = balanced(len(plan.settings), rng)
    draft = root / f".{head.id}"
    try:
        draft.mkdir(parents=True)
        trials = []
        for index, (setting, first) in enumerate(zip(plan.settings, firsts, strict=True)):
            progress(f"rendering trial {index + 1} of {len(plan.settings)}", index / len(plan.settings))
            seed = int(rng.integers(2**31))
            request = request_of(setting, plan.parts, seconds, seed)
            order = (head.adapter.name, head.against.name) if first else (head.against.name, head.adapter.name)
            rendered = {name: sides.play(name, request) for name in (head.adapter.name, head.against.name)}
            clip = clip_sound(setting, seconds)
            files = [_write(draft, sound) for sound in matched([rendered[order[0]], rendered[order[1]], *([] if clip is None else [clip])])]
            trial = Trial(files[0], files[1], None if clip is None else files[2], order, setting.chart.text(), setting.tempo, seed)
            trials.append(trial)
        for path in draft.iterdir():  # nor does the time tell which was rendered first
            os.utime(path, (0, 0))
        session = msgspec.structs.replace(head, trials=trials, parts=list(plan.parts), remarks=plan.remarks)
        (draft / FILE).write_bytes(msgspec.json.format(msgspec.json.encode(session), indent=1) + b"\n")
        return draft.rename(root / head.id)
    except (OSError, soundfile.SoundFileError) as error:
        raise FailureError(f"cannot write {root / head.id}: {getattr(error, 'strerror', None) or error}", code="file") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write(folder: Path, sound: Sound) -> str:
    """A FLAC file; returns its name."""
    name = f"{secrets.token_hex(8)}.flac"
    soundfile.write(folder / name, sound, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return name
