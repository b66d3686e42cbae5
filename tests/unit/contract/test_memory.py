"""Shared memory and its rings, seen from two processes."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jamd.contract.errors import AudioError
from jamd.contract.layout import AudioOp, Word
from jamd.contract.memory import AudioMemory, attach_shared, unlink_shared
from jamd.contract.ring import SPARE


@pytest.fixture
def memory() -> Iterator[AudioMemory]:
    memory = AudioMemory.create(f"jamd-t-{uuid.uuid4().hex[:8]}", slots=4, stream_frames=8192)
    yield memory
    memory.close()
    memory.unlink()


def test_another_process_sees_the_same(memory: AudioMemory) -> None:
    script = (
        "import sys; from jamd.contract.memory import AudioMemory\n"
        "m = AudioMemory.attach(sys.argv[1]); assert m.slots == 4\n"
        "m.commands.push(6, 17, 2, 0.5); m.midi_out.push(9, bytes([144, 60, 99])); m.close()"
    )
    subprocess.run([sys.executable, "-c", script, memory.name], check=True, timeout=60)
    assert Path("/dev/shm", memory.name).exists()  # the other's end has not removed it
    assert memory.header[Word.COMMAND_HEAD] == 1
    assert memory.arrays["command_words"][0].tolist() == [17, 6, 2]
    assert memory.midi_out.pop() == (9, bytes([144, 60, 99]))


def test_shared_audio_outlives_who_made_it_until_it_is_unlinked() -> None:
    name = f"jamd-t-{uuid.uuid4().hex[:8]}"
    script = (
        "import sys, numpy as np; from jamd.contract.memory import share_audio\n"
        "share_audio(np.arange(20, dtype=np.float32).reshape(2, 10).T, sys.argv[1])"
    )
    done = subprocess.run([sys.executable, "-c", script, name], check=True, timeout=60, capture_output=True, text=True)
    assert done.stderr == ""  # nor does the tracker of the standard library complain
    block = attach_shared(name)
    shared = np.ndarray((10, 2), np.float32, buffer=block.buf).copy()
    block.close()
    np.testing.assert_array_equal(shared, np.arange(20).reshape(2, 10).T)
    unlink_shared(name)
    assert not Path("/dev/shm", name).exists()
    unlink_shared(name)  # what is gone is gone


def test_missing_memory_is_told() -> None:
    with pytest.raises(AudioError, match="is gone"):
        AudioMemory.attach("jamd-there-is-none")


def test_command_ring_says_when_it_is_full(memory: AudioMemory) -> None:
    pushed = 0
    while memory.commands.push(AudioOp.MASTER_GAIN, pushed):
        pushed += 1
    assert pushed == 1024 - SPARE
    assert all(memory.commands.push(op, 0) for op in (AudioOp.CANCEL, AudioOp.PANIC)), "what calls off always gets in"
    memory.header[Word.COMMAND_TAIL] += 3
    assert memory.commands.push(AudioOp.MASTER_GAIN, 0)


@given(messages=st.lists(st.binary(min_size=1, max_size=7), max_size=40))
@settings(max_examples=30, deadline=None)
def test_midi_ring_gives_back_what_it_took(messages: list[bytes]) -> None:
    header, records = np.zeros(64, np.int64), np.zeros((16, 2), np.int64)
    from jamd.contract.ring import MidiRing

    ring = MidiRing(header, records, 0, 1)
    waiting: list[tuple[int, bytes]] = []
    for index, message in enumerate(messages):
        if ring.push(index, message):
            waiting.append((index, message))
        else:
            assert len(waiting) == 16
            assert ring.pop() == waiting.pop(0)
    assert [ring.pop() for _ in waiting] == waiting
    assert ring.pop() is None


def test_stream_wraps_and_counts(memory: AudioMemory) -> None:
    stream = memory.stream
    assert not stream.running
    stream.begin(100)
    rng = np.random.default_rng(0)
    whole = rng.standard_normal((20_000, 2)).astype(np.float32)
    for start in range(0, 20_000, 640):
        stream.write(whole[start : start + 640])
    assert stream.written == 20_100
    index = (np.arange(20_100 - 8192, 20_100)) % 8192
    np.testing.assert_array_equal(memory.arrays["stream"][index], whole[-8192:])
    memory.header[Word.FRAME] = 20_500
    assert stream.late() == 400
    stream.skip_to(21_000)
    assert stream.late() == 0
    assert (memory.arrays["stream"][np.arange(20_100, 21_000) % 8192] == 0).all()


def test_a_stream_that_goes_on_much_later_keeps_what_is_not_played_yet(memory: AudioMemory) -> None:
    stream = memory.stream
    stream.begin(0)
    stream.write(np.full((4000, 2), 0.5, np.float32))
    memory.header[Word.FRAME] = 1000
    stream.resume(40_000)
    ring = memory.arrays["stream"]
    assert (ring[np.arange(1000, 4000) % 8192] == 0.5).all()
    assert (ring[np.arange(4000, 1000 + 8192) % 8192] == 0).all()


def test_stream_refuses_blocks_that_do_not_fit(memory: AudioMemory) -> None:
    with pytest.raises(ValueError, match="a block is"):
        memory.stream.write(np.zeros((5000, 2), np.float32))
    with pytest.raises(ValueError, match="a block is"):
        memory.stream.write(np.zeros((10, 1), np.float32))
