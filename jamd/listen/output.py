"""Where the terminal's sound goes: JACK, else the player of PipeWire, PulseAudio or ALSA, else nowhere."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from jamd.contract.errors import AudioError
from jamd.contract.units import SAMPLE_RATE

PROGRAMS: Final = ("pw-play", "paplay", "aplay")
TRY_S: Final = 10.0


class Output(Protocol):
    """Plays one sound at a time."""

    name: str

    @property
    def remark(self) -> str:
        """What the listener has to know; empty: nothing."""

    def play(self, sound: NDArray[np.float32]) -> None:
        """From now on, in place of what sounds. Shape: [frames, 2] at 48 kHz.

        Raises:
            AudioError: there is no output any more.
        """

    def stop(self) -> None:
        """Silence.

        Raises:
            AudioError: there is no output any more.
        """

    @property
    def playing(self) -> bool:
        """Whether the last sound has not ended."""

    def close(self) -> None:
        """Let go of it."""


class ProgramPlayer:
    """One of PROGRAMS, started for each sound.

    Raises:
        AudioError: it is not installed, or cannot play here.
    """

    remark = ""

    def __init__(self, name: str) -> None:
        self.name = name
        self._program = shutil.which(name)
        self._running: subprocess.Popen[bytes] | None = None
        if self._program is None:
            raise AudioError(f"{name} is not installed", code="player")
        self._folder = tempfile.TemporaryDirectory(prefix="jamd-")
        try:
            self.play(np.zeros((SAMPLE_RATE // 10, 2), np.float32))
            assert self._running is not None
            status: int | None = self._running.wait(TRY_S)
        except subprocess.TimeoutExpired:
            status = None
        if status != 0:
            self.close()
            raise AudioError(f"{name} cannot play here", code="player")

    def play(self, sound: NDArray[np.float32]) -> None:
        self.stop()
        assert self._program is not None
        path = Path(self._folder.name) / "sound.wav"
        try:
            soundfile.write(path, sound, SAMPLE_RATE, subtype="PCM_16")
        except (OSError, soundfile.SoundFileError) as error:
            raise AudioError(f"cannot write {path}: {error}", code="file") from error
        self._running = subprocess.Popen(
            [self._program, str(path)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def stop(self) -> None:
        if self._running is not None:
            self._running.kill()
            self._running.wait()
            self._running = None

    @property
    def playing(self) -> bool:
        return self._running is not None and self._running.poll() is None

    def close(self) -> None:
        self.stop()
        self._folder.cleanup()


def open_output() -> tuple[Output | None, str]:
    """The first output that works; else None and why."""
    reasons = []
    try:
        from jamd.listen.jack_player import JackPlayer

        return JackPlayer(), ""
    except (OSError, RuntimeError, AudioError) as error:  # the first two: libjack is not installed
        reasons.append(str(error).split(":")[0] if isinstance(error, AudioError) else "JACK is not installed")
    for name in PROGRAMS:
        try:
            return ProgramPlayer(name), ""
        except AudioError as error:
            reasons.append(str(error))
    return None, "; ".join(reasons)
