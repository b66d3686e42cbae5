"""Device files, and the messages that light their pads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.contract.errors import ConfigError
from jamd.control.midi.bindings import check
from jamd.control.midi.lights import PadLights
from jamd.control.midi.pads import STATES, PadDevice, device_for, devices, read_device

PADS = {"apc40_mk2": 40, "notes": 16}
"""How many pads the devices have that have not 64."""


@pytest.mark.parametrize("name", sorted(devices()))
def test_every_device_is_whole(name: str) -> None:
    device = devices()[name]
    pads = device.pads
    assert len(pads) == len(set(pads.values())) == PADS.get(name, 64)
    assert sorted(pads) == list(range(1, len(pads) + 1))
    assert set(device.lights) == set(STATES)
    assert len({str(look) for look in device.lights.values()}) >= 4  # at a glance: off, ready, soon, playing
    assert device.lights["empty"][-1][1] in (0, 12)  # dark; 12 is what the original Launchpads call off
    numbers = device.scenes.numbers if device.scenes is not None else ()
    assert len(numbers) == (0 if name == "notes" else len(device.rows))
    assert not set(numbers) & set(pads.values()) or (device.scenes is not None and device.scenes.kind == "cc")
    for message in (*device.hello, *device.goodbye):
        assert (message[0] == 0xF0) == (message[-1] == 0xF7)
    messages = [check(binding).message for binding in device.bindings("pads")]
    assert len(messages) == len(set(messages)) == len(pads) + len(numbers)


@pytest.mark.parametrize(("port", "name"), [
    ("Launchpad X:Launchpad X LPX MIDI In 20:1", "launchpad_x"),
    ("Launchpad X:Launchpad X MIDI 2 20:1", "launchpad_x"),
    ("Launchpad X:Launchpad X LPX DAW In 20:0", None),
    ("Launchpad Mini MK3:Launchpad Mini MK3 LPMiniMK3 MI 24:1", "launchpad_mini_mk3"),
    ("Launchpad Pro MK3:LPProMK3 MIDI", "launchpad_pro_mk3"),
    ("Launchpad Pro MK3:LPProMK3 DAW", None),
    ("Launchpad MK2:Launchpad MK2 MIDI 1 20:0", "launchpad_mk2"),
    ("Launchpad S:Launchpad S MIDI 1 20:0", "launchpad_s"),
    ("Launchpad Mini:Launchpad Mini MIDI 1 20:0", "launchpad_s"),
    ("Launchpad Pro:Launchpad Pro MIDI 2", None),
    ("APC MINI:APC MINI MIDI 1 20:0", "apc_mini"),
    ("APC mini mk2:APC mini mk2 Control 28:0", "apc_mini_mk2"),
    ("APC mini mk2:APC mini mk2 Notes 28:1", None),
    ("APC40 mkII:APC40 mkII MIDI 1 20:0", "apc40_mk2"),
    ("Launch Control XL:Launch Control XL MIDI 1", None),
    ("Keystation 49:Keystation 49 MIDI 1", None),
    ("notes", "notes"),
    ("apc_mini", "apc_mini"),
])  # fmt: skip
def test_devices_are_recognised_by_their_ports(port: str, name: str | None) -> None:
    assert device_for(port) is (None if name is None else devices()[name])
    assert sum(device.is_at(port) for device in devices().values()) <= 1


def test_makers_own_examples() -> None:
    """Messages printed in the references: which pad is where, and what enters the mode in which they are lit."""
    x = devices()["launchpad_x"]
    assert (x.pads[57], x.pads[1], x.pads[64]) == (0x0B, 0x51, 0x12)  # lower left, upper left, lower right
    assert bytes(x.hello[0]) == bytes.fromhex("F0002029020C0E01F7")
    mini, pro, mk2 = (devices()[name] for name in ("launchpad_mini_mk3", "launchpad_pro_mk3", "launchpad_mk2"))
    assert bytes(mini.hello[0])[5] == 0x0D and bytes(pro.hello[0])[5] == 0x0E
    assert bytes(mk2.hello[0]) == bytes.fromhex("F00020290218 2200F7")
    assert (mk2.pads[57], mk2.pads[8]) == (11, 88)
    s = devices()["launchpad_s"]
    assert (s.pads[1], s.pads[64]) == (0x00, 0x77)
    assert s.lights["playing"] == [(1, 0x3C)] and s.lights["stopping"] == [(1, 0x0B)]
    apc = devices()["apc40_mk2"]
    assert (apc.pads[33], apc.pads[8]) == (0, 39)


class Wire:
    """Keeps what is sent; what a pad shows last."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.broken = False

    def __call__(self, message: bytes) -> bool:
        if self.broken:
            return False
        self.sent.append(message)
        return True

    def take(self) -> list[bytes]:
        sent, self.sent = self.sent, []
        return sent


def test_only_changes_are_sent() -> None:
    wire = Wire()
    lights = PadLights(devices()["launchpad_x"], wire)
    lights.hello()
    assert wire.take() == [bytes.fromhex("F0002029020C0E01F7")]
    lights.update({})
    assert sorted(wire.take()) == sorted(
        [bytes([0x90, note, 0]) for note in devices()["launchpad_x"].pads.values()]
        + [bytes([0xB0, 10 * row + 9, 0]) for row in range(1, 9)]
    )
    lights.update({1: "ready", 9: "queued", 64: "playing"})
    assert wire.take() == [
        bytes([0x90, 81, 9]), bytes([0x90, 71, 0]), bytes([0x91, 71, 21]), bytes([0x92, 18, 21]),
        bytes([0xB0, 89, 9]), bytes([0xB0, 79, 0]), bytes([0xB1, 79, 21]), bytes([0xB2, 19, 21]),
    ]  # fmt: skip
    lights.update({1: "ready", 9: "queued", 64: "playing"})
    assert wire.take() == []
    lights.update({1: "ready", 9: "playing", 64: "stopping"})
    assert [message[1] for message in wire.take()] == [71, 18, 18, 79, 19, 19]
    lights.goodbye()
    sent = wire.take()
    assert sent[-1] == bytes.fromhex("F0002029020C0E00F7") and len(sent) == 1 + 6
    lights.update({})
    assert len(wire.take()) == 72  # after a goodbye nothing is known


def test_what_could_not_be_sent_is_sent_later() -> None:
    wire = Wire()
    lights = PadLights(devices()["apc_mini"], wire)
    lights.update({})
    wire.take()
    wire.broken = True
    lights.update({3: "playing"})
    wire.broken = False
    lights.update({3: "playing"})
    assert wire.take() == [bytes([0x90, 58, 1]), bytes([0x90, 82, 1])]


def test_a_row_of_buttons_shows_what_matters_most() -> None:
    wire = Wire()
    lights = PadLights(devices()["apc_mini_mk2"], wire)
    lights.update({1: "ready", 2: "playing", 3: "queued", 9: "ready", 10: "rendering"})
    scene = {message[1]: message[2] for message in wire.take() if message[1] >= 112}
    assert (scene[112], scene[113], scene[114]) == (2, 0, 0)


@given(changes=st.lists(st.dictionaries(st.integers(0, 70), st.sampled_from([*STATES, "no such state"])), max_size=8),
       name=st.sampled_from(sorted(devices())))  # fmt: skip
def test_pads_show_the_last_states(changes: list[dict[int, str]], name: str) -> None:
    device = devices()[name]
    wire = Wire()
    lights = PadLights(device, wire)
    for states in changes:
        lights.update(states)
    shown: dict[int, list[tuple[int, int]]] = {}
    for message in wire.take():
        assert len(message) == 3 and message[0] >= 0x80 and max(message[1:]) < 128
        if message[0] & 0xF0 == 0x90:
            shown.setdefault(message[1], []).append((message[0] & 0x0F, message[2]))
    for slot, note in device.pads.items() if changes else ():
        look = device.lights.get(changes[-1].get(slot, "empty"), device.lights["empty"])
        assert shown[note][-len(look) :] == [(channel - 1, velocity) for channel, velocity in look]


GOOD = """
name = "two"
reference = "none"
match = ["two"]
rows = [[1, 2, 3, 4, 5, 6, 7, 8]]
[lights]
empty = [[1, 0]]
rendering = [[1, 1]]
ready = [[1, 1]]
queued = [[1, 1]]
playing = [[1, 1]]
stopping = [[1, 1]]
"""


@pytest.mark.parametrize(("old", "new", "message"), [
    ("[1, 2, 3", "[1, 1, 3", "a note stands for two pads"),
    ("[1, 2, 3", "[1, 128, 3", "0..127"),
    ("7, 8]", "7]", "eight"),
    ("stopping", "stoping", "a look for each"),
    ("queued = [[1, 1]]", "queued = [[17, 1]]", "channels 1..16"),
    ("name =", "nam =", "unknown field `nam`"),
    ("rows =", "hello = [[1]]\nrows =", "the first a status"),
    ("rows =", "channel = 0\nrows =", "channel is 1..16"),
    ("[lights]", "[lights", "two.toml: "),
])  # fmt: skip
def test_a_wrong_device_file_is_told(old: str, new: str, message: str) -> None:
    assert isinstance(read_device(GOOD, "two.toml"), PadDevice)
    assert old in GOOD
    with pytest.raises(ConfigError, match=message):
        read_device(GOOD.replace(old, new), "two.toml")
