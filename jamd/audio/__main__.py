"""Entry of the audio process; started by the supervisor. Its main thread serves clips and connections, a thread of its own records; the
audio thread is compiled code."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path
from typing import Protocol

import msgspec

from jamd.audio.clips import ClipTable
from jamd.audio.steady_output import SteadyJackOutput
from jamd.audio.take import Take
from jamd.contract import messages as m
from jamd.contract.config import Config
from jamd.contract.errors import AudioError, ChannelClosed, JamdError
from jamd.contract.memory import AudioMemory
from jamd.contract.steady import SteadyChannel
from jamd.contract.units import SAMPLE_RATE

START_S = 20.0
START_FRAMES = 4800
POLL_S = 0.05


class Output(Protocol):
    """What plays the mix."""

    fault: str | None

    def start(self) -> None: ...

    def close(self) -> None: ...


def open_output(kind: str, memory: AudioMemory, config: Config) -> tuple[Output, int, list[str]]:
    """The output that `--audio` names, its block size and its ports.

    Raises:
        AudioError: it cannot be opened.
    """
    if kind == "jack":
        jack = SteadyJackOutput(memory, config.audio.client, config.audio.connect)
        return jack, jack.block, jack.ports
    from bridges.offline import OfflineOutput
    from jamd.audio.offline_play import player

    if kind == "null":
        return OfflineOutput(player(memory), None), 128, []
    if kind.startswith("file:") and len(kind) > 5:
        return OfflineOutput(player(memory), Path(kind[5:])), 128, []
    raise AudioError(f"no audio output {kind!r}: there are jack, file:PATH and null", code="usage")


def main() -> int:
    parser = argparse.ArgumentParser(prog="jamd.audio")
    parser.add_argument("--memory", required=True)
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--config", default="{}")
    parser.add_argument("--audio", default="jack")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the supervisor stops its children in order
    config = msgspec.json.decode(options.config, type=Config)
    memory = AudioMemory.attach(options.memory)
    output: Output | None = None
    clips = ClipTable(memory)
    take: Take | None = None
    try:
        channel = SteadyChannel(options.socket, "audio")
        output, block, ports = open_output(options.audio, memory, config)
        take = Take(memory, channel)
        begin = memory.frame
        output.start()
        wait_for_playing(memory, output, begin)
        backend = options.audio.split(":")[0]
        channel.send(m.AudioReady(backend=backend, rate=SAMPLE_RATE, block=block, ports=ports))
        return serve(channel, output, clips, take, backend)
    except ChannelClosed:
        return 0
    except JamdError as error:
        print(f"jamd: {error}", file=sys.stderr, flush=True)
        return error.exit_status
    finally:
        if take is not None:
            take.close()
        if output is not None:
            output.close()
        clips.tidy(everything=True)
        memory.close()


def wait_for_playing(memory: AudioMemory, output: Output, begin: int = 0) -> None:
    """Ready means that the time line moves.

    Raises:
        AudioError: it does not.
    """
    deadline = time.monotonic() + START_S
    while memory.frame < begin + START_FRAMES:
        if output.fault is not None:
            raise AudioError(output.fault, code="jack")
        if time.monotonic() > deadline:
            raise AudioError(f"the audio output has not begun to play within {START_S:g} s", code="jack")
        time.sleep(0.01)


def handle(message: m.Message, channel: SteadyChannel, output: Output, clips: ClipTable, take: Take) -> None:
    """One message of control."""
    jack = output if isinstance(output, SteadyJackOutput) else None
    match message:
        case m.ClipAttach():
            try:
                waits = clips.attach(message.slot, message.name, message.frames, message.loop)
                channel.send(m.ClipAttached(slot=message.slot, name=message.name, frames=message.frames, waits=waits))
            except AudioError as error:
                channel.send(m.AudioFault(message=str(error)))
        case m.ClipDetach():
            clips.detach(message.slot)
        case m.ClipStretch():
            clips.stretch(message.slot, message.frames)
        case m.Connect() if jack is not None:
            jack.connect(message.pairs)
        case m.SetLatency() if jack is not None:
            jack.set_latency(message.frames)
        case m.RecordStart() | m.RecordStop():
            take.handle(message)


def serve(channel: SteadyChannel, output: Output, clips: ClipTable, take: Take, backend: str) -> int:
    """Clips, connections and takes, until told to stop or the output fails."""
    while True:
        for message in channel.receive(timeout=POLL_S):
            if isinstance(message, m.Shutdown):
                return 0
            handle(message, channel, output, clips, take)
        for copy in clips.ready():
            if copy.error:
                channel.send(m.AudioFault(message=f"slot {copy.slot + 1} cannot be stretched: {copy.error}"))
            else:
                channel.send(m.ClipAttached(slot=copy.slot, name="", frames=copy.frames, waits=copy.waits))
        clips.tidy()
        take.poll()
        if isinstance(output, SteadyJackOutput):
            line, changed = output.poll()
            if line:
                channel.send(m.AudioFault(message=line))
                if line.startswith("the JACK server is back"):
                    channel.send(m.AudioReady(backend=backend, rate=SAMPLE_RATE, block=output.block, ports=output.ports))
            if changed or (line and not changed):
                channel.send(m.Connections(pairs=output.wanted))
        elif output.fault is not None:
            channel.send(m.AudioFault(message=output.fault, said=True))
            print(f"jamd: {output.fault}", file=sys.stderr, flush=True)
            return 1


if __name__ == "__main__":
    sys.exit(main())
