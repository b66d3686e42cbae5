"""Trading, count-in, metronome, locating and tapping, by a real session and the real mixer."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from jamd.contract import messages as m
from jamd.contract.errors import MessageError
from jamd.contract.units import SAMPLE_RATE
from tests.unit.control.rig import Rig

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
