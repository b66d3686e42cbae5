"""Trading, count-in, metronome, locating and tapping, by a real session and the real mixer."""

from __future__ import annotations

import random
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from jamd.contract import messages as m
from jamd.contract.chart import parse_chord
from jamd.contract.errors import ChartError, MessageError
from jamd.contract.layout import AudioOp, Level, Word
from jamd.contract.units import SAMPLE_RATE
from jamd.engine.situations import apply, situation_of
from model.style.words import read_style
from tests.unit.control.rig import Rig

WORDS: Any = SimpleNamespace(read_style=read_style)
"""All of the models that a situation asks for."""
BEAT = 24_000
BAR = 4 * BEAT


class Band:
    """The engine's part: a stream that never ends, level 0.5."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.block = np.full((SAMPLE_RATE // 10, 2), 0.5, np.float32)

    def play(self, milliseconds: float) -> np.ndarray:
        """Shape: [frames]; the jam's left port."""
        out = []
        stream = self.rig.memory.stream
        for message in self.rig.sent:
            if isinstance(message, m.JamStart):
                stream.begin(message.frame)
        self.rig.sent.clear()
        while milliseconds > 0:
            while stream.running and stream.written < self.rig.memory.frame + SAMPLE_RATE:
                stream.write(self.block)
            out.append(self.rig.run(min(milliseconds, 100))[2])
            milliseconds -= 100
        return np.concatenate(out)


def test_partner_and_player_take_turns(rig: Rig) -> None:
    """Two bars of sound, two of silence; the turns change on the bar line to the sample, but for the fade."""
    band = Band(rig)
    rig.do("/jam/trade", 2)
    rig.do("/jam/start")
    begin = rig.session.state.jam_from
    assert begin is not None
    first = rig.memory.frame
    sound = band.play(17_000)
    assert any(isinstance(message, m.SetTrade) for message in rig.sent) or rig.session.state.trade_bar == 0
    at = begin - first
    assert (sound[:at] == 0).all()
    for turn in range(4):
        bars = sound[at + turn * 2 * BAR : at + (turn + 1) * 2 * BAR]
        if turn % 2 == 0:
            assert (bars[240 : 2 * BAR] > 0.49).all(), turn
        else:
            assert bars[1] < 0.5
            assert (bars[4801 : 2 * BAR] == 0).all(), turn
    assert rig.session.band.view()["turn"] in ("partner", "player")
    rig.do("/jam/trade", 0)
    assert (band.play(4000)[-BEAT:] > 0.49).all()


def test_trade_can_be_switched_on_and_off_while_playing(rig: Rig) -> None:
    band = Band(rig)
    rig.do("/jam/start")
    band.play(1000)
    rig.do("/jam/trade", 1)
    told = [message for message in rig.sent if isinstance(message, m.SetTrade)]
    assert told
    bar = told[-1].bar
    frame = rig.session.state.clock.frame_of_bar(bar + 1)
    sound = band.play((frame - rig.memory.frame) / 48 + 1000)
    assert sound[-1] == 0
    rig.do("/jam/trade", 0)
    assert (band.play(100)[-100:] > 0.49).all()


def test_count_in_clicks_and_then_the_bar(rig: Rig) -> None:
    rig.session.transport.attach_clicks()
    rig.do("/clock/count_in", 1)
    rig.do("/clock/play")
    begin = rig.session.state.clock.segments[0].frame
    first = rig.memory.frame
    assert begin >= first + BAR
    assert rig.session.transport.view()["bar"] == -1
    out = rig.run((begin - first) / 48 + 3000)[0]
    loud = np.flatnonzero(np.abs(out) > 0.02)
    starts = [int(at) for before, at in pairwise([-10_000, *loud]) if at - before > 5000]
    assert [round((first + at - begin) / BEAT) for at in starts] == [-4, -3, -2, -1]
    assert max(abs((first + at - begin) - round((first + at - begin) / BEAT) * BEAT) for at in starts) < 20
    assert rig.session.transport.view()["bar"] >= 1


def test_metronome_is_in_the_mix_alone(rig: Rig) -> None:
    rig.session.transport.attach_clicks()
    rig.do("/clock/metronome", 1)
    rig.do("/clock/play")
    out = rig.run(4200)
    loud = np.flatnonzero(np.abs(out[0]) > 0.02)
    starts = [int(at) for before, at in pairwise([-10_000, *loud]) if at - before > 5000]
    assert len(starts) in (8, 9)
    assert (out[2:] == 0).all()
    accents = [float(np.abs(out[0][at : at + 1000]).max()) for at in starts]
    assert min(accents[0], accents[4]) > 1.3 * max(accents[1:4])
    rig.do("/clock/metronome", 0)
    rig.run(400)
    assert (rig.run(1500)[0] == 0).all()


def test_locate(rig: Rig) -> None:
    rig.do("/clock/locate", 9)
    rig.do("/clock/play")
    rig.run(100)
    assert rig.session.transport.view()["bar"] == 9
    rig.do("/clock/locate", 3)
    before = rig.session.state.clock.beat_at(rig.memory.frame)
    rig.run(2100)
    view = rig.session.transport.view()
    assert view["bar"] == 3
    assert rig.session.state.clock.beat_at(rig.memory.frame) > before
    with pytest.raises(MessageError, match="outside 1"):
        rig.do("/clock/locate", 0)


def test_taps_give_the_tempo(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    from jamd.control import transport

    times = iter([10.0, 10.4, 10.8, 11.2])
    monkeypatch.setattr(transport.time, "monotonic", lambda: next(times))
    for _ in range(4):
        rig.do("/clock/tap")
    assert rig.do("/clock/tempo") == pytest.approx(150.0)


def test_sources_that_are_not_there(rig: Rig) -> None:
    with pytest.raises(MessageError, match="needs --audio jack"):
        rig.do("/clock/source", "jack")
    assert rig.do("/clock/source") == "internal"
    with pytest.raises(MessageError, match="one of internal, jack, midi, link"):
        rig.do("/clock/source", "sundial")


def test_midi_clock_leads(rig: Rig) -> None:
    """Start, tempo and stop come from outside; the band plays with it."""
    rig.do("/clock/source", "midi")
    with pytest.raises(MessageError, match="start it there"):
        rig.do("/clock/play")
    with pytest.raises(MessageError, match="MIDI clock"):
        rig.do("/clock/tempo", 90)
    rig.do("/jam/start")
    assert rig.session.transport.view()["waiting"]
    sources = rig.session.transport.sources
    rng = np.random.default_rng(0)
    tick = 60 * SAMPLE_RATE / (150 * 24)
    at = float(rig.memory.frame)
    origin = at + 24 * tick
    for number in range(24 * 14):
        if number == 24:
            sources.midi(b"\xfa", int(at))
        sources.midi(b"\xf8", int(at + rng.normal(0, 24)))
        at += tick
        rig.run((at - rig.memory.frame) / 48)
    clock = rig.session.state.clock
    assert clock.playing
    assert rig.do("/clock/tempo") == pytest.approx(150, rel=0.005)
    beat = (rig.memory.frame - origin) / (24 * tick)
    bar, within = clock.bar_at(rig.memory.frame)
    assert bar * 4 + within == pytest.approx(beat, abs=0.03)
    assert any(isinstance(message, m.JamStart) for message in rig.sent)
    sources.midi(b"\xfc", rig.memory.frame)
    rig.run(50)
    assert not rig.session.state.clock.playing
    assert rig.session.transport.view()["waiting"]  # it plays again with the next start


def test_the_clock_is_sent_as_midi(rig: Rig) -> None:
    rig.do("/clock/send", 1)
    rig.do("/clock/play")
    begin = rig.session.state.clock.segments[0].frame
    ticks: list[int] = []
    started = 0
    for _ in range(60):
        rig.run(50)
        while (event := rig.memory.midi_out.pop()) is not None:
            if event[1] == b"\xfa":
                started = event[0]
            elif event[1] == b"\xf8" and started:
                ticks.append(event[0])
    assert abs(started - begin) < 100
    assert ticks[0] == begin
    assert set(np.diff(ticks)) == {1000}


def test_latency_is_told_and_kept(rig: Rig) -> None:
    rig.do("/clock/latency", -20)
    assert rig.do("/clock/latency") == -20
    assert rig.session.transport.latency_frames == -960


def test_a_button_that_is_let_go_does_nothing(rig: Rig) -> None:
    rig.do("/clock/play", 0)
    assert not rig.session.state.clock.playing
    rig.do("/clock/play", 1.0)
    assert rig.session.state.clock.playing
    rig.do("/clock/stop", 0.0)
    assert rig.session.state.clock.playing
    with pytest.raises(MessageError, match=r"outside 0\.\.1"):
        rig.do("/clock/stop", 5)
    rig.do("/clock/stop", 1)
    assert not rig.session.state.clock.playing


def test_no_bar_has_a_beat_more_than_it_has(rig: Rig) -> None:
    """A sample before the bar line it is still the last beat."""
    rig.do("/clock/play")
    line = rig.session.state.clock.frame_of_bar(2)
    for frame, place in ((line - 1, (2, 4.99)), (line, (3, 1.0))):
        rig.memory.header[Word.FRAME] = frame
        view = rig.session.transport.view()
        assert (view["bar"], view["beat"]) == place


def clicks(rig: Rig, milliseconds: float) -> list[tuple[float, bool]]:
    """Beats of the metronome and whether they were accents."""
    rig.session.transport.attach_clicks()
    first = rig.memory.frame
    out = rig.run(milliseconds)[0]
    loud = np.flatnonzero(np.abs(out) > 0.02)
    starts = [int(at) for before, at in pairwise([-10_000, *loud]) if at - before > 5000]
    clock = rig.session.state.clock
    return [(round(clock.beat_at(first + at), 1), bool(np.abs(out[at : at + 1000]).max() > 0.4)) for at in starts]


@pytest.mark.parametrize("tempo", [133.0, 97.0])
def test_the_first_beat_is_the_accent_at_any_tempo(rig: Rig, tempo: float) -> None:
    for address, value in (("/clock/tempo", tempo), ("/clock/count_in", 1), ("/clock/metronome", 1)):
        rig.do(address, value)
    rig.do("/clock/play")
    heard = clicks(rig, 60_000 / tempo * 25)
    assert [beat for beat, _ in heard][:24] == list(range(-4, 20))
    assert [beat for beat, accent in heard if accent] == [beat for beat, _ in heard if beat % 4 == 0]


def test_no_click_comes_after_the_stop(rig: Rig) -> None:
    rig.do("/clock/metronome", 1)
    rig.do("/clock/play")
    assert len(clicks(rig, 1400)) == 3
    rig.do("/clock/stop")
    assert clicks(rig, 600) == []


def test_the_band_begins_again_on_the_bar_on_which_it_ends(rig: Rig) -> None:
    rig.do("/clock/tempo", 133.0)
    rig.do("/clock/play")
    rig.run(300)
    for bar in range(2, 12):
        rig.do("/jam/start")
        line = rig.session.state.clock.frame_of_bar(bar)
        rig.run((line - rig.memory.frame) / 48 - 1000)
        rig.do("/jam/stop")
        rig.run(20)
        assert rig.session.state.jam_until == line
        rig.do("/jam/trade", 2)
        rig.do("/jam/start")
        assert (rig.session.state.jam_from, rig.session.state.trade_bar) == (line, bar)
        rig.do("/jam/trade", 0)
        rig.run(1100)


@pytest.mark.parametrize(("bar", "to"), [(20, 1), (3, 50)])
def test_after_a_locate_everything_waits_for_its_line(rig: Rig, bar: int, to: int) -> None:
    rig.fill(1, np.full((BAR, 2), 0.1))
    rig.do("/clock/play")
    rig.run(50 + 2000 * (bar - 1) + 550)
    line = rig.session.state.clock.frame_of_bar(bar)
    rig.do("/clock/locate", to)
    rig.do("/slot/1/launch")
    rig.do("/jam/start")
    assert (rig.session.state.slots[0].launch_at, rig.session.state.jam_from) == (line, line)
    rig.do("/clock/tempo", 126.0)
    rig.run(1600)
    clock = rig.session.state.clock
    assert clock.bar_at(rig.memory.frame)[0] == to - 1
    begun = clock.frame_of_bar(to - 1)
    assert (rig.memory.slot(0).started, rig.session.state.jam_from) == (begun, begun)


@pytest.mark.parametrize("resumed", [False, True])
def test_a_chord_of_another_run_is_not_played_in_this_one(rig: Rig, resumed: bool) -> None:
    """Beats count anew with the clock: a chord that is held is held from the first one on, one that was let go is gone."""
    situation = situation_of(rig.session.engine_state(), WORDS)
    rig.do("/jam/chart", "| C | F |")
    rig.do("/clock/play")
    rig.run(6000)
    rig.do("/jam/chord", "Ebmaj7")
    rig.run(2500)
    if resumed:
        rig.do("/jam/chord/resume")
        rig.run(2500)
    rig.do("/clock/stop")
    rig.do("/jam/start")
    rig.run(200)
    for message in rig.sent:
        apply(situation, message, WORDS)
    played = [situation.context(beat).chart.chord_at(situation.context(beat).chart_beat) for beat in range(40)]
    held = parse_chord("Ebmaj7")
    assert all((chord == held) is not resumed for chord in played)


def test_a_chart_plays_on_after_a_locate_to_before_it_began(rig: Rig) -> None:
    """As in a DAW's loop. What is shown, what plays, and what an engine is told that comes up then are one."""
    situation = situation_of(rig.session.engine_state(), WORDS)
    rig.do("/clock/play")
    rig.run(10_100)
    rig.do("/jam/chart", "| Cm7 | Fm7 | G7 |")
    begun = rig.session.state.chart_bar
    rig.run(4_000)
    rig.do("/clock/locate", 2)
    clock = rig.session.state.clock
    for message in rig.sent:
        apply(situation, message, WORDS)
    fresh = situation_of(rig.session.engine_state(), WORDS)
    for bars in range(8):
        beat = clock.segments[-1].beat + 4.0 * bars
        chart, place, _ = situation.harmony(beat)
        wanted = ("Cm7", "Fm7", "G7")[(1 + bars - begun) % 3]
        assert chart.chord_at(place).symbol == wanted
        chart, place, _ = fresh.harmony(beat)
        assert chart.chord_at(place).symbol == wanted
    assert rig.session.status()["jam"]["chart_bar"] <= 2 and (rig.session.state.chart_bar - begun) % 3 == 0


def test_a_link_of_ireal_pro_is_a_chart(rig: Rig) -> None:
    rig.do("/jam/chart", "irealbook://Blue Sketch=Doe Jane=Medium Waltz=C=n=T34C^7 |D-9 G7 Z")
    told = rig.sent[-1]
    assert isinstance(told, m.SetChart) and told.text == "# Blue Sketch\n3/4 | Cmaj7 | Dm9 / G7 |"
    assert rig.session.status()["jam"]["chart"] == told.text
    assert rig.session.transport.view()["beats_per_bar"] == 3
    with pytest.raises(ChartError):
        rig.do("/jam/chart", "irealb://nothing")
    assert rig.session.state.chart_text == told.text


def test_another_tempo_keeps_the_metre_that_is_to_come(rig: Rig) -> None:
    rig.do("/clock/play")
    rig.run(550)
    rig.do("/jam/chart", "3/4 | Dm7 | G7 |")
    rig.run(100)
    rig.do("/clock/tempo", 126.0)
    rig.do("/clock/locate", 9)
    rig.run(2000)
    view = rig.session.transport.view()
    assert (view["beats_per_bar"], view["bar"], view["tempo"]) == (3, 9, 126.0)


@pytest.mark.parametrize(("tempo", "wait"), [(100.0, 100), (200.0, 100), (121.0, 1200)])
def test_the_band_enters_on_the_line_of_another_tempo(rig: Rig, tempo: float, wait: float) -> None:
    band = Band(rig)
    rig.do("/clock/play")
    rig.run(wait)
    rig.do("/jam/start")
    queued = rig.session.state.jam_from
    assert queued is not None
    rig.do("/clock/tempo", tempo)
    begin = rig.session.state.jam_from
    clock = rig.session.state.clock
    band.play(60)
    assert begin == clock.next_bar(rig.memory.frame + 350 * 48)[0] != queued
    first = rig.memory.frame
    sound = band.play((begin - first) / 48 + 500)
    assert (sound[: begin - first] == 0).all()
    assert sound[begin - first + 500] > 0.49


def test_the_engine_is_told_once_of_another_beginning(rig: Rig) -> None:
    """However often the tempo changes; and where a jam ends there, that it ends elsewhere, too."""
    rig.do("/jam/start")
    rig.run(1000)
    rig.do("/jam/stop")
    rig.do("/jam/start")
    rig.sent.clear()
    for tempo in range(100, 120, 4):
        rig.do("/clock/tempo", float(tempo))
        rig.run(2)
    begin = rig.session.state.jam_from
    assert begin is not None
    rig.run(60)
    told = [message for message in rig.sent if isinstance(message, m.JamStart | m.JamStop)]
    assert told == [m.JamStop(frame=begin + 480)] * 2 + [m.JamStart(frame=begin)]


def test_the_band_ends_on_the_line_of_another_tempo(rig: Rig) -> None:
    band = Band(rig)
    rig.do("/jam/start")
    band.play(500)
    rig.do("/jam/stop")
    rig.do("/clock/tempo", 90.0)
    end = rig.session.state.jam_until
    assert end == rig.session.state.clock.next_bar(rig.memory.frame)[0]
    assert [message.frame for message in rig.sent if isinstance(message, m.JamStop)][-1] == end + 480
    first = rig.memory.frame
    sound = band.play((end - first) / 48 + 500)
    assert (sound[: end - first] > 0.49).all()
    assert (sound[end - first + 240 :] == 0).all()


def test_a_band_that_waits_does_not_enter_when_the_clock_has_stopped(rig: Rig) -> None:
    rig.do("/clock/play")
    rig.run(100)
    rig.do("/jam/start")
    rig.do("/clock/stop")
    rig.run(2500)
    assert rig.memory.levels[Level.JAM_TARGET] == 0
    assert rig.session.band.view()["state"] == "stopped"


def test_turns_begin_anew_where_the_clock_is_located_to(rig: Rig) -> None:
    """In the player's turn: the band has the first bars from there on, and is told in time."""
    band = Band(rig)
    rig.do("/jam/trade", 4)
    rig.do("/jam/start")
    assert (band.play(500 + 6 * 2000)[-100:] == 0).all()
    asked = rig.memory.frame
    rig.do("/clock/locate", 1)
    line = rig.session.state.clock.next_bar(asked)[0]
    band.play((line - asked) / 48 - 150)
    assert [message for message in rig.sent if isinstance(message, m.SetTrade)] == [m.SetTrade(bars=4, bar=0)]
    first = rig.memory.frame
    sound = band.play(150 + 8 * 2000)
    assert (sound[: line - first] == 0).all()
    assert (sound[line - first + 240 : line - first + 4 * BAR] > 0.49).all()
    assert (sound[line - first + 4 * BAR + 4801 : line - first + 8 * BAR - 96] == 0).all()


def taking_turns(rig: Rig, milliseconds: float) -> tuple[Band, int]:
    """A band that has played for so long of a bar, the player's turn being the next one; and the frame at which it began."""
    band = Band(rig)
    rig.do("/jam/trade", 1)
    rig.do("/jam/start")
    begin = rig.session.state.jam_from
    assert begin is not None
    band.play((begin - rig.memory.frame) / 48 + milliseconds)
    return band, begin


def test_turns_change_on_the_lines_of_another_tempo(rig: Rig) -> None:
    """The tempo changes when the end of the turn has been given to the audio thread."""
    band, begin = taking_turns(rig, 1650)
    rig.session.set_clock(rig.session.state.clock.with_tempo(60.0, rig.memory.frame))
    clock, first = rig.session.state.clock, rig.memory.frame
    lines = [clock.frame_of_bar(clock.bar_at(begin)[0] + bar) - first for bar in (1, 2)]
    assert lines[0] > 15_000
    sound = band.play(6000)
    assert (sound[: lines[0]] > 0.49).all()
    assert (sound[lines[0] + 4801 : lines[1]] == 0).all()
    assert (sound[lines[1] + 240 :][:1000] > 0.49).all()


def test_no_turn_of_the_players_begins_when_trading_has_ended(rig: Rig) -> None:
    """Also where its beginning has been given to the audio thread."""
    band, _ = taking_turns(rig, 1700)
    rig.do("/jam/trade", 0)
    assert (band.play(3000) > 0.49).all()


@pytest.mark.parametrize("seed", range(8))
def test_the_gate_is_as_the_band_says(rig: Rig, seed: int) -> None:
    """Through all that a musician does; what the audio thread has been given is known, and ends with the clock."""
    rng = random.Random(seed)
    for _ in range(60):
        match rng.choice(["start", "start", "start", "stop", "trade", "trade", "tempo", "locate", "metre"]):
            case "trade":
                rig.do("/jam/trade", rng.choice([0, 1, 2]))
            case ("tempo" | "locate" | "metre") as what:
                rig.change_clock(what, rng)
            case what:
                rig.do(f"/jam/{what}")
        rig.run(rng.choice([2, 100, 700, 2000]))
        band, now = rig.session.band, rig.memory.frame
        words = rig.memory.arrays["pending_words"][: rig.memory.header[Word.PENDING_COUNT]]
        assert {int(frame) for frame, op, _ in words if op == AudioOp.JAM_GATE} == {at for at in band._gates if at >= now}
        view = band.view()
        if view["state"] == "stopped":
            assert rig.memory.levels[Level.JAM_TARGET] == 0
        elif view["state"] == "playing" and not view["trade"]:
            assert rig.memory.levels[Level.JAM_TARGET] == 1
    rig.do("/jam/trade", 1)
    rig.do("/jam/stop")
    rig.run(100)
    rig.do("/clock/stop")
    rig.run(3000)
    assert rig.memory.header[Word.PENDING_COUNT] == rig.memory.levels[Level.JAM_TARGET] == 0
