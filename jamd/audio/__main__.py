"""Entry of the audio process; started by the supervisor. Its main thread serves clips and connections, a thread of its own records; the
audio thread is compiled code."""

from __future__ import annotations

import argparse
import signal
import sys
import time
import traceback
from pathlib import Path
from types import TracebackType
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
    orderly = False
    try:
        channel = SteadyChannel(options.socket, "audio")
        output, block, ports = open_output(options.audio, memory, config)
        take = Take(memory, channel)
        begin = memory.frame
        output.start()
        wait_for_playing(memory, output, begin)
        backend = options.audio.split(":")[0]
        channel.send(m.AudioReady(backend=backend, rate=SAMPLE_RATE, block=block, ports=ports))
        status = serve(channel, output, clips, take, backend)
        orderly = status == 0
        return status
    except ChannelClosed:
        orderly = True
        return 0
    except JamdError as error:
        print(f"jamd: {error}", file=sys.stderr, flush=True)
        return error.exit_status
    finally:
        if take is not None:
            take.close()
        if output is not None:
            output.close()
        if orderly:  # else the process that follows takes the clips over
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


class Complaints:
    """Faults of one turn that must not end the music: each kind is told once."""

    def __init__(self, channel: SteadyChannel) -> None:
        self._channel = channel
        self._said: set[str] = set()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        if not isinstance(error, Exception) or isinstance(error, ChannelClosed):
            return False
        place = traceback.extract_tb(trace)[-1]
        line = " ".join(f"audio: {type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})".split())
        if line not in self._said:
            self._said.add(line)
            self._channel.send(m.AudioFault(message=line))
        return True


def serve(channel: SteadyChannel, output: Output, clips: ClipTable, take: Take, backend: str) -> int:
    """Clips, connections and takes, until told to stop or the output fails."""
    complaints = Complaints(channel)
    while True:
        for message in channel.receive(timeout=POLL_S):
            if isinstance(message, m.Shutdown):
                return 0
            with complaints:
                handle(message, channel, output, clips, take)
        with complaints:
            _look_after(channel, clips)
        with complaints:
            take.poll()
        if isinstance(output, SteadyJackOutput):
            with complaints:
                _look_after_jack(channel, output, backend)
        elif output.fault is not None:
            channel.send(m.AudioFault(message=output.fault, said=True))
            print(f"jamd: {output.fault}", file=sys.stderr, flush=True)
            return 1


def _look_after(channel: SteadyChannel, clips: ClipTable) -> None:
    for copy in clips.ready():
        if copy.error:
            channel.send(m.AudioFault(message=f"slot {copy.slot + 1} cannot be stretched: {copy.error}"))
        else:
            channel.send(m.ClipAttached(slot=copy.slot, name="", frames=copy.frames, waits=copy.waits))
    clips.tidy()


def _look_after_jack(channel: SteadyChannel, output: SteadyJackOutput, backend: str) -> None:
    line, changed = output.poll()
    if line:
        channel.send(m.AudioFault(message=line))
        if line.startswith("the JACK server is back"):
            channel.send(m.AudioReady(backend=backend, rate=SAMPLE_RATE, block=output.block, ports=output.ports))
    if changed or line:
        channel.send(m.Connections(pairs=output.wanted))


if __name__ == "__main__":
    sys.exit(main())
