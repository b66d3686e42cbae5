"""AbletonOSC's side of the conversation."""

from __future__ import annotations

import socket
import threading
from typing import Any

from bridges.osc import OscMessage, build, read_packet


class Live:
    """A server with AbletonOSC's documented messages: listeners answer at once and with every change, to one fixed port.

    Live itself runs on no test machine. Types on the wire are as AbletonOSC sends them: truth values as T and F.
    """

    def __init__(self, answer_port: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = int(self.socket.getsockname()[1])
        self.answer = ("127.0.0.1", answer_port)
        self.song: dict[str, Any] = {"tempo": 120.0, "is_playing": False, "signature_numerator": 4, "beat": 0}
        self.clips = {(1, 2): "jamd: | Ebmaj7 | Ab7 |", (1, 3): "jamd: slow ballad", (0, 0): "Bass line"}
        self.listened: set[str] = set()
        self.unknown: list[str] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def send(self, address: str, *values: Any) -> None:
        self.socket.sendto(build(address, *values), self.answer)

    def set(self, name: str, value: Any) -> None:
        """A property of the song changes; only who listens hears of it."""
        self.song[name] = value
        if f"/live/song/start_listen/{name}" in self.listened:
            self.send(f"/live/song/get/{name}", value)

    def fire_clip(self, track: int, slot: int) -> None:
        if f"/live/track/start_listen/fired_slot_index {track}" in self.listened:
            self.send("/live/track/get/fired_slot_index", track, slot)

    def fire_scene(self, scene: int) -> None:
        if f"/live/scene/start_listen/is_triggered {scene}" in self.listened:
            self.send("/live/scene/get/is_triggered", scene, True)
            self.send("/live/scene/get/is_triggered", scene, False)

    def _serve(self) -> None:
        while True:
            try:
                message = read_packet(self.socket.recv(65536))[0]
            except OSError:
                return
            self._handle(message)

    def _handle(self, message: OscMessage) -> None:
        address, values = message.address, message.arguments
        name = address.rsplit("/", 1)[1]
        if address == "/live/test":
            self.send("/live/test", "ok")
        elif address.startswith("/live/song/start_listen/") and name in self.song:
            self.listened.add(address)
            if name != "beat":
                self.send(f"/live/song/get/{name}", self.song[name])
        elif address in ("/live/song/get/num_tracks", "/live/song/get/num_scenes"):
            self.send(address, 2 if name == "num_tracks" else 4)
        elif address == "/live/track/start_listen/fired_slot_index":
            self.listened.add(f"{address} {values[0]}")
            self.send("/live/track/get/fired_slot_index", values[0], -1)
        elif address == "/live/scene/start_listen/is_triggered":
            self.listened.add(f"{address} {values[0]}")
            self.send("/live/scene/get/is_triggered", values[0], False)
        elif address == "/live/clip/get/name":
            self.send(address, *values, self.clips[tuple(values)])
        else:
            self.unknown.append(address)
            self.send("/live/error", f"Unknown OSC address: {address}")
