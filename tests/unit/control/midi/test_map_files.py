"""Maps as files: what is written is read again, bad files change nothing and say why."""

from __future__ import annotations

import json
import tempfile
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jamd.contract.config import MidiConfig
from jamd.contract.errors import ConfigError
from jamd.control.midi import MidiMap
from jamd.control.midi.bindings import Binding
from jamd.control.midi.files import Defaults, MapFile, read_map, write_map

BOUND = [
    Binding(address="/clock/tempo", kind="cc14", number=7, channel=2, port='Pads "A" \\ Ümläut', low=60, high=181.5, curve="exp"),
    Binding(address="/slot/64/launch", kind="note", number=0, mode="gate"),
    Binding(address="/jam/chord", kind="program", number=9, mode="trigger", arguments=("Dm7 \x7f\t\n",)),
    Binding(address="/slot/3/render", kind="note", number=5, mode="trigger", arguments=(8, "waltz", 3)),
    Binding(address="/gain", kind="cc", number=1, relative="twos", pickup=True),
]


def a_map() -> MidiMap:
    return MidiMap(lambda address, arguments: None, lambda address: None, MidiConfig(), lambda line: None)


@pytest.mark.parametrize("name", ["map.toml", "map.json", "deep/er/MAP.TOML"])
def test_a_map_is_written_and_read(tmp_path: Path, name: str) -> None:
    first, second = a_map(), a_map()
    for binding in BOUND:
        first.bind(binding)
    first.switch("chord", False)
    first.save(tmp_path / name)
    second.bind(Binding(address="/gain", kind="bend"))
    second.load(tmp_path / name)
    assert second.bindings() == BOUND
    assert second.defaults == Defaults(chord=False)
    assert [path.name for path in (tmp_path / name).parent.iterdir() if path.is_file()] == [Path(name).name]
    text = (tmp_path / name).read_text()
    assert (json if name.endswith("json") else tomllib).loads(text)["version"] == 1


texts = st.text(st.characters(blacklist_categories=("Cs",)), max_size=20)


@settings(max_examples=50)
@given(port=texts, words=st.lists(texts | st.integers(-(2**31), 2**31) | st.floats(allow_nan=False, allow_infinity=False), max_size=4),
       low=st.floats(-90, 12), suffix=st.sampled_from([".toml", ".json"]))  # fmt: skip
def test_any_words_survive(port: str, words: list[str | int | float], low: float, suffix: str) -> None:
    binding = Binding(address="/jam/style", kind="note", port=port, low=low, arguments=tuple(words), mode="trigger")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"map{suffix}"
        values = {"version": 1, "defaults": {}, "bindings": []}
        write_map(path, MapFile(bindings=[binding]))
        raw = (json if suffix == ".json" else tomllib).loads(path.read_text(encoding="utf-8"))
        assert raw.keys() == values.keys()
        assert raw["bindings"][0]["port" if port else "address"] == (port or "/jam/style")
        assert list(raw["bindings"][0].get("arguments", [])) == list(words)


@pytest.mark.parametrize(("name", "text", "message"), [
    ("m.toml", "bindings = [", "cannot read the map"),
    ("m.json", "{", "cannot read the map"),
    ("m.json", "[" * 20_000, "cannot read the map"),
    ("m.json", "[]", "the map is a table"),
    ("m.json", '{"version": 2}', "version 2"),
    ("m.toml", "bindigs = []", "unknown key bindigs: did you mean bindings"),
    ("m.toml", "[defaults]\nlunch = true", "unknown key defaults.lunch: did you mean defaults.launch"),
    ("m.toml", "[[bindings]]\naddress = '/gain'\nkind = 'cc'\nnumbr = 3", r"unknown key bindings\[1\].numbr: did you mean"),
    ("m.toml", "[[bindings]]\naddress = '/gain'", "missing required field `kind`"),
    ("m.toml", "[[bindings]]\naddress = '/gain'\nkind = 'knob'", "Invalid enum value 'knob'"),
    ("m.toml", "[[bindings]]\naddress = '/gain'\nkind = 'cc'\nnumber = '3'", "Expected `int`"),
    ("m.toml", "[[bindings]]\naddress = '/gian'\nkind = 'cc'", "binding 1: no address /gian: did you mean /gain"),
    ("m.toml", "[[bindings]]\naddress = '/gain'\nkind = 'cc'\nhigh = inf", "finite"),
    ("m.json", '{"bindings": [{"address": "/gain", "kind": "cc", "low": NaN}]}', "finite"),
    ("m.json", '{"bindings": [3]}', "is a table"),
    ("m.json", '{"bindings": 3}', "Expected `array`"),
])  # fmt: skip
def test_a_bad_file_is_told_and_changes_nothing(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    there = a_map()
    there.bind(BOUND[0])
    there.switch("panic", False)
    with pytest.raises(ConfigError, match=message) as caught:
        there.load(path)
    assert "\n" not in str(caught.value)
    assert there.bindings() == BOUND[:1]
    assert there.defaults == Defaults(panic=False)


@given(data=st.binary(max_size=60), suffix=st.sampled_from([".toml", ".json"]))
def test_any_bytes_in_a_file_are_taken_or_told(data: bytes, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"map{suffix}"
        path.write_bytes(data)
        try:
            read_map(path)
        except ConfigError as error:
            assert str(path) in str(error)


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    there = a_map()
    there.save(tmp_path / "map.toml")
    before = (tmp_path / "map.toml").read_text()
    (tmp_path / "folder.toml").mkdir()
    for path in (tmp_path / "folder.toml", tmp_path / "map.toml" / "inside.toml"):
        with pytest.raises(ConfigError, match="cannot write the map"):
            there.save(path)
    with pytest.raises(ConfigError, match="cannot read the map"):
        there.load(tmp_path / "absent.toml")
    assert (tmp_path / "map.toml").read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.toml", "map.toml"]
