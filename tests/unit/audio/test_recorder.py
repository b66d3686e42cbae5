"""The recorder on real files: every sample at 24 bit, killed, on a full disk, too slow, and beside the compiled mixer."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from bridges.offline import OfflineOutput
from jamd.audio.offline_play import player
from jamd.audio.recorder import BLOCK, Recorder, TakeFiles
from jamd.audio.sound_files import FlacFile, WavFile, to_24_bit, wav_header
from jamd.contract.capture import CaptureRing
from jamd.contract.errors import AudioError
from jamd.contract.layout import AudioOp, Word
from jamd.contract.memory import AudioMemory

NAMES = {"mix": 0, "jam": 2, "slots": 4, "input": 6}
STEMS = ["jam", "slots", "input"]


class Events:
    """What a recorder said, and waiting for it."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str, int]] = []
        self.hold = threading.Event()
        self.hold.set()

    def __call__(self, kind: str, text: str, frames: int) -> None:
        self.all.append((kind, text, frames))
        self.hold.wait(60)

    def wait(self, *kinds: str) -> tuple[str, str, int]:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for event in self.all:
                if event[0] in kinds:
                    return event
            time.sleep(0.01)
        pytest.fail(f"none of {kinds}: {self.all}")


class Source:
    """A ring and its producer, as `jamd.contract.capture` tells it to write, with samples that a test chooses."""

    def __init__(self, size: int = 1 << 18) -> None:
        self.header = np.zeros(64, np.int64)
        self.samples = np.zeros((size, 8), np.float32)
        self.ring = CaptureRing(self.header, self.samples)

    def play(self, block: NDArray[np.float32]) -> None:
        """A cycle. Shape: [frames, 8]."""
        now, count = int(self.header[Word.FRAME]), len(block)
        if self.header[Word.CAPTURE_ON]:
            head = int(self.header[Word.CAPTURE_HEAD])
            skip = min(max(int(self.header[Word.CAPTURE_FIRST]) - now, 0), count)
            if head == 0 and skip < count:
                self.header[Word.CAPTURE_FIRST] = now + skip
            self.samples[np.arange(head, head + count - skip) % len(self.samples)] = block[skip:]
            self.header[Word.CAPTURE_HEAD] = head + count - skip
        self.header[Word.FRAME] = now + count

    def play_all(self, whole: NDArray[np.float32]) -> None:
        """In blocks of changing sizes."""
        place = 0
        for size in np.random.default_rng(1).integers(1, 2000, len(whole)):
            if place >= len(whole):
                return
            self.play(whole[place : place + size])
            place += int(size)


class Ticking:
    """The time line goes on with silence, as it does beside a real output."""

    def __init__(self, source: Source) -> None:
        self._source, self._stop = source, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.wait(0.002):
            self._source.play(np.zeros((96, 8), np.float32))

    def __enter__(self) -> Ticking:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def noise(frames: int, seed: int = 0) -> NDArray[np.float32]:
    return (np.random.default_rng(seed).standard_normal((frames, 8)) * 0.2).astype(np.float32)


def read24(path: Path) -> NDArray[np.int64]:
    """All samples as 24-bit numbers; the low byte has to be empty."""
    values, rate = soundfile.read(path, dtype="int32", always_2d=True)
    assert rate == 48000
    assert soundfile.info(path).subtype == "PCM_24"
    assert not (values & 0xFF).any()
    return values.astype(np.int64) >> 8


def expected24(samples: NDArray[np.float32]) -> NDArray[np.int64]:
    """What a sample is at 24 bit, reckoned in double precision."""
    clean = np.nan_to_num(samples.astype(np.float64), nan=0.0, posinf=1.0, neginf=-1.0)
    return np.clip(np.rint(clean * 2**23), -(2**23), 2**23 - 1).astype(np.int64)


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def recorder_of(events: Events) -> Iterator[Callable[..., Recorder]]:
    made: list[Recorder] = []

    def make(ring: CaptureRing, **options: Any) -> Recorder:
        made.append(Recorder(ring, events, **{"keep_free": 0} | options))
        return made[-1]

    yield make
    events.hold.set()
    for recorder in made:
        recorder.close()
        assert not recorder.recording


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_every_sample_is_there(kind: str, tmp_path: Path, events: Events, recorder_of: Callable[..., Recorder]) -> None:
    source = Source()
    recorder = recorder_of(source.ring)
    whole = noise(100_000)
    whole[30_000, :] = [1.0, -1.0, 1.5, -1.5, np.nan, np.inf, -np.inf, 2**-24]
    whole[50_000:60_000] = 0.0
    source.play(np.zeros((777, 8), np.float32))
    folder = tmp_path / "takes" / "one"
    recorder.start(folder, STEMS, kind, 10_000)
    recorder.stop(90_001)  # in the middle of a block
    source.play_all(whole)
    assert events.wait("stopped")[2] == 80_001
    assert events.wait("started")[2] == 10_000
    assert [event[0] for event in events.all] == ["started", "stopped"]
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{name}.{kind}" for name in NAMES)
    part = whole[10_000 - 777 : 90_001 - 777]
    for name, channel in NAMES.items():
        np.testing.assert_array_equal(read24(folder / f"{name}.{kind}"), expected24(part[:, channel : channel + 2]))


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_some_stems_until_now(kind: str, tmp_path: Path, events: Events, recorder_of: Callable[..., Recorder]) -> None:
    source = Source()
    recorder = recorder_of(source.ring)
    with pytest.raises(AudioError, match="no stem 'drums'"):
        recorder.start(tmp_path, ["drums"], kind, 0)
    with pytest.raises(AudioError, match="no format 'mp3'"):
        recorder.start(tmp_path, [], "mp3", 0)
    recorder.start(tmp_path, ["input"], kind, 0)
    with pytest.raises(AudioError, match="is running"):
        recorder.start(tmp_path / "other", [], kind, 0)
    whole = noise(3 * BLOCK + 17)
    source.play_all(whole)
    recorder.stop()
    assert events.wait("stopped")[2] == len(whole)
    np.testing.assert_array_equal(read24(tmp_path / f"input.{kind}"), expected24(whole[:, 6:]))
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"input.{kind}", f"mix.{kind}"]
    events.all.clear()
    recorder.start(tmp_path / "next", [], kind, 0)  # the first take has left nothing behind
    again = noise(500, seed=3)
    source.play_all(again)
    recorder.stop(int(source.header[Word.FRAME]) - 100)
    assert events.wait("stopped")[2] == 400
    np.testing.assert_array_equal(read24(tmp_path / "next" / f"mix.{kind}"), expected24(again[:400, :2]))
    events.all.clear()
    recorder.start(tmp_path / "never", [], kind, 1 << 40)
    recorder.stop()
    assert events.wait("stopped")[2] == 0
    assert [event[0] for event in events.all] == ["stopped"]
    assert not (tmp_path / "never").exists()  # nothing to keep


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_nothing_is_overwritten(kind: str, tmp_path: Path, events: Events, recorder_of: Callable[..., Recorder]) -> None:
    source = Source()
    recorder = recorder_of(source.ring)
    old = tmp_path / f"slots.{kind}"
    old.write_bytes(b"mine")
    recorder.start(tmp_path, STEMS, kind, 0)
    _, text, frames = events.wait("failed")
    assert text == f"cannot record: {old}: File exists" and frames == 0
    assert [path.name for path in tmp_path.iterdir()] == [old.name]
    assert old.read_bytes() == b"mine"
    assert not source.ring.on and not recorder.recording
    recorder.start(old / "below", [], kind, 0)
    deadline = time.monotonic() + 20
    while len(events.all) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert events.all[1][0] == "failed" and "Not a directory" in events.all[1][1]


def test_too_little_space_at_the_start(tmp_path: Path, events: Events, recorder_of: Callable[..., Recorder]) -> None:
    recorder_of(Source().ring, keep_free=1 << 60).start(tmp_path / "a", STEMS, "wav", 0)
    assert "are left on the disk" in events.wait("failed")[1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_a_removed_folder_ends_the_take(kind: str, tmp_path: Path, events: Events, recorder_of: Callable[..., Recorder]) -> None:
    source = Source()
    recorder = recorder_of(source.ring)
    recorder.start(tmp_path / "take", STEMS, kind, 0)
    with Ticking(source):
        events.wait("started")
        shutil.rmtree(tmp_path / "take")
        assert "has been removed" in events.wait("failed")[1]
    assert not source.ring.on
    assert not (tmp_path / "take").exists()


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_what_the_disk_missed_is_silence(kind: str, tmp_path: Path, events: Events, recorder_of: Callable[..., Recorder]) -> None:
    source = Source(size=1 << 16)
    recorder = recorder_of(source.ring)
    whole = noise(200_000)
    events.hold.clear()  # the recorder's thread stands, as on a disk that hangs, with nothing read yet
    recorder.start(tmp_path, STEMS, kind, 0)
    source.play_all(whole[:1000])
    events.wait("started")
    source.play_all(whole[1000:])
    events.hold.set()
    recorder.stop()
    assert events.wait("stopped")[2] == len(whole)
    lost = sum(event[2] for event in events.all if event[0] == "lost")
    assert lost == 200_000 - (1 << 16) + 8192
    whole[:lost] = 0.0
    for name, channel in NAMES.items():
        np.testing.assert_array_equal(read24(tmp_path / f"{name}.{kind}"), expected24(whole[:, channel : channel + 2]))


def test_a_listener_that_fails_does_not_end_the_take(tmp_path: Path) -> None:
    def on_event(kind: str, text: str, frames: int) -> None:
        raise RuntimeError("gone")

    source = Source()
    recorder = Recorder(source.ring, on_event, keep_free=0)
    recorder.start(tmp_path, [], "wav", 0)
    whole = noise(20_000)
    source.play_all(whole)
    recorder.close()
    np.testing.assert_array_equal(read24(tmp_path / "mix.wav"), expected24(whole[:, :2]))
    with pytest.raises(AudioError, match="is closed"):
        recorder.start(tmp_path, [], "wav", 0)


# --- the real mixer -----------------------------------------------------------------------------------------------------


@pytest.fixture
def memory() -> Iterator[AudioMemory]:
    """With a jam of 20 s of noise from frame 0 on, the gate open."""
    memory = AudioMemory.create(f"jamd-t-{uuid.uuid4().hex[:8]}", slots=4, stream_frames=1 << 20)
    memory.stream.begin(0)
    for start in range(0, 960_000, 96_000):
        memory.stream.write(jam_at(start, 96_000))
    memory.commands.push(AudioOp.JAM_GATE, 0, value=1.0)
    yield memory
    memory.close()
    memory.unlink()


def jam_at(frame: int, count: int) -> NDArray[np.float32]:
    """Noise that a frame's number decides. Shape: [count, 2]."""
    place = np.arange(frame, frame + count, dtype=np.uint64)
    left = (place * np.uint64(2654435761) >> np.uint64(7)) % np.uint64(1 << 22)
    right = (place * np.uint64(40503) >> np.uint64(3)) % np.uint64(1 << 21)
    return (np.stack([left, right], axis=1).astype(np.float64) / (1 << 23) - 0.1).astype(np.float32)


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_beside_the_mixer(kind: str, memory: AudioMemory, tmp_path: Path, events: Events, recorder_of: Callable[..., Recorder]) -> None:
    recorder = recorder_of(CaptureRing(memory.header, memory.arrays["capture"]))
    output = OfflineOutput(player(memory), tmp_path / "played.wav")
    output.start()
    try:
        recorder.start(tmp_path / "take", STEMS, kind, 24_000)
        recorder.stop(72_000)
        assert events.wait("stopped")[2] == 48_000
    finally:
        output.close()
    assert events.wait("started")[2] == 24_000
    jam = expected24(jam_at(24_000, 48_000))
    np.testing.assert_array_equal(read24(tmp_path / "take" / f"jam.{kind}"), jam)
    played, _ = soundfile.read(tmp_path / "played.wav", dtype="float32")  # written by another path, rounded otherwise
    mix = read24(tmp_path / "take" / f"mix.{kind}") / 2**23
    compiled = 1  # the mixer played one frame when it was compiled, before the file began
    assert np.abs(mix - played[24_000 - compiled : 72_000 - compiled]).max() < 2.5 / 2**23
    assert np.abs(mix).max() > 0.1
    assert not read24(tmp_path / "take" / f"slots.{kind}").any()
    assert not read24(tmp_path / "take" / f"input.{kind}").any()


CHILD = """
import sys, time
from pathlib import Path
from bridges.offline import OfflineOutput
from jamd.audio.offline_play import player
from jamd.audio.recorder import Recorder
from jamd.contract.capture import CaptureRing
from jamd.contract.memory import AudioMemory
memory = AudioMemory.attach(sys.argv[1])
recorder = Recorder(CaptureRing(memory.header, memory.arrays["capture"]), lambda *event: print(*event, flush=True), keep_free=0)
OfflineOutput(player(memory), None).start()
recorder.start(Path(sys.argv[2]), ["jam", "slots", "input"], sys.argv[3], 4800)
time.sleep(60)
"""


@pytest.mark.parametrize(("kind", "seconds"), [("wav", 0.01), ("wav", 0.9), ("wav", 2.3), ("flac", 0.5), ("flac", 0.9), ("flac", 2.3)])
def test_killed_at_any_moment(kind: str, seconds: float, memory: AudioMemory, tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", CHILD, memory.name, tmp_path / "take", kind], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline().startswith("started")
        time.sleep(seconds)
    finally:
        child.kill()
        child.wait(timeout=20)
    captured = int(memory.header[Word.CAPTURE_HEAD])
    assert captured > seconds * 24_000
    for name in NAMES:
        got = read24(tmp_path / "take" / f"{name}.{kind}")
        assert captured - 48_000 <= len(got) <= captured
        if name == "jam":
            np.testing.assert_array_equal(got, expected24(jam_at(4800, len(got))))


# --- the files ----------------------------------------------------------------------------------------------------------


def test_the_header_can_lie_behind_the_data(tmp_path: Path) -> None:
    """A kill between a block and its header: what is not counted is not there."""
    whole = to_24_bit(noise(10 * BLOCK)[:, :2])
    for kind, make in (("wav", WavFile), ("flac", FlacFile)):
        path, shorter = tmp_path / f"a.{kind}", tmp_path / f"b.{kind}"
        file = make(path)
        head = b""
        for start in range(0, len(whole), BLOCK):
            if start == 8 * BLOCK:
                head = path.read_bytes()[:80]
                safe = file.safe
            file.write(whole[start : start + BLOCK])
        shorter.write_bytes(head[: 80 if kind == "wav" else 42] + path.read_bytes()[80 if kind == "wav" else 42 :])
        np.testing.assert_array_equal(read24(shorter), whole[:safe])
        file.finish()
        file.close()
        np.testing.assert_array_equal(read24(path), whole)


@pytest.mark.parametrize("make", [WavFile, FlacFile])
def test_files_can_be_cut_to_a_common_length(make: Any, tmp_path: Path) -> None:
    whole = to_24_bit(noise(10 * BLOCK)[:, :2])
    file = make(tmp_path / "a")
    for start in range(0, len(whole), BLOCK):
        file.write(whole[start : start + BLOCK])
    file.cut(7 * BLOCK)
    file.close()
    np.testing.assert_array_equal(read24(tmp_path / "a"), whole[: 7 * BLOCK])


def test_the_very_last_block_finds_no_space(tmp_path: Path) -> None:
    """FLAC's encoder keeps it back until the end: all files give it up then."""
    whole = noise(10 * BLOCK + 1000)
    whole[:, 2:] = 0.0  # only the mix needs space
    files = TakeFiles(tmp_path, ["mix", "jam"], "flac", 0)
    for start in range(0, len(whole), BLOCK):
        files.write(whole[start : start + BLOCK])
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "mix.flac").stat().st_size + 500, old[1]))
        with pytest.raises(OSError, match="File too large"):
            files.finish()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert files.cut() == 10 * BLOCK
    files.close()
    for name in ("mix", "jam"):
        channel = NAMES[name]
        np.testing.assert_array_equal(read24(tmp_path / f"{name}.flac"), expected24(whole[: 10 * BLOCK, channel : channel + 2]))


def test_more_than_four_gigabytes(tmp_path: Path) -> None:
    """Four hours and more: the file turns into RF64. Its middle is a hole, so that it takes no space."""
    block = to_24_bit(noise(BLOCK)[:, :2])
    file = WavFile(tmp_path / "long.wav")
    file.write(block)
    most = (0xFFFFFFFF + 8 - len(wav_header(0))) // 6
    os.truncate(file.path, len(wav_header(0)) + 6 * (most - BLOCK))
    file.safe = most - BLOCK
    file.write(block)  # as much as RIFF can count
    assert soundfile.info(file.path).format == "WAV"
    assert soundfile.info(file.path).frames == most
    for _ in range(3):
        file.write(block)
    file.close()
    info = soundfile.info(file.path)
    assert (info.format, info.frames) == ("RF64", most + 3 * BLOCK)
    for place in (0, most - BLOCK, most + 2 * BLOCK):
        values, _ = soundfile.read(file.path, start=place, frames=BLOCK, dtype="int32")
        np.testing.assert_array_equal(values >> 8, block)


# --- no space -----------------------------------------------------------------------------------------------------------

FULL = """
import json, resource, subprocess, sys, threading, time
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[3])
from tests.unit.audio.test_recorder import Events, Source, noise, NAMES, read24, expected24
from jamd.audio.recorder import Recorder
folder, kind = Path(sys.argv[1]), sys.argv[2]
PREPARE
events, source = Events(), Source(size=1 << 19)
recorder = Recorder(source.ring, events, keep_free=KEEP)
recorder.start(folder / "take", ["jam", "slots", "input"], kind, 0)
whole = noise(400_000)
whole[:, 2:4] *= 4.0  # the stems do not compress alike
whole[:, 6:] = 0.0
source.play_all(whole[:100_000])
events.wait("started")
FILL
source.play_all(whole[100_000:])
_, text, frames = events.wait("failed")
on, played = source.ring.on, int(source.header[1])
source.play(np.zeros((64, 8), np.float32))
recorder.close()
exact = [np.array_equal(read24(folder / "take" / f"{name}.{kind}"), expected24(whole[:frames, c:c + 2])) for name, c in NAMES.items()]
print(json.dumps({"text": text, "frames": frames, "on": on, "played": played, "exact": exact, "kinds": [e[0] for e in events.all]}))
"""


def full_disk(folder: Path, kind: str, prepare: str, keep: int = 0, fill: str = "", wrapper: tuple[str, ...] = ()) -> dict[str, Any]:
    """Record 8 s in a process of its own until that fails; what it found."""
    script = FULL.replace("PREPARE", textwrap.dedent(prepare)).replace("KEEP", str(keep)).replace("FILL", fill)
    root = str(Path(__file__).parents[3])
    command = [*wrapper, sys.executable, "-c", script, str(folder), kind, root]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def check_full(found: dict[str, Any], reason: str) -> None:
    assert reason in found["text"]
    assert found["kinds"] == ["started", "failed"]
    assert found["frames"] > 48_000
    assert found["exact"] == [True] * 4  # all of the same length, and every sample of it
    assert not found["on"]
    assert found["played"] == 400_000  # the music never noticed


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_a_file_that_may_not_grow_further(kind: str, tmp_path: Path) -> None:
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (700_001, 700_001))"
    check_full(full_disk(tmp_path, kind, limit), "File too large")


@pytest.fixture(scope="module")
def own_mounts() -> tuple[str, ...]:
    """A command that runs another with mounts of its own, which go with it."""
    for command in (("unshare", "-m"), ("unshare", "-Urm")):
        trial = [*command, "mount", "-t", "tmpfs", "none", "/mnt"]
        if shutil.which("unshare") and subprocess.run(trial, capture_output=True).returncode == 0:
            return command
    pytest.skip("this system lets nobody mount")


MOUNT = "subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size={size}', 'none', str(folder)], check=True)"


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_a_full_disk(kind: str, own_mounts: tuple[str, ...], tmp_path: Path) -> None:
    check_full(full_disk(tmp_path, kind, MOUNT.format(size="2500k"), wrapper=own_mounts), "No space left on device")


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_a_disk_that_others_fill(kind: str, own_mounts: tuple[str, ...], tmp_path: Path) -> None:
    fill = "(folder / 'other').write_bytes(bytes(35_000_000)); time.sleep(1.2)"
    found = full_disk(tmp_path, kind, MOUNT.format(size="60m"), keep=25_000_000, fill=fill, wrapper=own_mounts)
    assert "are left on the disk, and 25 MB are kept free" in found["text"]
    assert found["kinds"] == ["started", "failed"] and found["frames"] >= 90_000 and found["exact"] == [True] * 4
    assert not found["on"] and found["played"] == 400_000
