"""The rack: life cycle, swaps, blends, knobs; memory and sound through many swaps."""

from __future__ import annotations

import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from jamd.contract.chart import parse_chart
from jamd.contract.clock import Clock
from jamd.contract.errors import AdapterError
from jamd.contract.units import FRAME_SAMPLES
from model.adapters.rack import FADE_STEPS, READY, AdapterRack, AdapterState
from model.generator.models import Models, load_models
from model.generator.performer import Performer
from model.generator.situation import Situation
from model.layers.lowrank import COLUMNS
from tests.unit.model.adapters.rig import live, same, tiny_models, write_random


@pytest.fixture
def models() -> Models:
    return tiny_models(True)


def code_of(call: object, *args: object) -> str:
    with pytest.raises(AdapterError) as caught:
        call(*args)  # type: ignore[operator]
    return caught.value.code


def scales(models: Models) -> np.ndarray:
    """Of the first block's attention, both banks. Shape: [2, columns]."""
    assert models.compiled is not None
    packed = models.compiled[0].blocks.low
    return packed.views(models.player.transformer)["qkv"].scales[0].copy()


def test_life_cycle(models: Models, tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []
    rack = AdapterRack(models, lambda name, state: seen.append((name, state.value)))
    folder = write_random(tmp_path, models, "ann", 1)
    assert rack.register(folder) == "ann" and rack.entries()["ann"].state is AdapterState.REGISTERED
    assert code_of(rack.use, [("ann", 1.0)]) == "state"
    rack.load(folder)
    entry = rack.entries()["ann"]
    assert entry.nbytes > 0 and entry.style is not None and entry.style.shape == (512,)
    rack.use([("ann", 1.0)])
    assert rack.entries()["ann"].state is AdapterState.READY
    assert code_of(rack.unload, "ann") == "active"  # it comes next
    rack.switch()
    assert rack.entries()["ann"].state is AdapterState.ACTIVE and rack.active == [("ann", 1.0)]
    assert code_of(rack.unload, "ann") == code_of(rack.load, folder) == "active"
    assert code_of(rack.switch) == "state"
    for _ in range(FADE_STEPS):
        rack.advance()
    rack.use([])
    rack.switch()
    rack.unload("ann")  # it still fades out: the bank has its own copy
    assert rack.fading and rack.entries()["ann"].nbytes == 0
    for _ in range(FADE_STEPS):
        rack.advance()
    assert not rack.fading and not scales(models).any()
    assert code_of(rack.unload, "nobody") == "missing"
    assert seen == [("ann", state) for state in ("registered", "staging", "ready", "active", "ready", "registered")]


def test_a_fade_is_a_straight_line_of_six_steps(models: Models, tmp_path: Path) -> None:
    rack = AdapterRack(models)
    for seed, name in enumerate(("ann", "bo")):
        rack.load(write_random(tmp_path, models, name, seed, rank=4, alpha=8))
    rack.use([("ann", 0.6)])
    assert not scales(models).any()
    rack.switch()
    assert not scales(models).any()
    heard = []
    for _ in range(FADE_STEPS):
        rack.advance()
        heard.append(scales(models)[1, :4])
    assert np.allclose(np.array(heard), 2 * 0.6 * np.arange(1, 7)[:, None] / 6, atol=1e-6)
    rack.use([("ann", 0.6), ("bo", 1.0)])  # ann goes on in the other bank: no dip
    rack.switch()
    for step in range(1, FADE_STEPS + 1):
        rack.advance()
        now = scales(models)
        assert np.allclose(now[0, :4] + now[1, :4], 1.2, atol=1e-6) and np.allclose(now[0, 4:8], 2 * step / 6, atol=1e-6)
    assert not scales(models)[1].any()


def test_a_set_asked_for_during_a_fade_comes_after_it(models: Models, tmp_path: Path) -> None:
    rack = AdapterRack(models)
    for seed, name in enumerate(("ann", "bo", "cat")):
        rack.load(write_random(tmp_path, models, name, seed))
    for name in ("ann", "bo"):
        rack.use([(name, 1.0)])
        rack.switch()
        rack.advance()
        rack.advance()
    # ann still fades out of the bank that cat needs
    rack.use([("cat", 0.5)])
    assert rack.chosen == [("bo", 1.0)]
    rack.switch()
    assert rack.chosen == [("cat", 0.5)]
    assert rack.active == [("bo", 1.0)] and code_of(rack.unload, "cat") == "active"
    for _ in range(2 * FADE_STEPS):
        if rack.active[0][0] == "bo":
            rack.strength("bo", 0.9)  # a knob that keeps moving does not hold it up
        rack.advance()
    assert rack.active == rack.chosen == [("cat", 0.5)]
    for _ in range(FADE_STEPS):
        rack.advance()
    assert not rack.fading and np.allclose(sorted(scales(models).sum(axis=1)), [0.0, 2.0])
    assert rack.entries()["bo"].state is rack.entries()["ann"].state is AdapterState.READY


def test_a_knob_turns_what_sounds_and_what_comes(models: Models, tmp_path: Path) -> None:
    rack = AdapterRack(models)
    for seed, name in enumerate(("ann", "bo")):
        rack.load(write_random(tmp_path, models, name, seed, rank=4))
    rack.use([("ann", 1.0)])
    rack.strength("ann", 0.5)
    assert not rack.fading and rack.active == []
    rack.switch()
    for _ in range(FADE_STEPS):
        rack.advance()
    assert np.allclose(scales(models)[1, :4], 0.5)
    rack.use([("ann", 0.5), ("bo", 1.0)])
    rack.strength("ann", 2.0)
    rack.advance()
    assert np.allclose(scales(models)[1, :4], 0.75)
    for _ in range(FADE_STEPS):
        rack.advance()
    rack.strength("bo", 0.25)
    rack.switch()
    for _ in range(FADE_STEPS):
        rack.advance()
    assert rack.active == [("ann", 2.0), ("bo", 0.25)]
    assert np.allclose(scales(models)[0, :8], [2.0] * 4 + [0.25] * 4) and not scales(models)[1].any()


def test_limits(models: Models, tmp_path: Path) -> None:
    rack = AdapterRack(models)
    for index in range(READY):
        rack.load(write_random(tmp_path, models, f"a{index}", index, rank=9))
    more = write_random(tmp_path, models, "more", 99)
    assert code_of(rack.load, more) == "full"
    assert rack.entries()["more"].state is AdapterState.REGISTERED
    rack.unload("a3")
    rack.load(more)
    rack.load(more)  # again is no more
    assert code_of(rack.use, [("a0", 1.0), ("a1", 1.0), ("a2", 1.0), ("a4", 1.0)]) == "rank"
    assert COLUMNS == 32
    rack.use([("a0", 1.0), ("a1", 1.0), ("a2", 1.0), ("more", 1.0)])
    assert code_of(rack.use, [("a0", 1.0), ("a0", 0.5)]) == "twice"
    for value in (-0.1, 2.1, float("nan")):
        assert code_of(rack.use, [("a0", value)]) == "strength"
    assert code_of(rack.use, [("nobody", 1.0)]) == "missing"
    rack.switch()  # what was prepared last and rightly
    assert len(rack.active) == 4
    assert code_of(rack.strength, "a5", 1.0) == "state"
    assert code_of(rack.load, write_random(tmp_path / "other", tiny_models(False, seed=4), "a5", 1)) == "foreign"
    assert rack.entries()["a5"].state is AdapterState.READY


def test_loading_in_a_thread_while_another_plays(models: Models, tmp_path: Path) -> None:
    rack, errors = AdapterRack(models), []
    folders = [write_random(tmp_path, models, f"a{index}", index) for index in range(8)]
    rack.load(folders[0])

    def load() -> None:
        for _ in range(4):
            for folder in folders[1:]:
                try:
                    rack.load(folder)
                except Exception as error:
                    errors.append(error)

    thread = threading.Thread(target=load)
    thread.start()
    while thread.is_alive():
        for mix in ([("a0", 1.0)], []):
            rack.use(mix)
            rack.switch()
            for _ in range(FADE_STEPS):
                rack.advance()
    thread.join()
    assert not errors and sum(entry.state is AdapterState.READY for entry in rack.entries().values()) == 8


@pytest.mark.parametrize("dora", [False, True])
def test_two_hundred_swaps_keep_memory_as_it_is(models: Models, tmp_path: Path, dora: bool) -> None:
    rack = AdapterRack(models)
    for index in range(3):
        rack.load(write_random(tmp_path, models, f"a{index}", index, rank=8, dora=dora and index != 1))
    base = live(models)

    def swap(count: int) -> None:
        for index in range(count):
            rack.use([(f"a{index % 3}", 1.0), (f"a{(index + 1) % 3}", 0.5)] if index % 4 else [])
            rack.switch()
            for _ in range(FADE_STEPS):
                rack.advance()

    swap(8)
    tracemalloc.start()
    try:
        swap(8)
        before = tracemalloc.get_traced_memory()[0]
        swap(200)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 4096 and peak - before < 64 << 10, (before, after, peak)
    rack.use_now([])
    assert same(live(models), base)


def test_swaps_make_no_click(tmp_path: Path) -> None:
    """With the shipped model: no step from sample to sample is larger than those of the base and of the adapters by themselves."""
    models = load_models()
    for seed, name in enumerate(("ann", "bo")):
        write_random(tmp_path, models, name, seed, rank=8, size=0.15)
    blocks, swap_every = 150, 25

    def play(mixes: list[list[tuple[str, float]]]) -> np.ndarray:
        rack = AdapterRack(models)
        for name in ("ann", "bo"):
            rack.load(tmp_path / name)
        rack.use([])
        rack.switch()
        chart = parse_chart("| Dm7 | G7 | Cmaj7 | A7 |")
        performer = Performer(models, Situation(clock=Clock.started(0, 160.0, 4), charts=[(0, chart)]), 0, seed=5)
        out = []
        for index in range(blocks):
            if index % swap_every == 0:
                rack.use(mixes[index // swap_every % len(mixes)])
                rack.switch()
            rack.advance()
            out.append(performer.block())
        rack.use([])
        rack.switch()
        for _ in range(FADE_STEPS):
            rack.advance()
        return np.concatenate(out)

    def steps(audio: np.ndarray) -> np.ndarray:
        return np.abs(np.diff(audio, axis=0)).max(axis=1)

    alone = [play([mix]) for mix in ([], [("ann", 1.0)], [("bo", 1.0)])]
    swapped = play([[("ann", 1.0)], [("bo", 1.0)], [], [("ann", 0.5), ("bo", 0.5)]])
    assert not np.array_equal(alone[0], alone[1]) and np.isfinite(swapped).all()
    largest = max(steps(audio).max() for audio in alone)
    near = np.concatenate([steps(swapped)[k * swap_every * FRAME_SAMPLES :][: (FADE_STEPS + 2) * FRAME_SAMPLES] for k in range(1, 6)])
    assert near.max() <= largest, (near.max(), largest)
    assert steps(swapped).max() <= 1.25 * largest
