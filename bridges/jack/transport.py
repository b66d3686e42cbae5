"""JACK transport: a client without a process callback that reads it, steers it, and can be its timebase master.

Once the server has died, the next method says so with an `AudioError`, and the later ones do nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import jack

from bridges.jack import open_client
from bridges.jack.timebase import BBT, BBT_OFFSET, ROWS, new_table, timebase
from jamd.contract.errors import AudioError
from jamd.contract.observation import Observation
from jamd.contract.units import SAMPLE_RATE

TICK_DOUBLE: Final = 0x200
OFFSETS: Final = {
    "frame_rate": 16, "frame": 20, "valid": 24, "bar": 28, "beat": 32, "tick": 36, "bar_start_tick": 40, "beats_per_bar": 48,
    "beat_type": 52, "ticks_per_beat": 56, "beats_per_minute": 64, "bbt_offset": 88,
}  # fmt: skip
"""Bytes into a `jack_position_t`, as the compiled callback takes them."""
SETTLE_US: Final = 300_000
"""For so long a transport may be starting, or lack the bars that it had, as it does for a few cycles of every locate."""
State = Literal["stopped", "rolling", "starting"]


@dataclass(frozen=True)
class MusicalPosition:
    """Bar, beat and tick as a timebase master gave them, in quarter notes."""

    bar: int
    """From 0."""
    beat: float
    """In the bar, from 0, with the tick's fraction."""
    tempo: float
    beats_per_bar: float


@dataclass(frozen=True)
class TransportReading:
    """The transport at the beginning of the server's current cycle."""

    state: State
    frame: int
    us: int
    """JACK's time of that frame, in microseconds."""
    music: MusicalPosition | None
    """None: there is no timebase master."""

    @property
    def rolling(self) -> bool:
        return self.state == "rolling"


class JackTransport:
    """The client `jamd-sync`.

    Raises:
        AudioError: no server, another rate, a client of that name, or a libjack whose positions are laid out otherwise.
    """

    def __init__(self, name: str = "jamd-sync") -> None:
        fields = {field: info.offset for field, info in jack._ffi.typeof("jack_position_t").fields}
        if any(fields.get(field) != offset for field, offset in OFFSETS.items()):
            raise AudioError("this libjack lays out transport positions in a way that jamd does not know", code="jack")
        self._client = open_client(name)
        self._gone = threading.Event()
        self._reason = ""
        self._told = False
        self._master = False
        self._table = new_table()
        self._line = (0.0, 0.0, 0.0)
        """Transport frame, beat and tempo of a transport without a master: tempo 0 until one is known."""
        self._decided_us = -SETTLE_US
        self._music_us = -SETTLE_US
        """Times of the last reading that was not starting, and of the last one with bars."""

        @self._client.set_shutdown_callback
        def shutdown(status: Any, reason: str) -> None:
            self._reason = reason
            self._gone.set()

        self._client.activate()

    @property
    def alive(self) -> bool:
        """The server is there."""
        return not self._gone.is_set()

    @property
    def master(self) -> bool:
        """We fill in bars and beats (until somebody else takes it over)."""
        return self._master

    def _here(self) -> bool:
        """Whether there is a server to talk to.

        Raises:
            AudioError: it has gone; said once.
        """
        if self.alive:
            return True
        if self._told:
            return False
        self._told = True
        raise AudioError(f"the JACK server went away: {self._reason}", code="jack")

    # --- reading --------------------------------------------------------------------------------------------------------

    def query(self) -> TransportReading | None:
        """The transport now; None: the server has gone, which was said before."""
        if not self._here():
            return None
        code, position = self._client.transport_query_struct()
        state: State = "rolling" if code == 1 else "stopped" if code == 0 else "starting"
        return TransportReading(state, int(position.frame), int(position.usecs), _music(position))

    def observation(self, frame_of_us: Callable[[float], float], tempo: float) -> Observation | None:
        """The transport as a clock to follow. None: it is on its way to another place; or the server has gone, which was said before.

        Args:
            frame_of_us: frame of the daemon's time line at a time of JACK's clock.
            tempo: the daemon's, for a transport without a master: then beats are counted from frame 0, and on from wherever it is
                when the tempo changes or a master leaves.
        """
        reading = self.query()
        if reading is None or self._unsettled(reading):
            return None
        frame, music = frame_of_us(reading.us), reading.music
        if music is None:
            return Observation(frame, self._counted(reading.frame, tempo), tempo, reading.rolling)
        self._line = float(reading.frame), music.bar * music.beats_per_bar + music.beat, music.tempo
        whole = round(music.beats_per_bar)
        if whole < 1 or abs(whole - music.beats_per_bar) > 1e-3:  # 7/8 has no whole number of quarter notes: beats alone
            return Observation(frame, music.bar * music.beats_per_bar + music.beat, music.tempo, reading.rolling)
        bar_beat = float(music.bar * whole)
        return Observation(frame, bar_beat + music.beat, music.tempo, reading.rolling, whole, bar_beat, music.bar)

    def _unsettled(self, reading: TransportReading) -> bool:
        if reading.state == "starting":
            return reading.us - self._decided_us < SETTLE_US
        self._decided_us = reading.us
        if reading.music is None:
            return reading.us - self._music_us < SETTLE_US
        self._music_us = reading.us
        return False

    def _counted(self, frame: int, tempo: float) -> float:
        begin, beat, old = self._line
        if old != tempo:
            beat += (frame - begin) * old / (60.0 * SAMPLE_RATE) if old else frame * tempo / (60.0 * SAMPLE_RATE)
            self._line = begin, beat, old = float(frame), beat, tempo
        return beat + (frame - begin) * old / (60.0 * SAMPLE_RATE)

    # --- steering -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        if self._here():
            self._client.transport_start()

    def stop(self) -> None:
        if self._here():
            self._client.transport_stop()

    def locate(self, frame: int) -> None:
        """Move the transport, rolling or not.

        Raises:
            AudioError: JACK refused.
        """
        if self._here():
            self._call(lambda: setattr(self._client, "transport_frame", max(frame, 0)))

    # --- leading --------------------------------------------------------------------------------------------------------

    def set_master_clock(self, frame: float, beat: float, tempo: float, beats_per_bar: int, bar_beat: float = 0.0, bar: int = 0) -> None:
        """Be the timebase master: at transport frame `frame` the song is at `beat`; bar `bar` (from 0) begins at `bar_beat`.

        In force from the next cycle on; call it again whenever the clock changes.

        Raises:
            AudioError: JACK refused.
        """
        if not self._here():
            return
        row = (int(self._table[ROWS, 0]) + 1) % ROWS
        self._table[row] = (frame, beat, tempo, beats_per_bar, bar_beat, bar)
        self._table[ROWS, 0] = row
        if not self._master:
            ffi: Any = jack._ffi
            callback = ffi.cast("JackTimebaseCallback", timebase.address)
            if jack._lib.jack_set_timebase_callback(self._client._ptr, 0, callback, ffi.cast("void*", self._table.ctypes.data)):
                raise AudioError("JACK did not take jamd as timebase master", code="jack")
            self._master = True

    def release(self) -> None:
        """No longer be the master; another one, or none, takes over."""
        if not self._master:
            return
        self._master = False
        if self._here():
            # in this order: libjack ends the callback's thread only while it still has the callback
            self._call(self._client.deactivate)
            jack._lib.jack_release_timebase(self._client._ptr)  # refused where another client has taken over
            self._call(self._client.activate)

    def _call(self, action: Callable[[], object]) -> None:
        try:
            action()
        except jack.JackError as error:
            self._here()
            if self.alive:
                raise AudioError(f"JACK refused: {error}", code="jack") from error

    def close(self) -> None:
        if self.alive:
            try:
                self._client.deactivate()
            except jack.JackError:
                pass
        self._client.close()


def _music(position: Any) -> MusicalPosition | None:
    """Bar, beat and tick in quarter notes; a beat of JACK is a note of `beat_type`."""
    valid = int(position.valid)
    if not valid & BBT or position.ticks_per_beat <= 0 or position.beats_per_minute <= 0 or position.beats_per_bar <= 0:
        return None
    quarters = 4.0 / position.beat_type if position.beat_type > 0 else 1.0
    tick = float(position.tick)
    if valid & BBT_OFFSET:
        frames_per_tick = 60.0 * position.frame_rate / (position.beats_per_minute * position.ticks_per_beat)
        tick += position.bbt_offset / frames_per_tick
    elif valid & TICK_DOUBLE:
        tick = float(jack._ffi.cast("double*", jack._ffi.cast("char*", position) + 100)[0])
    elif tick:
        tick += 0.5  # cut off below: in the middle of where it may have been
    beat = position.beat - 1 + tick / position.ticks_per_beat
    return MusicalPosition(
        bar=int(position.bar) - 1, beat=beat * quarters, tempo=position.beats_per_minute * quarters,
        beats_per_bar=position.beats_per_bar * quarters,
    )  # fmt: skip
