"""Ableton Link, through LinkPython-extern: tempo, beat and start/stop shared with the programs on the local network.

Link's clock is CLOCK_MONOTONIC_RAW in microseconds, which is JACK's too. Link talks in threads of its own; the methods here are for
one thread, and none of them waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jamd.contract.errors import FailureError
from jamd.contract.observation import Observation

MISSING = "Ableton Link needs the package LinkPython-extern: pip install 'jamd[link]'"


class LinkClock:
    """One participant in the Link session of the local network.

    Args:
        tempo: taken up if nobody else is there; else the session's holds.
        enabled: talk to the network at once.
        quantum: beats in a bar; peers with the same quantum share its bar lines.
        start_stop: share starts and stops with the peers that do so too.

    Raises:
        FailureError: the package is not installed.
    """

    def __init__(self, tempo: float, enabled: bool = True, quantum: int = 4, start_stop: bool = True) -> None:
        try:
            import link
        except ImportError as error:
            raise FailureError(MISSING, code="link") from error
        self.quantum = quantum
        self._link: Any = link.Link(tempo)
        self._link.startStopSyncEnabled = start_stop
        self._clock: Any = self._link.clock()
        self._played = False
        self._link.enabled = enabled

    @property
    def enabled(self) -> bool:
        return bool(self._link.enabled)

    @property
    def peers(self) -> int:
        """How many others are in the session."""
        return int(self._link.numPeers())

    @property
    def tempo(self) -> float:
        return float(self._link.captureSessionState().tempo())

    def micros(self) -> int:
        """Link's time."""
        return int(self._clock.micros())

    def observation(self, frame_of_us: Callable[[float], float]) -> Observation:
        """Where the session is now. Beats count from the start, whoever gave it; before its first bar line they are negative.

        Args:
            frame_of_us: frame of the daemon's time line at a time of this clock.
        """
        state = self._link.captureSessionState()
        time = self.micros()
        playing = bool(state.isPlaying()) and state.timeForIsPlaying() <= time
        if playing and not self._played:
            state.requestBeatAtStartPlayingTime(0.0, self.quantum)
            self._link.commitSessionState(state)
        self._played = playing
        return Observation(
            frame=frame_of_us(time), beat=float(state.beatAtTime(time, self.quantum)), tempo=float(state.tempo()), playing=playing,
            beats_per_bar=self.quantum,
        )  # fmt: skip

    def set_tempo(self, tempo: float) -> None:
        """For the whole session, from now on."""
        state = self._link.captureSessionState()
        state.setTempo(tempo, self.micros())
        self._link.commitSessionState(state)

    def set_playing(self, playing: bool, at_us: int | None = None) -> None:
        """Start or stop, for all who share starts and stops. Beat 0 falls at that time when alone, else on the next bar line."""
        state = self._link.captureSessionState()
        time = self.micros() if at_us is None else at_us
        if playing:
            state.setIsPlayingAndRequestBeatAtTime(True, time, 0.0, self.quantum)
            self._played = True
        else:
            state.setIsPlaying(False, time)
        self._link.commitSessionState(state)

    def request_beat(self, beat: float, at_us: int | None = None) -> None:
        """Call a time `beat`, or, with peers, the first time after it with the same place in the bar. A bar line: a multiple of
        the quantum. The phase of the others never changes."""
        state = self._link.captureSessionState()
        state.requestBeatAtTime(beat, self.micros() if at_us is None else at_us, self.quantum)
        self._link.commitSessionState(state)

    def close(self) -> None:
        """Leave the session."""
        self._link.enabled = False
