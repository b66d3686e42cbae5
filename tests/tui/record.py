"""Records what a real daemon says in some situations, for the pictures of the dashboard that are compared: `python -m tests.tui.record`."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from model.adapters.format import write_adapter
from model.generator.models import load_models
from tests.conftest import wait_until
from tests.system.conftest import Daemon, start_daemon
from tests.unit.model.adapters.rig import make_adapter

FOLDER: Final = Path(__file__).parent / "recorded"
HOME: Final = "/home/player/.local/share/jamd"
"""What stands in the place of the folder that the daemon had."""
SECONDS: Final = 3.0
INTERVAL_MS: Final = 100
CHART: Final = "| Dm7 G7 | Cmaj7 | Em7b5 A7b9 | Dm7 | Gm7 C7 | Fmaj7 | Bb7#11 | A7alt |"


def listen(daemon: Daemon) -> list[tuple[float, str, list[object]]]:
    """Everything that a subscriber is told for a while, with seconds."""
    daemon.drain()
    out: list[tuple[float, str, list[object]]] = []
    begin = time.monotonic()
    daemon.client.send("/ping")
    daemon.client.send("/subscribe", "all", INTERVAL_MS)
    while (now := time.monotonic() - begin) < SECONDS:
        message = daemon.client.receive(0.1)
        if message is not None:
            out.append((round(now, 3), message.address, list(message.arguments)))
    daemon.client.send("/unsubscribe", "all")
    daemon.drain()
    return out


def fresh(daemon: Daemon) -> None:
    """Just started."""


def jam(daemon: Daemon) -> None:
    """The band plays with an adapter and a take runs; slots are in all states but `stopping`."""
    send = daemon.client.send
    for number in (1, 2, 3, 9, 10):
        send(f"/slot/{number}/render", 2)
        wait_until(lambda number=number: daemon.slot(number) == "ready", 180, "the clip")
    send("/slot/1/name", "intro")
    send("/jam/chart", CHART)
    send("/jam/style", "tender ballad", 0.7, "rhodes trio", 0.3)
    send("/clock/tempo", 132.0)
    send("/adapter/use", "ann", 0.8)
    wait_until(lambda: daemon.status()["adapters"]["playing"], 60, "the adapter")
    send("/jam/param/density", 0.72)
    send("/jam/part/horn", 0)
    send("/record/start", "evening")
    send("/jam/start")
    wait_until(lambda: daemon.status()["jam"]["state"] == "playing", 60, "the jam")
    send("/slot/1/launch", 1)
    wait_until(lambda: daemon.slot(1) == "playing", 60, "the slot")
    send("/slot/10/quantize", "8")
    send("/slot/10/launch", 1)
    send("/slot/17/render", 32)


def held(daemon: Daemon) -> None:
    """A chord holds in the chart's place, turns are taken, a slot ends; the metronome clicks, and a control is to be learned."""
    send = daemon.client.send
    send("/record/stop")
    send("/slot/1/quantize", "8")
    send("/slot/1/stop")
    send("/jam/chord", "Bb13")
    send("/jam/trade", 4)
    send("/clock/metronome", 1)
    send("/midi/learn", "/jam/param/energy")
    time.sleep(1.0)


SCENES: Final[tuple[Callable[[Daemon], None], ...]] = (fresh, jam, held)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write_adapter(home / "adapters", make_adapter(load_models("small"), "ann", 0, size=0.1, targets=("qkv", "out")))
        daemon = start_daemon("null", home)
        try:
            for scene in SCENES:
                scene(daemon)
                lines = listen(daemon)
                text = "".join(json.dumps(line) + "\n" for line in lines)
                (FOLDER / f"{scene.__name__}.jsonl").write_text(text.replace(folder, HOME))
                print(scene.__name__, len(lines))
        finally:
            daemon.client.close()
            daemon.stop()


if __name__ == "__main__":
    main()
