"""The one table of addresses: what can be said over OSC, with types, ranges, units, defaults and a line of explanation.

`/describe`, `jamd describe` and the check of every argument come from here.
"""

from __future__ import annotations

import difflib
import json
import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from heapq import nlargest
from typing import Final

from jamd.contract.arguments import Argument, Kind, Route
from jamd.contract.errors import MessageError
from jamd.contract.units import PARTS, TEMPO_MAX, TEMPO_MIN

SLOTS: Final = 64
SHOWN: Final = 64
"""Characters of an unknown address that are compared and repeated in the error."""


@dataclass(frozen=True)
class Parameter:
    """A knob of the jam."""

    name: str
    low: float
    high: float
    default: float
    unit: str
    doc: str
    kind: Kind = "float"


PARAMETERS: Final = (
    Parameter("density", 0, 1, 0.5, "", "How many notes the band plays"),
    Parameter("energy", 0, 1, 0.5, "", "How hard the band plays"),
    Parameter("register", 0, 1, 0.5, "", "How high piano and horn play"),
    Parameter("swing", 0, 0.75, 0.0, "share of the beat", "Length of the first eighth: 0.5 straight, 0.67 triplets; 0: by tempo"),
    Parameter("temperature", 0.1, 2, 1.0, "", "How daring the draws are"),
    Parameter("top_p", 0.1, 1, 0.95, "", "Share of the likeliest choices that is drawn from"),
    Parameter("guidance", 0, 5, 3.0, "", "How firmly the sound is held to the notes of the plan; 1: no push, and faster"),
    Parameter("seed", 0, 2**31 - 1, 0, "", "Seed of the next start; 0: another each time", "int"),
)
PARAMETER_BY_NAME: Final = {parameter.name: parameter for parameter in PARAMETERS}
TOPICS: Final = ("clock", "meters", "slots", "adapters", "engine", "params", "log", "record", "takes", "midi", "learn", "all")
SCENES: Final = 8
SOURCES: Final = ("internal", "jack", "midi", "link")
QUANTA: Final = ("none", "1/16", "1/8", "1/4", "1/2", "1", "2", "4", "8")
"""Notes below a bar, whole bars from 1 up."""
MODES: Final = ("trigger", "gate", "toggle", "repeat")
FOLLOW: Final = ("none", "stop", "again", "next", "previous", "first", "last", "any", "other")
CURVES: Final = ("linear", "exp", "log", "switch")
BINDING_MODES: Final = ("value", "trigger", "toggle", "gate")
_ON: Final = Argument("on", "int", 0, 1, 1)
_FILE: Final = Argument("path", "string")
_WIDE: Final = float(2**31)
"""Wider than any range of an address."""


def _switch(default: int) -> Argument:
    return Argument("on", "int", 0, 1, default)


ROUTES: Final[tuple[Route, ...]] = (
    Route("/ping", "ping", "Answers /pong with name, version and milliseconds since the start"),
    Route("/describe", "describe", "Answers one /describe address json for each address",
          (Argument("address", "string", optional=True),)),
    Route("/status", "status", "Answers /status with the whole state as JSON"),
    Route("/subscribe", "subscribe", "The current value at once, then changes, until 60 s after the last /ping of the sender",
          (Argument("topic", "string", choices=TOPICS), Argument("interval_ms", "int", 10, 60_000, 100, "ms", True),
           Argument("port", "int", 1, 65535, None, "", True))),
    Route("/unsubscribe", "unsubscribe", "Ends what the sender has subscribed to; of one that has not, what other ports were named for",
          (Argument("topic", "string", choices=TOPICS), Argument("port", "int", 1, 65535, None, "", True))),

    Route("/jam/start", "band.start", "The band begins at the next bar of the clock, which starts if it stands", button=True),
    Route("/jam/stop", "band.stop", "The band ends at the next bar", button=True),
    Route("/jam/panic", "band.panic", "Silence within 10 ms, everything stopped", button=True),
    Route("/jam/chart", "band.chart", "A new chart from the next bar", (Argument("chart", "string"),), True),
    Route("/jam/chord", "band.chord", "This chord from the next beat until /jam/chord/resume", (Argument("chord", "string"),), True),
    Route("/jam/chord/resume", "band.chord_resume", "The chart again from the next beat", button=True),
    Route("/jam/style", "band.style", "Prompts in plain words, each with a weight if wanted", (Argument("style", "string"),), True,
          more=(Argument("weight", "float", -10.0, 10.0, 1.0), Argument("style", "string"))),
    *(Route(f"/jam/param/{p.name}", "band.param", p.doc, (Argument("value", p.kind, p.low, p.high, p.default, p.unit),), True,
            p.name) for p in PARAMETERS),
    *(Route(f"/jam/part/{name}", "band.part", f"Switches the {name} on or off", (_ON,), True, name) for name in PARTS),
    Route("/jam/trade", "band.trade", "Partner and player take turns of so many bars, the partner first; 0: the partner plays on",
          (Argument("bars", "int", 0, 32, 0, "bars"),), True),

    Route("/clock/tempo", "transport.tempo", "Tempo from the next beat",
          (Argument("bpm", "float", TEMPO_MIN, TEMPO_MAX, 120.0, "bpm"),), True),
    Route("/clock/source", "transport.source", "Whose clock leads", (Argument("source", "choice", default="internal",
          choices=SOURCES),), True),
    Route("/clock/play", "transport.play", "Starts the clock, after the count-in", button=True),
    Route("/clock/stop", "transport.stop", "Stops the clock and all that plays", button=True),
    Route("/clock/tap", "transport.tap", "Two taps or more, a beat apart, give the tempo", button=True),
    Route("/clock/locate", "transport.locate", "The next bar line is that of this bar; where the clock stands, it starts there",
          (Argument("bar", "int", 1, 100_000, 1, "bars"),)),
    Route("/clock/count_in", "transport.count_in", "Bars of clicks before the clock starts",
          (Argument("bars", "int", 0, 4, 0, "bars"),), True),
    Route("/clock/metronome", "transport.metronome", "Clicks on every beat, in the mix alone", (_switch(0),), True),
    Route("/clock/master", "transport.master", "Leads JACK's transport and its tempo (timebase master)", (_switch(0),), True),
    Route("/clock/send", "transport.send_midi", "Sends MIDI clock and song position at midi_out", (_switch(0),), True),
    Route("/clock/latency", "transport.latency", "How much earlier than an outside clock the outputs play; below 0 later, and JACK is told",
          (Argument("latency", "float", -500, 500, 0.0, "ms"),), True),

    Route("/slot/N/render", "slots.render", "Fills the slot in the background",
          (Argument("bars", "int", 1, 32, 4, "bars"), Argument("style", "string", optional=True),
           Argument("seed", "int", 0, 2**31 - 1, None, "", True))),
    Route("/slot/N/launch", "slots.launch", "Plays the slot from its quantum on, at once if the clock stands; 0 is a pad let go",
          (Argument("on", "int", 0, 1, 1, "", True),)),
    Route("/slot/N/release", "slots.release", "The pad was let go: ends a clip in mode gate, and the repeating in mode repeat",
          button=True),
    Route("/slot/N/stop", "slots.stop", "Stops the slot on its quantum, at once if the clock stands", button=True),
    Route("/slot/N/quantize", "slots.quantize", "Where launch and stop fall: notes below a bar, whole bars from 1 up",
          (Argument("quantum", "choice", default="1", choices=QUANTA),), True),
    Route("/slot/N/mode", "slots.mode", "What a pad does: trigger starts, gate plays while held, toggle starts and stops, "
          "repeat starts again on every quantum while held", (Argument("mode", "choice", default="trigger", choices=MODES),), True),
    Route("/slot/N/loop", "slots.loop", "Plays again and again, or once", (_switch(1),), True),
    Route("/slot/N/legato", "slots.legato", "Starts where it would be had it always played", (_switch(0),), True),
    Route("/slot/N/gain", "slots.gain", "Level of the slot", (Argument("gain", "float", -90, 12, 0.0, "dB"),), True),
    Route("/slot/N/choke", "slots.choke", "Slots of one group stop each other; 0: none", (Argument("group", "int", 0, 16, 0),), True),
    Route("/slot/N/follow", "slots.follow", "What comes after so many bars (0: the clip's length)",
          (Argument("action", "choice", default="none", choices=FOLLOW), Argument("bars", "int", 0, 64, 0, "bars", True)), True),
    Route("/slot/N/name", "slots.name", "A name for it", (Argument("name", "string"),), True),
    Route("/slot/N/load", "slots.load", "Fills the slot from a file of the clips folder", (_FILE,)),
    Route("/slot/N/save", "slots.save", "Writes the clip to a file of the clips folder (24-bit WAV or FLAC)", (_FILE,)),
    Route("/slot/N/clear", "slots.clear", "Empties the slot", button=True),
    Route("/scene/N/launch", "slots.launch_scene", "Plays the slots of a row of eight together", button=True),
    Route("/scene/N/stop", "slots.stop_scene", "Stops the slots of a row of eight together", button=True),

    Route("/adapter/list", "adapters.tell_all", "Answers /adapter/list with every adapter and its state as JSON"),
    Route("/learn/list", "learning.tell_all", "Answers /learn/list with what `jamd learn` is doing or has done within a day, as JSON"),
    Route("/adapter/load", "adapters.load", "From disk to memory", (Argument("name", "string"),)),
    Route("/adapter/unload", "adapters.unload", "From memory; the files stay", (Argument("name", "string"),)),
    Route("/adapter/use", "adapters.use", "Plays with this adapter from the next bar on; base for none",
          (Argument("name", "string"), Argument("strength", "float", 0.0, 2.0, 1.0, "", True)), True),
    Route("/adapter/blend", "adapters.blend", "Plays with several adapters at once, each with its strength, from the next bar on",
          (Argument("name", "string"), Argument("strength", "float", 0.0, 2.0, 1.0)),
          True, more=(Argument("name", "string"), Argument("strength", "float", 0.0, 2.0, 1.0))),
    Route("/adapter/strength", "adapters.strength", "How much of the adapters that play is heard, all together",
          (Argument("strength", "float", 0.0, 2.0, 1.0),), True),

    Route("/record/start", "recording.start", "Records mix, jam, slots and inputs, and every command, into a folder of the sessions folder",
          (Argument("folder", "string", optional=True),), button=True),
    Route("/record/stop", "recording.stop", "Ends the recording", button=True),
    Route("/record/list", "recording.tell_all", "Answers /record/list with what has been recorded as JSON, the newest first"),

    Route("/midi/learn", "midi.learn", "The next control that is touched acts on this address",
          (Argument("address", "string"), Argument("low", "float", -_WIDE, _WIDE, optional=True),
           Argument("high", "float", -_WIDE, _WIDE, optional=True),
           Argument("curve", "choice", default="linear", optional=True, choices=CURVES),
           Argument("mode", "choice", optional=True, choices=BINDING_MODES),
           Argument("pickup", "int", 0, 1, 0, optional=True))),
    Route("/midi/cancel", "midi.cancel", "Learns nothing after all", button=True),
    Route("/midi/forget", "midi.forget", "Takes what was learned for an address (or `all`) back", (Argument("address", "string"),)),
    Route("/midi/defaults", "midi.defaults", "Pads on channel 10 and chords on channel 1 without learning", (_switch(1),), True),
    Route("/midi/save", "midi.save", "Writes what was learned to a file of the maps folder", (_FILE,)),
    Route("/midi/load", "midi.load", "Reads a map from a file of the maps folder", (_FILE,)),

    Route("/gain", "mixer.gain", "Level of the mix", (Argument("gain", "float", -90, 12, 0.0, "dB"),), True),
)  # fmt: skip


def _expand() -> dict[str, tuple[Route, int]]:
    out: dict[str, tuple[Route, int]] = {}
    for route in ROUTES:
        if "/N/" in route.template:
            for number in range(1, (SCENES if route.template.startswith("/scene/") else SLOTS) + 1):
                out[route.template.replace("/N/", f"/{number}/")] = (route, number)
        else:
            out[route.template] = (route, 0)
    return out


ADDRESSES: Final = _expand()
"""Every address there is, to (route, number of the slot or 0)."""


def find(address: str) -> tuple[Route, int]:
    """The route of an address.

    Raises:
        MessageError: code `address`, with the nearest address that exists.
    """
    if address in ADDRESSES:
        return ADDRESSES[address]
    near = _nearest(address[:SHOWN])
    shown = address if len(address) <= SHOWN else f"{address[:SHOWN]}..."
    raise MessageError(f"no address {shown}" + (f": did you mean {near}?" if near else ""), code="address")


def _pairs(text: str) -> set[str]:
    return {text[place : place + 2] for place in range(len(text) - 1)}


def _index() -> dict[str, list[str]]:
    """Templates by the pairs of characters in them."""
    out: dict[str, list[str]] = {}
    for route in ROUTES:
        for pair in _pairs(route.template):
            out.setdefault(pair, []).append(route.template)
    return out


_BY_PAIR: Final = _index()


@lru_cache(maxsize=256)
def _nearest(address: str) -> str | None:
    """The address that is most like one that does not exist; compared without the numbers, of which there are many.

    Whoever sends nonsense does so fast: only the few templates that share most pairs of characters are compared in full.
    """
    number = re.search(r"/(\d{1,3})/", address)
    plain = address if number is None else f"{address[: number.start()]}/N/{address[number.end() :]}"
    pairs = _pairs(plain)
    shared = Counter(template for pair in pairs for template in _BY_PAIR.get(pair, ()))
    alike = {template: 2 * count / (len(pairs) + len(template) - 1) for template, count in shared.items()}
    likely = [template for template in nlargest(4, alike, key=alike.__getitem__) if alike[template] >= 0.2]
    near = difflib.get_close_matches(plain, likely, n=1, cutoff=0.6)
    if not near:
        return None
    same = near[0].replace("/N/", f"/{int(number[1]) if number else 1}/")
    return same if same in ADDRESSES else near[0].replace("/N/", "/1/")


def describe(address: str | None = None) -> list[tuple[str, str]]:
    """(address, JSON) of one address, or of all in the table.

    Raises:
        MessageError: no such address.
    """
    if address is None:
        return [(route.template, json.dumps(route.describe())) for route in ROUTES]
    for route in ROUTES:
        if route.template == address:
            return [(address, json.dumps(route.describe()))]
    route, _ = find(address)
    return [(address, json.dumps(route.describe() | {"address": address}))]
