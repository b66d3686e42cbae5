"""A session with the real mixer, its time line moved by the test: everything but JACK and the model."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from jamd.audio.__main__ import handle
from jamd.audio.clips import ClipTable
from jamd.audio.offline_play import player
from jamd.contract import messages as m
from jamd.contract.config import Config
from jamd.contract.layout import Word
from jamd.contract.memory import AudioMemory, share_audio
from jamd.control.session import Session
from jamd.control.state import Clip

TICK = 96
"""Frames between two polls: 2 ms."""


class Rig:
    """`sent` holds what went to the engine; the audio process' part is done here, in the test's own thread."""

    def __init__(self) -> None:
        self.memory = AudioMemory.create(f"jamd-t-{uuid.uuid4().hex[:8]}")
        self.clips = ClipTable(self.memory)
        self._play = player(self.memory)
        self.memory.header[Word.FRAME] = 4800
        self.sent: list[m.Message] = []
        self.log: list[str] = []
        self.session = Session(self.memory, Config(), self._send, self.log.append)
        self.session.state.engine["ready"] = True
        self.session.state.audio["backend"] = "null"
        self.out: list[np.ndarray] = []

    def _send(self, role: str, message: m.Message) -> bool:
        if role == "audio":
            handle(message, self, None, self.clips, None)  # type: ignore[arg-type]
        else:
            self.sent.append(message)
        return True

    def send(self, message: m.Message) -> None:
        """The audio process speaks, in what a channel carries."""
        self.session.take(msgspec.msgpack.decode(msgspec.msgpack.encode(message), type=type(message)))

    def do(self, address: str, *values: Any) -> Any:
        return self.session.perform(address, values)

    def fill(self, slot: int, audio: np.ndarray, bars: int = 1, tempo: float = 120.0) -> None:
        """A clip in a slot, counted from 1."""
        name = f"{self.memory.name}-{uuid.uuid4().hex[:6]}"
        audio = np.asarray(audio, np.float32)
        share_audio(audio, name)
        index = slot - 1
        self.session.state.requests += 1
        entry = self.session.state.slots[index]
        entry.request, entry.rendering = self.session.state.requests, True
        self.session.take(
            m.ClipReady(slot=index, request=entry.request, name=name, frames=len(audio), bars=bars, tempo=tempo, seed=1,
                        chart_text="| C |", style="", seconds_to_render=0.1, figures={}, tries=1)
        )  # fmt: skip

    def change_clock(self, what: str, rng: random.Random) -> None:
        """By chance: its "tempo", its place ("locate") or its "metre"."""
        match what:
            case "tempo":
                self.do("/clock/tempo", rng.uniform(100, 140))
            case "locate":
                self.do("/clock/locate", rng.randint(1, 60))
            case "metre":
                self.do("/jam/chart", rng.choice(["3/4 | C |", "| C |"]))

    def run(self, milliseconds: float, until: Callable[[], bool] | None = None) -> np.ndarray:
        """Let time pass; what was played. Shape: [6, frames]."""
        first = len(self.out)
        for _ in range(max(int(milliseconds * 48 / TICK), 1)):
            self.session.poll()
            buffer = np.zeros((6, TICK), np.float32)
            self._play(buffer)
            self.out.append(buffer)
            for copy in self.clips.ready():
                self.send(m.ClipAttached(slot=copy.slot, name="", frames=copy.frames, waits=copy.waits))
            self.clips.tidy()
            if until is not None and until():
                break
        return np.concatenate(self.out[first:], axis=1)

    def name(self, slot: int) -> str:
        return self.session.slots.state_of(slot - 1)

    def frame_of_first_sound(self, since: int, row: int = 4, above: float = 1e-4) -> int:
        """The daemon's frame at which a row sounds for the first time since a frame."""
        played = np.concatenate(self.out, axis=1)[row]
        begin = self.memory.frame - len(played)
        found = np.flatnonzero(np.abs(played[since - begin :]) > above)
        assert len(found), "nothing sounds"
        return since + int(found[0])

    def clip_of(self, slot: int) -> Clip:
        clip = self.session.state.slots[slot - 1].clip
        assert clip is not None
        return clip

    def close(self) -> None:
        self.clips.tidy(everything=True)
        self.session.close()
        self.memory.close()
        self.memory.unlink()
