"""Entry of the control process; started by the supervisor."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import msgspec

from bridges.midi import MidiInputs
from jamd.contract import messages as m
from jamd.contract.channel import ChannelServer
from jamd.contract.config import Config
from jamd.contract.errors import JamdError
from jamd.contract.memory import AudioMemory
from jamd.control.midi import MidiMap
from jamd.control.server import OscServer
from jamd.control.session import Session

POLL_S = 0.002


class Control:
    """Session, channels, OSC and MIDI in one event loop."""

    def __init__(self, memory: AudioMemory, socket: Path, config: Config) -> None:
        self.config = config
        self.memory = memory
        self.channels = ChannelServer(socket, self._message)
        self.session = Session(memory, config, self.channels.send, self._log)
        self.osc = OscServer(self.session)
        self.midi = MidiMap(self.session, config.midi, self.osc)
        self.done = asyncio.Event()
        self._announced = False

    def _log(self, line: str) -> None:
        self.osc.log(line)
        print(f"jamd: {line}", file=sys.stderr, flush=True)

    async def _message(self, role: str, message: m.Message | None) -> None:
        if message is None:
            if role == "supervisor":
                self.done.set()
            elif role == "engine":
                self.session.engine_gone()
            return
        if isinstance(message, m.StopChild):
            if message.role == "control":
                self.done.set()
            else:
                self.channels.send(message.role, m.Shutdown())
        elif isinstance(message, m.Hello) and message.role == "engine":
            self.channels.send("engine", self.session.engine_state())
        else:
            self.session.take(message)
            if isinstance(message, m.EngineReady | m.AudioReady | m.Hello):
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

    async def _poll(self) -> None:
        count = 0
        while not self.done.is_set():
            while (event := self.memory.midi.pop()) is not None:
                self.midi.handle(event[1])
            count += 1
            if count % 5 == 0:
                self.osc.publish_due()
            await asyncio.sleep(POLL_S)

    async def run(self) -> None:
        """Until the supervisor says so."""
        loop = asyncio.get_running_loop()
        await self.channels.start()
        try:
            transport, _ = await loop.create_datagram_endpoint(lambda: self.osc, local_addr=(self.config.osc.host, self.config.osc.port))
        except OSError as error:
            await self.channels.close()
            raise JamdError(f"cannot listen on {self.config.osc.host}:{self.config.osc.port}: {error.strerror}", code="osc") from error

        def from_rtmidi(message: bytes) -> None:
            loop.call_soon_threadsafe(self.midi.handle, message)

        inputs = MidiInputs(self.config.midi.ports, from_rtmidi)
        poll = asyncio.create_task(self._poll())
        await self.done.wait()
        await poll
        inputs.close()
        transport.close()
        await self.channels.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="jamd.control")
    parser.add_argument("--memory", required=True)
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--config", default="{}")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the supervisor stops its children in order
    memory = AudioMemory.attach(options.memory)

    async def go() -> None:
        await Control(memory, options.socket, msgspec.json.decode(options.config, type=Config)).run()

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
