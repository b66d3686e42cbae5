"""Fréchet distance against its closed form, and musicnn where it is installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jamd.contract.errors import FailureError
from model.metrics import fad, musicnn
from model.metrics.fad import Moments, extrapolated, floor, frechet
from model.metrics.tensorbundle import read_bundle

RNG = np.random.default_rng(0)


def test_two_gaussians_by_the_closed_form() -> None:
    one = Moments(np.array([0.0, 1.0, 2.0]), np.diag([1.0, 4.0, 9.0]), 10)
    two = Moments(np.array([3.0, 1.0, 2.0]), np.diag([4.0, 4.0, 1.0]), 10)
    assert frechet(one, two) == pytest.approx(9.0 + (1 - 2) ** 2 + 0.0 + (3 - 1) ** 2)
    turn = np.linalg.qr(RNG.standard_normal((3, 3)))[0]
    turned = [Moments(turn @ m.mean, turn @ m.covariance @ turn.T, 10) for m in (one, two)]
    assert frechet(*turned) == pytest.approx(14.0)


def test_covariances_that_do_not_commute() -> None:
    a, b = RNG.standard_normal((2, 5, 5))
    one, two = Moments(np.zeros(5), a @ a.T, 10), Moments(np.zeros(5), b @ b.T, 10)
    root = np.sqrt(np.linalg.eigvals(one.covariance @ two.covariance).real).sum()
    assert frechet(one, two) == pytest.approx(np.trace(a @ a.T + b @ b.T) - 2 * root)
    assert frechet(one, two) == pytest.approx(frechet(two, one))


@pytest.mark.parametrize("count", [5, 500])
def test_a_set_is_at_no_distance_from_itself_even_with_few_samples(count: int) -> None:
    table = RNG.standard_normal((count, 20))
    assert fad.fad(table, table) == pytest.approx(0.0, abs=1e-5)
    assert fad.fad(table, table + 2.0) == pytest.approx(80.0, abs=1e-4)


def test_few_samples_are_biased_upward_and_the_extrapolation_takes_it_off() -> None:
    base = RNG.standard_normal((20_000, 16))
    few = RNG.standard_normal((200, 16)) + 0.25
    assert fad.fad(base, few) > 1.0 + 0.15
    values = [extrapolated(base, RNG.standard_normal((400, 16)) + 0.25, seed=seed) for seed in range(5)]
    assert np.mean(values) == pytest.approx(1.0, abs=0.15)


def test_the_floor_of_one_kind_is_low_and_keeps_clips_together() -> None:
    alike = [RNG.standard_normal((50, 4)) for _ in range(8)]
    mixed = [RNG.standard_normal((50, 4)) + 5.0 * index for index in range(8)]
    assert floor(alike)[0] < 0.2 < floor(mixed)[0]
    with pytest.raises(ValueError, match="too few"):
        floor(alike[:3])


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="two embeddings"):
        fad.fad(np.zeros((1, 3)), np.zeros((5, 3)))
    with pytest.raises(ValueError, match="cannot be compared"):
        fad.fad(np.zeros((5, 2)), np.zeros((5, 3)))
    with pytest.raises(ValueError, match="finite"):
        fad.fad(np.full((5, 3), np.nan), np.zeros((5, 3)))
    with pytest.raises(ValueError, match="too few"):
        extrapolated(np.zeros((20, 3)), np.zeros((10, 3)))


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    for name in ("x.index", "x.data-00000-of-00001"):
        (tmp_path / name).write_bytes(bytes(100))
    with pytest.raises(ValueError, match="checkpoint"):
        read_bundle(tmp_path / "x.index")


def test_a_checkpoint_is_read(tmp_path: Path) -> None:
    """One block of two tensors, written by hand after LevelDB's table format."""
    values = np.arange(6, dtype="<f4")
    (tmp_path / "x.data-00000-of-00001").write_bytes(values.tobytes())
    first = bytes([0x08, 1, 0x12, 8, 0x12, 2, 0x08, 2, 0x12, 2, 0x08, 2, 0x28, 16])  # float [2, 2], 16 bytes at 0
    second = bytes([0x08, 1, 0x12, 4, 0x12, 2, 0x08, 2, 0x20, 16, 0x28, 8])  # float [2], 8 bytes at 16
    block = bytes([0, 4, len(first)]) + b"ab/c" + first + bytes([3, 1, len(second)]) + b"d" + second
    block += bytes(4) + (1).to_bytes(4, "little")
    index = bytes([0, 1, 2]) + b"x" + bytes([0, len(block)]) + bytes(4) + (1).to_bytes(4, "little")
    start = len(block) + 5
    footer = bytes([0, 0, start, len(index)]).ljust(40, b"\0") + (0xDB4775248B80FB57).to_bytes(8, "little")
    (tmp_path / "x.index").write_bytes(block + bytes(5) + index + bytes(5) + footer)
    found = read_bundle(tmp_path / "x.index")
    assert set(found) == {"ab/c", "ab/d"}
    assert found["ab/c"].tolist() == [[0, 1], [2, 3]] and found["ab/d"].tolist() == [4, 5]


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    musicnn._weights.cache_clear()
    monkeypatch.setattr(musicnn, "weights_path", lambda: None)
    assert not fad.available()
    with pytest.raises(FailureError, match="pip install"):
        fad.embed(np.zeros(48_000, np.float32), 48_000)


@pytest.mark.skipif(not musicnn.available(), reason="musicnn is not installed")
def test_musicnn_hears_what_tensorflow_makes_of_its_graph() -> None:
    musicnn._weights.cache_clear()
    time = np.arange(4 * 16_000) / 16_000
    sound = (0.3 * np.sin(2 * np.pi * 440 * time) * np.exp(-3 * (time % 0.5))).astype(np.float32)
    found = musicnn.embed(sound, 16_000)
    assert found.shape == (2, musicnn.SIZE) and np.isfinite(found).all()
    # by TensorFlow 2 from the package's own graph (MSD_musicnn/.meta), on the log-mel of librosa 0.11
    assert found[0, :4] == pytest.approx([-0.177176, -0.127029, -0.284826, -0.275121], abs=1e-4)
