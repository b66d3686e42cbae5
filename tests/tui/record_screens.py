"""Records what a real daemon says in a studio where everything happens at once: `python -m tests.tui.record_screens`; see `record`."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path
from typing import Final

import msgspec

from jamd.trainer.notes import Notes
from model.adapters.format import Adapter, Guard, write_adapter
from model.generator.models import load_models
from tests.conftest import wait_until
from tests.system.conftest import Daemon, start_daemon
from tests.tui.record import FOLDER, HOME, SECONDS, listen
from tests.tui.test_midi_screen import MAP
from tests.unit.model.adapters.rig import make_adapter

SCORES: Final = {"player_base": 3.602, "player_held_out": 3.414, "planner_base": 1.204, "planner_held_out": 1.251}
GUARDS: Final = {"chart": (True, 0.954, 0.9), "grid": (True, 1.02, 1.25), "silence": (True, 0.4, 2.0), "copying": (True, 0.02, 0.1)}


def adapters(root: Path) -> None:
    """One that passed its guards, one that did not, one of which nothing is known."""
    models = load_models("small")
    for seed, name in enumerate(("ann", "bo", "cecil")):
        made = make_adapter(models, name, seed, size=0.1, targets=("qkv",))
        guards = {key: Guard(ok=ok and name == "ann", value=value, limit=limit) for key, (ok, value, limit) in GUARDS.items()}
        known = {"scores": SCORES, "guards": guards, "style": "tender ballad"} if name != "cecil" else {"origin": "imported"}
        write_adapter(root, Adapter(msgspec.structs.replace(made.manifest, **known), made.tensors, made.style))


def training(folder: Path) -> None:
    """Half way through learning the sound."""
    folder.mkdir(parents=True)
    rows = ["step,seconds,rate,name,value", "0,0,0.001,base_player,3.602"]
    for look in range(1, 21):
        loss, held_out = 3.2 + 0.4 * math.exp(-look / 6) + 0.02 * math.sin(3 * look), 3.41 + 0.19 * math.exp(-look / 5)
        rows += [f"{look * 22},{look * 30},0.001,{name},{value:.4f}" for name, value in (("player_loss", loss), ("valid_player", held_out))]
    (folder / "log.csv").write_text("\n".join(rows) + "\n")
    Notes(folder, folder.name).write(
        now=True, phase="player", share=0.52, text="", step=440, loss=3.219, held_out=3.414, base=3.602, left_s=554.0
    )


def studio(daemon: Daemon) -> list[tuple[float, str, list[object]]]:
    """Two adapters play, one take is done and another runs, controls are learned and one more is to be; what is told of it."""
    send = daemon.client.send
    for address, *values in (
        ("/adapter/blend", "ann", 0.8, "bo", 0.35), ("/adapter/strength", 0.9), ("/midi/load", "desk.toml"),
        ("/midi/learn", "/clock/tempo"), ("/record/start", "first try"),
    ):  # fmt: skip
        send(address, *values)
    wait_until(lambda: daemon.status()["record"]["seconds"] > 2.0 and daemon.status()["adapters"]["playing"], 60, "the take")
    send("/record/stop")
    wait_until(lambda: not daemon.status()["record"]["recording"], 60, "its end")
    lines = listen(daemon)
    send("/record/start", "rainy evening")
    wait_until(lambda: daemon.status()["record"]["seconds"] > 1.0, 60, "the other take")
    return lines + [(at + SECONDS, address, arguments) for at, address, arguments in listen(daemon)]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        adapters(home / "adapters")
        training(home / "learning" / "petra")
        (home / "maps").mkdir()
        (home / "maps" / "desk.toml").write_text(MAP)
        daemon = start_daemon("null", home)
        try:
            text = "".join(json.dumps(line) + "\n" for line in studio(daemon))
            (FOLDER / "studio.jsonl").write_text(text.replace(folder, HOME))
        finally:
            daemon.client.close()
            daemon.stop()


if __name__ == "__main__":
    main()
