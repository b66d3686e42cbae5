"""Entry of the control process; started by the supervisor, again if it should die."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
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
        self._kept = 0
        self._stored = 0
        self._snapshot_at = self._store_at = 0.0

    def _log(self, line: str) -> None:
        self.osc.log(line)
        print(f"jamd: {line}", file=sys.stderr, flush=True)

    async def _message(self, role: str, message: m.Message | None) -> None:
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
            if role == "engine" and message.fresh:
                self.pacing.forget(role)
                self.channels.send("engine", self.session.engine_state())
            elif role == "audio":
                self._audio_is_fresh = message.fresh
                if not message.fresh:
                    self.session.audio_came(fresh=False)
            self._announce()
        else:
            self.session.take(message)
            if isinstance(message, m.AudioReady):
                self.session.audio_came(fresh=self._audio_is_fresh)
                self._audio_is_fresh = False
            if isinstance(message, m.EngineReady | m.AudioReady):
                self._announce()

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
            session.store.save(session.state, midi.saved())

    async def _poll(self, midi: MidiDesk) -> None:
        count = 0
        while not self.done.is_set():
            try:
                self.session.poll()
            except JamdError as error:  # too many commands wait: the next turn tries again
                self.osc.log(str(error))
            self.pacing.poll()
            count += 1
            if count % 5 == 0:
                self.osc.publish_due()
                self._keep(midi, time.monotonic())
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
        midi.restore(saved.midi)

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
            self.session.store.save(self.session.state, midi.saved())
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
