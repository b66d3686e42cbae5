"""From recordings to an adapter: material, training, guards, the adapter itself. Everything lies in one folder and is gone on with.

The folder holds `material/` (see `prepare`), `log.csv`, the states of the two trainings, `auditions/`, `draft/NAME` (the adapter before it
is judged), `report.html`.
"""

from __future__ import annotations

import copy
import datetime
import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from jamd.contract.errors import FailureError, UsageError
from model.adapters.format import Adapter, Guard, Manifest, check_name, write_adapter
from model.generator.models import Models, load_models
from model.learning.auditions import Auditions
from model.learning.colour import fit_colour
from model.learning.guards import Extent, check_adapter
from model.learning.instrument import choose_instruments
from model.learning.lessons import PlannerLesson, PlayerLesson, planner_pieces
from model.learning.prepare import Prepared, prepare
from model.learning.recipe import Recipe
from model.learning.replay import SECONDS as REPLAY_S
from model.learning.replay import load_replay
from model.learning.report import write_report
from model.learning.room import fit_room
from model.learning.told import Told
from model.learning.training import Fitted, Interrupted, Progress, Tell, Trainer

PLAYER_SHARE: Final = 0.75
"""Of the minutes, where both networks train."""
REPLAY_SHARE: Final = 0.15
"""Seconds of the base's own playing for each second of training, until there are `REPLAY_S`."""

TURNED_DOWN: Final = (0.75, 0.5)
"""Shares of what the planner learnt that are tried in turn where all of it costs the chart, the tempo or the grid."""


@dataclass(frozen=True)
class Order:
    """What is to be learnt."""

    recordings: Sequence[Path]
    name: str
    style: str = ""
    """What the playing is called in words."""
    base: str = "small"
    """A size that ships, or a folder with weights."""
    plays: tuple[str, ...] | None = None
    """Parts that play in the recordings, if the musician says so."""
    told: Mapping[Path, Told] = field(default_factory=dict)
    """What the musician said of files, by their resolved paths."""
    force: bool = False
    """Take less than two minutes of playing, too."""
    device: str = "cpu"


@dataclass(frozen=True)
class Learnt:
    adapter: Path
    """Its folder among the adapters."""
    report: Path
    manifest: Manifest
    prepared: Prepared
    fitted: list[Fitted]


@dataclass(frozen=True)
class Sound:
    """What of a musician's sound is not in the matrices."""

    instruments: Mapping[str, str] = field(default_factory=dict)
    colour: Tensor | None = None
    room: Tensor | None = None


def learn(
    order: Order, recipe: Recipe, work: Path, adapters: Path, shared: Path, *, tell: Tell, stop: Callable[[], bool] = lambda: False,
    replace_old: bool = False, extent: Extent = Extent(),  # noqa: B008 - it is frozen
) -> Learnt:  # fmt: skip
    """Learn an adapter.

    Args:
        work: folder of this training; what an interrupted run of the same order left there is gone on with.
        adapters: folder into which the adapter goes.
        shared: folder for what all trainings share, the base's own playing.
        replace_old: an adapter of this name may go.
        extent: how much is played for the guards.

    Raises:
        UsageError: the material is too little, or the recipe cannot be trained.
        Interrupted: asked to stop.
        AdapterError: there is one of this name, or peft is missing.
        FailureError: a file cannot be read or written.
    """
    check_name(order.name)
    if recipe.full:
        raise UsageError("no adapter comes of a full fine-tuning")
    whole = load_models(order.base, compiled=False, device=order.device, precision="float32")
    playing = load_models(order.base, device=order.device)

    def say(phase: str) -> Callable[[str, float], None]:
        def told(text: str, share: float) -> None:
            if stop():
                raise Interrupted(f"stopped while {text}: the same command goes on from there", code="stopped")
            tell(Progress(phase, share, text))

        return told

    prepared = prepare(
        order.recordings,
        whole,
        work / "material",
        force=order.force,
        style=order.style,
        plays=order.plays,
        told=order.told,
        progress=say("preparing"),
    )
    signature = _signature(order, recipe, prepared, whole)
    _begin(work, signature)
    replay = (
        load_replay(playing, shared / whole.base[:16], min(REPLAY_S, REPLAY_SHARE * 60 * recipe.minutes), say("replay"))
        if recipe.replay
        else []
    )
    networks = [name for name in recipe.networks if name == "player" or planner_pieces(prepared)]
    if not networks:
        raise UsageError("there are no sure notes to learn from, and the planner learns from nothing else", code="material")
    auditions = Auditions(playing, work, order.name, prepared)
    auditions.base()
    fitted: list[Fitted] = []
    for name in networks:
        left = recipe.minutes * (1.0 if len(networks) == 1 else PLAYER_SHARE if name == "player" else 1 - PLAYER_SHARE)
        network = copy.deepcopy(getattr(whole, name))
        lesson = (PlayerLesson if name == "player" else PlannerLesson)(network, prepared, replay, recipe)
        known = [one for one in fitted]

        def look(minutes: float, name: str = name, network: Any = network, known: list[Fitted] = known) -> None:
            if auditions.due(minutes):
                auditions.play(_adapter(order, recipe, prepared, whole, [*known, _so_far(name, network)]), name, minutes)

        trainer = Trainer(lesson, recipe, work, left, tell, stop, look, f"{signature} {name}")
        fitted.append(trainer.run())
    adapter = _adapter(order, recipe, prepared, whole, fitted)
    sound = Sound()
    if order.device == "cpu":
        with auditions.playing_with(adapter):
            tried = choose_instruments(playing, whole, prepared, recipe.seed, say("sound"))
        if tried is not None:
            fitted.append(tried[1])
            sound = replace(sound, instruments=tried[0])
        with auditions.playing_with(adapter):
            colour = fit_colour(playing, whole, prepared, recipe.seed, say("sound"), sound.instruments)
        if colour is not None:
            fitted.append(colour[1])
            sound = replace(sound, colour=colour[0])
        adapter = _adapter(order, recipe, prepared, whole, fitted, sound=sound)
    with auditions.playing_with(adapter):
        around = fit_room(playing, whole, prepared, recipe.seed, say("sound"))
    if around is not None:
        fitted.append(around[1])
        sound = replace(sound, room=around[0])
        adapter = _adapter(order, recipe, prepared, whole, fitted, sound=sound)
    auditions.play(adapter, "end", sum(one.seconds for one in fitted) / 60)

    def check(fitted: list[Fitted]) -> dict[str, Guard]:
        draft = write_adapter(work / "draft", _adapter(order, recipe, prepared, whole, fitted, sound=sound), replace=True)
        return check_adapter(playing, draft, prepared, seed=recipe.seed, progress=say("checking"), extent=extent)

    fitted, guards = keeping_order(fitted, check)
    adapter = _adapter(order, recipe, prepared, whole, fitted, guards, sound)
    folder = write_adapter(adapters, adapter, replace=replace_old)
    (work / "manifest.json").write_bytes((folder / "manifest.json").read_bytes())
    report = write_report(work, work / "report.html")
    tell(Progress("done", 1.0, "accepted" if adapter.manifest.accepted else "not accepted"))
    return Learnt(folder, report, adapter.manifest, prepared, fitted)


def keeping_order(fitted: list[Fitted], check: Callable[[list[Fitted]], dict[str, Guard]]) -> tuple[list[Fitted], dict[str, Guard]]:
    """As much of what the planner learnt as keeps chart, tempo and grid, with its guards; all of it where none of `TURNED_DOWN` does."""

    def in_order(guards: dict[str, Guard]) -> bool:
        return all(guards[name].ok for name in ("chart", "tempo", "grid"))

    guards = check(fitted)
    if in_order(guards) or not any(one.name == "planner" and one.tensors for one in fitted):
        return fitted, guards
    for share in TURNED_DOWN:
        lower = [turned_down(one, share) if one.name == "planner" else one for one in fitted]
        found = check(lower)
        if in_order(found):
            if plan := found.get("held_out_plan"):  # nothing may be held out
                lower = [replace(one, held_out=plan.value * one.base) if one.name == "planner" else one for one in lower]
            return lower, found
    return fitted, guards


def turned_down(fitted: Fitted, share: float) -> Fitted:
    """A share of what was learnt: low-rank paths times it, gains as far from 1."""
    tensors = {
        name: tensor * share if name.endswith("lora_B") else 1 + (tensor - 1) * share if name.endswith("gain") else tensor
        for name, tensor in fitted.tensors.items()
    }
    return replace(fitted, tensors=tensors, ended=f"{fitted.ended}; turned down to {share:g} to keep chart and time")


def _so_far(name: str, network: Any) -> Fitted:
    from model.adapters.training import lora_tensors

    return Fitted(name, lora_tensors(network), 0, 0.0, 0.0, 0, 0, 0.0, "")


def _adapter(
    order: Order,
    recipe: Recipe,
    prepared: Prepared,
    whole: Models,
    fitted: list[Fitted],
    guards: dict[str, Guard] | None = None,
    sound: Sound = Sound(),  # noqa: B008 - it is frozen
) -> Adapter:
    """What was learnt, in the format of an adapter."""
    tensors = {name: tensor for one in fitted for name, tensor in one.tensors.items()}
    targets: list[Any] = sorted({name.split(".")[-2] for name in tensors})
    scores: dict[str, float] = {}
    training: dict[str, float | int | str | bool | None] = dict(recipe.to_dict())
    for one in fitted:
        scores |= {f"{one.name}_base": one.base, f"{one.name}_held_out": one.held_out}
        training |= {f"{one.name}_parameters": one.parameters, f"{one.name}_step": one.step, f"{one.name}_steps": one.steps,
                     f"{one.name}_seconds": round(one.seconds, 1), f"{one.name}_ended": one.ended}  # fmt: skip
    training |= {
        "seconds_of_playing": prepared.seconds_used, "clips": len(prepared.training), "held_out_clips": len(prepared.held_out),
        "plays": ",".join(order.plays or ()),
    }  # fmt: skip
    manifest = Manifest(
        name=order.name, created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), base=whole.name, base_hash=whole.base,
        rank=recipe.rank, alpha=recipe.alpha, targets=targets, networks=[one.name for one in fitted if one.tensors],  # type: ignore[misc]
        dora=recipe.dora, style=order.style, data_hash=prepared.data_hash, training=training,
        scores={name: value for name, value in scores.items() if value == value}, guards=guards or {}, sounds=dict(sound.instruments),
    )  # fmt: skip
    style = torch.from_numpy(prepared.style) if prepared.style.any() else None
    return Adapter(manifest, tensors, style, sound.colour, sound.room)


def _signature(order: Order, recipe: Recipe, prepared: Prepared, whole: Models) -> str:
    """Of everything that decides what is learnt, but for how long it may take."""
    said = sorted((str(path), repr(one)) for path, one in order.told.items())
    clips = sorted((example.folder.name, example.held_out) for example in prepared.examples)
    parts = (prepared.data_hash, clips, order.plays, said, whole.base, replace(recipe, minutes=0.0).to_dict())
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]


def _begin(work: Path, signature: str) -> None:
    """What a training of something else left is put aside under its own signature; what this one left before that is taken back."""
    note = work / "order.json"
    try:
        old = json.loads(note.read_text())["signature"] if note.is_file() else None
        if old is not None and old != signature:
            _move(work, work / "before" / str(old))
        note.write_text(json.dumps({"signature": signature}))
        if old != signature:
            _move(work / "before" / signature, work)
    except (OSError, ValueError, KeyError) as error:
        raise FailureError(f"{note}: {error}", code="file") from error


def _move(source: Path, target: Path) -> None:
    """All that a training leaves, over what is there."""
    target.mkdir(parents=True, exist_ok=True)
    for path in [*source.glob("*.safetensors"), *(source / name for name in ("log.csv", "auditions", "report.html"))]:
        if path.exists():
            if path.is_dir():
                shutil.rmtree(target / path.name, ignore_errors=True)
            path.replace(target / path.name)


def show(manifest: Manifest) -> str:
    """Scores and guards of an adapter in a few lines."""
    lines = []
    for name in manifest.networks:
        base, now = manifest.scores.get(f"{name}_base"), manifest.scores.get(f"{name}_held_out")
        if base and now:
            lines.append(f"{name}: {base:.3f} nats on held-out playing by the base, {now:.3f} learnt ({now / base - 1:+.1%})")
    lines += [
        f"{'ok  ' if guard.ok else 'FAIL'} {name}: {guard.value:.4g} (limit {guard.limit:.4g})" for name, guard in manifest.guards.items()
    ]
    return "\n".join(lines)
