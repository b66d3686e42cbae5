"""A flood of OSC, and of MIDI: `python -m tests.flood PORT SECONDS [--rate 2000] [--midi 1000]`, and a watch over the daemon meanwhile.

Half of the packets are messages to real addresses with arguments that fit or nearly do, the other half is nonsense of all kinds. What
would end the music as it should (stop, panic, parts off, another clock), or write files, is left out.
"""

from __future__ import annotations

import argparse
import random
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Any

import psutil

from bridges.osc import build
from jamd.client import OscClient
from jamd.contract.arguments import Argument
from jamd.contract.errors import FailureError
from jamd.contract.parameters import ROUTES

LEFT_OUT = ("/jam/panic", "/jam/stop", "/jam/part/", "/jam/trade", "/clock/stop", "/clock/source", "/clock/master", "/clock/latency",
            "/clock/locate", "/clock/tempo", "/clock/metronome", "/gain", "/record/", "/midi/", "/subscribe", "/slot/N/save")  # fmt: skip
TEXTS = ("| Dm7 | G7 | Cmaj7 | A7 |", "3/4 | F | C7 |", "C7", "Ebmaj7", "ballad", "tone.wav", "../x", "Q", "| Xy |", "", "x" * 400)
SLOTS_USED = 4
TICK_S = 0.005


def argument(dice: random.Random, wanted: Argument) -> Any:
    """A value that an argument takes, mostly."""
    if dice.random() < 0.1:
        return dice.choice([-1, 1e9, float("nan"), "text", True, 2**31 - 1])
    if wanted.choices:
        return dice.choice(wanted.choices)
    if wanted.kind == "string":
        return dice.choice(TEXTS)
    low, high = wanted.low or 0.0, min(wanted.high if wanted.high is not None else 1.0, 2.0 if wanted.name == "bars" else 1e9)
    value = dice.uniform(low, max(high, low))
    return round(value) if wanted.kind == "int" else value


def valid(dice: random.Random) -> bytes:
    """A message of the table."""
    while True:
        route = dice.choice(ROUTES)
        if not route.template.startswith(LEFT_OUT):
            break
    address = route.template.replace("/N/", dice.choice([f"/{dice.randint(1, SLOTS_USED)}/", "/[1-4]/"]))
    count = dice.randint(0 if route.setter else sum(not a.optional for a in route.arguments), len(route.arguments))
    return build(address, *(argument(dice, one) for one in route.arguments[:count]))


def nonsense(dice: random.Random) -> bytes:
    """Anything but a message that can be done."""
    kind = dice.randrange(6)
    if kind == 0:
        return dice.randbytes(dice.randint(0, 200))
    if kind == 1:
        return build("/" + "".join(dice.choices("abcdejmnoprst/0123", k=dice.randint(1, 40))), dice.random())
    if kind == 2:
        whole = bytearray(valid(dice))
        whole[dice.randrange(len(whole))] = dice.randrange(256)
        return bytes(whole)
    if kind == 3:
        return build("/" + "".join(dice.choices("slot/*?[]{},!12jam", k=dice.randint(1, 30))))
    if kind == 4:
        inner = nonsense(dice) if dice.random() < 0.3 else valid(dice)
        tag = dice.choice([1, dice.getrandbits(64), int((time.time() + 2208988800 + dice.random()) * 2**32)])
        return b"#bundle\0" + struct.pack(">Qi", tag, len(inner)) + inner
    return build("/slot/1/name", "x" * dice.choice([100, 1000, 20_000]))


def midi(dice: random.Random) -> list[int]:
    """A short message; the two controllers that stop everything are left out."""
    status = dice.choice([0x80, 0x90, 0xA0, 0xB0, 0xC0, 0xD0, 0xE0, 0xF8]) | 0
    if status == 0xF8:
        return [status]
    first, second = dice.randrange(120), dice.randrange(128)
    channel = dice.choice([0, 0, 9, dice.randrange(16)])
    return [status | channel, first] if status in (0xC0, 0xD0) else [status | channel, first, second]


def pour(port: int, seconds: float, rate: float, midi_rate: float, seed: int) -> tuple[int, int]:
    """Send at a steady rate; how many packets and MIDI messages there were."""
    dice = random.Random(seed)
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    packets = [valid(dice) if index % 2 else nonsense(dice) for index in range(8_000)]
    keys = None
    if midi_rate:
        import jack
        import rtmidi

        keys = rtmidi.MidiOut(rtapi=rtmidi.API_UNIX_JACK, name="flood")
        keys.open_virtual_port("out")
        client = jack.Client("flood-connector", no_start_server=True)
        client.connect(next(p for p in client.get_ports(is_midi=True, is_output=True) if p.name.startswith("flood")), "jamd:midi_in")
        client.close()
    began = time.monotonic()
    sent = played = 0
    while (passed := time.monotonic() - began) < seconds:
        while sent < passed * rate:
            out.sendto(packets[dice.randrange(len(packets))], ("127.0.0.1", port))
            sent += 1
        while keys is not None and played < passed * midi_rate:
            keys.send_message(midi(dice))
            played += 1
        time.sleep(TICK_S)
    return sent, played


@dataclass
class Watch:
    """What was seen of a daemon while it was flooded."""

    pings_ms: list[float] = field(default_factory=list)
    unanswered: int = 0
    memory: dict[int, list[int]] = field(default_factory=dict)
    """By process: bytes of its own, looked at again and again."""
    names: dict[int, str] = field(default_factory=dict)

    def grown(self) -> dict[str, float]:
        """Megabytes by which the last third's mean is above the first's."""
        out = {}
        for pid, seen in self.memory.items():
            third = max(len(seen) // 3, 1)
            out[self.names[pid]] = (sum(seen[-third:]) - sum(seen[:third])) / third / 1e6
        return out


def processes(daemon: int) -> dict[int, str]:
    """Process ids of the daemon and its parts, with their names; helpers of the interpreter left out."""
    found = {}
    for process in [psutil.Process(daemon), *psutil.Process(daemon).children()]:
        line = process.cmdline()
        if "-m" in line and (name := line[line.index("-m") + 1]).startswith("jamd"):
            found[process.pid] = name
    return found


def watch(daemon: int, port: int, seconds: float, settle: float = 2.0) -> Watch:
    """Ping, and look at the memory, from the end of the first seconds on."""
    seen = Watch(names=processes(daemon))
    client = OscClient(("127.0.0.1", port))
    began = time.monotonic()
    try:
        while (passed := time.monotonic() - began) < seconds:
            at = time.monotonic()
            try:
                client.ask("/ping", expect="/pong", timeout=1.0)
                seen.pings_ms.append((time.monotonic() - at) * 1000)
            except FailureError:
                seen.unanswered += 1
            if passed > settle:
                for pid in seen.names:
                    try:
                        seen.memory.setdefault(pid, []).append(psutil.Process(pid).memory_full_info().uss)
                    except psutil.NoSuchProcess:
                        pass
            time.sleep(0.1)
    finally:
        client.close()
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--rate", type=float, default=2000.0)
    parser.add_argument("--midi", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(*pour(options.port, options.seconds, options.rate, options.midi, options.seed))


if __name__ == "__main__":
    main()
