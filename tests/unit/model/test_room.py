"""The room of adapters: it decays as it is told, joins without a click, and is not there at strength 0."""

from __future__ import annotations

import numpy as np
import pytest

from jamd.contract.units import FRAME_SAMPLES, SAMPLE_RATE
from model.layers.room import DRY, LIMITS, OwnRoom, Room, check_room
from model.learning.room import in_room, level_distance


def params(wet: float = 0.3, low: float = 1.0, high: float = 0.5, cut: float = 20_000.0) -> np.ndarray:
    return np.array((wet, low, high, cut), np.float32)


def impulse(seconds: float) -> np.ndarray:
    out = np.zeros((int(seconds * SAMPLE_RATE) // FRAME_SAMPLES * FRAME_SAMPLES, 2), np.float32)
    out[0] = 1.0
    return out


@pytest.mark.parametrize("seconds", [0.5, 1.5, 3.0])
def test_it_falls_by_60_db_in_its_time(seconds: float) -> None:
    sound = in_room(impulse(1.2 * seconds), params(1.0, seconds, seconds))
    energy = np.cumsum((sound[1:].astype(np.float64) ** 2).sum(axis=1)[::-1])[::-1]  # Schroeder 1965
    fall = 10 * np.log10(energy / energy[0])
    times = [np.argmax(fall < level) / SAMPLE_RATE for level in (-5, -35)]
    assert 2 * (times[1] - times[0]) == pytest.approx(seconds, rel=0.15)
    assert abs(np.corrcoef(sound[1:, 0], sound[1:, 1])[0, 1]) < 0.3


def test_high_frequencies_fall_sooner() -> None:
    sound = in_room(impulse(2.0), params(1.0, 2.0, 0.3)).sum(axis=1)
    early, late = (np.abs(np.fft.rfft(sound[int(at * SAMPLE_RATE) :][:24_000])) ** 2 for at in (0.1, 1.0))
    low, high = slice(50, 500), slice(4000, 10_000)
    assert (late[high].sum() / late[low].sum()) < 0.1 * (early[high].sum() / early[low].sum())


def test_dry_is_the_same_array_and_a_room_that_goes_is_gone() -> None:
    room, rng = Room(), np.random.default_rng(1)
    block = rng.standard_normal((FRAME_SAMPLES, 2)).astype(np.float32)
    assert room(block, params(0.0)) is block
    room(block, params(0.5))
    assert not np.array_equal(room(block, params(0.5)), block)
    room(block, params(0.0))
    assert room(block, params(0.0)) is block
    silent = np.zeros_like(block)
    assert np.array_equal(room(silent, params(0.5)), silent)  # nothing of what was before comes back


def test_another_room_comes_without_a_click() -> None:
    time = np.arange(60 * FRAME_SAMPLES) / SAMPLE_RATE
    tone = np.repeat(0.3 * np.sin(2 * np.pi * 220 * time)[:, None], 2, axis=1).astype(np.float32)
    room, out = Room(), []
    for index in range(60):
        wanted = (params(0.0), params(0.4, 2.0), params(0.1, 0.4, 0.2), params(0.0))[index // 15]
        out.append(room(tone[index * FRAME_SAMPLES : (index + 1) * FRAME_SAMPLES], wanted))
    steps = np.abs(np.diff(np.concatenate(out), axis=0)).max()
    steady = np.abs(np.diff(in_room(tone, params(0.4, 2.0)), axis=0)).max()
    assert steps <= 1.05 * steady


def test_blocks_are_as_one() -> None:
    sound = np.random.default_rng(2).standard_normal((20 * FRAME_SAMPLES, 2)).astype(np.float32)
    once, room = Room(), Room()
    for one in (once, room):
        one(np.zeros((FRAME_SAMPLES, 2), np.float32), params())
    whole = once(sound, params())
    parts = np.concatenate([room(sound[at : at + 160], params()) for at in range(0, len(sound), 160)])
    assert np.allclose(whole, parts, atol=1e-6)


def test_rooms_of_several_adapters_add_up_by_strength() -> None:
    own = OwnRoom()
    own.follow([(params(0.4, 2.0), 1.0), (params(0.2, 1.0), 0.5), (None, 1.0)])
    assert own.params[0] == pytest.approx(0.5) and own.params[1] == pytest.approx((0.4 * 2.0 + 0.1) / 0.5)
    kept = own.params
    own.follow([(params(0.4, 2.0), 1.0), (params(0.2, 1.0), 0.5)])
    assert own.params is kept
    own.follow([(params(0.4, 2.0), 0.0)])
    assert np.array_equal(own.params, np.array(DRY, np.float32))


def test_what_is_no_room_is_refused() -> None:
    assert check_room(params()) and check_room(np.array([high for _, high in LIMITS], np.float32))
    for bad in (params(np.nan), params(-0.1), params(low=99.0), params()[:3]):
        assert not check_room(bad)


def test_the_room_of_a_recording_is_found_again() -> None:
    from model.evaluate.personal.spectrum import hear_spectrum, levelled

    rng, sounds = np.random.default_rng(3), []
    for _ in range(3):
        sound = np.zeros((6 * SAMPLE_RATE, 2), np.float32)
        time = np.arange(SAMPLE_RATE // 4) / SAMPLE_RATE
        for onset in np.arange(0.1, 5.5, 0.7):
            note = np.sin(2 * np.pi * 220 * 2 ** (rng.integers(0, 24) / 12) * time) * np.exp(-6 * time)
            sound[int(onset * SAMPLE_RATE) :][: len(note)] += 0.4 * note[:, None].astype(np.float32)
        sounds.append(sound)
    true = (0.3, 2.0, 0.6, 6000.0)
    recorded = np.mean([hear_spectrum(levelled(in_room(sound, true))).orders for sound in sounds], axis=0)
    far = {one: level_distance(sounds, one, recorded) for one in (DRY, (0.05, 2.0, 0.6, 6000.0), true, (0.3, 0.5, 0.15, 6000.0))}
    assert min(far, key=lambda one: far[one]) == true and far[true] < 0.5 * far[DRY]
