"""Ardour leads jamd: its transport starts and stops the band, its markers are charts.

    python examples/ardour/follow.py [--jamd HOST:PORT] [--ardour HOST:PORT]

Ardour (OSC control surface on, port 3819) sends its state to whoever sent /set_surface. A marker `| Dm7 | G7 |` is a chart,
`style: slow ballad` a style. The clock is JACK's, which Ardour leads as timebase master: bars and tempo need no messages.
"""

from __future__ import annotations

import argparse
import socket
import sys
import time

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

MASTER_FEEDBACK = 16
"""/set_surface's feedback bit for the current marker."""
STRIPS = 159
"""Its default: audio and MIDI tracks, buses, VCAs, master."""
ASK_AGAIN_S = 3.0
POLL_S = 0.1
JUMP = 48_000
"""A playhead that moves farther than this between two polls was moved by hand."""

Address = tuple[str, int]


def encode(address: str, *arguments: int | float | str) -> bytes:
    builder = OscMessageBuilder(address=address)
    for argument in arguments:
        builder.add_arg(argument)
    return bytes(builder.build().dgram)


def passed(text: str) -> str:
    """The marker at or before the playhead, of what Ardour sends: `name`, `name <-`, `name <- -> next` or `-> next`."""
    return "" if text.startswith("->") else text.split("<-")[0].strip()


def meaning(name: str) -> tuple[str, str] | None:
    """Address and argument for jamd that a marker's name stands for."""
    if "|" in name:
        return "/jam/chart", name
    if name.startswith("style:"):
        return "/jam/style", name.removeprefix("style:").strip()
    return None


class Follower:
    """One socket to Ardour, one to jamd."""

    def __init__(self, ardour: Address, jamd: Address) -> None:
        self.address = ardour
        self.ardour = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.ardour.bind(("127.0.0.1" if ardour[0] == "127.0.0.1" else "", 0))  # not connected: Ardour answers from another port
        self.jamd = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.jamd.connect(jamd)
        self.jamd.setblocking(False)
        self.playing = False
        self.frame = self.moved = 0
        self.marker = ""
        self.heard = False

    def say(self, address: str, *arguments: int | float | str) -> None:
        try:
            self.jamd.send(encode(address, *arguments))
        except ConnectionRefusedError:
            print("jamd is not there", file=sys.stderr)

    def ask(self) -> None:
        """Ardour begins to send; it wants all seven: bank size, kinds of strips, feedback, faders, send page, plugin page, port."""
        try:
            self.ardour.sendto(encode("/set_surface", 0, STRIPS, MASTER_FEEDBACK, 0, 0, 0, 0), self.address)
        except ConnectionRefusedError:
            pass

    def handle(self, message: OscMessage) -> None:
        """What Ardour says."""
        if not self.heard:
            self.heard = True
            print("Ardour is there", flush=True)
            self.say("/clock/source", "jack")
        value = message.params[0] if message.params else None
        if message.address == "/transport_frame" and isinstance(value, int):
            self.follow_playhead(value)
        elif message.address == "/marker" and isinstance(value, str) and passed(value) != self.marker:
            self.marker = passed(value)
            found = meaning(self.marker)
            if found is not None:
                print(self.marker, flush=True)
                self.say(*found)

    def follow_playhead(self, frame: int) -> None:
        """Two steps in one direction: Ardour plays; two without: it stands. Its buttons' feedback misses stops while JACK leads."""
        before, self.moved = self.moved, frame - self.frame
        self.frame = frame
        steps = [0 < moved < JUMP for moved in (before, self.moved)]
        if all(steps) != self.playing and steps[0] == steps[1]:
            self.playing = not self.playing
            print("play" if self.playing else "stop", flush=True)
            self.say("/jam/start" if self.playing else "/jam/stop")

    def report(self) -> None:
        """What jamd could not do."""
        while True:
            try:
                message = OscMessage(self.jamd.recv(65536))
            except (BlockingIOError, ConnectionRefusedError):
                return
            if message.address == "/error":
                print("jamd:", *message.params, file=sys.stderr, flush=True)

    def run(self) -> None:
        asked = polled = 0.0
        self.ardour.settimeout(POLL_S / 4)
        while True:
            now = time.monotonic()
            if not self.heard and now - asked > ASK_AGAIN_S:
                asked = now
                self.ask()
            if self.heard and now - polled > POLL_S:
                polled = now
                self.ardour.sendto(encode("/transport_frame"), self.address)
            try:
                self.handle(OscMessage(self.ardour.recv(65536)))
            except (TimeoutError, ConnectionRefusedError):
                pass
            self.report()


def endpoint(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return host or "127.0.0.1", int(port)


def main() -> int:
    parser = argparse.ArgumentParser(description="Ardour leads jamd.")
    parser.add_argument("--jamd", type=endpoint, default=("127.0.0.1", 9120), metavar="HOST:PORT")
    parser.add_argument("--ardour", type=endpoint, default=("127.0.0.1", 3819), metavar="HOST:PORT")
    options = parser.parse_args()
    try:
        Follower(options.ardour, options.jamd).run()
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
