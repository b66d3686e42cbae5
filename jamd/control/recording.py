"""The recorder's desk: takes with their sound, their clips and the journal from which they can be played again.

A take's folder holds mix, jam, slots and input as 24-bit files, `events.jsonl`, and `clips/` with what was in the slots.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from jamd import __version__, paths
from jamd.contract import messages as m
from jamd.contract.errors import MessageError
from jamd.contract.folders import inside
from jamd.contract.layout import Level
from jamd.contract.units import SAMPLE_RATE
from jamd.control import clip_files
from jamd.control.desk import ASKED, Desk, Tell, tell_late
from jamd.control.journal import NAME, Journal, JournalHead, Kind
from jamd.control.state import Clip
from jamd.control.takes import Takes

if TYPE_CHECKING:
    from jamd.control.session import Session

LEAD_MS = 30.0


class Recording(Desk):
    """Actions of `/record/...`."""

    _journal: Journal | None = None
    _began = 0
    _clips = 0
    _last = ""
    _ending = False
    _next: tuple[str | None, Tell | None] | None = None
    """A take that was asked for while another one ends, and by whom."""
    _by: Tell | None = None

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._takes = Takes()

    def start(self, name: str | None = None) -> None:
        state = self.state
        if state.recording and self._ending and self._next is None:
            self._next = name, ASKED.get()
            return
        if state.recording:
            raise MessageError(f"a take is being recorded already, to {Path(state.recording).name}", code="record")
        if not state.audio:
            raise MessageError("the audio process is not there: try again in a moment", code="record")
        folder = inside(paths.sessions_folder(), name or time.strftime("%Y-%m-%d %H.%M.%S"))
        if folder.exists() and any(folder.iterdir()):
            raise MessageError(f"the folder {folder.name} has something in it: choose another name", code="file")
        frame = self.ahead(LEAD_MS)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MessageError(f"cannot make the folder {folder}: {error.strerror}", code="file") from error
        head = JournalHead(
            jamd=__version__, model=str(state.engine.get("model", "")), frame=frame, rate=SAMPLE_RATE, state=self._snapshot(folder)
        )
        if not self.send("audio", m.RecordStart(folder=str(folder), format=self.session.config.audio.record, frame=frame)):
            raise MessageError("the audio process is not there: try again in a moment", code="record")
        self._by = ASKED.get()
        self._journal = Journal(folder / NAME, head, self.log)
        state.recording = str(folder)
        self._began = frame
        self.send("engine", m.JournalOn(on=True))

    def _snapshot(self, folder: Path) -> dict[str, Any]:
        """What the audio thread plays at this moment, and everything that is wanted; the clips are being copied."""
        memory, state = self.session.memory, self.state
        slots = []
        self._clips = 0
        for index, slot in enumerate(state.slots):
            if slot.clip is None or not slot.attached:
                continue
            view = memory.slot(index)
            slots.append({
                "slot": index, "file": self._copy(folder, index, slot.clip), "state": int(view.state), "started": view.started,
                "frames": view.frames, "gain": view.gain, "loop": slot.setup.loop,
                "launch_at": slot.launch_at, "stop_at": slot.stop_at,
            })  # fmt: skip
        return {
            "wanted": msgspec.to_builtins(state), "slots": slots, "now": memory.frame,
            "jam_gate": float(memory.levels[Level.JAM_TARGET]), "master": float(memory.levels[Level.MASTER_TARGET]),
        }  # fmt: skip

    def _copy(self, folder: Path, index: int, clip: Clip) -> str:
        """Keep a clip of the take; returns the name that its file will have."""
        self._clips += 1
        name = f"clips/{self._clips:03d}-slot-{index + 1}.wav"
        self.session.slots.clips.later(index, lambda: clip_files.save(folder / name, clip, "FLOAT"), lambda _: None)
        return name

    def keep_clip(self, index: int, clip: Clip) -> None:
        """A clip has come to a slot while a take is recorded."""
        if self._journal is not None and self.state.recording:
            self.note("audio", self.now, "CLIP", [index, self._copy(Path(self.state.recording), index, clip), clip.frames])

    def stop(self) -> None:
        if not self.state.recording:
            raise MessageError("nothing is being recorded", code="record")
        self._ending, self._next = True, None
        self.send("audio", m.RecordStop())

    def note(self, kind: Kind, frame: int, address: str, arguments: Sequence[Any] = ()) -> None:
        """A line of the journal, if a take is being recorded."""
        if self._journal is not None:
            self._journal.write(kind, frame, address, arguments)

    def engine_is_back(self) -> None:
        """A new engine has to be told that it is listened to."""
        if self._journal is not None:
            self.send("engine", m.JournalOn(on=True))

    def take(self, message: m.EngineInput | m.RecordEvent) -> None:
        """What the engine was told, and what the recorder says."""
        if isinstance(message, m.EngineInput):
            self.note("engine", message.frame, message.text, [message.steps, message.planned])
            return
        self._last = message.text
        self._takes.forget()
        self.log(message.text)
        if message.kind == "started":
            self._began = message.frame
            self.note("audio", message.frame, "FIRST")
        elif message.kind in ("stopped", "failed"):
            if message.kind == "failed":
                tell_late(self._by, message.text, "record")
            self._end()

    def _end(self) -> None:
        self.send("engine", m.JournalOn(on=False))
        if self._journal is not None:
            self._journal.close()
        self._journal, self.state.recording, self._ending = None, "", False
        if self._next is not None:
            (name, by), self._next = self._next, None
            try:
                self.start(name)
            except MessageError as error:
                self.log(str(error))
                tell_late(by, str(error), error.code)
            self._by = by

    def close(self) -> None:
        """The daemon ends: the journal is whole."""
        if self._journal is not None:
            self._journal.close()

    def view(self) -> dict[str, Any]:
        folder = self.state.recording
        seconds = max(self.now - self._began, 0) / SAMPLE_RATE if folder else 0.0
        root = str(paths.sessions_folder().resolve())
        name = os.path.relpath(folder, root) if folder else ""
        return {"recording": bool(folder), "folder": name, "seconds": round(seconds, 1), "last": self._last}

    def takes_view(self) -> dict[str, Any]:
        """What has been recorded, the newest first."""
        return self._takes.view(paths.sessions_folder().resolve(), self.state.recording)

    def tell_all(self) -> str:
        return json.dumps(self.takes_view())

    def value(self, action: str, which: Any) -> Any:
        return self.state.recording
