"""A recorded take, played again: the same model told the same things at the same steps, the same mixer given the same commands.

The sound is made anew from `events.jsonl` and the clips beside it, not copied from the recording; on the same machine with the same
weights it comes out the same, but for what an overload left out.
"""

from __future__ import annotations

import json
import secrets
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import soundfile
from numpy.typing import NDArray

from jamd.adapter_folders import find_adapter
from jamd.audio.clips import ClipTable
from jamd.audio.offline_play import player
from jamd.audio.stretch import stretch_loop
from jamd.contract import messages as m
from jamd.contract.chart import parse_chart, parse_chord
from jamd.contract.clock import Clock
from jamd.contract.errors import FailureError, JamdError
from jamd.contract.layout import AudioOp, Level, SlotLevel, SlotState, SlotWord, Word
from jamd.contract.memory import AudioMemory, share_audio
from jamd.contract.units import PARTS, SAMPLE_RATE
from jamd.control.journal import NAME, Entry, JournalHead, first_frame, read_journal
from jamd.engine.adapters import EngineAdapters
from jamd.engine.history import History
from jamd.engine.jam import Jam
from jamd.engine.situations import set_param
from model.generator.models import Models
from model.generator.situation import Situation

BLOCK: Final = 128
DEPTH: Final = 9600


class _Band:
    """The jam of the take, told again what it was told."""

    def __init__(self, models: Models, memory: AudioMemory, inputs: list[Entry]) -> None:
        self._models = models
        self._memory = memory
        self._adapters = EngineAdapters(models, lambda _: None)
        self._jam = Jam(models, memory, DEPTH, History(lambda _: None), self._adapters.before_step)
        self._inputs = deque(inputs)
        self._situation: Situation | None = None
        self._params: dict[str, float] = {}

    def advance(self) -> bool:
        """Do the next thing; False when time has to pass first."""
        if self._inputs and self._is_due(self._inputs[0]):
            self._tell(self._inputs.popleft())
            return True
        return self._jam.advance()

    def _is_due(self, entry: Entry) -> bool:
        steps = int(entry.arguments[0])
        if json.loads(entry.address)["kind"] == "begin" or self._jam.performer is None:
            return self._memory.frame >= entry.frame
        return self._jam.performer.steps >= steps

    def _tell(self, entry: Entry) -> None:
        value = json.loads(entry.address)
        kind, body = value["kind"], value["body"]
        performer = self._jam.performer
        if kind == "begin":
            self._begin(body)
            return
        if self._situation is None or performer is None:
            return
        while performer.plan.written < int(entry.arguments[1]):
            if not performer.plan.extend(float("inf"), 1):
                break
        if kind == "adapters":
            self._use(body)
            return
        if kind == "skip":
            performer.skip(int(body))
            self._memory.stream.skip_to(performer.frame)
            return
        message: m.Message = msgspec.convert(body, m.AnyMessage)
        try:
            self._jam.tell(self._situation, self._params, message)
        except JamdError:
            pass  # it could not be done then either

    def _use(self, pairs: list[list[Any]]) -> None:
        """The adapters of the take, from the step that comes next on.

        Raises:
            FailureError: one of them is no longer there.
        """
        mix = [(str(name), float(value)) for name, value in pairs]
        for name, _ in mix:
            if name not in self._adapters.rack.entries():
                self._adapters.rack.load(find_adapter(name))
        if [name for name, _ in mix] == [name for name, _ in self._adapters.chosen]:
            self._adapters.turn(mix)
        else:
            self._adapters.use(mix, 0)

    def _begin(self, body: dict[str, Any]) -> None:
        situation = Situation(
            clock=msgspec.convert(body["clock"], Clock),
            charts=[(bar, parse_chart(text)) for bar, text in body["charts"]],
            since=[float(beat) for beat in body.get("since", [])],
        )
        situation.overrides = [(beat, parse_chord(text) if text else None) for beat, text in body["overrides"]]
        situation.parts.update({name: bool(body["parts"].get(name, True)) for name in PARTS})
        situation.style = self._models.read_style(body["style"])
        situation.trade = (body["trade"][0], body["trade"][1])
        self._params = {}
        for name, value in body["params"].items():
            set_param(situation, [], self._params, name, value)
        if body["follows"] and self._situation is not None:
            situation = self._situation
        self._situation = situation
        if [list(pair) for pair in self._adapters.rack.active] != body["adapters"]:
            self._use(body["adapters"])
        if self._jam.performer is None:
            self._adapters.settle()
        self._jam.start(situation, self._params, body["frame"], body["seed"], follows=body["follows"])


class _Desk:
    """The slots and the mixer of the take."""

    def __init__(self, memory: AudioMemory, folder: Path, entries: list[Entry]) -> None:
        self._memory = memory
        self._folder = folder
        self._clips = ClipTable(memory)
        self._entries = deque(sorted(entries, key=lambda entry: entry.frame))  # they are noted when they are given, not when due
        self._made: dict[int, NDArray[np.float32]] = {}

    def set_up(self, first: int, state: dict[str, Any]) -> None:
        """The mixer as it was at the take's first frame."""
        levels, words = self._memory.levels, self._memory.arrays["slot_words"]
        levels[Level.JAM_GAIN] = levels[Level.JAM_TARGET] = state["jam_gate"]
        levels[Level.MASTER_GAIN] = levels[Level.MASTER_TARGET] = state["master"]
        for slot in state["slots"]:
            index = slot["slot"]
            self._load(index, slot["file"], slot["loop"])
            if slot["frames"] != len(self._made[index]):
                self._stretch(index, slot["frames"])
            gains = self._memory.arrays["slot_levels"][index]
            gains[SlotLevel.GAIN] = gains[SlotLevel.NOW] = slot["gain"]
            if slot["state"] in (SlotState.PLAYING, SlotState.STOPPING):
                past = first - slot["started"]
                words[index, SlotWord.POSITION] = past % slot["frames"]
                words[index, SlotWord.STARTED] = first - past % slot["frames"]
                words[index, SlotWord.STATE] = SlotState.PLAYING
                gains[SlotLevel.RAMP] = 1.0
            if slot["launch_at"] is not None and slot["launch_at"] >= first:
                self._memory.commands.push(AudioOp.SLOT_LAUNCH, slot["launch_at"], index)
            if slot["stop_at"] is not None and slot["stop_at"] >= first - SAMPLE_RATE // 100:
                self._memory.commands.push(AudioOp.SLOT_STOP, slot["stop_at"], index)

    def _share(self, index: int, audio: NDArray[np.float32], loop: bool) -> None:
        name = f"{self._memory.name}-{secrets.token_hex(4)}"
        share_audio(audio, name)
        self._clips.attach(index, name, len(audio), loop)

    def _load(self, index: int, name: str, loop: int) -> None:
        try:
            audio, _ = soundfile.read(str(self._folder / name), dtype="float32", always_2d=True)
        except (OSError, soundfile.SoundFileError) as error:
            raise FailureError(f"cannot read {name} of the take: {error}") from error
        self._made[index] = audio
        self._share(index, audio, bool(loop))

    def _stretch(self, index: int, frames: int) -> None:
        made = self._made[index]
        loop = bool(self._memory.arrays["slot_words"][index, SlotWord.LOOP])
        self._share(index, made if frames == len(made) else stretch_loop(made, frames), loop)

    def until(self, frame: int) -> None:
        """Give the audio thread what it was given before a frame."""
        while self._entries and self._entries[0].frame < frame:
            entry = self._entries.popleft()
            if entry.address == "CLIP":
                index, name, _ = entry.arguments
                self._load(index, name, int(self._memory.arrays["slot_words"][index, SlotWord.LOOP]) or 1)
            elif entry.address == "STRETCH":
                self._stretch(*entry.arguments)
            elif entry.address in AudioOp.__members__:
                index, value = entry.arguments
                self._memory.commands.push(AudioOp[entry.address], entry.frame, index, value)
        self._clips.tidy()

    def close(self) -> None:
        self._clips.tidy(everything=True)


def read_take(folder: Path) -> tuple[JournalHead, list[Entry], int, int]:
    """Head, entries, first frame and length of a take.

    Raises:
        FailureError: the folder holds none, or it has no sound to be compared with.
    """
    head, entries = read_journal(folder / NAME)
    first = first_frame(head, entries)
    mix = next((path for path in (folder / "mix.wav", folder / "mix.flac") if path.is_file()), None)
    if mix is None:
        raise FailureError(f"{folder} holds no mix: it is no take, or its recording failed")
    return head, entries, first, soundfile.info(str(mix)).frames


def replay(folder: Path, models: Models) -> Iterator[NDArray[np.float32]]:
    """The mix of a take, block by block. Shape of each: [frames, 2].

    Raises:
        FailureError: it cannot be read.
    """
    head, entries, first, length = read_take(folder)
    inputs = [entry for entry in entries if entry.kind == "engine"]
    memory = AudioMemory.create(f"jamd-replay-{secrets.token_hex(4)}")
    desk = _Desk(memory, folder, [entry for entry in entries if entry.kind == "audio"])
    try:
        play = player(memory)
        memory.header[Word.FRAME] = min([first, *(entry.frame for entry in inputs[:1])])
        band = _Band(models, memory, inputs)
        is_set_up = False
        while memory.frame < first + length:
            while band.advance():
                pass
            count = min(BLOCK, (first if memory.frame < first else first + length) - memory.frame)
            if memory.frame >= first:
                if not is_set_up:
                    desk.set_up(first, head.state)
                    is_set_up = True
                desk.until(memory.frame + count)
            buffer = np.zeros((6, count), np.float32)
            play(buffer)
            if is_set_up:
                yield buffer[:2].T
    finally:
        desk.close()
        memory.close()
        memory.unlink()


def write_replay(folder: Path, out: Path, models: Models) -> int:
    """Play a take into a 24-bit WAV file; returns its frames.

    Raises:
        FailureError: the take cannot be read, or the file not written.
    """
    frames = 0
    try:
        with soundfile.SoundFile(str(out), "w", SAMPLE_RATE, 2, "PCM_24") as file:
            for block in replay(folder, models):
                file.write(block)
                frames += len(block)
    except (OSError, soundfile.SoundFileError) as error:
        raise FailureError(f"cannot write {out}: {error}") from error
    return frames
