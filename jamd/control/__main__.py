"""Entry of the control process; started by the supervisor, again if it should die."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import msgspec

from jamd import paths
from jamd.contract import messages as m
from jamd.contract.channel import ChannelServer
from jamd.contract.config import Config
from jamd.contract.errors import JamdError
from jamd.contract.memory import AudioMemory
from jamd.control.midi_desk import MidiDesk
from jamd.control.pacing import Pacing
from jamd.control.priority import to_the_front
from jamd.control.server import OscServer
from jamd.control.session import Session
from jamd.control.store import Saved, Store, read_snapshot, write_atomically

POLL_S = 0.002
SNAPSHOT_S = 0.05
STORE_S = 1.0
SAID_AGAIN_S = 5.0
"""After so long an error that goes on is told once more."""


class Control:
    """Session, channels, OSC and MIDI in one event loop.

    Args:
        snapshot: where the state is kept while the daemon runs; what lies there is gone on from.
    """

    def __init__(self, memory: AudioMemory, socket: Path, config: Config, snapshot: Path) -> None:
        self.config = config
        self.memory = memory
        self.channels = ChannelServer(socket, self._message)
        self.pacing = Pacing(self.channels.send)
        self._snapshot = snapshot
        before = read_snapshot(snapshot)
        self.session = Session(memory, config, self.pacing.send, self._log, before)
        self.osc = OscServer(self.session)
        self.store = Store(paths.state_folder(), self._log)
        self.done = asyncio.Event()
        self._is_new = before is None
        self._audio_is_fresh = False
        self._engine: m.EngineReady | None = None
        """What the engine that is there said when it was ready."""
        self._said: dict[str, float] = {}
        self._kept = 0
        self._stored = 0
        self._snapshot_at = self._store_at = 0.0

    def _log(self, line: str) -> None:
        self.osc.log(line)
        print(f"jamd: {line}", file=sys.stderr, flush=True)

    def _complain(self, error: Exception, where: str = "") -> None:
        """One line for what went wrong; not again and again."""
        text = str(error)
        if not isinstance(error, JamdError):  # a fault of ours: where it is
            frames = traceback.extract_tb(error.__traceback__)
            text = f"{type(error).__name__}: {error}" + (f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else "")
        line, now = " ".join((where + text).split()), time.monotonic()
        self._said = {said: at for said, at in self._said.items() if now - at < SAID_AGAIN_S}
        if line not in self._said:
            self._said[line] = now
            self._log(line)

    async def _message(self, role: str, message: m.Message | None) -> None:
        """What another process says, or that it has gone. Whatever goes wrong with it, the process is still heard."""
        try:
            self._take(role, message)
        except Exception as error:
            self._complain(error, f"{type(message).__name__} of {role}: " if message is not None else f"without {role}: ")

    def _take(self, role: str, message: m.Message | None) -> None:
        if message is None:
            if role == "supervisor":
                self.done.set()
            elif role == "engine":
                self.pacing.forget(role)
                self.session.engine_gone()
            elif role == "audio":
                self.session.audio_gone()
            return
        if isinstance(message, m.StopChild):
            if message.role == "control":
                self.done.set()
            else:
                self.channels.send(message.role, m.Shutdown())
        elif isinstance(message, m.Hello):
            if role == "engine":
                self._engine_came(message.fresh)
            elif role == "audio":
                self._audio_is_fresh = message.fresh
                if not message.fresh:
                    self.session.audio_came(fresh=False)
            self._announce()
        else:
            if isinstance(message, m.EngineReady):
                self._engine = message
            if isinstance(message, m.AudioFault | m.EngineError) and message.said:
                self.osc.log(message.message)
                return
            try:
                self.session.take(message)
            except Exception as error:  # what follows from it is done all the same
                self._complain(error, f"{type(message).__name__} of {role}: ")
            if isinstance(message, m.AudioReady):
                self.session.audio_came(fresh=self._audio_is_fresh)
                self._audio_is_fresh = False
            if isinstance(message, m.EngineReady | m.AudioReady):
                self._announce()

    def _engine_came(self, fresh: bool) -> None:
        """It is told everything, unless it plays on and this process has never lost it."""
        if fresh:
            self._engine = None
        elif self.session.state.engine.get("ready"):
            return
        self.pacing.forget("engine")
        self.channels.send("engine", self.session.engine_state())
        if self._engine is not None:  # it was ready before its channel broke, and does not say so again
            self.session.take(self._engine)

    def _announce(self) -> None:
        state = self.session.state
        if not state.audio or not state.engine.get("ready") or not self.channels.connected("supervisor"):
            return
        osc = self.config.osc
        self.channels.send(
            "supervisor",
            m.Ready(osc=f"{osc.host}:{osc.port}", backend=state.audio["backend"], model=state.engine["model"],
                    real_time_factor=state.engine["warm_up_real_time_factor"]),
        )  # fmt: skip

    def _keep(self, midi: MidiDesk, now: float) -> None:
        """The state, for a control process that may have to follow this one, and for the next run."""
        session = self.session
        if session.changes != self._kept and now >= self._snapshot_at:
            self._snapshot_at, self._kept = now + SNAPSHOT_S, session.changes
            try:
                write_atomically(self._snapshot, msgspec.json.encode(session.state))
            except OSError as error:
                self._log(f"no snapshot can be kept: {error}")
                self._snapshot_at = now + 60
        if session.store is not None and session.changes != self._stored and now >= self._store_at:
            self._store_at, self._stored = now + STORE_S, session.changes
            session.store.save(session.state, midi.saved(), session.slots.clips.unread)

    def _try(self, work: Callable[[], None]) -> None:
        """A turn of something. If it goes wrong, it is told, and comes round again."""
        try:
            work()
        except Exception as error:
            self._complain(error)

    async def _poll(self, midi: MidiDesk) -> None:
        count = 0
        while not self.done.is_set():
            self._try(self.session.poll)
            self._try(self.pacing.poll)
            count += 1
            if count % 5 == 0:
                self._try(self.osc.publish_due)
                self._try(lambda: self._keep(midi, time.monotonic()))
            await asyncio.sleep(POLL_S)

    def _restore(self, midi: MidiDesk) -> None:
        if not self._is_new:
            try:
                self.session.transport.sources.restore()
            except JamdError as error:
                self._log(f"the clock leads itself: {error}")
        saved: Saved | None = self.store.load() if self.config.audio.restore else None
        self.session.store = self.store if self.config.audio.restore else None
        if saved is None:
            return
        if self._is_new:
            self.session.restore(saved)
        else:  # what the process before had asked for and not read yet
            self.session.read_clips(one.slot for one in saved.slots if one.clip and self._waits(one.slot))
        midi.restore(saved.midi)

    def _waits(self, index: int) -> bool:
        """Whether a slot of the state that is gone on from waits for a clip: it would not, had it been cleared."""
        slots = self.session.state.slots
        return 0 <= index < len(slots) and slots[index].request != 0

    async def run(self) -> None:
        """Until the supervisor says so."""
        midi = MidiDesk(self.session)
        self.session.add_desk("midi", midi)
        self._restore(midi)
        await self.channels.start()
        try:
            self.osc.listen(self.config.osc.host, self.config.osc.port)
        except OSError as error:
            await self.channels.close()
            midi.close()
            raise JamdError(f"cannot listen on {self.config.osc.host}:{self.config.osc.port}: {error.strerror}", code="osc") from error
        to_the_front()
        poll = asyncio.create_task(self._poll(midi))
        await self.done.wait()
        await poll
        await asyncio.gather(*self.session.tasks, return_exceptions=True)
        if self.session.store is not None:
            self.session.store.save(self.session.state, midi.saved(), self.session.slots.clips.unread)
        self.session.close()
        midi.close()
        self.osc.close()
        await self.channels.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="jamd.control")
    parser.add_argument("--memory", required=True)
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--config", default="{}")
    parser.add_argument("--snapshot", type=Path, required=True)
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the supervisor stops its children in order
    memory = AudioMemory.attach(options.memory)

    async def go() -> None:
        await Control(memory, options.socket, msgspec.json.decode(options.config, type=Config), options.snapshot).run()

    try:
        asyncio.run(go())
    except JamdError as error:
        print(f"jamd: {error}", file=sys.stderr, flush=True)
        return 1
    finally:
        memory.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
