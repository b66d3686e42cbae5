"""The room of a musician's recordings, and the pedal: what goes on sounding between the notes (`model.layers.room`).

Tones of planned notes end dry. A few renders by the adapted partner, on the charts of training clips, are put in many rooms; the one is
taken in which the levels of all bands, from the softest moment to the loudest, are nearest to those of the recordings. On the first
player that was tried it brought every distance nearer that independent ears measure (docs/training.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Final

import numpy as np
import torch
from torch import Tensor

from jamd.contract.chart import parse_chart
from jamd.contract.units import FRAME_SAMPLES, PARTS, SAMPLE_RATE
from model.generator.clip import ClipRender, ClipRequest, frames_of_bars
from model.generator.models import Models
from model.layers.room import DRY, Room
from model.learning.auditions import played_parts
from model.learning.examples import Example
from model.learning.prepare import Prepared
from model.learning.training import Fitted
from model.metrics.heard import Doubles, Floats

RENDERS: Final = 5
RENDER_S: Final = 9.0
LEAST: Final = 4
"""Clips with a known chart, below which nothing is fitted."""
WETS: Final = (0.05, 0.1, 0.2, 0.4, 0.7)
LOWS: Final = (0.5, 1.0, 2.0, 4.0)
HIGHS: Final = (0.15, 0.3, 0.6)
"""Shares of the low frequencies' time."""
CUTS: Final = (2500.0, 5000.0, 10_000.0)
FIRST_HIGH, FIRST_CUT = 0.3, 6000.0
GAIN: Final = 0.97
"""Of the distance without a room that the best one has to come below."""


def fit_room(
    playing: Models, whole: Models, prepared: Prepared, seed: int, tell: Callable[[str, float], None] = lambda text, share: None
) -> tuple[Tensor, Fitted] | None:
    """Parameters as `PARAMS` names them; None where too little is known, or no room is nearer, or the style encoder finds it farther.

    Args:
        playing: with the adapter in it, without a room.
        whole: the same base in PyTorch, for its style encoder.
        tell: told what is being done and which share of it is.
    """
    known = [example for example in prepared.training if example.orders is not None and example.about.get("chart")]
    if len(known) < LEAST:
        return None
    step = len(known) / RENDERS
    chosen = [known[int(index * step)] for index in range(RENDERS)] if step > 1 else known
    parts = played_parts(prepared)
    sounds = []
    for index, example in enumerate(chosen):
        tell("listening to the room", 0.7 * index / len(chosen))
        sounds.append(_render(playing, example, parts, seed + index))
    recorded = np.mean([example.orders for example in known if example.orders is not None], axis=0)
    tried: dict[tuple[float, ...], float] = {}

    def far(params: tuple[float, ...]) -> float:
        if params not in tried:
            tell("listening to the room", min(0.7 + 0.3 * len(tried) / (len(WETS) * len(LOWS) + len(HIGHS) * len(CUTS)), 1.0))
            tried[params] = level_distance(sounds, params, recorded)
        return tried[params]

    dry = far(DRY)
    wet, low = min(product(WETS, LOWS), key=lambda pair: far((pair[0], pair[1], FIRST_HIGH * pair[1], FIRST_CUT)))
    share, cut = min(product(HIGHS, CUTS), key=lambda pair: far((wet, low, pair[0] * low, pair[1])))
    best = (wet, low, share * low, cut)
    if far(best) > GAIN * dry or _sounds_farther(whole, prepared, sounds, best):
        return None
    return torch.tensor(best), Fitted("room", {}, len(best), dry, far(best), len(tried), len(tried), 0.0, "all rooms tried")


def in_room(sound: Floats, params: Sequence[float]) -> Floats:
    """A whole sound in a room. Shape: [frames, 2]."""
    room, values = Room(), np.array(params, np.float32)
    room(np.zeros((FRAME_SAMPLES, 2), np.float32), values)  # the room is reached in the first block
    return np.concatenate([room(sound[at : at + FRAME_SAMPLES], values) for at in range(0, len(sound), FRAME_SAMPLES)])


def level_distance(sounds: Sequence[Floats], params: Sequence[float], recorded: Doubles) -> float:
    """Mean squared error in dB of the levels of each band in the order of their height, as `jamd evaluate` measures it."""
    from model.evaluate.personal.spectrum import hear_spectrum, levelled

    heard = [hear_spectrum(levelled(in_room(sound, params))).orders for sound in sounds]
    return float(np.mean([((orders - recorded) ** 2).mean() for orders in heard]))


def _render(models: Models, example: Example, parts: Sequence[str], seed: int) -> Floats:
    chart, tempo = parse_chart(example.about["chart"]), float(example.about["tempo"])
    bars = max(round(RENDER_S * tempo / 60.0 / chart.beats_per_bar), 1)
    frames = frames_of_bars(bars, tempo, chart.beats_per_bar)
    return ClipRender(models, ClipRequest(chart, tempo, frames, seed=seed, parts={part: part in parts for part in PARTS})).finish()


@torch.no_grad()
def _sounds_farther(whole: Models, prepared: Prepared, sounds: Sequence[Floats], params: Sequence[float]) -> bool:
    recorded = [example.styles for example in prepared.training if len(example.styles)]
    if whole.style is None or not recorded:
        return False
    target = torch.from_numpy(np.concatenate(recorded).mean(axis=0))
    window, far = 6 * SAMPLE_RATE, []
    for one in (DRY, params):
        batch = [in_room(sound, one)[at : at + window].T for sound in sounds for at in range(0, len(sound) - window + 1, window)]
        if not batch:
            return False
        heard = whole.style.embed_audio(torch.from_numpy(np.ascontiguousarray(np.stack(batch))).to(whole.style.device)).cpu()
        far.append(float((heard - target).norm(dim=1).mean()))  # of each: that of their mean is moved by chance
    return far[1] > far[0]
