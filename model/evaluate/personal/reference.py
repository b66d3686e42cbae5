"""The player's recordings, heard once: what renders are held against."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from jamd.contract.errors import UsageError
from jamd.contract.units import PARTS
from model.evaluate.personal.clips import Clip, hear
from model.learning import clips as learning
from model.learning.listening import Heard
from model.learning.material import gather
from model.learning.told import Told

if TYPE_CHECKING:
    from model.style.encoder import StyleEncoder

FEWEST: Final = 4
"""Clips that the reference must have, so that it can be halved."""
MOST: Final = 48
"""Clips that are heard; of more, evenly spread ones."""


@dataclass(frozen=True)
class Reference:
    """Clips of a player, and what is heard in each of them."""

    clips: tuple[Clip, ...]
    heard: tuple[Heard, ...]
    learned: tuple[Clip, ...]
    """What an adapter has learned from, as far as that is known."""
    data_hash: str
    remarks: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        return sum(clip.seconds for clip in self.clips)

    @property
    def parts(self) -> tuple[str, ...]:
        """Who is heard to play: parts that are likelier there than not, at least the likeliest."""
        share = np.mean([heard.timbre.parts for heard in self.heard], axis=0)
        return tuple(name for name, value in zip(PARTS, share, strict=True) if value >= min(0.5, float(share.max())))


def _hear_all(
    found: Sequence[learning.Clip], style: StyleEncoder | None, tell: Callable[[str, float], None]
) -> tuple[tuple[Clip, ...], tuple[Heard, ...]]:
    kept = [found[round(place)] for place in np.linspace(0, len(found) - 1, min(len(found), MOST))]
    clips = []
    for index, clip in enumerate(kept):
        tell(f"hearing {clip.piece}", index / len(kept))
        name = f"{clip.recording.path.name} {clip.start_s:.1f}"
        clips.append(hear(clip.audio(), style, name=name, piece=clip.piece))
    return tuple(clips), tuple(clip.heard for clip in kept)


def read_reference(
    paths: Sequence[Path],
    style: StyleEncoder | None,
    *,
    learned_hash: str = "",
    training: Sequence[Path] = (),
    told: Mapping[Path, Told] | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Reference:
    """Find, cut and hear recordings as learning does.

    Args:
        paths: files and folders of the player's playing, best such as no adapter has learned from.
        style: the encoder whose audio tower embeds the clips.
        learned_hash: hash of the recordings that an adapter has learned from. Where these are the very ones, only what learning holds out
            of them is the reference, if that is enough.
        training: the recordings that it has learned from, if they are at hand; for memorising.
        told: what the musician said of files, by their resolved paths: renders are asked for their charts at their tempos.
        progress: told what is being done and which share of it is.

    Raises:
        UsageError: nothing usable, or fewer than FEWEST clips.
        FailureError: a recording cannot be read any more.
    """
    tell = progress or (lambda what, share: None)
    material = gather(paths, force=True, told=told, progress=lambda what, share: tell(what, 0.4 * share))
    chosen, learned, remarks = material.clips, list[learning.Clip](), []
    if learned_hash and material.data_hash == learned_hash:
        if len(material.held_out) >= FEWEST:
            chosen, learned = material.held_out, material.training
            remarks.append(f"the adapter has learned from these recordings: the {len(chosen)} clips that were held out are the reference")
        else:
            remarks.append("the adapter has learned from these very recordings: the figures flatter it")
    if len(chosen) < FEWEST:
        raise UsageError(
            f"only {len(chosen)} clips of the reference can be used, {FEWEST} are the least; two minutes and more are good", code="material"
        )
    clips, heard = _hear_all(chosen, style, lambda what, share: tell(what, 0.4 + 0.4 * share))
    if training:
        found = gather(training, force=True, told=told)
        learned = found.clips
        if learned_hash and found.data_hash != learned_hash:
            remarks.append("the training recordings given are not those that the adapter's manifest names")
    known, _ = _hear_all(learned, style, lambda what, share: tell(what, 0.8 + 0.2 * share)) if learned else ((), ())
    remarks += [f"{one.path.name} cannot be read: {one.reason}" for one in material.unreadable]
    return Reference(clips, heard, known, material.data_hash, tuple(remarks))
