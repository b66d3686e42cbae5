"""The panel for Open Stage Control, made from jamd's own table of addresses:

    jamd describe --json | python examples/open_stage_control/generate.py > examples/open_stage_control/jamd.json

Buttons, knobs, ranges and choices come from the table: what jamd does not have is not on the panel.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

Entry = dict[str, Any]
Widget = dict[str, Any]

COLUMNS = 8
VERSION = "1.29.0"
"""Open Stage Control's, whose property names are used here."""
TRANSPORT = ("/clock/play", "/clock/stop", "/clock/tap", "/jam/start", "/jam/stop", "/jam/panic", "/record/start", "/record/stop")
TEXTS = ("/jam/chart", "/jam/style", "/jam/chord")
COLOURS = {
    "empty": "#444444", "rendering": "#a06000", "ready": "#3060a0", "queued": "#c0c000", "playing": "#20a040", "stopping": "#a04040",
}  # fmt: skip

SHOW_SLOTS = """
const states = {}
for (const slot of JSON.parse(value)) states[slot.slot] = slot.state
for (let n = 1; n <= 64; n++) set('state_' + n, states[n] || 'empty')
""".strip()
"""jamd's topic `slots`: a list of the slots that are not empty, as JSON."""
SUBSCRIBE = """
send('/subscribe', 'slots', {type: 'i', value: 100})
setInterval('ping', () => send('/ping'), 20000)
""".strip()


def button(entry: Entry, address: str, label: str) -> Widget:
    """Sends the address alone; or 1 and 0 for pressed and let go, where jamd takes that."""
    held = any(argument["name"] == "on" for argument in entry["arguments"])
    mode: Widget = {"mode": "push", "typeTags": "i"} if held else {"mode": "momentary"}
    return {"type": "button", "id": name_of(address), "label": label, "address": address, "expand": True} | mode


def knob(entry: Entry) -> Widget:
    """A knob over the argument's range, at its default."""
    argument = entry["arguments"][0]
    whole = argument["type"] == "int"
    return {
        "type": "knob", "id": name_of(entry["address"]), "address": entry["address"], "typeTags": "i" if whole else "f",
        "range": {"min": argument["min"], "max": argument["max"]}, "default": argument.get("default", argument["min"]),
        "decimals": 0 if whole else 3, "html": title(entry["address"]), "doubleTap": True, "expand": True,
    }  # fmt: skip


def switch(entry: Entry) -> Widget:
    """One of the argument's choices."""
    argument = entry["arguments"][0]
    return {
        "type": "switch", "id": name_of(entry["address"]), "address": entry["address"], "values": list(argument["choices"]),
        "default": argument.get("default", ""), "layout": "horizontal", "expand": True,
    }  # fmt: skip


def toggle(entry: Entry) -> Widget:
    argument = entry["arguments"][0]
    return {
        "type": "button", "id": name_of(entry["address"]), "label": entry["address"].rsplit("/", 1)[1], "mode": "toggle",
        "address": entry["address"], "typeTags": "i", "on": 1, "off": 0, "default": argument.get("default", 0), "expand": True,
    }  # fmt: skip


def text(entry: Entry) -> Widget:
    """A line to type into. The text is sent when Enter is pressed."""
    return {
        "type": "input", "id": name_of(entry["address"]), "address": entry["address"], "typeTags": "s", "align": "left",
        "html": title(entry["address"]), "expand": True,
    }  # fmt: skip


def panel(name: str, widgets: list[Widget], layout: str = "horizontal", **more: Any) -> Widget:
    return {"type": "panel", "id": name, "layout": layout, "widgets": widgets, "expand": True, **more}


def name_of(address: str) -> str:
    return address.strip("/").replace("/", "_")


def title(address: str) -> str:
    return f'<div class="label">{address}</div>'


def slot(table: dict[str, Entry], number: int) -> Widget:
    """Launch, render and stop of one slot, and its state."""
    launch, render, stop = (f"/slot/{number}/{word}" for word in ("launch", "render", "stop"))
    state = f"state_{number}"
    colours = json.dumps(COLOURS)
    rendering = button(table["/slot/N/render"], render, "^plus") | {
        "mode": "tap", "on": 4, "typeTags": "i",
    }  # fmt: skip
    return panel(
        f"slot_{number}",
        [
            button(table["/slot/N/launch"], launch, str(number)),
            panel(
                f"slot_{number}_more",
                [
                    rendering,
                    {"type": "text", "id": state, "address": f"/state/{number}", "default": "empty", "expand": True, "bypass": True},
                    button(table["/slot/N/stop"], stop, "^stop"),
                ],
                height=34,
                expand=False,
            ),
        ],
        layout="vertical",
        colorBg=f"JS{{{{return ({colours})[@{{{state}}}] || '{COLOURS['empty']}'}}}}",
    )


def scene(table: dict[str, Entry], number: int) -> list[Widget]:
    address = f"/scene/{number}/launch"
    return [button(table["/scene/N/launch"], address, f"scene {number}")] if "/scene/N/launch" in table else []


def slots_of(table: dict[str, Entry], rows: int = 8) -> Widget:
    """The grid: eight rows of eight, each with its scene."""
    lines = [
        panel(f"row_{row}", [*(slot(table, (row - 1) * COLUMNS + column) for column in range(1, COLUMNS + 1)), *scene(table, row)])
        for row in range(1, rows + 1)
    ]
    return panel("slots", lines, layout="vertical")


def session(entries: Iterable[Entry]) -> dict[str, Any]:
    """The whole file."""
    table = {entry["address"]: entry for entry in entries}
    knobs = [knob(entry) for address, entry in table.items() if address.startswith("/jam/param/") and address != "/jam/param/seed"]
    knobs += [knob(table[address]) for address in ("/clock/tempo", "/gain") if address in table]
    parts = [toggle(entry) for address, entry in table.items() if address.startswith("/jam/part/")]
    sources = [switch(table["/clock/source"])] if "/clock/source" in table else []
    band = {
        "type": "tab", "id": "band", "layout": "vertical", "widgets": [
            panel("transport", [button(table[address], address, address.strip("/")) for address in TRANSPORT if address in table]),
            panel("knobs", knobs),
            panel("parts", parts + sources),
            panel("texts", [text(table[address]) for address in TEXTS if address in table], layout="vertical"),
        ],
    }  # fmt: skip
    grid = {"type": "tab", "id": "grid", "label": "slots", "layout": "vertical", "widgets": [
        slots_of(table),
        {"type": "script", "id": "follow", "address": "/slots", "bypass": True, "onValue": SHOW_SLOTS, "onCreate": SUBSCRIBE},
    ]}  # fmt: skip
    root = {"type": "root", "id": "root", "layout": "default", "tabs": [band, grid], "widgets": []}
    return {"createdWith": "Open Stage Control", "version": VERSION, "type": "session", "content": root}


if __name__ == "__main__":
    json.dump(session(json.load(sys.stdin)), sys.stdout, indent=1)
    print()
