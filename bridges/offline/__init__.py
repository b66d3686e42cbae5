"""An audio output without a sound server: a WAV file or nothing, paced by the wall clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from jamd.contract.errors import AudioError
from jamd.contract.units import SAMPLE_RATE

Play = Callable[[NDArray[np.float32]], None]
"""Fills a buffer of shape [6, frames]: out, jam and slots, left and right of each."""


class OfflineOutput:
    """Calls `play` in a thread of its own, `block` frames at a time, as fast as real time; keeps the first two rows.

    Args:
        path: WAV file to write (24 bit); None throws the sound away.

    Raises:
        AudioError: the file cannot be written.
    """

    def __init__(self, play: Play, path: Path | None, block: int = 128) -> None:
        self._play = play
        self._block = block
        self._stop = threading.Event()
        self._file: soundfile.SoundFile | None = None
        if path is not None:
            try:
                self._file = soundfile.SoundFile(path, "w", samplerate=SAMPLE_RATE, channels=2, subtype="PCM_24", format="WAV")
            except (OSError, soundfile.SoundFileError) as error:
                raise AudioError(f"cannot write {path}: {error}", code="file") from error
        self.fault: str | None = None
        self._thread = threading.Thread(target=self._run, name="offline", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop; the file holds all that was played."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        if self._file is not None:
            self._file.close()
            self._file = None

    def _run(self) -> None:
        buffer = np.zeros((6, self._block), np.float32)
        begin = time.monotonic()
        played = 0
        try:
            while not self._stop.is_set():
                self._play(buffer)
                if self._file is not None:
                    self._file.write(buffer[:2].T)
                played += self._block
                ahead = played / SAMPLE_RATE - (time.monotonic() - begin)
                if ahead > 0.002:
                    time.sleep(ahead)
        except (OSError, soundfile.SoundFileError) as error:
            self.fault = str(error)
