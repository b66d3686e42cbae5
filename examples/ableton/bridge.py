"""Ableton Live leads jamd: tempo, transport, scenes and clip names, heard through AbletonOSC.

    python examples/ableton/bridge.py [--jamd HOST:PORT] [--live HOST] [--link]

AbletonOSC (github.com/ideoforms/AbletonOSC) listens on 11000 and answers to 11001. What comes from Live and what it does:

    tempo                                   /clock/tempo, unless --link
    transport starts, then a bar line       /clock/locate, /clock/play (unless --link), /jam/start
    transport stops                         /jam/stop, and /clock/stop unless --link
    scene n is launched                     /scene/n/launch
    a clip `jamd: | Dm7 | G7 |` is launched /jam/chart
    a clip `jamd: slow ballad` is launched  /jam/style

With --link both follow Ableton Link, which is the tight way: turn Link on in Live.
"""

from __future__ import annotations

import argparse
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.osc_packet import OscPacket, ParseError

ASK_AGAIN_S = 5.0
"""Live may come later, or go and return: until it answers, and then every so often, it is asked."""
MARK = "jamd:"
SCENES = 8

Address = tuple[str, int]


def encode(address: str, *arguments: int | float | str) -> bytes:
    builder = OscMessageBuilder(address=address)
    for argument in arguments:
        builder.add_arg(argument)
    return bytes(builder.build().dgram)


class Bridge:
    """What is known of Live, and what it means for jamd.

    Args:
        to_live: sends one message to AbletonOSC.
        to_jamd: sends one message to the daemon.
        link: tempo and transport are Link's business.
    """

    def __init__(self, to_live: Callable[..., None], to_jamd: Callable[..., None], link: bool) -> None:
        self.to_live = to_live
        self.to_jamd = to_jamd
        self.link = link
        self.tracks = self.scenes = 0
        self.beats_per_bar = 4
        self.playing = False
        self.waits_for_bar = False
        self.answered = 0.0
        self.handlers: dict[str, Callable[..., None]] = {
            "/live/test": self.on_test,
            "/live/startup": self.on_startup,
            "/live/error": lambda *words: print("Live:", *words, file=sys.stderr),
            "/live/song/get/num_tracks": self.on_tracks,
            "/live/song/get/num_scenes": self.on_scenes,
            "/live/song/get/signature_numerator": self.on_signature,
            "/live/song/get/tempo": self.on_tempo,
            "/live/song/get/is_playing": self.on_playing,
            "/live/song/get/beat": self.on_beat,
            "/live/scene/get/is_triggered": self.on_scene,
            "/live/track/get/fired_slot_index": self.on_clip,
            "/live/clip/get/name": self.on_clip_name,
        }

    def greet(self) -> None:
        """Is Live there? It answers /live/test."""
        self.to_live("/live/test")

    def listen(self) -> None:
        """Everything that is wanted from Live; each answer comes at once and then with every change."""
        for name in ("tempo", "is_playing", "signature_numerator", "beat"):
            self.to_live(f"/live/song/start_listen/{name}")
        self.to_live("/live/song/get/num_tracks")
        self.to_live("/live/song/get/num_scenes")

    def handle(self, message: OscMessage) -> None:
        handler = self.handlers.get(message.address)
        if handler is not None:
            handler(*message.params)

    # --- what Live says -------------------------------------------------------------------------------------------------

    def on_test(self, *_: Any) -> None:
        if not self.answered:
            print("Live is there", flush=True)
            self.to_jamd("/clock/source", "link" if self.link else "internal")
            self.listen()
        else:
            self.to_live("/live/song/get/num_tracks")
            self.to_live("/live/song/get/num_scenes")
        self.answered = time.monotonic()

    def on_startup(self, *_: Any) -> None:
        """Live was started again, or has another set: it knows nothing of us."""
        self.tracks = self.scenes = 0
        self.listen()

    def on_tracks(self, count: int) -> None:
        for track in range(self.tracks, count):
            self.to_live("/live/track/start_listen/fired_slot_index", track)
        self.tracks = count

    def on_scenes(self, count: int) -> None:
        for scene in range(self.scenes, min(count, SCENES)):
            self.to_live("/live/scene/start_listen/is_triggered", scene)
        self.scenes = min(count, SCENES)

    def on_signature(self, numerator: int) -> None:
        self.beats_per_bar = max(int(numerator), 1)

    def on_tempo(self, bpm: float) -> None:
        if not self.link:
            self.to_jamd("/clock/tempo", float(bpm))

    def on_playing(self, playing: Any) -> None:
        """Live says so when it starts; the band waits for the beat that is a bar line."""
        if bool(playing) == self.playing:
            return
        self.playing = bool(playing)
        self.waits_for_bar = self.playing
        print("play" if self.playing else "stop", flush=True)
        if not self.playing:
            self.to_jamd("/jam/stop")
            if not self.link:
                self.to_jamd("/clock/stop")

    def on_beat(self, beat: int) -> None:
        """Beats count from 0."""
        if self.waits_for_bar and int(beat) % self.beats_per_bar == 0:
            self.waits_for_bar = False
            if not self.link:
                self.to_jamd("/clock/locate", int(beat) // self.beats_per_bar + 1)
                self.to_jamd("/clock/play")
            self.to_jamd("/jam/start")

    def on_scene(self, scene: int, triggered: Any) -> None:
        if triggered:
            print(f"scene {scene + 1}", flush=True)
            self.to_jamd(f"/scene/{scene + 1}/launch")

    def on_clip(self, track: int, slot: int) -> None:
        """A clip blinks, waiting for its quantum; below 0: none, or the stop button."""
        if slot >= 0:
            self.to_live("/live/clip/get/name", track, slot)

    def on_clip_name(self, _track: int, _slot: int, name: str) -> None:
        if name.lower().startswith(MARK):
            text = name[len(MARK) :].strip()
            print(name, flush=True)
            self.to_jamd("/jam/chart" if "|" in text else "/jam/style", text)


def endpoint(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return host or "127.0.0.1", int(port)


def main() -> int:
    parser = argparse.ArgumentParser(description="Ableton Live leads jamd, through AbletonOSC.")
    parser.add_argument("--jamd", type=endpoint, default=("127.0.0.1", 9120), metavar="HOST:PORT")
    parser.add_argument("--live", type=endpoint, default=("127.0.0.1", 11000), metavar="HOST:PORT")
    parser.add_argument("--listen", type=int, default=11001, metavar="PORT", help="where AbletonOSC answers to (11001)")
    parser.add_argument("--link", action="store_true", help="tempo and transport by Ableton Link")
    options = parser.parse_args()

    live = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    live.bind(("127.0.0.1" if options.live[0] == "127.0.0.1" else "", options.listen))
    jamd = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    jamd.setblocking(False)

    def to_live(address: str, *values: int | float | str) -> None:
        live.sendto(encode(address, *values), options.live)

    def to_jamd(address: str, *values: int | float | str) -> None:
        jamd.sendto(encode(address, *values), options.jamd)

    bridge = Bridge(to_live, to_jamd, options.link)
    asked = 0.0
    live.settimeout(0.2)
    try:
        while True:
            if time.monotonic() - asked > ASK_AGAIN_S:
                asked = time.monotonic()
                bridge.greet()
            try:
                for timed in OscPacket(live.recv(65536)).messages:
                    bridge.handle(timed.message)
            except (TimeoutError, ConnectionRefusedError):
                pass
            except ParseError as error:
                print("Live sent what is not OSC:", error, file=sys.stderr)
            report_errors(jamd)
    except KeyboardInterrupt:
        return 0


def report_errors(jamd: socket.socket) -> None:
    """What jamd could not do."""
    while True:
        try:
            message = OscMessage(jamd.recv(65536))
        except (BlockingIOError, ConnectionRefusedError):
            return
        if message.address == "/error":
            print("jamd:", *message.params, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
