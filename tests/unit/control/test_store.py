"""What lies on disk of the slots: nothing but a musician's own wish takes a clip away."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile

from jamd.contract import messages as m
from jamd.contract.config import Config, OscConfig
from jamd.contract.memory import AudioMemory, unlink_shared
from jamd.control.__main__ import Control
from jamd.control.state import Clip, SlotSetup
from jamd.control.store import Saved, SavedSlot, Store
from tests.system.conftest import free_port
from tests.unit.control.rig import Rig


def keep(folder: Path, count: int, seconds: float = 2.0) -> list[Path]:
    """The state of a last run with so many clips; their files."""
    (folder / "slots").mkdir(parents=True)
    files = [folder / "slots" / f"slot-{index + 1:02d}.wav" for index in range(count)]
    for file in files:
        with soundfile.SoundFile(str(file), "w", 48_000, 2, "FLOAT") as out:
            out.comment = json.dumps({"jamd": {"bars": 1, "beats_per_bar": 4, "tempo": 240 / seconds, "seed": 3, "chart": "| C |"}})
            out.write(np.full((int(seconds * 48_000), 2), 0.1, np.float32))
    slots = [SavedSlot(index, SlotSetup(name=f"no {index}"), file.name) for index, file in enumerate(files)]
    (folder / "state.json").write_bytes(msgspec.json.encode(Saved(1, slots)))
    return files


def named(folder: Path) -> list[int]:
    """Slots whose clips `state.json` names."""
    saved = msgspec.json.decode((folder / "state.json").read_bytes(), type=Saved)
    return [one.slot for one in saved.slots if one.clip]


class Kept:
    """A rig with a store; the reading of clips waits for `gate`, but of the slots in `quick`."""

    def __init__(self, rig: Rig, folder: Path, monkeypatch: pytest.MonkeyPatch, quick: tuple[int, ...] = ()) -> None:
        self.rig, self.session = rig, rig.session
        self.store = Store(folder, rig.log.append)
        self.gate = threading.Event()
        self.session.store = self.store
        reader = self.store.clip_reader

        def slow(index: int, name: str, tempo: float, per_bar: int):  # type: ignore[no-untyped-def]
            read = reader(index, name, tempo, per_bar)

            def later() -> Clip:
                if index not in quick:
                    assert self.gate.wait(10)
                assert read is not None
                return read()

            return later if read is not None else None

        monkeypatch.setattr(self.store, "clip_reader", slow)

    def restore(self) -> None:
        saved = self.store.load()
        assert saved is not None
        self.session.restore(saved)

    def save(self) -> None:
        self.store.save(self.session.state, {}, self.session.slots.clips.unread)

    async def done(self) -> None:
        self.gate.set()
        await asyncio.gather(*self.session.tasks)


def test_a_save_in_between_keeps_what_is_still_being_read(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = keep(tmp_path, 4)
    before = [file.stat().st_mtime_ns for file in files]
    kept = Kept(rig, tmp_path, monkeypatch, quick=(0,))

    async def go() -> None:
        kept.restore()
        while rig.session.state.slots[0].clip is None:
            await asyncio.sleep(0.01)
        kept.save()
        assert named(tmp_path) == [0, 1, 2, 3]
        assert all(file.is_file() for file in files)
        rig.session.slots.all_stopped()  # a panic, and an engine that goes, take no clip away either
        rig.session.engine_gone()
        rig.do("/slot/9/name", "new")
        kept.save()
        assert all(file.is_file() for file in files)
        await kept.done()
        kept.save()

    asyncio.run(go())
    assert [rig.name(slot) for slot in (1, 2, 3, 4)] == ["ready"] * 4
    assert named(tmp_path) == [0, 1, 2, 3]
    assert [file.stat().st_mtime_ns for file in files] == before, "what came from there need not be written again"


def test_only_what_the_musician_clears_or_fills_goes(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = keep(tmp_path, 4)
    kept = Kept(rig, tmp_path, monkeypatch)

    async def go() -> None:
        kept.restore()
        rig.do("/slot/1/clear")
        rig.do("/slot/2/clear")
        rig.do("/slot/2/render", 4)  # into the empty slot: nothing comes back if it fails
        rig.do("/slot/3/render", 4)  # the old clip stays until the new one is there
        kept.save()
        assert [file.is_file() for file in files] == [False, False, True, True]
        await kept.done()

    asyncio.run(go())
    kept.save()
    assert named(tmp_path) == [2, 3]
    slots = rig.session.state.slots
    assert slots[0].clip is None and slots[2].clip is None and slots[3].clip is not None
    rig.session.take(m.ClipFailed(slot=2, request=slots[2].request, code="engine", message="it went wrong"))
    kept.save()
    assert files[2].is_file()

    async def fill() -> None:
        rig.fill(3, np.full((96_000, 2), 0.5))
        await asyncio.gather(*rig.session.tasks)
        kept.save()
        rig.do("/slot/4/clear")
        kept.save()

    asyncio.run(fill())
    assert soundfile.read(str(files[2]))[0].max() == pytest.approx(0.5)
    assert named(tmp_path) == [2] and not files[3].is_file()


def test_a_clip_that_cannot_be_read_keeps_its_file_and_says_so(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = keep(tmp_path, 3)
    files[0].write_bytes(b"RIFF no more")
    files[2].unlink()
    kept = Kept(rig, tmp_path, monkeypatch)

    async def go() -> None:
        kept.restore()
        await kept.done()
        kept.save()

    asyncio.run(go())
    assert files[0].read_bytes() == b"RIFF no more"
    assert named(tmp_path) == [0, 1]
    assert [rig.name(slot) for slot in (1, 2, 3)] == ["empty", "ready", "empty"]
    assert "slot-01.wav" in rig.session.state.slots[0].error
    assert any("slot 1: cannot read slot-01.wav" in line for line in rig.log)
    assert any("slot 3" in line and "gone" in line for line in rig.log)

    async def clear() -> None:
        rig.do("/slot/1/clear")

    asyncio.run(clear())
    kept.save()
    assert not files[0].exists() and named(tmp_path) == [1]


def test_of_two_quick_clips_the_last_is_kept(rig: Rig, tmp_path: Path) -> None:
    store = Store(tmp_path, rig.log.append)
    writers = []
    for level in (0.1, 0.2):
        rig.fill(1, np.full((96_000, 2), level))
        writers.append(store.clip_writer(0, rig.clip_of(1)))
    for write in reversed(writers):  # threads end in any order
        write()
    kept, _ = soundfile.read(tmp_path / "slots" / "slot-01.wav")
    assert np.allclose(kept, 0.2)
    assert [path.name for path in (tmp_path / "slots").iterdir()] == ["slot-01.wav"]


def test_files_of_a_damaged_state_are_left_alone(rig: Rig, tmp_path: Path) -> None:
    files = keep(tmp_path, 2)
    (tmp_path / "state.json").write_text('{"version": 1, "slots": [')
    store = Store(tmp_path, rig.log.append)
    assert store.load() is None
    store.save(rig.session.state, {})
    assert named(tmp_path) == []
    assert all(file.is_file() for file in files)


@pytest.fixture
def control(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Makes the control process' heart, as often as it is asked; there is no other process."""
    monkeypatch.setenv("JAMD_HOME", str(tmp_path))
    monkeypatch.setattr("jamd.control.__main__.to_the_front", lambda: False)
    memory = AudioMemory.create(f"jamd-t-store-{tmp_path.name[-8:]}-{free_port()}")
    made: list[Control] = []

    def make() -> Control:
        made.append(Control(memory, tmp_path / "s", Config(osc=OscConfig(port=free_port())), tmp_path / "snapshot.json"))
        return made[-1]

    yield make
    for one in made:
        for slot in one.session.state.slots:
            if slot.clip is not None:
                unlink_shared(slot.clip.memory)
    memory.close()
    memory.unlink()


def test_a_restart_with_large_clips_loses_none(control, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    files = keep(tmp_path / "state", 12, seconds=16.0)

    async def go() -> Control:
        one = control()
        slots = one.session.state.slots
        task = asyncio.create_task(one.run())
        while not any(slot.clip is not None for slot in slots):
            await asyncio.sleep(0.001)
        while one.session.store._last == b"":  # the first save comes while others are being read
            await asyncio.sleep(0.001)
        one.done.set()
        await task
        return one

    one = asyncio.run(go())
    assert sum(slot.clip is not None for slot in one.session.state.slots) == 12
    assert all(file.is_file() for file in files)
    assert named(tmp_path / "state") == list(range(12))


def test_a_killed_control_process_reads_what_its_predecessor_had_not(control, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    files = keep(tmp_path / "state", 3)

    async def first() -> None:
        one = control()
        one.session.store = one.store
        saved = one.store.load()
        one.session.restore(saved)
        one.session.slots.clear(1)
        (tmp_path / "snapshot.json").write_bytes(msgspec.json.encode(one.session.state))  # and here it is killed
        await asyncio.gather(*one.session.tasks)

    async def second() -> Control:
        one = control()
        task = asyncio.create_task(one.run())
        await asyncio.sleep(0.05)
        one.done.set()
        await task
        return one

    asyncio.run(first())
    one = asyncio.run(second())
    assert [slot.clip is not None for slot in one.session.state.slots[:3]] == [True, False, True]
    assert [file.is_file() for file in files] == [True, False, True]
