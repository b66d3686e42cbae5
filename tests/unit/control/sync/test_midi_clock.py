"""MIDI clock, followed through jitter and sent with exact frames; and both ends together."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jamd.contract.clock import Clock
from jamd.contract.observation import Observation
from jamd.control.sync.follower import Follower
from jamd.control.sync.midi_clock import MidiClockFollower, MidiClockSender

RATE = 48_000
TICK, START, CONTINUE, STOP = (bytes([byte]) for byte in (0xF8, 0xFA, 0xFB, 0xFC))


def position(sixteenths: int) -> bytes:
    return bytes([0xF2, sixteenths & 0x7F, sixteenths >> 7])


def ticks(tempos: list[tuple[float, float]], seconds: float) -> list[tuple[float, float]]:
    """(exact frame, tempo) of every tick; tempos by second."""
    out, frame = [], 4800.0
    while frame < seconds * RATE:
        tempo = [tempo for begin, tempo in tempos if begin * RATE <= frame][-1]
        out.append((frame, tempo))
        frame += 60 * RATE / tempo / 24
    return out


def tempo_errors(tempos: list[tuple[float, float]], seconds: float, jitter_ms: float, seed: int) -> list[tuple[float, float]]:
    """(seconds, share that the followed tempo is off) at every tick."""
    draw = random.Random(seed)
    follower = MidiClockFollower()
    follower.feed(START, 0)
    out = []
    for frame, tempo in ticks(tempos, seconds):
        seen = follower.feed(TICK, round(frame + draw.uniform(-jitter_ms, jitter_ms) * 48))
        assert seen is not None and seen.playing
        out.append((frame / RATE, abs(seen.tempo / tempo - 1)))
    return out


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("tempo", [60.0, 120.0, 187.3])
def test_jitter_of_five_milliseconds_hardly_moves_the_tempo(tempo: float, seed: int) -> None:
    errors = tempo_errors([(0, tempo)], 60, 5.0, seed)
    assert max(error for second, error in errors if second > 3 * 4 * 60 / tempo) < 0.005
    assert max(error for second, error in errors if second > 30) < 0.001


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("before", "after"), [(120.0, 150.0), (120.0, 126.0), (170.0, 100.0)])
def test_a_step_is_followed_within_a_bar_through_jitter(before: float, after: float, seed: int) -> None:
    errors = tempo_errors([(0, before), (15, after)], 30, 5.0, seed)
    bar = 4 * 60 / after
    assert max(error for second, error in errors if second > 15 + bar) < 0.01
    assert max(error for second, error in errors if second > 15 + 2 * bar) < 0.005


@pytest.mark.parametrize("after", [150.0, 121.0, 60.0])
def test_an_exact_source_is_followed_at_once(after: float) -> None:
    errors = tempo_errors([(0, 120.0), (10, after)], 20, 0.0, 0)
    assert max(error for second, error in errors if second > 10 + 4 * 60 / after) < 2e-4
    assert max(error for second, error in errors if 1 < second < 10) < 2e-5


@pytest.mark.parametrize("seed", range(3))
def test_the_daemons_clock_behind_jitter_is_calm_and_in_phase(seed: int) -> None:
    draw = random.Random(seed)
    source, follower = MidiClockFollower(), Follower()
    clock = Clock.standing(0, 120.0, 4)
    source.feed(START, 0)
    changes, worst, highest = [], 0.0, -1.0
    for number, (frame, _) in enumerate(ticks([(0, 112.0)], 120)):
        heard = round(frame + draw.uniform(-5, 5) * 48)
        seen = source.feed(TICK, heard)
        assert seen is not None
        now = heard + draw.randint(0, 300)
        fresh = follower.follow(clock, seen, now)
        if fresh is not None:
            changes.append(frame)
            clock = fresh.prune(now - 60 * RATE)
        beat = clock.beat_at(now)
        assert beat > highest - 0.02
        highest = max(beat, highest)
        if frame > 15 * RATE:
            worst = max(worst, abs(clock.beat_at(frame) - number / 24) * 60_000 / 112)
    assert worst < 4.0
    assert sum(frame > 15 * RATE for frame in changes) < 20


def test_start_stop_continue_and_song_position() -> None:
    source = MidiClockFollower(tempo=125.0)
    step = 960

    def run(begin: int, count: int) -> list[Observation]:
        seen = [source.feed(TICK, begin + index * step) for index in range(count)]
        assert all(seen)
        return [one for one in seen if one is not None]

    standing = run(0, 48)
    assert not any(one.playing for one in standing)
    assert standing[-1].tempo == pytest.approx(125.0, rel=1e-3)
    assert source.feed(START, 48 * step) is None
    played = run(48 * step + 300, 49)
    assert [one.playing for one in played] == [True] * 49
    assert played[0].beat == 0.0
    assert played[48].beat == pytest.approx(2.0, abs=1e-3)
    stopped = source.feed(STOP, 100 * step)
    assert stopped is not None and not stopped.playing
    assert stopped.beat == pytest.approx(49 / 24)
    assert source.feed(CONTINUE, 110 * step) is None
    assert run(111 * step, 24)[0].beat == pytest.approx(49 / 24)
    source.feed(STOP, 140 * step)
    located = source.feed(position(130), 141 * step)
    assert located is not None and not located.playing and located.beat == 32.5
    source.feed(CONTINUE, 142 * step)
    assert [one.beat for one in run(143 * step, 7)][::6] == [pytest.approx(32.5), pytest.approx(32.75, abs=1e-3)]
    assert source.feed(position(0), 150 * step) is None
    assert run(151 * step, 1)[0].beat == 0.0


def test_a_source_that_falls_silent_has_stopped_until_it_is_heard_again() -> None:
    source = MidiClockFollower()
    source.feed(START, 0)
    for index in range(100):
        source.feed(TICK, 1000 + index * 1000)
        assert source.poll(1500 + index * 1000) is None
    last = 1000 + 99 * 1000
    gone = source.poll(last + 30_000)
    assert gone is not None and not gone.playing
    assert source.poll(last + 31_000) is None
    back = source.feed(TICK, last + 50_000)
    assert back is not None and back.playing
    assert back.beat == pytest.approx((99 + 50) / 24, abs=0.01)


some = st.sampled_from([TICK, TICK, TICK, START, CONTINUE, STOP, position(7), b"\xf2\x01", b""]) | st.binary(max_size=4)


@given(data=st.lists(st.tuples(some, st.sampled_from([0, 0, 1, 960, 30_000])), max_size=80))
def test_any_bytes_at_any_time_are_taken_calmly(data: list[tuple[bytes, int]]) -> None:
    source, follower = MidiClockFollower(), Follower()
    clock = Clock.standing(0, 120.0, 4)
    frame = 0
    for message, step in data:
        frame += step
        for seen in (source.feed(message, frame), source.poll(frame)):
            if seen is not None:
                assert 9.9 < seen.tempo < 601 and seen.beat >= 0
                clock = follower.follow(clock, seen, frame) or clock
        assert clock.beat_at(frame) < clock.beat_at(frame + 1)


# --- sending ------------------------------------------------------------------------------------------------------------------


def sent(clock: Clock, begin: int, end: int, blocks: list[int], sender: MidiClockSender | None = None) -> list[tuple[int, bytes]]:
    """All messages of a stretch, asked for in blocks."""
    sender = sender or MidiClockSender()
    out: list[tuple[int, bytes]] = []
    index = 0
    while begin < end:
        last = min(begin + blocks[index % len(blocks)], end)
        part = sender.messages(clock, clock.playing, begin, last)
        assert all(begin <= frame < last for frame, _ in part)
        out += part
        begin, index = last, index + 1
    assert [frame for frame, _ in out] == sorted(frame for frame, _ in out)
    return out


@given(tempo=st.floats(40, 320), blocks=st.lists(st.integers(1, 2000), min_size=1, max_size=5), wait=st.integers(0, 20_000))
@settings(max_examples=50, deadline=None)
def test_ticks_are_exact_and_begin_with_start(tempo: float, blocks: list[int], wait: int) -> None:
    clock = Clock.started(wait, tempo, 4)
    messages = sent(clock, 0, 100_000, blocks)
    begun = messages.index(next(message for message in messages if message[1] == START))
    after = messages[begun + 1 :]
    assert {message for _, message in after} == {TICK}
    assert all(message == TICK for _, message in messages[:begun])
    assert [frame for frame, _ in after] == [wait + round(index * 60 * RATE / tempo / 24) for index in range(len(after))]
    assert len(after) == pytest.approx((100_000 - wait) * tempo * 24 / 60 / RATE, abs=1.01)
    assert wait - 48 <= messages[begun][0] <= wait


def test_blocks_of_any_length_give_the_same_messages() -> None:
    clock = Clock.started(0, 133.0, 4).with_tempo(90.0, 50_000).with_metre(3, 50_001).with_tempo(200.0, 90_000)
    whole = [message for message in sent(clock, 0, 200_000, [200_000])]
    for blocks in ([64], [480], [1, 999, 37]):
        assert [(m, f) for f, m in sent(clock, 0, 200_000, blocks) if m == TICK] == [(m, f) for f, m in whole if m == TICK]


def test_stop_and_going_on_at_a_sixteenth() -> None:
    sender = MidiClockSender()
    clock = Clock.started(0, 120.0, 4)
    sent(clock, 0, 25_000, [480], sender)
    messages = sent(clock.stopped(), 25_000, 60_000, [480], sender)
    assert messages[0] == (25_000, STOP)
    assert {message for _, message in messages[1:]} == {TICK}
    messages = sent(clock, 60_000, 90_000, [480], sender)
    place = next(index for index, (_, message) in enumerate(messages) if message[0] == 0xF2)
    assert messages[place][1] == position(10)
    assert messages[place + 1][1] == CONTINUE
    assert messages[place + 2] == (60_000, TICK)


def test_a_locate_stops_positions_and_goes_on() -> None:
    sender = MidiClockSender()
    clock = Clock.started(0, 120.0, 4)
    before = sent(clock, 0, 48_000, [480], sender)
    assert before[0][1] == START
    moved = clock.placed(50_000, 200, 1.3, 120.0, 4)
    messages = sent(moved, 48_000, 96_000, [480], sender)
    kinds = [message for _, message in messages if message != TICK]
    assert kinds == [STOP, position(200 * 16 + 6), CONTINUE]
    at = next(frame for (frame, message), (_, last) in zip(messages[1:], messages, strict=False) if last == CONTINUE)
    bar, within = moved.bar_at(at)
    assert (bar, within) == (200, pytest.approx(1.5, abs=1e-4))


def test_a_bend_of_the_tempo_is_no_locate() -> None:
    sender, follower = MidiClockSender(), Follower()
    clock = Clock.started(0, 120.0, 4)
    messages = []
    for now in range(0, 480_000, 256):
        source_beat = now / 24_000 + (0.2 if now > 200_000 else 0.0)
        clock = follower.follow(clock, Observation(float(now), source_beat, 120.0, True, 4), now) or clock
        messages += sender.messages(clock, True, now + 960, now + 960 + 256)
    assert [message for _, message in messages if message != TICK] == [position(1), CONTINUE]
    gaps = [after[0] - before[0] for before, after in pairwise(messages[8:])]
    assert min(gaps) > 940 and max(gaps) < 1060


def test_what_we_send_we_can_follow() -> None:
    sender, source, follower = MidiClockSender(), MidiClockFollower(), Follower()
    leader = Clock.started(10_000, 90.0, 4).with_tempo(140.0, 300_000).placed(600_000, 40, 0.0, 140.0, 4)
    clock = Clock.standing(0, 120.0, 4)
    compared = 0
    for now in range(0, 900_000, 480):
        for frame, message in sender.messages(leader, True, now, now + 480):
            seen = source.feed(message, frame)
            if seen is not None:
                clock = follower.follow(clock, seen, frame + 100) or clock
        settled = 60_000 < now < 300_000 or 420_000 < now < 595_000 or now > 620_000
        if settled:
            ours, theirs = clock.bar_at(now), leader.bar_at(now)
            off = (ours[0] - theirs[0]) * 4 + ours[1] - theirs[1]
            assert abs(off) * 60_000 / 90 < 2.0, (now, ours, theirs)
            compared += 1
    assert compared > 1000
