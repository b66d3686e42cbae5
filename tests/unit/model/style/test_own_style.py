"""The style of the adapters that sound: what it is, when it changes, and who follows it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jamd.contract.chart import parse_chart
from jamd.contract.clock import Clock
from model.adapters.format import write_adapter
from model.adapters.rack import FADE_STEPS, AdapterRack
from model.generator.clip import ClipRender, ClipRequest
from model.generator.models import Models
from model.generator.performer import Performer
from model.generator.situation import Situation
from model.generator.voice import CompiledVoice
from model.style import own
from model.style.own import OwnStyle
from model.style.words import SOUNDS, Style, read_style
from tests.unit.model.adapters.rig import make_adapter, tiny_models

CHART = parse_chart("| Dm7 | G7 |")


def unit(*numbers: float) -> np.ndarray:
    vector = np.array(numbers, np.float32)
    return vector / np.linalg.norm(vector)


def leaning(*styles: tuple[np.ndarray | None, float]) -> np.ndarray | None:
    one = OwnStyle()
    one.lean(styles, 2)
    return one.embedding


def test_it_is_the_sum_by_strengths_and_no_longer_than_they_are() -> None:
    a, b = unit(1, 0), unit(0, 1)
    assert leaning() is None and leaning((a, 0.0)) is None and leaning((None, 1.0)) is None
    np.testing.assert_allclose(leaning((a, 1.0)), a, atol=1e-6)
    np.testing.assert_allclose(leaning((a, 2.0)), a, atol=1e-6)
    np.testing.assert_allclose(leaning((a, 0.25)), 0.25 * a, atol=1e-6)
    np.testing.assert_allclose(leaning((a, 0.75), (b, 1.0)), unit(3, 4), atol=1e-6)
    np.testing.assert_allclose(leaning((a, 0.3), (b, 0.4)), 0.7 * unit(3, 4), atol=1e-6)
    np.testing.assert_allclose(leaning((a, 1.0), (None, 1.0)), a, atol=1e-6)
    assert leaning((a, 1.0), (-a, 1.0)) is None  # they cancel out
    assert leaning((unit(1, 0, 0), 1.0)) is None  # of other networks


def test_of_two_instruments_for_a_part_the_stronger_players_is_heard() -> None:
    own = OwnStyle()
    own.take_up([({"piano": "vibes"}, 1.0), ({"piano": "organ", "horn": "flute"}, 0.6)])
    assert own.sounds == {"piano": "vibes", "horn": "flute"}
    before = own.sounds
    own.take_up([({"piano": "vibes"}, 0.9), ({"piano": "organ", "horn": "flute"}, 0.6)])
    assert own.sounds is before
    own.take_up([({"piano": "vibes"}, 0.4)])  # there is nothing between two instruments
    assert own.sounds == {}
    assert read_style("ballad").band({"piano": "vibes"}) == SOUNDS | {"piano": "vibes", "drums": "brushes"}
    assert read_style("rhodes trio").band({"piano": "vibes", "horn": "flute"}) == SOUNDS | {"piano": "rhodes", "horn": "flute"}


def test_the_same_style_stays_the_same_array() -> None:
    one = OwnStyle()
    one.lean([(unit(1, 0), 1.0)], 2)
    before = one.embedding
    one.lean([(unit(1, 0), 1.5)], 2)
    assert one.embedding is before is not None
    one.lean([], 2)
    assert one.embedding is None and before[0] == 1.0


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "OWN_STYLE", False)
    assert leaning((unit(1, 0), 1.0)) is None


@pytest.fixture
def models() -> Models:
    return tiny_models(True, style_width=512)


@pytest.fixture
def rack(models: Models, tmp_path: Path) -> AdapterRack:
    rack = AdapterRack(models)
    for seed, name in enumerate(("ann", "bo")):
        rack.load(write_adapter(tmp_path, make_adapter(models, name, seed)))
    rack.load(write_adapter(tmp_path, replace(make_adapter(models, "bare", 5), style=None)))
    return rack


def style_of(rack: AdapterRack, name: str) -> np.ndarray:
    style = rack.entries()[name].style
    assert style is not None
    return style


def test_it_follows_swaps_and_knobs(models: Models, rack: AdapterRack) -> None:
    assert models.own.embedding is None
    rack.use([("ann", 1.0), ("bare", 1.0)])
    assert models.own.embedding is None  # not before it is heard
    rack.switch()
    np.testing.assert_allclose(models.own.embedding, style_of(rack, "ann"), atol=1e-6)
    array = models.own.embedding
    for _ in range(FADE_STEPS):
        rack.advance()
    assert models.own.embedding is array  # a fade is not followed step by step
    rack.strength("ann", 0.5)
    np.testing.assert_allclose(models.own.embedding, 0.5 * style_of(rack, "ann"), atol=1e-6)
    for mix in ([("bare", 1.0)], [("bo", 1.0)], []):
        rack.use(mix)
        rack.switch()
        for _ in range(2 * FADE_STEPS):
            rack.advance()
        wanted = style_of(rack, "bo") if mix == [("bo", 1.0)] else None
        assert (models.own.embedding is None) if wanted is None else np.allclose(models.own.embedding, wanted, atol=1e-6)
    rack.use([("bo", 1.0)])
    rack.switch()
    AdapterRack(models)  # another one begins with the base
    assert models.own.embedding is None


def test_networks_of_another_width_are_left_alone(tmp_path: Path) -> None:
    models = tiny_models(True)
    rack = AdapterRack(models)
    rack.load(write_adapter(tmp_path, make_adapter(models, "ann", 1)))
    rack.use([("ann", 1.0)])
    rack.switch()
    assert models.own.embedding is None


def heard(performer: Performer) -> tuple[np.ndarray, np.ndarray]:
    """What the cross-attentions of the player look at, and what the planner reads."""
    assert isinstance(performer.voice, CompiledVoice)
    return performer.voice.player.state.blocks.cross_keys.copy(), performer.plan.core.state.reads.copy()  # type: ignore[attr-defined]


def told(models: Models, embedding: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """The same after a prompt of this embedding."""
    situation = Situation(clock=Clock.started(0, 120.0, 4), charts=[(0, CHART)], style=Style(embedding=embedding, text="asked for"))
    performer = Performer(models, situation, 0)
    performer._take_style()
    return heard(performer)


def same(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> bool:
    """But for the last bit: a style of length 1 is brought to length 1 on one of the ways."""
    return all(np.allclose(a, b, rtol=0, atol=1e-5) for a, b in zip(one, other, strict=True))


def test_a_stream_is_led_as_by_a_prompt_and_a_prompt_takes_its_place(models: Models, rack: AdapterRack) -> None:
    prompt = np.random.default_rng(0).standard_normal(512).astype(np.float32)
    prompt /= np.linalg.norm(prompt)
    situation = Situation(clock=Clock.started(0, 120.0, 4), charts=[(0, CHART)])
    performer = Performer(models, situation, 0)
    changes: list[np.ndarray | None] = []
    set_style = performer.voice.set_style
    performer.voice.set_style = lambda style: (changes.append(style), set_style(style))[1]  # type: ignore[method-assign]

    def play(steps: int = 4) -> tuple[np.ndarray, np.ndarray]:
        for _ in range(steps):
            rack.advance()
            performer.block()
        return heard(performer)

    plain = play()
    assert same(plain, told(models, None)) and not changes
    rack.use([("ann", 1.0)])
    rack.switch()
    led = play(2 * FADE_STEPS)
    assert same(led, told(models, style_of(rack, "ann"))) and not same(led, plain) and len(changes) == 1
    situation.style = Style(embedding=prompt, text="ballad")
    assert same(play(), told(models, prompt)) and len(changes) == 2
    rack.strength("ann", 0.5)  # nothing is computed anew for a style that is not heard
    assert same(play(), told(models, prompt)) and len(changes) == 2
    situation.style = Style(text="bossa")  # asked for in words that are in the table alone
    assert same(play(), plain)
    situation.style = Style(text=" ")
    assert same(play(), told(models, np.float32(0.5) * style_of(rack, "ann"))) and len(changes) == 4
    rack.use([])
    rack.switch()
    assert same(play(), plain) and changes[-1] is None and len(changes) == 5


def test_a_clip_is_led_too_and_at_strength_zero_it_is_the_base(
    models: Models, rack: AdapterRack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def render() -> np.ndarray:
        clip = ClipRender(models, ClipRequest(CHART, 240.0, 24_000, seed=3))
        while not clip.done:
            clip.advance()
        return clip.audio

    def play(mix: list[tuple[str, float]]) -> np.ndarray:
        rack.use(mix)
        rack.switch()
        for _ in range(2 * FADE_STEPS):
            rack.advance()
        return render()

    base = play([])
    own_style = play([("ann", 1.0)])
    assert np.array_equal(play([("ann", 0.0)]), base)
    monkeypatch.setattr(own, "OWN_STYLE", False)
    assert not np.array_equal(play([("ann", 1.0)]), own_style)
