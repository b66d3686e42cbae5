"""The capture ring: against a compiled producer at full speed, and against the mixer itself."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.typing import NDArray

from jamd.audio.offline_play import player
from jamd.audio.pointers import fence
from jamd.contract.capture import CaptureRing
from jamd.contract.layout import Word
from jamd.contract.memory import AudioMemory

HEAD = int(Word.CAPTURE_HEAD)


@pytest.fixture
def memory() -> Iterator[AudioMemory]:
    memory = AudioMemory.create(f"jamd-t-{uuid.uuid4().hex[:8]}", slots=4, stream_frames=32768)
    yield memory
    memory.close()
    memory.unlink()


@njit(nogil=True)
def produce(header: NDArray[np.int64], samples: NDArray[np.float32], total: int, block: int, rest: int) -> None:
    """Row n holds n in every channel, as the audio thread writes: rows, fence, head. `rest`: empty turns between blocks."""
    size = samples.shape[0]
    head = 0
    while head < total:
        for i in range(head, head + block):
            for channel in range(samples.shape[1]):
                samples[i % size, channel] = i
        head += block
        fence()
        header[HEAD] = head
        for turn in range(rest):
            header[63] = turn


def ring_of(size: int, block: int) -> tuple[CaptureRing, NDArray[np.int64], NDArray[np.float32]]:
    header, samples = np.zeros(64, np.int64), np.zeros((size, 8), np.float32)
    return CaptureRing(header, samples, block=block), header, samples


@given(parts=st.lists(st.integers(1, 300), min_size=1, max_size=30), most=st.integers(1, 400))
@settings(max_examples=40, deadline=None)
def test_what_went_in_comes_out(parts: list[int], most: int) -> None:
    ring, header, samples = ring_of(1000, 300)
    whole = np.random.default_rng(0).standard_normal((sum(parts), 8)).astype(np.float32)
    position, got = 0, []
    for part in parts:
        head = int(header[HEAD])
        samples[np.arange(head, head + part) % 1000] = whole[head : head + part]
        header[HEAD] = head + part
        while len((block := ring.read(position, most))[0]):
            assert block[1] == 0
            got.append(block[0])
            position += len(block[0])
    np.testing.assert_array_equal(np.concatenate(got), whole)


def test_what_was_overwritten_is_silence_of_the_same_length() -> None:
    ring, header, samples = ring_of(1000, 100)
    produce(header, samples, 2500, 100, 0)
    block, lost = ring.read(200)
    assert len(block) == 2300
    assert lost == 1400  # 2500 - 1000 and the 100 that may be in the writing, from 200 on
    assert (block[:lost] == 0).all()
    np.testing.assert_array_equal(block[lost:, 3], np.arange(1600, 2500))
    assert ring.read(200, 50)[1] == 50
    assert ring.read(2500)[0].shape == (0, 8)
    assert ring.read(9999)[0].shape == (0, 8)


def test_a_producer_at_full_speed_never_tears_a_row() -> None:
    ring, header, samples = ring_of(1 << 15, 256)
    total = 1 << 23  # whole numbers that float32 holds
    warm = ring_of(1024, 256)
    produce(warm[1], warm[2], 256, 256, 1)
    thread = threading.Thread(target=produce, args=(header, samples, total, 256, 2000))
    thread.start()
    position = kept = lost = 0
    while position < total:
        block, gone = ring.read(position, 4096)
        expected = np.arange(position, position + len(block), dtype=np.float32)
        expected[:gone] = 0.0
        assert (block == expected[:, None]).all()
        position += len(block)
        lost += gone
        kept += len(block) - gone
    thread.join()
    assert kept + lost == total
    assert kept > 0


def test_the_mixer_begins_at_the_wanted_frame_and_ends_whole(memory: AudioMemory) -> None:
    ring = CaptureRing(memory.header, memory.arrays["capture"])
    play = player(memory)
    stop = threading.Event()

    def audio() -> None:
        while not stop.is_set():
            play(np.zeros((6, 100), np.float32))
            time.sleep(0.0005)

    thread = threading.Thread(target=audio)
    thread.start()
    try:
        for generation in range(1, 6):
            wanted = memory.frame + 4321
            ring.start(wanted)
            with pytest.raises(ValueError, match="on already"):
                ring.start(wanted)
            assert ring.on and ring.generation == generation
            deadline = time.monotonic() + 20
            while ring.head < 3000 and time.monotonic() < deadline:
                time.sleep(0.001)
            assert ring.first == wanted
            ring.stop()
            assert ring.settle()
            head = ring.head
            assert head >= 3000
            time.sleep(0.01)
            assert ring.head == head and not ring.on
            assert len(ring.read(0)[0]) == head
        ring.start(0)  # has passed: at once
        deadline = time.monotonic() + 20
        while ring.head == 0 and time.monotonic() < deadline:
            time.sleep(0.001)
        assert wanted < ring.first <= memory.frame
    finally:
        stop.set()
        thread.join()
    ring.stop()
    assert not ring.settle()  # the time line stands still: told, not waited for for ever


def test_a_ring_has_to_hold_two_blocks() -> None:
    with pytest.raises(ValueError, match="too small"):
        ring_of(100, 60)
