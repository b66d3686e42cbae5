"""What is played in each trial: a stretch of the player's recordings, and a chart and a tempo for both sides.

Where chords and tempo of the stretch are sure, both sides play those; else a chart of the evaluation, at the tempo if that is sure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from jamd.contract.chart import Chart
from jamd.contract.units import PARTS
from jamd.told import find_told
from model.evaluate.bench import Case, make_cases
from model.learning.clips import Clip, Material
from model.learning.controls import heard_chart
from model.learning.material import gather

TRIO: Final = ("piano", "bass", "drums")


@dataclass(frozen=True)
class Setting:
    chart: Chart
    tempo: float
    clip: Clip | None = None
    """Of the player."""


@dataclass(frozen=True)
class Plan:
    settings: list[Setting]
    parts: tuple[str, ...]
    remarks: list[str]


def make_plan(
    reference: Path | None,
    count: int,
    rng: np.random.Generator,
    *,
    learned: Sequence[str] = (),
    parts: tuple[str, ...] | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Plan:
    """
    Args:
        reference: file or folder of the player's recordings; None: none is played.
        count: of trials.
        rng: draws clips and charts.
        learned: hashes of the recordings that the adapters have learned from: of these very ones what was held out is played, if anything.
        parts: who plays; None: who is heard in the recordings.
        progress: told what is being done and which share of it is.

    Raises:
        UsageError: nothing in the recordings can be used.
    """
    cases = make_cases(8 * count)
    stock = [cases[index] for index in rng.permutation(len(cases))]
    if reference is None:
        settings = [Setting(case.chart, case.tempo) for case in stock[:count]]
        return Plan(settings, parts or TRIO, ["no recording of the player is played: --reference names some"])
    recordings, told = find_told([reference])
    material = gather(recordings, force=True, told=told, progress=progress)
    clips, remarks = _choose(material, learned)
    order = rng.permutation(len(clips))
    chosen = [clips[order[index % len(clips)]] for index in range(count)]
    if len(clips) < count:
        remarks.append(f"{len(clips)} clips of the player for {count} trials: some are heard again")
    settings = _settings(chosen, stock)
    sure = sum(heard_chart(clip.heard) is not None for clip in chosen)
    remarks.append(f"chords and tempo are those of the player's clip in {sure} of {count} trials, else of stock charts")
    return Plan(settings, parts or played_parts(clips), remarks)


def played_parts(clips: Sequence[Clip]) -> tuple[str, ...]:
    """Parts that are likelier heard than not, at least the likeliest."""
    share = np.mean([clip.heard.timbre.parts for clip in clips], axis=0)
    return tuple(name for name, value in zip(PARTS, share, strict=True) if value >= min(0.5, float(share.max())))


def _choose(material: Material, learned: Sequence[str]) -> tuple[list[Clip], list[str]]:
    if material.data_hash not in learned:
        return material.clips, []
    if material.held_out:
        return material.held_out, [
            f"learned from these recordings: only what was held out is played, {len(material.held_out)} of {len(material.clips)} clips"
        ]
    return material.clips, ["learned from these very recordings, of which nothing was held out"]


def _settings(clips: Sequence[Clip], stock: Sequence[Case]) -> list[Setting]:
    tempos = [clip.heard.tempo for clip in clips if clip.heard.knows_tempo]
    usual = float(np.median(tempos)) if tempos else None
    out, left = [], list(stock)
    for clip in clips:
        heard = clip.heard
        chart = heard_chart(heard)
        if chart is not None:
            out.append(Setting(chart, heard.tempo, clip))
            continue
        fitting = [case for case in left if not heard.knows_bars or case.chart.beats_per_bar == heard.per_bar]
        case = (fitting or left)[0]
        left.remove(case)
        out.append(Setting(case.chart, heard.tempo if heard.knows_tempo else usual or case.tempo, clip))
    return out
