"""Style encoder: shapes, levels, blends, safety, the disk; and it learns what a batch says."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from jamd.contract.errors import EngineError
from model.checkpoint import save_weights
from model.style.config import STYLE, StyleConfig
from model.style.encoder import StyleEncoder, blend
from model.style.mel import LogMel, level_normalise, onset_lags
from model.style.tokenizer import StyleTokenizer
from model.training.style import Crops, Heard, contrastive, describe, instruments_of, recall
from model.training.style_tokenizer import WEIGHTS, training_texts

TINY = replace(
    StyleConfig(), embedding=32, text_width=32, text_layers=1, text_heads=2, text_feedforward=64, audio_width=32, audio_blocks=1,
    centroids=4, vocabulary=512,
)  # fmt: skip
ABOUT = {
    "feel": "bossa", "tempo": 120.0, "bars": 16, "beats_per_bar": 4, "density": [0.1] * 8 + [0.9] * 8, "energy": [0.5] * 16,
    "register": [0.5] * 16, "parts": [[True, True, False, False]] * 8 + [[True, True, True, True]] * 8,
    "programs": {"piano": [0, 4], "bass": [0, 33], "drums": [128, 40], "horn": [0, 73]},
}  # fmt: skip


@cache
def tokenizer() -> StyleTokenizer:
    return StyleTokenizer.train(training_texts(1, 300), 512)


def tiny(seed: int = 0) -> StyleEncoder:
    torch.manual_seed(seed)
    return StyleEncoder(TINY, tokenizer()).eval()


def unit(count: int, width: int = 32, seed: int = 0) -> Tensor:
    return F.normalize(torch.randn(count, width, generator=torch.Generator().manual_seed(seed)), dim=1)


def tones(count: int, seconds: float = 4.0) -> Tensor:
    """Pulsed chords, each with its own pitches and pulse. Shape: [count, 2, samples]."""
    time = torch.arange(int(seconds * 48_000)) / 48_000
    out = []
    for index in range(count):
        pulse = torch.exp(-6.0 * torch.remainder(time, 1.0 / (1.5 + 0.5 * index)))
        out.append(0.2 * pulse * torch.sin(2 * torch.pi * 110.0 * 1.6**index * time))
    return torch.stack(out)[:, None].repeat(1, 2, 1)


def test_small_is_small() -> None:
    encoder = StyleEncoder(STYLE["small"], StyleTokenizer.load(WEIGHTS / "small-style-tokenizer.json"))
    assert sum(parameter.numel() for parameter in encoder.parameters()) < 4_000_000
    with torch.no_grad():
        text, audio = encoder.embed_text(["slow bossa"]), encoder.embed_audio(tones(1))
    assert text.shape == audio.shape == (1, 512)


@torch.no_grad()
def test_embeddings_have_length_one() -> None:
    encoder = tiny()
    text = encoder.embed_text(["", "ballad", "fast bebop with trumpet " * 50, "酒場"])
    audio = encoder.embed_audio(torch.cat((tones(2), torch.zeros(1, 2, 192_000))))
    assert text.shape == (4, 32)
    assert audio.shape == (3, 32)
    torch.testing.assert_close(torch.cat((text, audio)).norm(dim=1), torch.ones(7))


@torch.no_grad()
def test_padding_changes_nothing() -> None:
    encoder = tiny()
    alone = encoder.embed_text(["slow ballad"])
    together = encoder.embed_text(["slow ballad", "a very long text about a fast quartet with a tenor in a club"])
    torch.testing.assert_close(alone[0], together[0], atol=1e-5, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("gain", [0.01, 0.3, 4.0])
def test_level_changes_nothing(gain: float) -> None:
    encoder = tiny()
    audio = tones(2) + 0.01 * torch.randn(2, 2, 192_000, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(encoder.embed_audio(audio * gain), encoder.embed_audio(audio), atol=2e-3, rtol=1e-2)


@torch.no_grad()
def test_onset_lags_find_the_pulse() -> None:
    mel = LogMel(TINY)(tones(2, 8.0))
    lags = onset_lags(level_normalise(mel), 100).reshape(2, 3, 100).sum(dim=1)
    for row, rate in zip(lags, (1.5, 2.0), strict=True):  # pulses a second, 50 frames a second
        assert int(row[10:].argmax()) + 11 in {round(50 / rate * n + d) for n in (1, 2, 3) for d in (-1, 0, 1)}


def test_wrong_audio_and_text_are_told() -> None:
    encoder = tiny()
    with pytest.raises(ValueError, match="not \\[batch, 2, samples\\]"):
        encoder.embed_audio(torch.zeros(1, 1, 200_000))
    with pytest.raises(ValueError, match="too few"):
        encoder.embed_audio(torch.zeros(1, 2, 48_000))
    with pytest.raises(ValueError, match="no text"):
        encoder.embed_text([])


def test_overfits_a_tiny_batch() -> None:
    torch.manual_seed(0)
    encoder = StyleEncoder(TINY, tokenizer())
    texts = ["slow ballad with tenor", "fast bebop", "bossa nova, flute", "jazz waltz", "funk on rhodes", "modal vamp, high energy"]
    mel = encoder.mel(tones(len(texts)))
    tokens = encoder.tokenise(texts)
    optimiser = torch.optim.AdamW(encoder.parameters(), lr=3e-3)
    losses = []
    for _ in range(60):
        audio, text = encoder.embed_mel(mel), encoder.embed_tokens(tokens)
        loss = contrastive(audio, text, unit(2), TINY.temperature)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    encoder.eval()
    with torch.no_grad():
        audio, text = encoder.embed_audio(tones(len(texts))), encoder.embed_text(texts)
    assert losses[-1] < 0.2 < losses[0]
    assert recall(text, audio, 1) == recall(audio, text, 1) == 1.0


def test_recall() -> None:
    axes = torch.eye(4)
    assert recall(axes, axes, 1) == 1.0
    assert recall(axes, axes.roll(1, 0), 1) == 0.0
    assert recall(axes[[0, 1, 3, 2]], axes, 1) == 0.5
    assert recall(axes, axes.roll(1, 0), 4) == 1.0


def test_contrastive_by_hand() -> None:
    axes = torch.eye(3)[:2]
    expected = np.log(1 + np.exp(-1 / 0.5))
    assert float(contrastive(axes, axes, axes[:0], 0.5)) == pytest.approx(expected, rel=1e-4)
    # an unrelated text that sits on the first audio costs that one log 2
    worse = contrastive(axes, axes, axes[:1], 0.07)
    assert float(worse) == pytest.approx(np.log(2) / 4, rel=1e-3)


def test_blend() -> None:
    styles = unit(3)
    torch.testing.assert_close(blend(styles, torch.tensor([0.0, 2.0, 0.0])), styles[1])
    torch.testing.assert_close(blend(styles, torch.tensor([1.0, 1.0, 0.0])), F.normalize(styles[0] + styles[1], dim=0))
    away = blend(styles, torch.tensor([1.0, 0.0, -0.5]))
    assert float(away.norm()) == pytest.approx(1.0)
    assert float(away @ styles[2]) < float(styles[0] @ styles[2])
    torch.testing.assert_close(blend(styles[:1], torch.tensor([-1.0])), -styles[0])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ((0.0, 0.0), "zero"),
        ((float("nan"), 1.0), "finite"),
        ((float("inf"), 1.0), "finite"),
        ((1.0,), "shape"),
        ((1.0, -1.0), "cancel"),
    ],
)
def test_blend_without_meaning_is_an_error(weights: tuple[float, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        blend(unit(1).repeat(2, 1), torch.tensor(weights))


def calibrated() -> tuple[StyleEncoder, Tensor]:
    """An encoder whose captions lie around four axes, unrelated texts elsewhere; and the axes."""
    encoder = tiny()
    axes = torch.eye(32)
    around = F.normalize(axes[:4].repeat(50, 1) + 0.05 * torch.randn(200, 32, generator=torch.Generator().manual_seed(1)), dim=1)
    encoder.calibrate(around[:150], around[150:], F.normalize(axes[8:16] + axes[:1] * 0.1, dim=1))
    return encoder, axes


def test_safe_keeps_the_known_and_shrinks_the_unknown() -> None:
    encoder, axes = calibrated()
    assert encoder.familiarity(axes[2]) == 1.0
    assert encoder.familiarity(axes[20]) == encoder.familiarity(-axes[0]) == 0.0
    torch.testing.assert_close(encoder.safe(axes[2]), axes[2])
    torch.testing.assert_close(encoder.safe(axes[20]), encoder.neutral)
    halfway = F.normalize(axes[2] + axes[20], dim=0)
    assert 0.0 < encoder.familiarity(halfway) < 1.0
    assert float(encoder.safe(halfway) @ encoder.neutral) > float(halfway @ encoder.neutral)
    assert float(encoder.safe(halfway).norm()) == pytest.approx(1.0)


def test_everything_is_familiar_before_calibration() -> None:
    encoder = tiny()
    one = unit(1)[0]
    assert encoder.familiarity(one) == 1.0
    torch.testing.assert_close(encoder.safe(one), one)


@torch.no_grad()
def test_disk(tmp_path: Path) -> None:
    encoder, axes = calibrated()
    encoder.save(tmp_path / "style.safetensors", {"r1": 0.5})
    again = StyleEncoder.load(tmp_path / "style.safetensors")
    assert again.config == TINY
    assert torch.equal(again.centroids, encoder.centroids)
    assert torch.equal(again.safe(axes[20]), encoder.safe(axes[20]))
    one, two = encoder.embed_text(["slow ballad"]), again.embed_text(["slow ballad"])
    assert float(one[0] @ two[0]) > 0.999  # weights lie on the disk as bf16
    save_weights(tmp_path / "other.safetensors", torch.nn.Linear(2, 2), "codec", {})
    with pytest.raises(EngineError, match="not a style encoder"):
        StyleEncoder.load(tmp_path / "other.safetensors")


def test_too_many_tokens_are_told() -> None:
    with pytest.raises(EngineError, match="room for 100"):
        StyleEncoder(replace(TINY, vocabulary=100), tokenizer())


def test_a_crop_is_described_by_its_own_bars() -> None:
    rng = np.random.default_rng(0)
    first = " ".join(describe(rng, ABOUT, 0.0, 8.0) for _ in range(100)).lower()
    second = " ".join(describe(rng, ABOUT, 18.0, 26.0) for _ in range(100)).lower()
    assert "flute" in second
    assert "flute" not in first
    assert "sparse" in first
    assert "sparse" not in second
    assert "duo" in first
    assert "quartet" in second


def test_instruments_by_name_or_program() -> None:
    assert instruments_of(ABOUT) == {"piano": "rhodes", "bass": "electric", "drums": "brushes", "horn": "flute"}
    said = ABOUT | {"instruments": {"piano": "steinway", "bass": "washtub"}}
    assert instruments_of(said) == {"piano": "steinway", "bass": "electric", "drums": "brushes", "horn": "flute"}


def test_own_captions_are_used_but_not_for_unseen_wordings() -> None:
    rng = np.random.default_rng(0)
    about = ABOUT | {"captions": ["as the engineer wrote it"], "room": "club"}
    assert 20 < sum(describe(rng, about, 0.0, 5.0) == "as the engineer wrote it" for _ in range(100)) < 80
    assert all(describe(rng, about, 0.0, 5.0, held_out=True) != "as the engineer wrote it" for _ in range(50))


def test_crops() -> None:
    mel = np.arange(1600, dtype=np.float16)[:, None].repeat(80, axis=1)
    crops = Crops([Heard(mel, ABOUT)] * 2, np.random.default_rng(0), 0.02)
    drawn, texts = crops.draw([0, 1, 0], 4.0)
    assert drawn.shape == (3, 200, 80)
    assert len(texts) == 3
    assert bool((drawn[:, 1:] - drawn[:, :-1]).ge(0).all())
