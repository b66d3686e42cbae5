"""Slots by a real session and the real mixer: quanta, modes, choke groups, scenes, follow actions, tempo."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from jamd.contract.errors import JamdError, MessageError
from jamd.contract.layout import AudioOp, SlotState, Word
from jamd.control.follow import next_slot
from jamd.control.journal import Entry, Kind
from jamd.replay import _Desk
from tests.conftest import wait_until
from tests.unit.control.rig import TICK, Rig

BEAT = 24_000
"""Frames at 120 bpm."""
BAR = 4 * BEAT


def saw(bars: int = 1, level: float = 0.3) -> np.ndarray:
    """A signal in which every sample says where it is; it begins above 0."""
    line = np.linspace(0.1, level, bars * BAR, dtype=np.float32)
    return np.stack((line, line), axis=1)


def start(rig: Rig) -> int:
    """The clock runs; returns the frame of bar 1."""
    rig.do("/clock/play")
    rig.run(100)
    return rig.session.state.clock.segments[0].frame


@pytest.mark.parametrize(
    ("quantum", "wait", "expected"),
    [("1", 300, BAR), ("2", 300, 2 * BAR), ("4", 300, 4 * BAR), ("1/4", 300, BEAT), ("1/2", 700, 2 * BEAT), ("1/8", 320, BEAT),
     ("1/16", 100, BEAT // 4), (2, 300, 2 * BAR)],
)  # fmt: skip
def test_launch_falls_on_the_quantum(rig: Rig, quantum: str | int, wait: int, expected: int) -> None:
    rig.fill(1, saw())
    begin = start(rig)
    rig.do("/slot/1/quantize", quantum)
    rig.run(wait - 100)
    asked = rig.memory.frame
    rig.do("/slot/1/launch")
    if rig.session.state.slots[0].launch_at > rig.memory.frame:
        assert rig.name(1) == "queued"
    rig.run(expected / 48 + 100)
    assert rig.frame_of_first_sound(asked) == begin + expected
    assert rig.name(1) == "playing"


def test_none_is_at_once(rig: Rig) -> None:
    rig.fill(1, saw())
    start(rig)
    rig.do("/slot/1/quantize", "none")
    asked = rig.memory.frame
    rig.do("/slot/1/launch")
    rig.run(20)
    assert rig.frame_of_first_sound(asked) - asked < 2
    assert rig.do("/slot/1/quantize") == "none"


def test_what_cannot_be_launched(rig: Rig) -> None:
    with pytest.raises(MessageError, match="slot 5 is empty"):
        rig.do("/slot/5/launch")
    with pytest.raises(MessageError, match="scene 2 is empty"):
        rig.do("/scene/2/launch")
    with pytest.raises(MessageError, match="is one of none, 1/16"):
        rig.do("/slot/5/quantize", "3")


def test_gate_plays_while_it_is_held(rig: Rig) -> None:
    rig.fill(1, saw())
    rig.do("/slot/1/mode", "gate")
    rig.do("/slot/1/launch", 1)
    rig.run(200)
    assert rig.name(1) == "playing"
    rig.do("/slot/1/launch", 0)
    rig.run(50)
    assert rig.name(1) == "ready"
    rig.do("/slot/1/mode", "trigger")
    rig.do("/slot/1/launch")
    rig.do("/slot/1/release")
    rig.run(50)
    assert rig.name(1) == "playing"  # a trigger does not care


def test_toggle_starts_and_stops(rig: Rig) -> None:
    rig.fill(1, saw())
    rig.do("/slot/1/mode", "toggle")
    rig.do("/slot/1/launch")
    rig.run(50)
    assert rig.name(1) == "playing"
    rig.do("/slot/1/launch")
    rig.run(50)
    assert rig.name(1) == "ready"
    rig.do("/slot/1/launch")
    rig.run(50)
    assert rig.name(1) == "playing"


def test_repeat_starts_again_on_every_quantum_while_held(rig: Rig) -> None:
    rig.fill(1, saw())
    start(rig)
    rig.do("/slot/1/mode", "repeat")
    rig.do("/slot/1/quantize", "1/4")
    rig.do("/slot/1/launch")
    rig.run(2200)
    launches = rig.memory.slot(0).launches
    assert 4 <= launches <= 5
    rig.do("/slot/1/release")
    rig.run(1000)
    assert rig.memory.slot(0).launches <= launches + 1
    assert rig.name(1) == "playing"


def test_starting_again_does_not_click(rig: Rig) -> None:
    tone = 0.4 * np.sin(2 * np.pi * 110 * np.arange(BAR) / 48_000)
    rig.fill(1, np.stack((tone, tone), axis=1))
    rig.do("/slot/1/launch")
    rig.run(333)
    rig.do("/slot/1/launch")
    out = rig.run(100)[4]
    assert np.abs(np.diff(out)).max() < 0.05


def test_slots_of_a_group_choke_each_other(rig: Rig) -> None:
    for slot in (1, 2, 3):
        rig.fill(slot, saw())
    rig.do("/slot/1/choke", 4)
    rig.do("/slot/2/choke", 4)
    for slot in (1, 3):
        rig.do(f"/slot/{slot}/launch")
    rig.run(50)
    rig.do("/slot/2/launch")
    rig.run(50)
    assert [rig.name(slot) for slot in (1, 2, 3)] == ["ready", "playing", "playing"]


def test_legato_goes_on_where_the_other_was(rig: Rig) -> None:
    for slot in (1, 2):
        rig.fill(slot, saw(2), bars=2)
        rig.do(f"/slot/{slot}/choke", 1)
        rig.do(f"/slot/{slot}/quantize", "1/4")
        rig.do(f"/slot/{slot}/legato", 1)
    start(rig)
    rig.do("/slot/1/launch")
    rig.run(2600)
    before = rig.memory.slot(0)
    rig.do("/slot/2/launch")
    rig.run(1000)
    after = rig.memory.slot(1)
    assert rig.name(1) == "ready"
    assert after.position == pytest.approx((rig.memory.frame - before.started) % (2 * BAR), abs=2)


@pytest.mark.parametrize(("tempo", "action", "bars"), [(133.0, "next", 1), (120.0, "again", 4)])
def test_legato_that_follows_launches_once_a_time(rig: Rig, tempo: float, action: str, bars: int) -> None:
    """133 bpm: bar lines lie between frames."""
    rig.do("/clock/tempo", tempo)
    for slot in (1, 2):
        rig.fill(slot, saw(bars), bars=bars, tempo=tempo)
        rig.do(f"/slot/{slot}/choke", 1)
        rig.do(f"/slot/{slot}/legato", 1)
        rig.do(f"/slot/{slot}/follow", action, 1)
    start(rig)
    rig.do("/slot/1/launch")
    rig.run(8 * 4 * 60_000 / tempo)
    assert 6 <= sum(rig.memory.slot(index).launches for index in (0, 1)) <= 9


def test_a_one_shot_with_legato_is_heard_on_every_bar_line(rig: Rig) -> None:
    rig.do("/clock/tempo", 133.0)
    rig.fill(1, saw(1), tempo=133.0)
    rig.do("/slot/1/legato", 1)
    rig.do("/slot/1/loop", 0)
    start(rig)
    for _ in range(6):
        launches = rig.memory.slot(0).launches
        rig.do("/slot/1/launch")
        rig.run(4 * 60_000 / 133.0, until=lambda before=launches: rig.memory.slot(0).launches > before)  # type: ignore[misc]
        rig.run(50)
        assert np.abs(rig.run(50)[4]).min() > 0.01


def test_scene_plays_a_row_together(rig: Rig) -> None:
    for slot in (9, 11, 17):
        rig.fill(slot, saw())
    rig.do("/slot/11/quantize", "2")
    begin = start(rig)
    asked = rig.memory.frame
    rig.do("/scene/2/launch")
    rig.run(4200)
    assert rig.frame_of_first_sound(asked) == begin + 2 * BAR  # the latest of their quanta
    assert [rig.name(slot) for slot in (9, 11, 17)] == ["playing", "playing", "ready"]
    rig.do("/scene/2/stop")
    rig.run(4200)
    assert [rig.name(slot) for slot in (9, 11)] == ["ready", "ready"]


def test_loop_off_plays_once(rig: Rig) -> None:
    rig.fill(1, saw())
    rig.do("/slot/1/loop", 0)
    rig.do("/slot/1/launch")
    rig.run(2300)
    assert rig.name(1) == "ready"
    assert rig.do("/slot/1/loop") == 0


def test_gain_of_a_slot(rig: Rig) -> None:
    rig.fill(1, np.full((BAR, 2), 0.5))
    rig.do("/slot/1/launch")
    rig.run(50)
    rig.do("/slot/1/gain", -6.0206)
    out = rig.run(50)[4]
    assert out[-1] == pytest.approx(0.25, rel=1e-3)
    assert np.abs(np.diff(out)).max() < 0.01
    rig.do("/slot/1/gain", -90)
    assert rig.run(50)[4][-1] == 0


@pytest.mark.parametrize(
    ("action", "index", "group", "expected"),
    [("next", 2, [0, 2, 5], 5), ("next", 5, [0, 2, 5], 0), ("previous", 0, [0, 2, 5], 5), ("first", 5, [0, 2, 5], 0),
     ("last", 0, [0, 2, 5], 5), ("other", 0, [0], None), ("any", 0, [0], 0), ("next", 3, [], None)],
)  # fmt: skip
def test_which_slot_follows(action: str, index: int, group: list[int], expected: int | None) -> None:
    assert next_slot(action, index, group, 1) == expected


def test_other_is_never_the_same_and_reaches_all() -> None:
    seen = {next_slot("other", 2, [0, 2, 5], seed) for seed in range(40)}
    assert seen == {0, 5}


def test_follow_action_comes_on_its_bar(rig: Rig) -> None:
    rig.fill(1, saw())
    rig.fill(2, saw(level=0.6))
    rig.do("/slot/1/follow", "next", 2)
    begin = start(rig)
    rig.do("/slot/1/launch")
    rig.run(2000 + 4000 + 300)
    assert [rig.name(1), rig.name(2)] == ["ready", "playing"]
    assert rig.memory.slot(1).started % BAR == begin % BAR
    assert rig.memory.slot(1).started == begin + 3 * BAR


def test_follow_stop(rig: Rig) -> None:
    rig.fill(1, saw())
    rig.do("/slot/1/follow", "stop")
    start(rig)
    rig.do("/slot/1/launch")
    rig.run(2000 + 2000 + 300)
    assert rig.name(1) == "ready"


def test_clip_follows_the_tempo_in_its_place(rig: Rig) -> None:
    """After a change of tempo the clip has its bars' new length, and its beats lie on the clock's."""
    clicks = np.zeros((2 * BAR, 2), np.float32)
    for beat in range(8):
        at = beat * BEAT
        clicks[at : at + 2400, :] = (0.8 * np.exp(-np.arange(2400) / 600) * np.sin(np.arange(2400) * 0.1))[:, None]
    rig.fill(1, clicks, bars=2)
    start(rig)
    rig.do("/slot/1/launch")
    rig.run(2500)
    rig.do("/clock/tempo", 132.0)

    def sounds_at(tempo: float) -> bool:
        """A while later; the stretching is done by a thread, whose time is not that of the rig."""
        rig.run(50)
        return rig.session.state.slots[0].sounding_tempo == tempo

    wait_until(lambda: sounds_at(132.0), 30)
    rig.run(3000)
    view = rig.memory.slot(0)
    assert view.frames == round(8 * 60 / 132 * 48_000)
    assert rig.name(1) == "playing"
    begin = rig.memory.frame
    out = np.abs(rig.run(4000)[4])
    clock = rig.session.state.clock
    level = 0.25 * out.max()
    found = [i for i in range(1000, len(out)) if out[i] > level and out[i - 1000 : i].max() < level]
    off = [abs(clock.beat_at(begin + i) - round(clock.beat_at(begin + i))) * 60 / 132 * 1000 for i in found]
    assert len(found) >= 6
    assert max(off) < 8.0, off
    rig.do("/clock/tempo", 120.0)
    wait_until(lambda: sounds_at(120.0), 30)
    rig.run(3000)
    assert rig.memory.slot(0).frames == 2 * BAR  # as it was made


def test_drift_is_corrected_without_a_click(rig: Rig) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 100 * np.arange(BAR) / 48_000)
    rig.fill(1, np.stack((tone, tone), axis=1))
    start(rig)
    rig.do("/slot/1/launch")
    rig.run(2500)
    clock = rig.session.state.clock
    rig.session.set_clock(clock.with_tempo(120.2, rig.memory.frame))  # too little to be stretched to
    out = rig.run(8000)[4]
    view = rig.memory.slot(0)
    beat = rig.session.state.clock.beat_at(rig.memory.frame)
    launched = rig.session.state.slots[0].launch_beat
    assert launched is not None
    wanted = (beat - launched) % 4 / 4 * view.frames
    off = abs((view.position - wanted + view.frames / 2) % view.frames - view.frames / 2)
    assert off < 200
    assert np.abs(np.diff(out)).max() < 0.02


def test_files_come_and_go(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAMD_HOME", str(tmp_path))
    (tmp_path / "clips").mkdir()
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "clips" / "loop.wav", rng.uniform(-0.5, 0.5, (44_100 * 2, 1)), 44_100)
    (tmp_path / "clips" / "text.wav").write_text("no sound")

    async def go() -> None:
        rig.do("/slot/3/load", "loop.wav")
        assert rig.name(3) == "rendering"
        await asyncio.gather(*rig.session.tasks)
        assert rig.name(3) == "ready"
        assert (rig.clip_of(3).bars, round(rig.clip_of(3).tempo)) == (1, 120)
        rig.do("/slot/3/save", "kept/again.flac")
        await asyncio.gather(*rig.session.tasks)
        again, rate = soundfile.read(tmp_path / "clips" / "kept" / "again.flac")
        assert (rate, len(again)) == (48_000, rig.clip_of(3).frames)
        for path, says in (("../x.wav", "leads out"), ("/etc/passwd", "absolute"), ("none.wav", "no file"), ("text.wav", "no audio")):
            with pytest.raises(JamdError, match=says):
                rig.do("/slot/4/load", path)
        with pytest.raises(MessageError, match="already"):
            rig.do("/slot/3/save", "kept/again.flac")
        with pytest.raises(MessageError, match="empty"):
            rig.do("/slot/4/save", "x.wav")
        for name in ("", "sub/", ".", "..", "~/e.wav"):
            with pytest.raises(MessageError) as caught:
                rig.do("/slot/3/save", name)
            assert caught.value.code == "file" and rig.session.state.slots[2].error == ""
        rig.fill(4, np.full((BAR, 2), 0.2))
        rig.do("/slot/4/save", "one.wav")
        with pytest.raises(MessageError, match="already"):
            rig.do("/slot/3/save", "one.wav")  # while it is being written
        await asyncio.gather(*rig.session.tasks)
        assert np.allclose(soundfile.read(tmp_path / "clips" / "one.wav")[0], 0.2, atol=1e-6)
        rig.do("/slot/5/load", "kept/again.flac")
        await asyncio.gather(*rig.session.tasks)
        assert rig.clip_of(5).bars == 1
        rig.do("/slot/3/clear")
        await asyncio.sleep(0.1)
        assert rig.name(3) == "empty"
        assert rig.memory.slot(2).state == SlotState.EMPTY

    asyncio.run(go())


def test_new_clip_waits_for_the_bar_when_the_old_one_plays(rig: Rig) -> None:
    rig.fill(1, np.full((BAR, 2), 0.2))
    begin = start(rig)
    rig.do("/slot/1/launch")
    rig.run(2500)
    asked = rig.memory.frame
    rig.fill(1, np.full((BAR, 2), 0.4))
    rig.run(2500)
    assert rig.frame_of_first_sound(asked, above=0.21) == pytest.approx(begin + 2 * BAR, abs=240)
    assert rig.name(1) == "playing"


@pytest.mark.parametrize("bars", [1, 3, 4])
@pytest.mark.parametrize("tempo", [120.0, 117.0])
def test_a_clip_of_another_length_leaves_the_old_one_alone_until_its_quantum(rig: Rig, bars: int, tempo: float) -> None:
    """Rendered anew while it loops. The old clip is neither sought nor stretched meanwhile, and the new one comes in on the bar."""
    rig.fill(1, saw(bars=2), bars=2)
    rig.do("/slot/1/quantize", "4")
    begin = start(rig)
    rig.do("/slot/1/launch")
    rig.run(8_600)
    looping = rig.memory.slot(0).started
    rig.fill(1, -saw(bars=bars), bars=bars)
    rig.run(1_500)
    assert rig.name(1) == "playing" and rig.memory.slot(0).started == looping, "no seek"
    if tempo != 120.0:
        rig.do("/clock/tempo", tempo)
    clock = rig.session.state.clock
    wanted = clock.frame_at(32.0)
    rig.run((wanted - rig.memory.frame) / 48 + 300)
    sound = np.concatenate(rig.out, axis=1)[4]
    first = rig.memory.frame - len(sound)
    changed = first + int(np.flatnonzero(sound < -0.05)[0])
    assert wanted <= changed <= wanted + 480 and begin < wanted
    if bars != 3:
        assert abs((rig.memory.slot(0).started - wanted) % rig.memory.slot(0).frames) <= 1, "from its beginning"


def test_a_clip_that_waits_comes_in_when_the_old_one_is_stopped(rig: Rig) -> None:
    rig.fill(1, saw())
    rig.do("/slot/1/quantize", "8")
    start(rig)
    rig.do("/slot/1/launch")
    rig.run(16_500)
    rig.fill(1, -saw(bars=2), bars=2)
    rig.do("/slot/1/quantize", "1")
    rig.do("/slot/1/stop")
    rig.run(2_500)
    assert rig.name(1) == "ready" and rig.memory.slot(0).frames == 2 * BAR
    asked = rig.memory.frame
    rig.do("/slot/1/launch")
    rig.run(2_200)
    assert np.concatenate(rig.out, axis=1)[4][-4800:].max() < 0 and rig.frame_of_first_sound(asked) > asked


def test_repeat_without_a_quantum_repeats_when_the_clip_is_over(rig: Rig) -> None:
    rig.fill(1, saw())
    rig.do("/slot/1/quantize", "none")
    rig.do("/slot/1/mode", "repeat")
    start(rig)
    rig.do("/slot/1/launch")
    rig.run(5_000)
    assert rig.memory.slot(0).launches == 3
    rig.do("/slot/1/launch", 0)
    rig.run(3_000)
    assert rig.memory.slot(0).launches == 3


def test_what_is_set_for_an_empty_slot_is_told(rig: Rig) -> None:
    """A surface steps on from what it is told."""
    fresh = {name: rig.do(f"/slot/5/{name}") for name in ("quantize", "mode", "loop", "gain", "choke", "legato")}
    values = {"quantize": "4", "mode": "gate", "loop": 0, "gain": -6.0, "choke": 2, "legato": 1}
    for name, value in values.items():
        rig.do(f"/slot/5/{name}", value)
        (row,) = rig.session.slots.view()
        assert (row["slot"], row["state"]) == (5, "empty")
        assert row.get(name, value) == value
        rig.do(f"/slot/5/{name}", fresh[name])
        assert rig.session.slots.view() == []


@pytest.mark.parametrize("name", ["a\x1b]52;c;cm0gLXJm\x07", "two\nlines", "two\u2028lines", "\x9b2J", "\u202eback"])
def test_a_name_holds_nothing_that_a_terminal_acts_on(rig: Rig, name: str) -> None:
    rig.do("/slot/1/name", "grün 🎹")
    with pytest.raises(MessageError, match="control character") as refused:
        rig.do("/slot/1/name", name)
    assert refused.value.code == "range"
    assert rig.do("/slot/1/name") == "grün 🎹"


def test_what_waits_is_taken_back_when_the_clock_stops(rig: Rig) -> None:
    rig.fill(1, saw())
    start(rig)
    rig.do("/slot/1/quantize", "4")
    rig.run(2200)
    rig.do("/slot/1/launch")
    rig.run(100)
    rig.do("/clock/stop")
    assert rig.name(1) == "ready"
    assert (rig.run(7000)[4] == 0).all()
    assert rig.memory.slot(0).launches == 0


def test_what_waits_is_taken_back_when_it_is_stopped_or_cleared(rig: Rig) -> None:
    async def go() -> None:
        for slot in (1, 2):
            rig.fill(slot, saw())
        start(rig)
        rig.run(300)
        for slot in (1, 2):
            rig.do(f"/slot/{slot}/launch")
        rig.run(20)
        rig.do("/slot/1/stop")
        assert rig.name(1) == "ready"
        rig.do("/slot/2/clear")
        rig.fill(2, saw())
        rig.run(3000)
        assert [rig.memory.slot(index).launches for index in (0, 1)] == [0, 0]

    asyncio.run(go())


def test_a_stop_that_waits_is_taken_back_by_a_launch(rig: Rig) -> None:
    rig.fill(1, saw())
    start(rig)
    rig.do("/slot/1/quantize", "none")
    rig.do("/slot/1/launch")
    rig.do("/slot/1/quantize", "4")
    rig.run(100)
    rig.do("/slot/1/stop")
    rig.do("/slot/1/quantize", "1/4")
    rig.do("/slot/1/launch")
    rig.run(9000)
    assert rig.name(1) == "playing"


@pytest.mark.parametrize(("first", "second", "between"), [("4", "1", "ready"), ("1", "4", "playing")])
def test_of_a_group_the_last_one_launched_plays_alone(rig: Rig, first: str, second: str, between: str) -> None:
    """Both wait, on different quanta."""
    for slot, quantum in ((1, first), (2, second)):
        rig.fill(slot, saw())
        rig.do(f"/slot/{slot}/choke", 1)
        rig.do(f"/slot/{slot}/quantize", quantum)
    start(rig)
    rig.run(300)
    rig.do("/slot/1/launch")
    rig.do("/slot/2/launch")
    rig.run(3000)
    assert rig.name(1) in (between, "stopping" if between == "playing" else between)
    rig.run(6000)
    assert [rig.name(1), rig.name(2)] == ["ready", "playing"]
    rig.run(8000)
    assert [rig.name(1), rig.name(2)] == ["ready", "playing"]


@pytest.mark.parametrize("tempo", [140.0, 97.0])
def test_a_launch_that_waits_goes_with_the_tempo(rig: Rig, tempo: float) -> None:
    """A scene with its stop, changes of tempo one after the other, and a slot that plays from its middle."""
    for slot in (1, 2, 3, 4):
        rig.fill(slot, saw(2), bars=2)
    for slot, quantum in ((1, "8"), (2, "1"), (3, "4"), (4, "2")):
        rig.do(f"/slot/{slot}/quantize", quantum)
    rig.do("/slot/3/legato", 1)
    rig.do("/slot/4/launch")
    start(rig)
    rig.run(2500)
    rig.do("/scene/1/launch")
    rig.do("/slot/4/stop")
    for change in (131.0, 109.3, tempo):
        rig.run(200)
        rig.do("/clock/tempo", change)
    clock = rig.session.state.clock
    line = clock.frame_of_bar(8)
    assert {slot.launch_at for slot in rig.session.state.slots[:3]} == {line}
    stop = rig.session.state.slots[3].stop_at
    assert stop == line or (stop is not None and clock.next_quantum(stop, 2)[0] == stop)
    rig.run((line - rig.memory.frame) / 48 + 20)
    assert [rig.memory.slot(index).launches for index in range(3)] == [1, 1, 1]
    assert [rig.memory.slot(index).started for index in (0, 1)] == [line, line]
    assert rig.session.state.slots[2].launch_beat == pytest.approx(clock.beat_at(line), abs=1e-3)


def test_a_launch_that_waits_is_on_its_quantum_after_a_locate(rig: Rig) -> None:
    for slot, quantum in ((1, "1"), (2, "4"), (3, "1/4")):
        rig.fill(slot, saw())
        rig.do(f"/slot/{slot}/quantize", quantum)
    begin = start(rig)
    rig.run(350)
    for slot in (1, 2, 3):
        rig.do(f"/slot/{slot}/launch")
    rig.do("/clock/locate", 51)
    launched = [slot.launch_at for slot in rig.session.state.slots[:3]]
    # bar 51 is at the next line; what was to be on bar 5 is three bars later, on bar 54, and the next of four is 57
    assert launched == [begin + BAR, begin + 7 * BAR, begin + BEAT]
    rig.run(2600 + 6 * 2000)
    assert [rig.memory.slot(index).launches for index in range(3)] == [1, 1, 1]
    assert [rig.memory.slot(index).started % BAR for index in range(3)] == [begin % BAR, begin % BAR, (begin + BEAT) % BAR]


def test_a_clip_that_comes_while_too_many_commands_wait(rig: Rig) -> None:
    rig.do("/slot/1/gain", -20.0)
    with pytest.raises(MessageError, match="too many commands"):
        for _ in range(5000):
            rig.do("/gain", -3.0)
    rig.fill(1, saw())
    assert rig.name(1) == "ready"
    assert any("rendered" in line for line in rig.log)
    rig.run(10)
    assert rig.memory.slot(0).gain == pytest.approx(0.1, rel=0.01)


def test_a_take_is_played_again_without_what_was_taken_back(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of a take, given to another mixer when they are due: launches that were moved or taken back are so there, too."""
    entries: list[Entry] = []

    def note(kind: Kind, frame: int, address: str, arguments: Sequence[Any] = ()) -> None:
        if kind == "audio" and address in AudioOp.__members__:
            entries.append(Entry(frame, kind, address, list(arguments)))

    monkeypatch.setattr(rig.session.recording, "note", note)
    for slot in (1, 2):
        rig.fill(slot, saw())
        rig.do(f"/slot/{slot}/quantize", "4")
    start(rig)
    rig.run(2000)
    for slot in (1, 2):
        rig.do(f"/slot/{slot}/launch")
    rig.do("/clock/tempo", 140.0)
    rig.run(50)
    rig.do("/slot/2/stop")
    rig.run(1000)
    rig.do("/clock/tempo", 125.0)
    rig.run(9000, until=lambda: rig.memory.slot(0).launches == 1)
    again = Rig()
    try:
        desk = _Desk(again.memory, tmp_path, entries)
        for index in (0, 1):
            desk._share(index, saw(), True)
        while again.memory.frame < rig.memory.frame:
            assert again.memory.slot(0).launches == 0
            desk.until(again.memory.frame + TICK)
            again.run(2)
        line = rig.session.state.clock.frame_of_bar(4)
        assert again.memory.slot(0).started == rig.memory.slot(0).started == line
        again.run(8000)
        assert [again.memory.slot(index).launches for index in (0, 1)] == [1, 0]
        desk.close()
    finally:
        again.close()


@pytest.mark.parametrize("seed", range(6))
def test_what_waits_in_the_audio_thread_is_what_the_slots_know_of(rig: Rig, seed: int) -> None:
    """Through all that a musician does: else something would begin that nobody can take back."""
    rng = random.Random(seed)
    for slot in range(1, 5):
        rig.fill(slot, saw())
        rig.do(f"/slot/{slot}/choke", rng.choice([0, 1, 1]))
        rig.do(f"/slot/{slot}/quantize", rng.choice(["1/4", "1", "2", "4"]))
    start(rig)
    for _ in range(120):
        slot = rng.randint(1, 4)
        match rng.choice(
            ["launch"] * 4 + ["stop", "stop", "scene", "unscene", "tempo", "locate", "metre", "quantize", "legato", "follow", "mode"]
        ):
            case "scene":
                rig.do("/scene/1/launch")
            case "unscene":
                rig.do("/scene/1/stop")
            case ("tempo" | "locate" | "metre") as what:
                rig.change_clock(what, rng)
            case "quantize":
                rig.do(f"/slot/{slot}/quantize", rng.choice(["none", "1/4", "1", "2", "4"]))
            case "legato":
                rig.do(f"/slot/{slot}/legato", rng.randint(0, 1))
            case "follow":
                rig.do(f"/slot/{slot}/follow", rng.choice(["none", "next", "again"]), 1)
            case "mode":
                rig.do(f"/slot/{slot}/mode", rng.choice(["trigger", "toggle", "repeat", "gate"]))
            case what:
                rig.do(f"/slot/{slot}/{what}")
        rig.run(rng.choice([2, 40, 300]))
        words = rig.memory.arrays["pending_words"][: rig.memory.header[Word.PENDING_COUNT]]
        waits = {(int(index), int(frame)) for frame, op, index in words if op in (AudioOp.SLOT_LAUNCH, AudioOp.SLOT_STOP)}
        known = {(index, at) for index, slot in enumerate(rig.session.state.slots[:4]) for at in (slot.launch_at, slot.stop_at)}
        assert waits <= known
        assert {(index, at) for index, at in known if at is not None and at >= rig.memory.frame} <= waits
    rig.do("/clock/stop")
    rig.run(50)
    assert rig.memory.header[Word.PENDING_COUNT] == 0
    assert [rig.name(slot) for slot in range(1, 5)] == ["ready"] * 4
