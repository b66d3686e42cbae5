"""The compiled mixer, run without a sound server: what it plays is exact to the sample."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bridges.offline import OfflineOutput
from jamd.audio.clips import ClipTable
from jamd.audio.offline_play import player
from jamd.contract.errors import AudioError
from jamd.contract.layout import GATE, AudioOp, Level, SlotState, Word
from jamd.contract.memory import AudioMemory, share_audio
from tests.conftest import wait_until

RAMP = 240


class Rig:
    """Memory, mixer and clips in one process."""

    def __init__(self) -> None:
        self.memory = AudioMemory.create(f"jamd-t-{uuid.uuid4().hex[:8]}", slots=10, stream_frames=1 << 16)
        self.clips = ClipTable(self.memory)
        self._play = player(self.memory)
        self.memory.header[Word.FRAME] = 0

    def play(self, frames: int, block: int = 128) -> np.ndarray:
        """Shape: [6, frames]."""
        out = []
        for _ in range(frames // block):
            buffer = np.full((6, block), np.nan, np.float32)
            self._play(buffer)
            out.append(buffer)
        return np.concatenate(out, axis=1)

    def load(self, slot: int, audio: np.ndarray, loop: bool = False) -> str:
        name = f"{self.memory.name}-c{uuid.uuid4().hex[:6]}"
        share_audio(audio, name)
        self.clips.attach(slot, name, len(audio), loop)
        return name

    def close(self) -> None:
        self.clips.tidy(everything=True)
        self.memory.close()
        self.memory.unlink()


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.close()


def ramp_audio(frames: int) -> np.ndarray:
    """A signal in which every sample says where it is."""
    left = np.arange(frames, dtype=np.float32) / 100_000
    return np.stack((left, -left), axis=1)


def test_silence_at_first(rig: Rig) -> None:
    assert (rig.play(1280) == 0).all()
    assert rig.memory.frame == 1280


@pytest.mark.parametrize("block", [16, 64, 128, 1000])
def test_jam_is_played_at_its_frames(rig: Rig, block: int) -> None:
    """The sample written for frame f is what frame f plays, whatever the block size."""
    audio = ramp_audio(8000) + 0.1
    rig.memory.stream.begin(500)
    rig.memory.stream.write(audio)
    rig.memory.commands.push(AudioOp.JAM_GATE, 500, value=1.0)
    out = rig.play(8000, block)
    assert (out[2:4, :500] == 0).all()
    start = 500 + RAMP + 96
    np.testing.assert_allclose(out[2, start:], audio[RAMP + 96 : out.shape[1] - 500, 0], atol=1e-6)
    np.testing.assert_allclose(out[0], out[2], atol=1e-6)
    assert rig.memory.stats.underruns == 0


def test_gate_closes_at_its_frame(rig: Rig) -> None:
    rig.memory.stream.begin(0)
    rig.memory.stream.write(np.full((8000, 2), 0.5, np.float32))
    rig.memory.commands.push(AudioOp.JAM_GATE, 0, value=1.0)
    rig.memory.commands.push(AudioOp.JAM_GATE, 3333, value=0.0)
    out = rig.play(6400)[0]
    assert out[3332] == pytest.approx(0.5)
    assert out[3333] < 0.5
    assert (out[3333 + RAMP :] == 0).all()
    assert (np.abs(np.diff(out)) < 0.01).all()


def test_launch_is_exact_and_loops(rig: Rig) -> None:
    clip = ramp_audio(1000) + 0.2
    rig.load(2, clip, loop=True)
    rig.memory.commands.push(AudioOp.SLOT_LAUNCH, 777, 2)
    out = rig.play(3840)
    assert (out[4, :777] == 0).all()
    np.testing.assert_allclose(out[4, 777 + 32 : 1777], clip[32:, 0], atol=1e-6)
    np.testing.assert_allclose(out[4, 1777:2777], clip[:, 0], atol=1e-6)
    assert rig.memory.slot(2).state == SlotState.PLAYING


def test_clip_without_loop_ends(rig: Rig) -> None:
    rig.load(0, ramp_audio(500))
    rig.memory.commands.push(AudioOp.SLOT_LAUNCH, 0, 0)
    out = rig.play(1280)
    assert (out[4, 500:] == 0).all()
    assert rig.memory.slot(0).state == SlotState.LOADED


def test_launch_of_an_empty_slot_does_nothing(rig: Rig) -> None:
    rig.memory.commands.push(AudioOp.SLOT_LAUNCH, 0, 3)
    rig.memory.commands.push(AudioOp.SLOT_LAUNCH, 0, 99)
    assert (rig.play(1280) == 0).all()


def test_replaced_clip_frees_its_memory(rig: Rig) -> None:
    first = rig.load(1, ramp_audio(500))
    rig.load(1, ramp_audio(700))
    assert Path("/dev/shm", first).exists()

    def freed() -> bool:
        rig.clips.tidy()
        return not Path("/dev/shm", first).exists()

    wait_until(freed, 5, "the end of the first clip")
    assert rig.memory.slot(1).frames == 700


def test_panic_silences_within_ten_milliseconds(rig: Rig) -> None:
    rig.memory.stream.begin(0)
    rig.memory.stream.write(np.full((20_000, 2), 0.4, np.float32))
    rig.memory.commands.push(AudioOp.JAM_GATE, 0, value=1.0)
    rig.load(0, np.full((20_000, 2), 0.3, np.float32), loop=True)
    rig.memory.commands.push(AudioOp.SLOT_LAUNCH, 0, 0)
    rig.memory.commands.push(AudioOp.SLOT_LAUNCH, 9000, 0)
    assert rig.play(6400)[0, -1] == pytest.approx(0.7, abs=1e-3)
    rig.memory.commands.push(AudioOp.PANIC, 1 << 40)
    out = rig.play(12_800)[0]
    assert (out[480:] == 0).all()
    assert (np.abs(np.diff(out)) < 0.02).all()


def test_a_panic_ends_what_was_told_before_it_and_nothing_that_is_told_after(rig: Rig) -> None:
    """All in one block, as a bundle tells it."""
    rig.memory.stream.begin(0)
    rig.memory.stream.write(np.full((20_000, 2), 0.4, np.float32))
    rig.load(0, np.full((20_000, 2), 0.3, np.float32), loop=True)
    rig.load(1, np.full((20_000, 2), 0.1, np.float32), loop=True)
    push = rig.memory.commands.push
    push(AudioOp.JAM_GATE, 0, value=1.0)
    push(AudioOp.SLOT_LAUNCH, 0, 0)
    rig.play(1280)
    push(AudioOp.MASTER_GAIN, 1280, value=0.5)
    push(AudioOp.SLOT_GAIN, 4000, 1, 2.0)
    push(AudioOp.SLOT_LAUNCH, 2000, 0)
    push(AudioOp.JAM_GATE, 3000, value=1.0)
    push(AudioOp.PANIC, 0)
    push(AudioOp.SLOT_LAUNCH, 6000, 1)
    push(AudioOp.JAM_GATE, 9000, value=1.0)
    out = rig.play(10_240)[0]
    at = np.arange(1280, 1280 + 10_240)
    assert (out[(at > 1280 + 480) & (at < 6000)] == 0).all()
    np.testing.assert_allclose(out[(at > 6200) & (at < 9000)], 0.5 * 2.0 * 0.1, atol=1e-6)
    np.testing.assert_allclose(out[at > 9600], 0.5 * (2.0 * 0.1 + 0.4), atol=1e-4)
    assert rig.memory.header[Word.PENDING_COUNT] == 0


def test_no_command_is_lost_where_many_wait(rig: Rig) -> None:
    """What does not fit among those that wait stays in the ring; a panic comes through."""
    rig.load(0, np.full((20_000, 2), 0.3, np.float32), loop=True)
    push, waiting = rig.memory.commands.push, rig.memory.arrays["pending_words"].shape[0]
    for number in range(waiting):
        assert push(AudioOp.SLOT_LAUNCH, 1000 + number, 0)
    assert push(AudioOp.SLOT_LAUNCH, 1000 + waiting, 0)
    rig.play(128)
    assert rig.memory.header[Word.PENDING_COUNT] == waiting
    rig.play(1280)
    assert rig.memory.slot(0).launches == waiting + 1
    for _ in range(waiting):
        push(AudioOp.SLOT_LAUNCH, 1 << 40, 1)
    push(AudioOp.MASTER_GAIN, 0, value=0.5)
    push(AudioOp.PANIC, 0)
    push(AudioOp.MASTER_GAIN, 0, value=0.25)
    rig.play(128)
    assert rig.memory.header[Word.PENDING_COUNT] == 0 and rig.memory.levels[Level.MASTER_TARGET] == 0.25
    assert (rig.play(640)[0][480:] == 0).all()


def test_commands_that_wait_are_taken_back(rig: Rig) -> None:
    """One launch of three, a stop, and the gate; what is given again afterwards counts."""
    rig.load(0, np.full((20_000, 2), 0.3, np.float32), loop=True)
    rig.load(1, np.full((20_000, 2), 0.1, np.float32), loop=True)
    rig.memory.stream.begin(0)
    rig.memory.stream.write(np.full((12_000, 2), 0.01, np.float32))
    push = rig.memory.commands.push
    for frame, slot in ((1000, 0), (2000, 0), (1000, 1)):
        push(AudioOp.SLOT_LAUNCH, frame, slot)
    push(AudioOp.SLOT_STOP, 3000, 1)
    push(AudioOp.JAM_GATE, 1500, value=1.0)
    rig.play(128)
    push(AudioOp.CANCEL, 1000, 0)
    push(AudioOp.CANCEL, 3000, 1)
    push(AudioOp.CANCEL, 1500, GATE)
    push(AudioOp.CANCEL, 1500, 0)  # nothing of this slot waits for it
    push(AudioOp.JAM_GATE, 4096, value=1.0)
    rig.play(128)
    assert rig.memory.header[Word.PENDING_COUNT] == 3
    out = rig.play(5120)
    at = np.arange(256, 256 + 5120)
    assert (out[4, at < 1000] == 0).all()
    np.testing.assert_allclose(out[4, (at > 1100) & (at < 2000)], 0.1, atol=1e-6)
    np.testing.assert_allclose(out[4, at > 2100], 0.4, atol=1e-6)
    assert (out[2, at < 4096] == 0).all()
    assert out[2, -1] == pytest.approx(0.01)


def test_missing_data_is_counted_and_never_clicks(rig: Rig) -> None:
    """The tone goes missing and comes back; no step is larger than the tone's own."""
    tone = 0.5 * np.sin(np.arange(48_000) * 2 * np.pi * 220 / 48_000).astype(np.float32)
    audio = np.stack((tone, tone), axis=1)
    rig.memory.header[Word.LOOP_FRAMES] = 4800
    rig.memory.stream.begin(0)
    rig.memory.commands.push(AudioOp.JAM_GATE, 0, value=1.0)
    rig.memory.stream.write(audio[:12_000])
    first = rig.play(16_000, 100)[0]
    assert rig.memory.stats.underruns == 1
    assert rig.memory.stats.underrun_frames == 4000
    late = rig.memory.stream.late()
    assert late == 4000
    rig.memory.stream.skip_to(17_000)
    rig.memory.stream.write(audio[17_000:30_000])
    out = np.concatenate((first, rig.play(8000, 100)[0]))
    assert np.abs(out[12_400:14_000]).max() > 0.1  # a stand-in sounds
    own = np.abs(np.diff(tone)).max()
    assert np.abs(np.diff(out[400:])).max() < 6 * own
    np.testing.assert_allclose(out[17_200:24_000], tone[17_200:24_000], atol=1e-5)


def test_long_silence_of_the_engine_fades_out(rig: Rig) -> None:
    rig.memory.stream.begin(0)
    rig.memory.stream.write(np.full((10_000, 2), 0.5, np.float32))
    rig.memory.commands.push(AudioOp.JAM_GATE, 0, value=1.0)
    out = rig.play(96_000, 1000)[0]
    assert (out[70_000:] == 0).all()


def test_nothing_leaves_the_ceiling_and_no_nan(rig: Rig) -> None:
    loud = np.random.default_rng(0).standard_normal((20_000, 2)).astype(np.float32) * 4
    loud[5000:5100] = np.nan
    loud[6000] = np.inf
    rig.memory.stream.begin(0)
    rig.memory.stream.write(loud)
    rig.memory.commands.push(AudioOp.JAM_GATE, 0, value=1.0)
    rig.memory.commands.push(AudioOp.MASTER_GAIN, 100, value=4.0)
    out = rig.play(19_200)
    assert np.isfinite(out).all()
    assert np.abs(out[:2]).max() <= 0.985 + 1e-6
    assert np.abs(out[:2, 8000:]).max() > 0.5
    assert rig.memory.stats.limiter_reduction_db > 6


def test_quiet_sound_passes_unchanged(rig: Rig) -> None:
    quiet = np.random.default_rng(0).uniform(-0.4, 0.4, (10_000, 2)).astype(np.float32)
    rig.load(0, quiet)
    rig.memory.commands.push(AudioOp.SLOT_LAUNCH, 0, 0)
    out = rig.play(6400)
    np.testing.assert_array_equal(out[:2, 32:], quiet[32:6400].T)


def test_clip_that_is_too_short_is_refused(rig: Rig) -> None:
    name = rig.load(0, ramp_audio(100))
    with pytest.raises(AudioError, match="shorter"):
        rig.clips.attach(1, name, 100_000, False)
    with pytest.raises(AudioError, match="no slot"):
        rig.clips.attach(99, name, 100, False)


def test_offline_output_writes_what_is_played(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    rig.load(0, np.full((48_000, 2), 0.25, np.float32), loop=True)
    rig.memory.commands.push(AudioOp.SLOT_LAUNCH, 0, 0)
    output = OfflineOutput(player(rig.memory), path)
    rig.memory.header[Word.FRAME] = 0
    output.start()
    wait_until(lambda: rig.memory.frame > 9600, 10, "a fifth of a second")
    output.close()
    audio, rate = soundfile.read(path)
    assert rate == 48_000
    assert len(audio) >= 9600
    assert audio[1000:].min() == pytest.approx(0.25, abs=1e-4)
    assert output.fault is None


def test_file_that_cannot_be_is_told(rig: Rig, tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="cannot write"):
        OfflineOutput(player(rig.memory), tmp_path / "none" / "out.wav")
