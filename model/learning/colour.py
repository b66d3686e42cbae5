"""The sound of the player's instrument and room: what is added to the gains of the tones so that planned notes sound as recorded.

Low-rank paths in the player change which codes are drawn, but most of what is heard of a planned note is made by the tones
(`model.codec.tones`), which start from measured instruments. Here the clips' transcribed notes are played again, codes drawn by the
adapted player, and the gains of every source, noise and place are moved by one vector until the levels in bands are those of the
recording (cf. Engel et al. 2020, DDSP, where a filter is fitted to an instrument; here it is the same at all times).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import torch
from torch import Tensor

from jamd.contract.units import FRAME_SAMPLES, SAMPLE_RATE
from model.codec.codec import CEILING, Codec
from model.codec.tones import FAINT, Tones, sources_of
from model.generator.clip import DEFAULT_GUIDANCE
from model.generator.models import Models
from model.layers.chamber import SOURCES, chambered
from model.layers.excitation import excite
from model.learning.examples import Example
from model.learning.prepare import Prepared
from model.learning.training import Fitted

SECONDS: Final = 80.0
"""Of clips that are played again to be learnt from."""
CHECKED_S: Final = 30.0
"""And of held-out ones."""
BLOCK: Final = 16
"""Frames over which power is averaged before it is compared: the phase of a partial is nobody's choice."""
CROP: Final = 192
STEPS: Final = 240
RATE: Final = 0.05
HOLD: Final = 1e-3
"""Weight of the square of what is added."""
LARGEST: Final = 4.0
"""Natural logarithm of a gain."""
SHARES: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Of a fitted colour that are tried."""
WINDOW: Final = 6 * SAMPLE_RATE
"""That the style encoder hears at once."""
LEAST_S: Final = 20.0
"""Of clips with sure notes, below which nothing is learnt."""


@dataclass(frozen=True)
class Passage:
    """A clip played again, all that the tones mix, and what is to come of it."""

    gains: Tensor
    """Shape: [1, steps, gains_width]."""
    spectrum: Tensor
    """The decoder's. Shape: [1, steps, 2, hop]."""
    sources: Tensor
    """Shape: [1, steps, SOURCES, hop]."""
    powers: Tensor
    """Of the recording by band. Shape: [1, steps, 2, bands]."""
    codes: np.ndarray
    """That were drawn. Shape: [steps, levels]."""


def drawn_codes(models: Models, example: Example, seed: int) -> np.ndarray:
    """Codes of a clip's notes and controls as the models play them. Shape: [steps, levels]."""
    voice = models.voice(seed)
    plan, out = example.roll(0, example.steps), []
    for step in range(example.steps):
        voice.play(example.controls[step : step + 1], plan[step : step + 1], 1.0, 0.95, DEFAULT_GUIDANCE)
        out.append(np.array(voice.codes))
    return np.stack(out)


@torch.no_grad()
def passage(
    models: Models,
    codec: Codec,
    tones: Tones,
    example: Example,
    seed: int,
    sounds: Mapping[str, str] = MappingProxyType({}),
    codes: np.ndarray | None = None,
) -> Passage:
    """A clip with sure notes, ready to be fitted.

    Args:
        sounds: instruments of the parts; the usual ones where none is named.
        codes: drawn before; None: they are drawn now.
    """
    steps = example.steps
    assert example.notes is not None and example.powers is not None
    codes = drawn_codes(models, example, seed) if codes is None else codes
    latents = codec.quantizer.decode(torch.from_numpy(codes)[None])
    sound = np.zeros((SOURCES, (steps + 1) * FRAME_SAMPLES), np.float32)
    sound[:, FRAME_SAMPLES:] = chambered(excite(example.notes, 0, steps * FRAME_SAMPLES, tones.orchestra().line_up(sounds)))
    sources = sources_of(torch.from_numpy(sound)[None], codec.basis)
    plan = torch.from_numpy(example.roll(0, steps))[None]
    spectrum = tones.dim(codec.expand(codec.from_latents(latents).clamp(-CEILING, CEILING)), plan)
    gains = tones.gains(latents, plan, tones.levels(spectrum, sources))
    return Passage(gains, spectrum, sources, torch.from_numpy(example.powers[:steps])[None], codes)


def difference(tones: Tones, one: Passage, colour: Tensor, first: int, last: int) -> Tensor:
    """Mean distance of the levels in bands of a stretch from the recording's, natural logarithms of power."""
    here = slice(first, last)
    spectrum = one.spectrum[:, here]
    made = tones.apply_gains(one.gains[:, here] + colour, spectrum, one.sources[:, here], torch.randn_like(spectrum))
    share = tones.bands / tones.bands.sum(dim=1, keepdim=True)
    return (_blocks(made.square() @ share.T) - _blocks(one.powers[:, here])).abs().mean()


def _blocks(powers: Tensor) -> Tensor:
    whole = powers.shape[1] // BLOCK * BLOCK
    return torch.log(powers[:, :whole].reshape(len(powers), -1, BLOCK, *powers.shape[2:]).mean(dim=2) + FAINT)


def chosen_clips(examples: list[Example], seconds: float) -> list[Example]:
    """Clips with notes, spread evenly, until there are enough seconds."""
    known = [example for example in examples if example.notes is not None and example.powers is not None and example.steps > CROP + BLOCK]
    step = max(sum(example.seconds for example in known) / seconds, 1.0)
    return [known[min(int(index * step), len(known) - 1)] for index in range(math.ceil(len(known) / step))]


def fit_colour(
    playing: Models,
    whole: Models,
    prepared: Prepared,
    seed: int,
    tell: Callable[[str, float], None] = lambda text, share: None,
    sounds: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Tensor, Fitted] | None:
    """Fit the vector; None where the base has no tones, too little is transcribed, or held-out clips come no nearer.

    Args:
        playing: with the adapter in it, as they will play.
        whole: the same base in PyTorch on the CPU.
        tell: told what is being done and which share of it is.
        sounds: instruments that they play.
    """
    tones, codec = whole.tones, whole.codec
    training, held_out = chosen_clips(prepared.training, SECONDS), chosen_clips(prepared.held_out, CHECKED_S)
    if tones is None or sum(example.seconds for example in training) < LEAST_S:
        return None
    examples = [*training, *held_out]
    passages = []
    for index, example in enumerate(examples):
        tell("playing your notes again", 0.7 * index / len(examples))
        passages.append(passage(playing, codec, tones, example, seed + index, sounds))
    learnt, checked = passages[: len(training)], passages[len(training) :] or passages
    colour = torch.zeros_like(tones.colour).requires_grad_(True)
    optimiser = torch.optim.Adam([colour], lr=RATE)
    rng = np.random.default_rng([20_34, seed])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for step in range(STEPS):
            if step % 20 == 0:
                tell("fitting the sound", 0.7 + 0.3 * step / STEPS)
            optimiser.param_groups[0]["lr"] = RATE * (1.0 - 0.98 * step / STEPS)
            loss = HOLD * colour.square().mean()
            for index in rng.integers(len(learnt), size=3):
                first = int(rng.integers(learnt[index].gains.shape[1] - CROP))
                loss = loss + difference(tones, learnt[index], colour, first, first + CROP) / 3
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            with torch.no_grad():
                _bound(colour, tones.config.bands)
        found = _nearest(whole, codec, tones, checked, held_out or training, colour.detach())
        if found is None:
            return None
        before, after = (_checked(tones, checked, vector) for vector in (torch.zeros_like(found), found))
        if after >= before:
            return None
    return found, Fitted("tones", {}, len(found), before, after, STEPS, STEPS, 0.0, "all rounds done")


@torch.no_grad()
def _nearest(whole: Models, codec: Codec, tones: Tones, passages: list[Passage], examples: list[Example], colour: Tensor) -> Tensor | None:
    """As much of a colour as brings the style encoder's embeddings of what is played nearest to those of the recordings.

    Equal levels in bands are not the same sound: what only comes nearer in level is not taken. None: nothing of it comes nearer.
    """
    recorded = [example.styles for example in examples if len(example.styles)]
    if whole.style is None or not recorded:
        return colour
    target = torch.from_numpy(np.concatenate(recorded).mean(axis=0))
    far = []
    for share in SHARES:
        torch.manual_seed(0)
        sounds = []
        for one in passages:
            spectrum = tones.apply_gains(one.gains + share * colour, one.spectrum, one.sources, torch.randn_like(one.spectrum))
            sound = codec.synthesise(codec.compand(spectrum))
            sounds += [sound[..., at : at + WINDOW] for at in range(0, sound.shape[-1] - WINDOW + 1, WINDOW)]
        heard = whole.style.embed_audio(torch.cat(sounds).to(whole.style.device)).cpu().mean(dim=0)
        far.append(float((heard - target).norm()))
    best = int(np.argmin(far))
    return None if best == 0 else SHARES[best] * colour


def _bound(colour: Tensor, bands: int) -> None:
    """Sources may be made louder and softer, the decoder and noise softer alone: more of them comes nearer in level and farther in kind.

    Measured on a piano that the base never heard: with all gains free the distance of mel spectra fell from 101 to 41 dB^2, but the
    Frechet distance of musicnn's embeddings rose from 39 to 52.
    """
    sides, hiss, width = SOURCES * bands, 2 * SOURCES * bands, 2 * (SOURCES + 1) * bands
    colour[sides:hiss] = 0.0
    colour[hiss:width].clamp_(max=0.0)
    colour.clamp_(-LARGEST, LARGEST)


@torch.no_grad()
def _checked(tones: Tones, passages: list[Passage], colour: Tensor) -> float:
    torch.manual_seed(0)
    return float(np.mean([float(difference(tones, one, colour, 0, one.gains.shape[1])) for one in passages]))
