"""Starts the processes, watches them, and stops them in reverse order, leaving nothing behind.

    control (socket, OSC) > audio (JACK) > engine (model)

The supervisor owns the shared memory: it makes it first and removes it last, together with every clip of the run. A process that dies
is started again: engine and audio get their state from control, control from the snapshot that it keeps in the run's folder, and the
others play on meanwhile. What fails at its first start, or five times in a minute, ends the run.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from jamd.contract import messages as m
from jamd.contract.config import Config
from jamd.contract.errors import AudioError, ChannelClosed, FailureError
from jamd.contract.memory import AudioMemory
from jamd.contract.steady import SteadyChannel

STOP_S = 5.0
MAX_RESTARTS = 5
START_S = 120.0
SAID = 1
"""Exit status of a process that has written on its standard error why it ends."""


@dataclass(frozen=True)
class RunOptions:
    audio: str = "jack"
    model: str = "small"
    device: str = "auto"
    config: Config = field(default_factory=Config)


def check_audio(kind: str) -> None:
    """See at once whether the output can work, before any process is started.

    Raises:
        AudioError: no JACK server, a wrong rate, or a file that cannot be.
    """
    if kind == "jack":
        import bridges.jack

        bridges.jack.open_client("jamd-probe").close()
    elif kind.startswith("file:"):
        folder = Path(kind[5:]).resolve().parent
        if not kind[5:] or not folder.is_dir():
            raise AudioError(f"cannot write {kind[5:]!r}: there is no folder {folder}", code="file")


class Supervisor:
    """One run."""

    def __init__(self, options: RunOptions, say: Callable[[str], None] = print) -> None:
        self.options = options
        self._say = say
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._restarts: dict[str, deque[float]] = {role: deque(maxlen=MAX_RESTARTS) for role in ("control", "audio", "engine")}
        self._was_ready = False
        self._stopping = False
        self._prefix = f"jamd-{os.getpid()}-{secrets.token_hex(3)}"
        self._folder = Path(tempfile.mkdtemp(prefix="jamd-"))
        self._socket = self._folder / "control.sock"

    def _spawn(self, role: str, *extra: str) -> None:
        config = msgspec.json.encode(self.options.config).decode()
        command = [sys.executable, "-m", f"jamd.{role}", "--memory", self._prefix, "--socket", str(self._socket)]
        self._children[role] = subprocess.Popen([*command, "--config", config, *extra], stdin=subprocess.DEVNULL)

    def _start(self, role: str) -> None:
        extra = {
            "control": ("--snapshot", str(self._folder / "state.json")),
            "audio": ("--audio", self.options.audio),
            "engine": ("--model", self.options.model, "--device", self.options.device),
        }
        self._spawn(role, *extra[role])

    def run(self) -> int:
        """Until a signal or a failure; returns the exit status.

        A process that ends with 1 at its first start has said why, and nothing is added.

        Raises:
            FailureError: a process ended otherwise, or again and again.
        """
        check_audio(self.options.audio)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        memory = AudioMemory.create(self._prefix)
        channel: SteadyChannel | None = None
        try:
            self._start("control")
            channel = self._connect()
            if channel is None:
                return SAID
            self._start("audio")
            self._start("engine")
            return self._watch(channel)
        finally:
            self._end(channel)
            memory.close()
            memory.unlink()
            for left in Path("/dev/shm").glob(f"{self._prefix}*"):
                left.unlink(missing_ok=True)
            shutil.rmtree(self._folder, ignore_errors=True)

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _connect(self) -> SteadyChannel | None:
        """The channel to control; None where control has said why there is none."""
        deadline = time.monotonic() + START_S
        while True:
            status = self._children["control"].poll()
            if status == SAID:
                return None
            if status is not None:
                raise FailureError(f"the control process ended with status {status}")
            try:
                return SteadyChannel(self._socket, "supervisor", watch_parent=False, timeout=0.2)
            except ChannelClosed:
                if self._stopping or time.monotonic() > deadline:
                    raise

    def _watch(self, channel: SteadyChannel) -> int:
        while not self._stopping:
            for message in channel.receive(timeout=0.1):
                if isinstance(message, m.Ready) and not self._was_ready:
                    self._was_ready = True
                    self._say(
                        f"jamd: ready osc={message.osc} audio={message.backend} model={message.model} "
                        f"real_time_factor={message.real_time_factor:.2f}"
                    )
            for role, child in list(self._children.items()):
                status = child.poll()
                if status is None:
                    continue
                if not self._was_ready and status == SAID:
                    return SAID
                if not self._was_ready and role != "engine":
                    raise FailureError(f"the {role} process ended with status {status}")
                self._restart(role, status)
        return 0

    def _restart(self, role: str, status: int) -> None:
        now = time.monotonic()
        restarts = self._restarts[role]
        if len(restarts) == MAX_RESTARTS and now - restarts[0] < 60:
            raise FailureError(f"the {role} process failed {MAX_RESTARTS} times in a minute")
        restarts.append(now)
        print(f"jamd: the {role} process ended with status {status} and is started again", file=sys.stderr, flush=True)
        self._start(role)

    def _end(self, channel: SteadyChannel | None) -> None:
        """Engine, audio, control: each is asked, then given time, then killed."""
        for role in ("engine", "audio", "control"):
            child = self._children.get(role)
            if child is None:
                continue
            if child.poll() is None and channel is not None and channel.connected:
                channel.send(m.StopChild(role=role))
            elif child.poll() is None:
                child.kill()
            try:
                child.wait(timeout=STOP_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        if channel is not None:
            channel.close()
