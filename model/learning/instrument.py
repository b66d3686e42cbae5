"""Which of the instruments that the tones know is nearest to the musician's own: tried on what they played.

The notes that were heard are played again by every instrument of the part, codes drawn by the adapted player, and the one is taken whose
levels in bands, block by block, are nearest to the recording's. What it still lacks is the colour's to say (`model.learning.colour`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import torch

from model.generator.models import Models
from model.layers.timbres import INSTRUMENTS, KITS
from model.learning.auditions import played_parts
from model.learning.colour import LEAST_S, chosen_clips, difference, passage
from model.learning.prepare import Prepared
from model.learning.training import Fitted

SECONDS: Final = 40.0
"""Of clips that every instrument plays."""
GAIN: Final = 0.97
"""Of the usual instrument's distance that another has to come below."""


def nearest(distances: dict[str, float], usual: str) -> str:
    """The instrument with the least distance; the usual one unless another is clearly nearer."""
    best = min(distances, key=lambda name: distances[name])
    return best if distances[best] < GAIN * distances[usual] else usual


@torch.no_grad()
def choose_instruments(
    playing: Models, whole: Models, prepared: Prepared, seed: int, tell: Callable[[str, float], None] = lambda text, share: None
) -> tuple[dict[str, str], Fitted] | None:
    """The sound of the part that the musician plays; None where the base has no tones, parts are several, or too little is transcribed.

    Args:
        playing: with the adapter in it, as they will play.
        whole: the same base in PyTorch on the CPU.
        tell: told what is being done and which share of it is.
    """
    tones, parts = whole.tones, played_parts(prepared)
    examples = chosen_clips(prepared.training, SECONDS)
    if tones is None or len(parts) != 1 or sum(example.seconds for example in examples) < LEAST_S:
        return None
    part = parts[0]
    names: Sequence[str] = KITS if part == "drums" else INSTRUMENTS[part]
    far: dict[str, list[float]] = {name: [] for name in names}
    for index, example in enumerate(examples):
        codes = None
        for number, name in enumerate(names):
            tell("trying instruments", (index + number / len(names)) / len(examples))
            one = passage(playing, whole.codec, tones, example, seed + index, {part: name}, codes)
            codes = one.codes
            torch.manual_seed(seed)
            far[name].append(float(difference(tones, one, torch.zeros_like(tones.colour), 0, one.gains.shape[1])))
    means = {name: float(np.mean(values)) for name, values in far.items()}
    chosen = nearest(means, names[0])
    told = ", ".join(f"{name} {value:.3f}" for name, value in sorted(means.items(), key=lambda pair: pair[1]))
    return {part: chosen}, Fitted("instrument", {}, 0, means[names[0]], means[chosen], len(names), len(names), 0.0, told)
