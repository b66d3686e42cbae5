"""The guards: what an adapter must do, and must not do, before it is accepted. Each is held against the base on the same trials.

How the limits were found: over two minutes the base's loudness varies by 2 LU from one ten seconds to the next, and what adapters that were
trained as they should be lose is below 1. Their chord fit is 100 % of the base's, within 2 %; random matrices of a size that drowns the
base's leave 50 to 75 %. The tempo of both is exact to 0.1 %, against 5 to 8 % (the most that is looked for), and onsets lie 2 to 4 ms from
the grid, against 43 to 52; 15 leave room for players who play behind the beat, and a player who is looser than that may have a partner who
is, too. `model.learning.memorising` says it for copying.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from jamd.contract.units import FRAME_RATE, SAMPLE_RATE
from model.adapters.format import Adapter, Guard, read_adapter
from model.adapters.rack import AdapterRack
from model.adapters.training import merge
from model.corpus.notes import Notes
from model.generator.models import Models, load_models
from model.learning.examples import Example, planner_pieces
from model.learning.losses import held_out_losses
from model.learning.memorising import first_codes, notes_guard, sound_guard
from model.learning.prepare import Prepared
from model.learning.trials import CASES, FORM, Case, Codes, Take, go_on, play, write_on
from model.learning.verdict import NOTHING
from model.metrics.chord_fit import beat_chroma_of_sound, measure_fit
from model.metrics.chroma import chroma
from model.metrics.endurance import longest_silence
from model.metrics.grid import grid_deviation, likeliest_swing
from model.metrics.loudness import loudness
from model.metrics.onsets import FPS, onset_strength, onset_times
from model.metrics.tempo import refine_tempo
from model.training.planner import PlannerPiece

END_S: Final = 30.0
"""Start and end of free running that are compared."""
SOFTEST: Final = -70.0
"""LUFS; nothing counts as softer."""
FALL_LU: Final = 6.0
SILENCE_S: Final = 2.0
CHART: Final = 0.9
TEMPO: Final = 1.0
"""Percent, or what the base is off by."""
REACH: Final = 0.08
"""Share of the tempo by which the heard one may differ to be found."""
SPARSE_S: Final = 4.0
"""Of playing for each onset; where less begins, no time is kept."""
GRID_MS: Final = 15.0
GRID: Final = 1.25
"""Times the base's deviation, where that is more than GRID_MS."""

Tell = Callable[[str, float], None]
T = TypeVar("T")


@dataclass(frozen=True)
class Losses:
    """Of `held_out_losses`, of the base and of the base with the adapter in it."""

    base: dict[str, float]
    adapter: dict[str, float]


@dataclass(frozen=True)
class Extent:
    """How much is played, in seconds."""

    free_s: float = 120.0
    cases: tuple[Case, ...] = CASES
    case_s: float = 12.0
    draws: int = 3
    """Takes of each case. The tempo of one of a sparse ballad is heard 1 to 3 % off in one of four; their median counts."""
    clips: int = 4
    """Clips of each kind that are gone on with."""
    clip_s: float = 6.0
    unharmed_s: float = 4.0


@dataclass(frozen=True)
class Clips:
    """Training clips that are gone on with: their sound, and the notes of those that have a plan."""

    examples: list[Example]
    pieces: list[PlannerPiece]


@dataclass(frozen=True)
class Played:
    """All takes of one side."""

    free: Take
    cases: list[Take]
    continued: list[Codes]
    """What training clips were gone on with."""
    written: list[Notes]
    """The same for their notes."""

    @property
    def takes(self) -> list[Take]:
        return [self.free, *self.cases]


def check_adapter(
    models: Models,
    folder: Path,
    prepared: Prepared,
    losses: Losses | None = None,
    *,
    seed: int = 1,
    progress: Tell | None = None,
    extent: Extent = Extent(),
) -> dict[str, Guard]:
    """Judge an adapter; see `model.learning.verdict` for what each guard measures. The same arguments give the same guards.

    Args:
        models: as they play, with no adapter in them; they are left so.
        folder: of the adapter.
        prepared: what it learnt from.
        losses: on the held-out clips, if they are known; None: they are computed.
        seed: of all draws.
        progress: told what is being done and which share of it is; may raise.
        extent: how much is played.

    Raises:
        AdapterError: it is damaged or made for another base.
    """
    adapter = read_adapter(folder)
    tell = progress or (lambda what, share: None)
    rack = AdapterRack(models)
    rack.load(folder)
    name = adapter.manifest.name
    plans = "planner" in adapter.manifest.networks
    pieces = planner_pieces(prepared.training) if plans else []
    known = Clips(_chosen(prepared.training, extent.clips), _chosen(pieces, extent.clips))
    whole = (extent.free_s + extent.case_s * len(extent.cases) * extent.draws + extent.clip_s * len(known.examples)) * 2 + extent.unharmed_s
    clock = _Clock(tell, round(whole * FRAME_RATE))
    try:
        base = _play_all(models, known, extent, seed, clock.ticking("playing as the base does"))
        rack.use_now([(name, 1.0)])
        ours = _play_all(models, known, extent, seed, clock.ticking("playing with the adapter"))
        rack.strength(name, 0.0)
        rack.settle()
        muted = play(models, FORM, extent.unharmed_s, seed, clock.ticking("playing with the adapter turned down"))
    finally:
        rack.use_now([])
        rack.unload(name)
    tell("listening", 1.0)
    out = _held_out(losses or _losses(models, adapter, prepared), adapter)
    out |= _memorising(base, ours, prepared, plans)
    out |= _energy(base.free, ours.free)
    out |= _order(base.takes, ours.takes, looseness(prepared))
    frames = len(muted.audio)
    harm = float(np.abs(muted.audio - base.free.audio[:frames]).max(initial=0.0))
    return out | {"unharmed": Guard(harm == 0.0, harm, 0.0)}


class _Clock:
    """Shares of all steps that are to be played."""

    def __init__(self, tell: Tell, steps: int) -> None:
        self._tell, self._steps, self._done = tell, max(steps, 1), 0

    def ticking(self, what: str) -> Callable[[], None]:
        def tick() -> None:
            if self._done % FRAME_RATE == 0:
                self._tell(what, min(self._done / self._steps, 1.0))
            self._done += 1

        return tick


def _chosen(among: Sequence[T], count: int) -> list[T]:
    """So many, evenly among all."""
    places = np.linspace(0, len(among) - 1, min(count, len(among))).round().astype(int)
    return [among[place] for place in places]


def _play_all(models: Models, clips: Clips, extent: Extent, seed: int, tick: Callable[[], None]) -> Played:
    free = play(models, FORM, extent.free_s, seed, tick)
    order = [*extent.cases] * extent.draws
    cases = [play(models, case, extent.case_s, seed + 1 + index, tick) for index, case in enumerate(order)]
    wanted = round(extent.clip_s * FRAME_RATE)
    continued = []
    for example in clips.examples:
        start = max((example.steps - wanted) // 2, 1)
        continued.append(go_on(models, example, start, min(wanted, example.steps - start), seed, tick))
    written = [write_on(models, piece, max(len(piece.events) // 4, 1), seed) for piece in clips.pieces]
    return Played(free, cases, continued, written)


# --- the guards


def _losses(models: Models, adapter: Adapter, prepared: Prepared) -> Losses:
    """Of whole networks, whatever they play in."""
    whole = models
    if models.precision not in ("float32", "int8"):
        whole = load_models(models.name, compiled=False, device=str(models.device), precision="float32")
    player, planner = copy.deepcopy(whole.player), copy.deepcopy(whole.planner)
    base = held_out_losses(player, planner, prepared)
    for network in (player, planner):
        merge(network, adapter.tensors, adapter.manifest.alpha / adapter.manifest.rank)
    return Losses(base, held_out_losses(player, planner, prepared))


def _held_out(losses: Losses, adapter: Adapter) -> dict[str, Guard]:
    """Better than the base, be it by little. Where nothing is held out nobody knows, and that is not enough."""
    out = {}
    for network, name in (("player", "held_out"), ("planner", "held_out_plan")):
        if network in adapter.manifest.networks and network in losses.base:
            ratio = losses.adapter[network] / losses.base[network]
            out[name] = Guard(ratio < 1.0, ratio, 1.0)
    return out or {"held_out": Guard(False, NOTHING, 1.0)}


def _memorising(base: Played, ours: Played, prepared: Prepared, plans: bool) -> dict[str, Guard]:
    clips, held = ([first_codes(example) for example in side] for side in (prepared.training, prepared.held_out))
    theirs = [*(take.codes for take in base.takes), *base.continued, *held]
    out = {"memorising": sound_guard([*(take.codes for take in ours.takes), *ours.continued], theirs, clips)}
    if plans:
        notes, held_notes = ([one.notes for one in side if one.notes is not None] for side in (prepared.training, prepared.held_out))
        planned, theirs_planned = ([*(take.notes for take in side.takes), *side.written] for side in (ours, base))
        guard = notes_guard(planned, [*theirs_planned, *held_notes], notes)
        out |= {} if guard is None else {"memorising_notes": guard}
    return out


def _energy(base: Take, ours: Take) -> dict[str, Guard]:
    edge = min(round(END_S * SAMPLE_RATE), len(ours.audio) // 2)

    def level(part: np.ndarray) -> float:
        return max(loudness(part, SAMPLE_RATE), SOFTEST)

    end = level(ours.audio[-edge:])
    fall = max(level(ours.audio[:edge]) - end, level(base.audio[-edge:]) - end)
    quiet, most = longest_silence(ours.audio, SAMPLE_RATE)[1], max(SILENCE_S, longest_silence(base.audio, SAMPLE_RATE)[1])
    return {"energy": Guard(fall <= FALL_LU, fall, FALL_LU), "silence": Guard(quiet <= most, quiet, most)}


def looseness(prepared: Prepared) -> float:
    """How far the player's own onsets lie from the grid in milliseconds, over clips with sure notes on a sure chart; 0 without any."""
    off = []
    for example in prepared.training:
        tempo = float(example.about["tempo"])
        if example.notes is None or not example.about.get("chart") or tempo <= 0:
            continue
        onsets = np.unique(example.notes["start"]).astype(np.float64)
        begin = float(example.about["bar_s"]) - float(example.about["start_s"])
        grid = grid_deviation(onsets, tempo, likeliest_swing(onsets, tempo), begin)
        off.append(grid.deviation_ms if np.isfinite(grid.deviation_ms) else 0.0)
    return float(np.mean(off)) if off else 0.0


def _order(base: Sequence[Take], ours: Sequence[Take], own: float) -> dict[str, Guard]:
    """Chords and time. `own`: what the player's own looseness is."""
    fits, errors, offs = zip(*[_measures(take) for take in base], strict=True)
    our_fits, our_errors, our_offs = zip(*[_measures(take) for take in ours], strict=True)
    share = float(np.mean(our_fits)) / max(float(np.mean(fits)), 1e-9)
    error, most = _worst(ours, our_errors), max(TEMPO, _worst(base, errors))
    off, far = float(np.mean(our_offs)), max(GRID_MS, GRID * float(np.mean(offs)), own)
    return {
        "chart": Guard(share >= CHART, share, CHART),
        "tempo": Guard(error <= most, error, most),
        "grid": Guard(off <= far, off, far),
    }


def _worst(takes: Sequence[Take], errors: Sequence[float]) -> float:
    """Of the cases, each by the median of its takes."""
    of_case = {take.case: [error for other, error in zip(takes, errors, strict=True) if other.case == take.case] for take in takes}
    return max(float(np.median(found)) for found in of_case.values())


def _measures(take: Take) -> tuple[float, float, float]:
    """Share of the sound on chord tones, error of the tempo in percent, distance of the onsets from the grid in milliseconds."""
    case, seconds = take.case, len(take.audio) / SAMPLE_RATE
    times, colours = chroma(take.audio, SAMPLE_RATE)
    beats = int(seconds * case.tempo / 60)
    fit = measure_fit(beat_chroma_of_sound(times, colours, case.tempo, 0.0, beats), case.chart).fit
    strength = onset_strength(take.audio, SAMPLE_RATE)
    onsets = onset_times(strength)
    error = abs(refine_tempo(strength, FPS, case.tempo, REACH) / case.tempo - 1) * 100
    grid = grid_deviation(onsets, case.tempo, likeliest_swing(onsets, case.tempo))
    if len(onsets) < seconds / SPARSE_S:
        return float(np.nan_to_num(fit)), 100 * REACH, grid.chance_ms if len(onsets) else 30_000 / case.tempo
    return float(np.nan_to_num(fit)), error, grid.deviation_ms
