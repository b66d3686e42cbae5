"""What the examples say to jamd exists, and what they say to their programs is in those programs' formats."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from jamd.contract.errors import MessageError
from jamd.contract.parameters import TOPICS, find

EXAMPLES = Path(__file__).parents[2] / "examples"
FOLDERS = sorted(path for path in EXAMPLES.iterdir() if path.is_dir() and not path.name.startswith(("_", ".")))
SOURCES = sorted(
    path for path in EXAMPLES.rglob("*") if path.suffix in (".py", ".sh", ".lua", ".js", ".scd", ".pd", ".ReaperOSC", ".json", ".md")
)
ROOTS = "jam|clock|slot|scene|adapter|record|midi|gain|ping|status|describe|subscribe|unsubscribe"
WRITTEN = re.compile(rf"(?<![\w.@~])/(?:{ROOTS})(?:/(?:\w+|\{{[^}}]*\}}))*(?![\w/.])")
PURE_DATA = re.compile(r"oscformat (?:-f \w+ )?([\w ]+);")


def addresses(path: Path) -> set[str]:
    """Every address of jamd's that a file names, with 1 for the number of a slot or a scene."""
    text = path.read_text()
    if path.suffix == ".pd":
        return {"/" + words.replace(" ", "/") for words in PURE_DATA.findall(text)}
    if path.suffix == ".ReaperOSC":  # a flag stands before each pattern
        text = re.sub(r" [a-z]/", " /", text)
    found = {match[0] for match in WRITTEN.finditer(text)} - {f"/{topic}" for topic in TOPICS}  # those come back
    numbered = {re.sub(r"^/(slot|scene)/[^/]+/", r"/\1/1/", address) for address in found}
    return {address for address in numbered if "{" not in address}


def test_every_folder_says_what_it_is() -> None:
    """A README with a way to sound in few lines, and a line in the table of examples."""
    overview = (EXAMPLES / "README.md").read_text()
    assert len(FOLDERS) >= 10
    for folder in FOLDERS:
        assert (folder / "README.md").is_file(), f"{folder.name} has no README"
        assert f"]({folder.name}/" in overview, f"{folder.name} is not in the overview"
        for file in folder.iterdir():
            if file.name != "README.md" and not file.name.startswith(("_", ".")):
                assert f"`{file.name}`" in (folder / "README.md").read_text(), f"{file.name} is not in its README"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(EXAMPLES)))
def test_addresses_exist(path: Path) -> None:
    unknown = []
    for address in sorted(addresses(path)):
        try:
            find(address)
        except MessageError:
            unknown.append(address)
    assert not unknown


def test_addresses_are_found_at_all() -> None:
    """The reader of addresses reads: each kind of program talks to jamd."""
    for name in ("ableton/bridge.py", "ardour/follow.py", "reaper/jamd.ReaperOSC", "bitwig/jamd.control.js", "puredata/jamd.pd",
                 "supercollider/jamd.scd", "shell/jam.sh", "open_stage_control/jamd.json", "reaper/jamd_markers.lua"):  # fmt: skip
        assert len(addresses(EXAMPLES / name)) >= 3, name


# --- Open Stage Control -----------------------------------------------------------------------------------------------------


def widgets(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in [*node.get("widgets", []), *node.get("tabs", [])]:
        yield from widgets(child)


@pytest.fixture(scope="module")
def described() -> list[dict[str, Any]]:
    """What `jamd describe --json` prints."""
    text = subprocess.run([sys.executable, "-m", "jamd", "describe", "--json"], capture_output=True, text=True, check=True).stdout
    table: list[dict[str, Any]] = json.loads(text)
    return table


def test_panel_is_up_to_date(described: list[dict[str, Any]]) -> None:
    """The file is what its generator makes of this jamd's table."""
    folder = EXAMPLES / "open_stage_control"
    made = subprocess.run(
        [sys.executable, str(folder / "generate.py")], input=json.dumps(described), capture_output=True, text=True, check=True
    ).stdout
    assert (folder / "jamd.json").read_text() == made, (
        "make it anew: jamd describe --json | python examples/open_stage_control/generate.py > examples/open_stage_control/jamd.json"
    )


def test_panel_has_every_knob_part_and_slot(described: list[dict[str, Any]]) -> None:
    panel = json.loads((EXAMPLES / "open_stage_control" / "jamd.json").read_text())
    assert (panel["type"], panel["content"]["type"]) == ("session", "root")
    all_widgets = list(widgets(panel["content"]))
    names = [widget["id"] for widget in all_widgets]
    assert len(names) == len(set(names))
    kinds = {"root", "tab", "panel", "button", "knob", "switch", "input", "text", "script"}
    assert {widget["type"] for widget in all_widgets} == kinds
    there = {widget["address"] for widget in all_widgets if "address" in widget}
    wanted = {entry["address"] for entry in described if entry["address"].startswith(("/jam/part/", "/jam/param/"))} - {"/jam/param/seed"}
    wanted |= {f"/slot/{number}/{word}" for number in range(1, 65) for word in ("launch", "render", "stop")}
    assert wanted <= there
    limits = {entry["address"]: entry["arguments"][0] for entry in described if entry["arguments"]}
    for widget in all_widgets:
        if widget["type"] == "knob":
            assert widget["range"] == {"min": limits[widget["address"]]["min"], "max": limits[widget["address"]]["max"]}


# --- REAPER -----------------------------------------------------------------------------------------------------------------

SETTINGS = {
    "DEVICE_TRACK_COUNT", "DEVICE_SEND_COUNT", "DEVICE_RECEIVE_COUNT", "DEVICE_FX_COUNT", "DEVICE_FX_PARAM_COUNT",
    "DEVICE_FX_INST_PARAM_COUNT", "DEVICE_MARKER_COUNT", "DEVICE_REGION_COUNT", "REAPER_TRACK_FOLLOWS", "DEVICE_TRACK_FOLLOWS",
    "DEVICE_TRACK_BANK_FOLLOWS", "DEVICE_FX_FOLLOWS", "DEVICE_EQ", "DEVICE_ROTARY_CENTER",
}  # fmt: skip
ACTIONS = {"TEMPO": "nfrs", "PLAY": "bt", "STOP": "bt", "LAST_MARKER_NAME": "s", "LAST_REGION_NAME": "s"}
"""Of the actions in REAPER's own Default.ReaperOSC, those used here, with the kinds of argument that they can have."""
OSC_TYPES = {"f": "float", "n": "float", "s": "string"}


def test_reaper_patterns_are_in_reapers_format() -> None:
    """Each line: a setting with its value, or an action with flagged patterns; the argument that REAPER sends is one that jamd takes."""
    for line in (EXAMPLES / "reaper" / "jamd.ReaperOSC").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        word, *rest = line.split()
        if word in SETTINGS:
            assert len(rest) == 1, line
            continue
        assert word in ACTIONS, line
        for pattern in rest:
            flag, address = pattern[0], pattern[1:]
            assert flag in ACTIONS[word], line
            route, _ = find(address)
            if flag in OSC_TYPES:
                assert route.arguments[0].kind == OSC_TYPES[flag], line


def test_reaper_transport_is_taken_with_its_argument() -> None:
    """REAPER sends 1 and 0 with play and stop."""
    for address in ("/clock/play", "/clock/stop"):
        route, _ = find(address)
        assert route.check([1.0], address) == [1]
        assert route.check([0.0], address) == [0]


@pytest.mark.parametrize("path", [p for p in SOURCES if p.suffix == ".lua"], ids=lambda path: path.name)
def test_lua_compiles(path: Path) -> None:
    """REAPER's and Ardour's Lua is 5.3 or later; whichever is here says whether the file parses."""
    for program in ("luac5.4", "luac5.3", "luac", "texluac"):
        if shutil.which(program):
            result = subprocess.run([program, "-p", str(path)], capture_output=True, text=True)
            assert result.returncode == 0, result.stderr
            return
    if shutil.which("ardour7-lua") is None:
        pytest.skip("no Lua is installed: apt-get install lua5.4")
    code = f'local f, e = loadfile("{path}") if f then print("parsed") else print(e) end quit()'
    result = subprocess.run(["ardour7-lua"], input=code, capture_output=True, text=True, timeout=30)
    assert "parsed" in result.stdout, result.stdout + result.stderr


# --- Bitwig Studio ----------------------------------------------------------------------------------------------------------


def test_bitwig_script_parses() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: apt-get install nodejs")
    result = subprocess.run([node, "--check", str(EXAMPLES / "bitwig" / "jamd.control.js")], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


# --- FL Studio --------------------------------------------------------------------------------------------------------------


class Midi:
    """An incoming message, with FL Studio's names."""

    def __init__(self, status: int, data1: int, data2: int) -> None:
        self.status, self.data1, self.data2, self.handled = status, data1, data2, False


@pytest.fixture
def fl_studio(monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, list[Any]]:
    """The script over Image-Line's published stubs of FL Studio's modules, and what it says through them."""
    if importlib.util.find_spec("fl_classes") is None:
        pytest.skip("FL Studio's API stubs are not installed: pip install fl-studio-api-stubs")
    import device  # type: ignore[import-not-found]
    import general  # type: ignore[import-not-found]
    import ui  # type: ignore[import-not-found]

    said: list[Any] = []
    monkeypatch.setattr(device, "isAssigned", lambda: True)
    monkeypatch.setattr(device, "midiOutMsg", said.append)
    monkeypatch.setattr(device, "setMasterSync", lambda on: said.append(("sync", on)))
    monkeypatch.setattr(ui, "setHintMsg", said.append)
    monkeypatch.setattr(general, "getVersion", lambda: 37)
    spec = importlib.util.spec_from_file_location("device_jamd", EXAMPLES / "fl_studio" / "device_jamd.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, said


def test_fl_studio_callbacks_are_fl_studios(fl_studio: tuple[ModuleType, list[Any]]) -> None:
    module, _ = fl_studio
    from build_lib.midi_controller_scripting import callbacks  # type: ignore[import-not-found]

    ours = [name for name in vars(module) if name.startswith("On")]
    assert {"OnInit", "OnMidiMsg", "OnRefresh", "OnUpdateBeatIndicator"} <= set(ours)
    for name in ours:
        assert getattr(module, name).__code__.co_argcount == getattr(callbacks, name).__code__.co_argcount
    assert (EXAMPLES / "fl_studio" / "device_jamd.py").read_text().startswith("# name=")


def test_fl_studio_passes_pads_and_shows_lights(fl_studio: tuple[ModuleType, list[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    import device

    module, said = fl_studio
    monkeypatch.setattr(device, "getName", lambda: "Some pads")
    module.OnInit()
    pad, other = Midi(0x90, 38, 100), Midi(0x90, 72, 100)
    module.OnMidiMsg(pad)
    module.OnMidiMsg(other)
    assert said == [("sync", True), 0x99 | 38 << 8 | 100 << 16]
    assert (pad.handled, other.handled) == (True, False)
    said.clear()
    monkeypatch.setattr(device, "getName", lambda: "jamd:midi_out")
    module.OnInit()
    module.OnMidiMsg(Midi(0x99, 37, 127))
    module.OnUpdateBeatIndicator(1)
    assert said == [("sync", True), "jamd: 2 plays", "jamd: 2 plays"]


def test_fl_studio_without_master_sync_sends_start_and_stop(
    fl_studio: tuple[ModuleType, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    import general
    import midi  # type: ignore[import-not-found]
    import transport  # type: ignore[import-not-found]

    module, said = fl_studio
    monkeypatch.setattr(general, "getVersion", lambda: 8)
    module.OnInit()
    for playing in (True, True, False):
        monkeypatch.setattr(transport, "isPlaying", lambda playing=playing: playing)
        module.OnRefresh(midi.HW_Dirty_LEDs)
    assert said == [midi.MIDI_START, midi.MIDI_STOP]
