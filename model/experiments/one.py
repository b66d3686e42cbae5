"""One row: learn it, judge it. A process of its own, so that its memory is its own.

Of the sound only the room is fitted, so that rows differ by their training alone; `jamd learn` finds an instrument and its colour as well.
"""

from __future__ import annotations

import argparse
import copy
import json
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from jamd.contract.units import SAMPLE_RATE
from model.adapters.format import Adapter, Manifest, write_adapter
from model.adapters.rack import AdapterRack
from model.evaluate.personal import Options, Render, compare, plain, read_reference, with_adapters
from model.experiments.material import REFERENCE, part_of, record
from model.experiments.variants import TABLES, variants
from model.generator.clip import ClipRequest
from model.generator.compiled_planner import planner_weights
from model.generator.compiled_player import player_weights
from model.generator.models import Models, load_models
from model.learning.lessons import PlannerLesson, PlayerLesson, planner_pieces
from model.learning.prepare import Prepared, load_prepared
from model.learning.recipe import Recipe
from model.learning.replay import load_replay
from model.learning.room import fit_room
from model.learning.training import Fitted, Progress, Trainer
from model.metrics.heard import Floats
from model.metrics.plain import plain as plain_values

PLANNER_STEPS = 2.0
"""Steps of the planner for each of the player's: they are a tenth as dear."""

SECONDS = 12.0
"""Of a sample that is judged."""


def few(prepared: Prepared, clips: int, seed: int) -> Prepared:
    """With so many clips to learn from, drawn; what is held out stays. 0: all."""
    chosen = prepared.training
    if clips and clips < len(chosen):
        order = np.random.default_rng([20_33, seed]).permutation(len(chosen))
        chosen = [chosen[index] for index in sorted(order[:clips])]
    return replace(prepared, examples=[*chosen, *prepared.held_out])


def train(whole: Models, prepared: Prepared, recipe: Recipe, steps: int, replay: Path, work: Path) -> list[Fitted]:
    """Both networks, by so many steps of the player."""
    pieces = load_replay(load_models(whole.name), replay) if recipe.replay else []
    fitted = []
    for name in ("player", "planner"):
        if name == "planner" and not planner_pieces(prepared):
            continue
        lesson = (PlayerLesson if name == "player" else PlannerLesson)(copy.deepcopy(getattr(whole, name)), prepared, pieces, recipe)
        wanted = steps * (1.0 if name == "player" else PLANNER_STEPS)

        def tell(progress: Progress) -> None:
            print(f"  {progress.phase} {progress.step} {progress.loss:.3f} held out {progress.held_out:.3f}", file=sys.stderr)

        trainer = Trainer(lesson, replace(recipe, rounds=wanted / lesson.round_steps), work, 1e6, tell)
        fitted.append(trainer.run())
    return fitted


def player_of(whole: Models, playing: Models, fitted: list[Fitted], recipe: Recipe, work: Path, prepared: Prepared) -> Render:
    """What was learnt, ready to play, in the room that is fitted to it."""
    if recipe.full:
        networks = {one.name: copy.deepcopy(getattr(whole, one.name)) for one in fitted}
        for one in fitted:
            networks[one.name].load_state_dict(one.tensors)
            networks[one.name].eval().requires_grad_(False)
        models = playing
        if "player" in networks and playing.compiled is not None:
            models = replace(models, player=networks["player"], compiled=(player_weights(networks["player"]), playing.compiled[1]))
        if "planner" in networks:
            models = replace(models, planner=networks["planner"], compiled_planner=planner_weights(networks["planner"]))
        found = fit_room(models, whole, prepared, recipe.seed)
        if found is not None:
            models.room.params = found[0].numpy()
        return plain(models)
    tensors = {name: tensor for one in fitted for name, tensor in one.tensors.items()}
    targets: list[Any] = sorted({name.split(".")[-2] for name in tensors})
    networks_learnt: list[Any] = [one.name for one in fitted]
    manifest = Manifest(
        name="variant", created="", base=whole.name, base_hash=whole.base, rank=recipe.rank, alpha=recipe.alpha, targets=targets,
        networks=networks_learnt, dora=recipe.dora,
    )  # fmt: skip
    style = torch.from_numpy(prepared.style) if prepared.style.any() else None
    rack = AdapterRack(playing)
    rack.load(write_adapter(work, Adapter(manifest, tensors, style), replace=True))
    rack.use_now([("variant", 1.0)])
    found = fit_room(playing, whole, prepared, recipe.seed)
    rack.use_now([])
    rack.load(write_adapter(work, Adapter(manifest, tensors, style, room=None if found is None else found[0]), replace=True))
    return with_adapters(rack, [("variant", 1.0)])


def timed(render: Render, spent: list[tuple[float, float]]) -> Render:
    """Notes (seconds spent, seconds played) of every sample but the first."""

    def inner(request: ClipRequest) -> Floats:
        begin = time.perf_counter()
        sound = render(request)
        spent.append((time.perf_counter() - begin, len(sound) / SAMPLE_RATE))
        return sound

    return inner


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("persona")
    parser.add_argument("variant")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--samples", type=int, required=True)
    options = parser.parse_args()
    variant = next(one for one in variants(list(TABLES)) if one.name == options.variant)
    home = options.out / options.persona
    work = home / "work" / variant.name.replace(" ", "_")
    prepared = load_prepared(home / "material")
    assert prepared is not None
    prepared = few(prepared, variant.clips, options.seed)
    whole = load_models("small", compiled=False)
    recipe = variant.recipe(Recipe(seed=options.seed))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fitted = train(whole, prepared, recipe, options.steps, options.out / "replay", work)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    playing = load_models("small")
    spent: dict[str, list[tuple[float, float]]] = {"base": [], "variant": []}
    players = {"base": timed(plain(playing), spent["base"])}
    players["variant"] = timed(player_of(whole, load_models("small"), fitted, recipe, work, prepared), spent["variant"])
    reference = read_reference([home / REFERENCE], whole.style, told=record(options.persona, home))
    asked = Options.quick().given(seconds=SECONDS, samples=options.samples, seed=options.seed, parts=(part_of(options.persona),))
    found = compare(players, reference, asked, style=whole.style)
    factors = {name: sum(s for s, _ in rows[1:]) / max(sum(p for _, p in rows[1:]), 1e-9) for name, rows in spent.items()}
    result = {
        "persona": options.persona, "variant": variant.name, "steps": options.steps, "samples": options.samples,
        "recipe": recipe.to_dict(), "clips": len(prepared.training), "seconds_of_playing": sum(e.seconds for e in prepared.training),
        "parameters": sum(one.parameters for one in fitted), "minutes": sum(one.seconds for one in fitted) / 60,
        "memory_mb": (peak - before) / 1024, "real_time_factor": factors["variant"], "base_real_time_factor": factors["base"],
        "held_out": {one.name: [one.base, one.held_out] for one in fitted}, "evaluation": found.as_dict(),
    }  # fmt: skip
    part = home / f".{work.name}.json"
    part.write_text(json.dumps(plain_values(result), indent=1))
    part.replace(home / f"{work.name}.json")


if __name__ == "__main__":
    torch.set_num_threads(max(torch.get_num_threads(), 1))
    main()
