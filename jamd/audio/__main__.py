"""Entry of the audio process; started by the supervisor. Its main thread serves clips; the audio thread is compiled code."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path
from typing import Protocol

import msgspec

from jamd.audio.clips import ClipTable
from jamd.contract import messages as m
from jamd.contract.channel import Channel
from jamd.contract.config import Config
from jamd.contract.errors import AudioError, ChannelClosed, JamdError
from jamd.contract.memory import AudioMemory
from jamd.contract.units import SAMPLE_RATE

START_S = 20.0
START_FRAMES = 4800


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
        from jamd.audio.jack_output import JackOutput

        jack = JackOutput(memory, config.audio.client, config.audio.connect)
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
    try:
        channel = Channel.connect(options.socket, "audio")
        output, block, ports = open_output(options.audio, memory, config)
        output.start()
        wait_for_playing(memory, output)
        channel.send(m.AudioReady(backend=options.audio.split(":")[0], rate=SAMPLE_RATE, block=block, ports=ports))
        return serve(channel, output, clips)
    except ChannelClosed:
        return 0
    except JamdError as error:
        print(f"jamd: {error}", file=sys.stderr, flush=True)
        return error.exit_status
    finally:
        if output is not None:
            output.close()
        clips.tidy(everything=True)
        memory.close()


def wait_for_playing(memory: AudioMemory, output: Output) -> None:
    """Ready means that the time line moves.

    Raises:
        AudioError: it does not.
    """
    deadline = time.monotonic() + START_S
    while memory.frame < START_FRAMES:
        if output.fault is not None:
            raise AudioError(output.fault, code="jack")
        if time.monotonic() > deadline:
            raise AudioError(f"the audio output has not begun to play within {START_S:g} s", code="jack")
        time.sleep(0.01)


def serve(channel: Channel, output: Output, clips: ClipTable) -> int:
    """Clips in and out, until told to stop or the output fails."""
    while True:
        for message in channel.receive(timeout=0.2):
            if isinstance(message, m.Shutdown):
                return 0
            if isinstance(message, m.ClipAttach):
                try:
                    clips.attach(message.slot, message.name, message.frames, message.loop)
                    channel.send(m.ClipAttached(slot=message.slot, name=message.name))
                except AudioError as error:
                    channel.send(m.AudioFault(message=str(error)))
            elif isinstance(message, m.ClipDetach):
                clips.detach(message.slot)
                channel.send(m.ClipDetached(slot=message.slot))
        clips.tidy()
        if output.fault is not None:
            channel.send(m.AudioFault(message=output.fault))
            print(f"jamd: {output.fault}", file=sys.stderr, flush=True)
            return 1


if __name__ == "__main__":
    sys.exit(main())
