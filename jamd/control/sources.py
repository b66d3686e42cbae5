"""Whose clock leads: the daemon's own, JACK's transport, a MIDI clock, or a Link session. And to whom the daemon's clock is told.

A source is read every few milliseconds; the follower turns the readings into corrections of the clock. When a source stops, the
band and the slots stop with it; the band plays again when it starts, as everything does in a DAW.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jamd.contract.clock import Clock
from jamd.contract.errors import AudioError, MessageError
from jamd.contract.observation import Observation
from jamd.contract.units import SAMPLE_RATE
from jamd.control.sync.follower import Follower
from jamd.control.sync.midi_clock import MidiClockFollower, MidiClockSender

if TYPE_CHECKING:
    from bridges.jack.transport import JackTransport
    from bridges.link import LinkClock
    from jamd.control.transport import Transport

EVERY = SAMPLE_RATE // 100
"""Frames between two readings."""
SEND_AHEAD = SAMPLE_RATE // 10
RETRY = SAMPLE_RATE
TELL_EVERY = SAMPLE_RATE // 10
JITTER = 24.0
"""Frames by which two readings of JACK's place may differ without a jump."""


class Sources:
    """Helper of the clock's desk."""

    def __init__(self, desk: Transport) -> None:
        self._desk = desk
        self._name = "internal"
        self._follower = Follower()
        self._jack: JackTransport | None = None
        self._midi = MidiClockFollower()
        self._link: LinkClock | None = None
        self._sender = MidiClockSender()
        self._sent = 0
        self._read_at = 0
        self._told: Clock | None = None
        self._told_at = 0
        self._line: tuple[float, float, float, int, float, int] | None = None
        self._armed = False
        """The band was asked for while the source stood, or stopped with it."""

    # --- choosing -------------------------------------------------------------------------------------------------------

    def choose(self, name: str) -> None:
        """Follow another source.

        Raises:
            JamdError: it is not there; the old one leads on.
        """
        if name == self._name:
            return
        tempo = self._desk.state.tempo
        if name == "jack":
            self._open_jack()
        if name == "link":
            from bridges.link import LinkClock

            self._link = LinkClock(tempo, quantum=self._desk.state.chart.beats_per_bar)
        elif self._link is not None:
            self._link.close()
            self._link = None
        if name != "jack" and not self._desk.state.master:
            self._close_jack()
        self._midi = MidiClockFollower(tempo)
        self._follower = Follower()
        self._name, self._armed = name, False

    def _open_jack(self) -> JackTransport:
        if self._desk.state.audio.get("backend") != "jack":
            raise MessageError("JACK's transport needs --audio jack", code="clock")
        if self._jack is None or not self._jack.alive:
            from bridges.jack.transport import JackTransport

            self._jack = JackTransport()
        return self._jack

    def _close_jack(self) -> None:
        if self._jack is not None:
            self._jack.close()
            self._jack = None

    def restore(self) -> None:
        """Of a control process that was killed."""
        state = self._desk.state
        name, state.source = state.source, "internal"
        self._desk.source(name)
        if state.master:
            self.lead_jack(True)

    def close(self) -> None:
        if self._link is not None:
            self._link.close()
        self._close_jack()

    # --- asked to play --------------------------------------------------------------------------------------------------

    def play(self) -> bool:
        """Start the source. False: the daemon's own clock is to start.

        Raises:
            MessageError: it cannot be started from here.
        """
        if self._name == "jack":
            self._open_jack().start()
        elif self._name == "link" and self._link is not None:
            self._link.set_playing(True)
        elif self._name == "midi":
            raise MessageError("the clock follows MIDI: start it there", code="clock")
        return self._name != "internal"

    def arm(self) -> bool:
        """The band is to play when the source starts. False: the daemon's own clock leads."""
        if self._name == "internal":
            return False
        self._armed = True
        if self._name != "midi":
            self.play()
        else:
            self._desk.log("the band waits for the MIDI clock to start")
        return True

    def disarm(self) -> None:
        self._armed = False

    def stop(self) -> None:
        """The clock is being stopped here: so is the source, where it listens to us."""
        self._armed = False
        if self._name == "jack" and self._jack is not None:
            self._jack.stop()
        elif self._name == "link" and self._link is not None:
            self._link.set_playing(False)

    def set_tempo(self, bpm: float) -> bool:
        """Tell the source. False: the daemon's own clock changes.

        Raises:
            MessageError: the source has a tempo of its own.
        """
        if self._name == "midi":
            raise MessageError("the tempo comes from the MIDI clock", code="clock")
        if self._name == "link" and self._link is not None:
            self._link.set_tempo(bpm)
            return True
        if self._name == "jack" and not self._desk.state.master:
            reading = self._open_jack().query()
            if reading is not None and reading.music is not None:
                raise MessageError("the tempo comes from JACK's timebase master", code="clock")
        return False

    def locate(self, bar: int) -> bool:
        """Have the source go to a bar. False: the daemon's own clock does it.

        Raises:
            MessageError: the source goes where it likes.
        """
        if self._name == "midi":
            raise MessageError("the clock follows MIDI: locate it there", code="clock")
        if self._name == "jack":
            segment = self._desk.clock.segments[-1]
            self._open_jack().locate(round(bar * segment.beats_per_bar * segment.frames_per_beat))
            return True
        return False

    def lead_jack(self, on: bool) -> None:
        """Be JACK's timebase master, or no longer."""
        if on:
            self._open_jack()
            self._told = None
        elif self._jack is not None:
            self._jack.release()
            self._line = None
            if self._name != "jack":
                self._close_jack()

    def started(self) -> None:
        """The daemon's own clock has started: JACK's transport goes with it, where we lead."""
        if self._desk.state.master and self._jack is not None and self._name == "internal":
            self._jack.locate(0)
            self._jack.start()

    def stopped(self) -> None:
        if self._desk.state.master and self._jack is not None and self._name == "internal":
            self._jack.stop()

    # --- in time --------------------------------------------------------------------------------------------------------

    def midi(self, message: bytes, frame: int) -> None:
        """A real-time message or song position."""
        if self._name == "midi":
            self._heard(self._midi.feed(message, frame))

    def poll(self) -> None:
        now = self._desk.now
        if self._name == "midi":
            self._heard(self._midi.poll(now))
        elif self._name != "internal" and now - self._read_at >= EVERY:
            self._read_at = now
            try:
                self._heard(self._read())
            except AudioError as error:
                self._desk.log(f"{error}: the clock goes on by itself until it is back")
                self._read_at = now + RETRY
        self._tell_jack(now)
        self._send_midi(now)

    def _read(self) -> Observation | None:
        frame_of_us = self._desk.session.memory.frame_of_us
        if self._name == "link" and self._link is not None:
            return self._link.observation(frame_of_us)
        jack = self._open_jack()
        return jack.observation(frame_of_us, self._desk.state.tempo)

    def _heard(self, seen: Observation | None) -> None:
        if seen is None:
            return
        desk = self._desk
        seen = replace(seen, frame=seen.frame - desk.latency_frames)
        before = desk.clock
        after = self._follower.follow(before, seen, desk.now)
        if after is None:
            return
        if before.playing and not after.playing:
            again = desk.session.band.is_wanted
            desk.stop_here()
            self._armed = self._armed or again
            return
        desk.state.tempo = round(seen.tempo, 2)
        if after.playing and not before.playing:
            desk.follow_start(after)
            if self._armed:
                self._armed = False
                desk.session.band.start()
            return
        desk.session.set_clock(after)

    def _tell_jack(self, now: int) -> None:
        """The daemon's clock for JACK's timebase, on JACK's own frames; now and then again, for these may jump."""
        desk = self._desk
        if not desk.state.master or self._jack is None or (desk.clock is self._told and now - self._told_at < TELL_EVERY):
            return
        self._told, self._told_at = desk.clock, now
        try:
            reading = self._jack.query()
            if reading is None:
                return
            segment = desk.clock.segment_at(now)
            if desk.clock.playing and reading.rolling:
                heard = segment.frame + desk.latency_frames
                frame = reading.frame + heard - desk.session.memory.frame_of_us(reading.us)
                line = (frame, segment.beat, segment.tempo, segment.beats_per_bar, segment.bar_beat, segment.bar)
            else:
                line = (0.0, 0.0, desk.state.tempo, segment.beats_per_bar, 0.0, 0)
            if self._line is None or line[1:] != self._line[1:] or abs(line[0] - self._line[0]) > JITTER:
                self._line = line
                self._jack.set_master_clock(*line)
        except AudioError as error:
            desk.log(f"{error}: JACK's transport is not led until it is back")

    def set_metre(self, beats_per_bar: int) -> None:
        """A chart of another metre: bars of Link are as long."""
        if self._link is not None:
            self._link.quantum = beats_per_bar

    def send_midi(self, on: bool) -> None:
        """Begin or end to send MIDI clock; the end is a stop."""
        if not on and self._sent:
            for frame, message in self._sender.messages(self._desk.clock, False, self._sent, self._sent + 1):
                self._desk.session.memory.midi_out.push(frame, message)
        self._sent = 0

    def _send_midi(self, now: int) -> None:
        if not self._desk.state.send_midi:
            return
        last = now + SEND_AHEAD
        clock = self._desk.clock
        for frame, message in self._sender.messages(clock, clock.playing, self._sent or now, last):
            self._desk.session.memory.midi_out.push(frame + self._desk.latency_frames, message)
        self._sent = last

    def view(self) -> dict[str, Any]:
        return {"waiting": self._armed} | ({"peers": self._link.peers} if self._link is not None else {})
