"""Pre-echo, Opus and the codec's table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from jamd.contract.errors import FailureError
from model.checkpoint import save_weights
from model.codec import Codec
from model.config import CodecConfig
from model.metrics import codec_table, opus
from model.metrics.codec_speed import measure_speed
from model.metrics.pre_echo import pre_echo, pre_echoes, strong_onsets

RATE = 48_000
RNG = np.random.default_rng(0)
HITS = np.array([0.5, 1.0, 1.7, 2.4])


def hits(seconds: float = 3.0) -> np.ndarray:
    """Noise bursts at HITS over a quiet hum. Shape: [samples, 2]."""
    time = np.arange(round(seconds * RATE)) / RATE
    out = 0.003 * np.sin(2 * np.pi * 220 * time)
    for at in HITS:
        since = time - at
        out += np.where(since >= 0, 0.15 * np.exp(-np.maximum(since, 0) / 0.05), 0.0) * RNG.standard_normal(len(time))
    return np.stack([out, 0.7 * out], axis=1).astype(np.float32)


SOUND = hits()


def test_attacks_are_found_to_a_step() -> None:
    assert strong_onsets(SOUND, RATE) / RATE == pytest.approx(HITS, abs=0.002)


def test_a_copy_has_no_pre_echo_and_added_noise_has_as_much_as_was_added() -> None:
    assert pre_echo(SOUND, SOUND, RATE) == 0.0
    smeared = SOUND.astype(np.float64)
    for at in HITS:
        place = slice(round((at - 0.015) * RATE), round(at * RATE))
        power = float((SOUND[place] ** 2).mean())
        smeared[place] += RNG.standard_normal(smeared[place].shape) * np.sqrt(9 * power)
    values = pre_echoes(SOUND, smeared, RATE)
    assert len(values) == len(HITS)
    assert values == pytest.approx(10.0, abs=0.8)


def test_what_comes_after_the_attack_does_not_count() -> None:
    louder = SOUND.copy()
    louder[round(1.01 * RATE) : round(1.3 * RATE)] *= 2
    assert pre_echo(SOUND, louder, RATE) == pytest.approx(0.0, abs=0.01)


def test_without_an_attack_there_is_nothing_to_measure() -> None:
    hum = np.sin(2 * np.pi * 220 * np.arange(RATE) / RATE)[:, None] * 0.1
    assert np.isnan(pre_echo(hum, hum, RATE)) and np.isnan(pre_echo(hum * 0, hum, RATE))
    with pytest.raises(ValueError, match="cannot be compared"):
        pre_echo(hum, hum[:-1], RATE)


@pytest.mark.parametrize("delay", [-312, -1, 0, 7, 2000])
def test_a_delay_is_found_and_taken_off(delay: int) -> None:
    late = np.roll(SOUND, delay, axis=0)
    assert opus.find_delay(SOUND, late, 4800) == delay
    back = opus.shift_back(late, delay, len(SOUND))
    inner = slice(2000, -2000)
    assert back.shape == SOUND.shape and np.array_equal(back[inner], SOUND[inner])


def test_bytes_of_ogg_packets() -> None:
    def page(lacing: list[int]) -> bytes:
        return b"OggS" + bytes(22) + bytes([len(lacing), *lacing]) + bytes(sum(lacing))

    assert opus.packet_bytes(page([19]) + page([30]) + page([100, 255]) + page([45, 7])) == 100 + 300 + 7
    with pytest.raises(ValueError, match="Ogg"):
        opus.packet_bytes(b"RIFF" + bytes(40))


def test_without_ffmpeg_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opus.shutil, "which", lambda name: None)
    monkeypatch.setattr(opus, "find_spec", lambda name: None)
    opus.ffmpeg.cache_clear()
    assert not opus.available()
    with pytest.raises(FailureError, match="imageio-ffmpeg"):
        opus.through_opus(SOUND, RATE, 24)
    monkeypatch.setattr(opus.shutil, "which", lambda name: "/bin/true")
    with pytest.raises(FailureError, match="libopus"):
        opus.ffmpeg()
    monkeypatch.setattr(opus.shutil, "which", lambda name: "/bin/false")
    with pytest.raises(FailureError, match="failed"):
        opus.ffmpeg()
    opus.ffmpeg.cache_clear()


needs_opus = pytest.mark.skipif(not opus.available(), reason="no ffmpeg with libopus")


@needs_opus
def test_opus_gets_better_with_its_rate() -> None:
    coded = [opus.through_opus(SOUND, RATE, rate) for rate in (12, 96)]
    assert [item.audio.shape for item in coded] == [SOUND.shape] * 2
    assert coded[0].kbps < coded[1].kbps
    errors = [float(((item.audio - SOUND) ** 2).mean()) for item in coded]
    assert errors[1] < errors[0]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = CodecConfig(width=32, encoder_blocks=1, decoder_blocks=1, latent=8, codebook_size=64)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_weights(path, Codec(config), "codec", config.to_dict())
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        soundfile.write(tmp_path / f"{name}.wav", SOUND, RATE)
    soundfile.write(tmp_path / "short.wav", SOUND[:1000], RATE)
    soundfile.write(tmp_path / "mono.wav", SOUND[:, 0], RATE)
    return tmp_path


def test_clips_come_from_the_middle_of_files_and_of_a_store(folder: Path, tmp_path: Path) -> None:
    clips = codec_table.load_clips(folder, 5, 2.0)
    assert list(clips) == ["a.wav", "b.wav"] and clips["a.wav"].shape == (2 * RATE, 2)
    assert np.abs(clips["a.wav"] - SOUND[RATE // 2 : 5 * RATE // 2]).max() < 1e-4
    store = tmp_path / "store"
    for seed in range(3):
        (store / f"{seed:09d}").mkdir(parents=True)
        np.save(store / f"{seed:09d}" / "mix.npy", np.full((3 * RATE, 2), seed * 100, np.int16))
    assert {name: float(clip[0, 0]) * 32768 for name, clip in codec_table.load_clips(store, 2, 2.0).items()} == {
        "000000000": 0,
        "000000001": 100,
    }
    with pytest.raises(FailureError, match="no clip"):
        codec_table.load_clips(folder, 5, 60.0)
    with pytest.raises(FailureError, match="cannot read"):
        codec_table.load_clips(tmp_path / "missing", 5)


def test_the_codec_is_aligned_by_its_delay(weights: Path) -> None:
    codec = codec_table.load_codec(weights)
    codec.to_latents = lambda companded: companded  # type: ignore[method-assign]
    codec.from_latents = lambda latents: latents  # type: ignore[method-assign]
    out = codec_table.through_codec(codec, SOUND[:12_345], None)
    assert np.abs(out - SOUND[:12_345]).max() < 1e-4


def test_the_table_without_opus(weights: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    options = ["--clips", str(folder), "--seconds", "1", "--weights", str(weights), "--no-opus", "--no-fad"]
    assert codec_table.main([str(out), *options]) == 0
    found = json.loads((out / "codec.json").read_text())
    assert list(found["coders"]) == [
        "jamd, 1 level", "jamd, 2 levels", "jamd, 4 levels", "jamd, 6 levels", "jamd, 8 levels", "jamd, unquantised",
    ]  # fmt: skip
    rows = found["coders"]["jamd, 2 levels"]
    assert rows["summary"]["kbps"]["mean"] == pytest.approx(2 * 6 * 75 / 1000) and len(rows["clips"]) == 2
    assert set(found["speed"]) >= {"streaming", "batch", "streaming, compiled decoder alone"}
    table = (out / "codec.md").read_text()
    assert "| jamd, unquantised | " in table and table in capsys.readouterr().out


@needs_opus
def test_the_table_has_opus(weights: Path, folder: Path, tmp_path: Path) -> None:
    clips = codec_table.load_clips(folder, 1, 3.0)
    coders = codec_table.make_coders(codec_table.load_codec(weights), (1,), (48.0,))
    judged = [codec_table.judge(coder, clips, {}) for coder in coders]
    ours, _, theirs = (item.summary for item in judged)
    assert theirs["log_mel_l1"]["mean"] < ours["log_mel_l1"]["mean"]
    assert judged[2].rows[0]["clip"] == "a.wav"


def test_errors_of_the_command(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert codec_table.main([str(tmp_path / "out"), "--clips", str(folder), "--weights", str(tmp_path / "none"), "--seconds", "2"]) != 0
    assert "cannot read weights" in capsys.readouterr().err


def test_speed_is_a_multiple_of_real_time(weights: Path) -> None:
    speeds = measure_speed(codec_table.load_codec(weights), SOUND[:RATE], repeats=1)
    assert all(value > 0 for value in speeds.values())
    parts = 1 / speeds["streaming, encoder alone"] + 1 / speeds["streaming, decoder alone"]
    assert 1 / speeds["streaming"] == pytest.approx(parts, rel=0.3)
    with pytest.raises(ValueError, match="less than a hop"):
        measure_speed(codec_table.load_codec(weights), SOUND[:100])
