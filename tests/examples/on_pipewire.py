"""Run inside a D-Bus session of its own: PipeWire with a null sink, jamd on its JACK, and a listener. Prints one line of JSON.

dbus-run-session -- python tests/examples/on_pipewire.py
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

QUANTUM = {"PIPEWIRE_QUANTUM": "256/48000"}
SINK = (
    "{ factory.name=support.null-audio-sink node.name=sink media.class=Audio/Sink object.linger=true "
    "audio.position=[FL FR] audio.rate=48000 }"
)
LISTEN = """
import sys, time, jack, numpy as np
client = jack.Client("listener", no_start_server=True)
port = client.inports.register("in")
blocks = []
client.set_process_callback(lambda frames: blocks.append(port.get_array().copy()))
client.activate()
deadline = time.monotonic() + 30
level = 0.0
while level < 1e-3 and time.monotonic() < deadline:
    source = client.get_ports("jamd:out_1")
    if source and not port.connections:
        client.connect(source[0], port)
    time.sleep(0.2)
    if blocks:
        level = float(np.sqrt((np.concatenate(blocks[-200:]) ** 2).mean()))
print(level, client.samplerate, client.blocksize)
client.deactivate()
client.close()
"""


@contextlib.contextmanager
def running(*words: str, log: Path) -> Iterator[subprocess.Popen[str]]:
    """A program for as long as the block lasts."""
    with log.open("w") as out:
        program = subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT, text=True, env=os.environ | QUANTUM, start_new_session=True)
    try:
        yield program
    finally:
        if program.poll() is None:
            os.killpg(program.pid, signal.SIGINT if "jamd" in words else signal.SIGTERM)
        program.wait(timeout=30)


def until(check: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            sys.exit(f"{what} did not happen within {seconds:g} s")
        time.sleep(0.1)


def output(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, env=os.environ | QUANTUM).stdout


def main(folder: Path, port: str) -> None:
    jamd = (sys.executable, "-m", "jamd")
    with (
        running("pipewire", log=folder / "pipewire.log"),
        running("wireplumber", log=folder / "wireplumber.log"),
        contextlib.ExitStack() as stack,
    ):
        until(lambda: "core" in output("pw-cli", "info", "0").lower(), 10, "the start of PipeWire")
        output("pw-cli", "create-node", "adapter", SINK)
        until(lambda: "sink:playback_FL" in output("pw-jack", "jack_lsp"), 10, "the null sink")
        stack.enter_context(running("pw-jack", *jamd, "run", "--osc", f"127.0.0.1:{port}", log=folder / "jamd.log"))
        send = (*jamd, "send", "--connect", f"127.0.0.1:{port}")
        until(lambda: '"ready": true' in output(*send, "/status"), 120, "the daemon")
        until(lambda: "jamd:out_1" in output("pw-jack", "jack_lsp"), 10, "jamd's ports")
        output(*send, "/jam/start")
        level, rate, block = output("pw-jack", sys.executable, "-c", LISTEN).split()
        output(*send, "/jam/stop")
        print(json.dumps({"level": float(level), "rate": int(rate), "block": int(block)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
