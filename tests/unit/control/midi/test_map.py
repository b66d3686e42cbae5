"""The map: learning from messages, what wins over what, take-over, pairs, gates, and any bytes at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.contract.config import MidiConfig
from jamd.contract.errors import MessageError
from jamd.contract.parameters import find
from jamd.control.midi import MidiMap
from jamd.control.midi.bindings import Binding, as_number
from jamd.control.midi.pads import devices


class Desk:
    """Keeps values by address after the table's own check, as the session does; records what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[Any]]] = []
        self.values: dict[str, Any] = {}
        self.lines: list[str] = []
        self.map = MidiMap(self.perform, self.value_of, MidiConfig(), self.lines.append)

    def perform(self, address: str, arguments: Sequence[Any]) -> None:
        route, _ = find(address)
        checked = route.check(arguments, address)
        self.asked.append((address, list(arguments)))
        if route.setter:
            self.values[address] = checked[0]

    def value_of(self, address: str) -> float | None:
        route, _ = find(address)
        return as_number(route.arguments[0], self.values.get(address, route.arguments[0].default)) if route.setter else None

    def play(self, *messages: Sequence[int], port: str = "keys") -> list[tuple[str, list[Any]]]:
        """What a port's messages lead to."""
        self.asked.clear()
        for message in messages:
            self.map.handle(bytes(message), port)
        return list(self.asked)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_knob_is_learnt_and_acts(desk: Desk) -> None:
    desk.map.learn("/clock/tempo", 60, 180)
    assert desk.map.learning == "/clock/tempo"
    assert desk.play([0xB2, 21, 5]) == []  # the touch that teaches does nothing else
    assert desk.map.learning is None
    assert desk.map.bindings() == [Binding(address="/clock/tempo", kind="cc", number=21, channel=3, port="keys", low=60, high=180)]
    assert desk.play([0xB2, 21, 127], [0xB2, 21, 0]) == [("/clock/tempo", [180.0]), ("/clock/tempo", [60.0])]
    assert desk.play([0xB1, 21, 127], [0xB2, 22, 127]) == []
    assert desk.play([0xB2, 21, 127], port="other") == []
    assert "cc 21 on channel 3 of keys is bound to /clock/tempo" in desk.lines[0]


def test_modes_follow_the_address(desk: Desk) -> None:
    desk.map.learn("/jam/start")
    desk.play([0x90, 70, 100])
    desk.map.learn("/jam/part/bass")
    desk.play([0x90, 71, 100])
    desk.map.learn("/slot/40/launch")
    desk.play([0x90, 72, 100])
    desk.map.learn("/slot/2/render")
    desk.play([0x90, 73, 100])
    assert [binding.mode for binding in desk.map.bindings()] == ["trigger", "toggle", "gate", "trigger"]
    assert desk.play([0x90, 70, 100], [0x90, 70, 0]) == [("/jam/start", [])]
    press = ([0x90, 71, 100], [0x80, 71, 0])
    assert desk.play(*press, *press) == [("/jam/part/bass", [0]), ("/jam/part/bass", [1])]  # it was on
    assert desk.play([0x90, 72, 9], [0x90, 72, 0]) == [("/slot/40/launch", []), ("/slot/40/release", [])]
    assert desk.play([0x90, 73, 9]) == [("/slot/2/render", [4])]


def test_a_toggle_follows_what_others_did(desk: Desk) -> None:
    desk.map.bind(Binding(address="/jam/part/bass", kind="cc", number=5, mode="toggle"))
    desk.values["/jam/part/bass"] = 0
    assert desk.play([0xB0, 5, 127], [0xB0, 5, 0]) == [("/jam/part/bass", [1])]
    desk.values["/jam/part/bass"] = 0
    assert desk.play([0xB0, 5, 127], [0xB0, 5, 100], [0xB0, 5, 0]) == [("/jam/part/bass", [1])]


def test_two_controllers_together_are_one_of_14_bits(desk: Desk) -> None:
    desk.map.learn("/jam/param/density")
    desk.play([0xB0, 7, 64], [0xB0, 39, 3])
    assert [(b.kind, b.number) for b in desk.map.bindings()] == [("cc14", 7)]
    done = desk.play([0xB0, 7, 127], [0xB0, 39, 127], [0xB0, 7, 0], [0xB0, 39, 1])
    assert done == [("/jam/param/density", [1.0]), ("/jam/param/density", [1 / 16383])]


def test_a_coarse_half_alone_is_taken_when_the_fine_one_does_not_come(desk: Desk) -> None:
    desk.map.bind(Binding(address="/jam/param/density", kind="cc14", number=7))
    assert desk.play([0xB0, 7, 127]) == [("/jam/param/density", [1.0])]  # a device of 7 bits reaches the end
    desk.play([0xB0, 39, 0])
    assert desk.play([0xB0, 7, 64]) == []
    for control in desk.map._learnt.controls:
        assert control.waiting_since is not None
        control.waiting_since -= 1.0
    desk.map.tick()
    assert desk.asked == [("/jam/param/density", [64 * 128 / 16383])]


def test_controllers_apart_are_two_knobs(desk: Desk) -> None:
    desk.map.learn("/jam/param/density")
    desk.play([0xB0, 7, 64])
    desk.map.learn("/jam/param/energy")
    desk.play([0xB0, 39, 3])
    assert [(b.kind, b.number, b.address) for b in desk.map.bindings()] == [
        ("cc", 7, "/jam/param/density"),
        ("cc", 39, "/jam/param/energy"),
    ]


def test_a_control_that_is_learnt_again_moves(desk: Desk) -> None:
    for address in ("/jam/param/density", "/jam/param/energy"):
        desk.map.learn(address)
        desk.play([0xB0, 7, 64])
    assert [binding.address for binding in desk.map.bindings()] == ["/jam/param/energy"]


def test_a_control_that_was_bound_for_any_port_moves_too(desk: Desk) -> None:
    desk.map.bind(Binding(address="/gain", kind="cc", number=7))
    desk.map.bind(Binding(address="/gain", kind="cc", number=7, channel=2, port="keys"))
    desk.map.bind(Binding(address="/clock/tempo", kind="cc14", number=7, port="keys"))
    desk.map.learn("/jam/param/energy")
    desk.play([0xB0, 39, 64])
    assert [binding.address for binding in desk.map.bindings()] == ["/gain", "/gain", "/jam/param/energy"]
    desk.map.learn("/jam/param/density", any_port=True, any_channel=True)
    desk.play([0xB0, 7, 64])
    assert [(binding.address, binding.port, binding.channel) for binding in desk.map.bindings()] == [
        ("/jam/param/energy", "keys", 1), ("/jam/param/density", "", 0)]  # fmt: skip


def test_learning_waits_for_a_real_touch(desk: Desk) -> None:
    desk.map.learn("/gain")
    desk.play([0x80, 60, 0], [0xF8], [0xE0, 0, 64], [0xB0, 123, 0], [0xF0, 1, 0xF7], [0xA0, 60, 9])
    assert desk.map.learning == "/gain"
    assert ("/jam/panic", []) in desk.asked
    desk.play([0xE0, 0, 100])
    assert [binding.kind for binding in desk.map.bindings()] == ["bend"]


def test_cancel_and_forget(desk: Desk) -> None:
    desk.map.learn("/gain")
    desk.map.cancel()
    desk.play([0xB0, 7, 64])
    assert desk.map.bindings() == []
    for number, address in enumerate(("/gain", "/clock/tempo", "/gain")):
        desk.map.bind(Binding(address=address, kind="cc", number=number))
    assert desk.map.forget("/gain") == 2
    with pytest.raises(MessageError, match="no control is bound to /gain"):
        desk.map.forget("/gain")
    assert desk.map.forget("all") == 1
    assert desk.map.forget() == 0


def test_what_cannot_be_learnt_is_said_and_changes_nothing(desk: Desk) -> None:
    desk.map.learn("/gain")
    for address, message in (("/gian", "did you mean /gain"), ("/jam/chart", "takes chart")):
        with pytest.raises(MessageError, match=message):
            desk.map.learn(address)
    assert desk.map.learning == "/gain"


def test_pads_launch_held_notes_name_the_chord_and_panic_stops(desk: Desk) -> None:
    assert desk.play([0x99, 36, 100], [0x89, 36, 0], [0x99, 51, 1]) == [
        ("/slot/1/launch", []), ("/slot/1/release", []), ("/slot/16/launch", [])]  # fmt: skip
    assert desk.play([0x99, 52, 100], [0x98, 36, 100]) == []
    chord = desk.play(*([0x90, note, 90] for note in (50, 53, 57, 60)))
    assert chord[-1] == ("/jam/chord", ["Dm7"])
    assert desk.play(*([0x80, note, 0] for note in (50, 53, 57, 60)))[-1] == ("/jam/chord/resume", [])
    assert desk.play([0xB5, 120, 0], [0xB0, 123, 0]) == [("/jam/panic", [])] * 2


@pytest.mark.parametrize(("name", "messages"), [
    ("launch", [[0x99, 36, 100]]), ("chord", [[0x90, 60, 9], [0x90, 64, 9], [0x90, 67, 9]]), ("panic", [[0xB0, 123, 0]]),
])  # fmt: skip
def test_every_default_can_be_switched_off(desk: Desk, name: str, messages: list[list[int]]) -> None:
    assert desk.play(*messages) != []
    desk.map.let_go("keys")
    desk.map.switch(name, False)
    assert desk.play(*messages) == []
    desk.map.switch(name, True)
    assert desk.play(*messages) != []
    with pytest.raises(MessageError, match="launch, chord, panic"):
        desk.map.switch("lunch", True)


def test_what_was_learnt_wins_over_the_defaults(desk: Desk) -> None:
    desk.map.bind(Binding(address="/jam/start", kind="note", number=36, channel=10, mode="trigger"))
    assert desk.play([0x99, 36, 100], [0x99, 36, 0], [0x99, 37, 1]) == [("/jam/start", []), ("/slot/2/launch", [])]


def test_a_pad_device_keeps_its_notes_to_itself(desk: Desk) -> None:
    device = devices()["launchpad_x"]
    desk.map.attach("pads", device.bindings())
    assert desk.play([0x90, 81, 9], [0x90, 81, 0], [0xB0, 19, 127], [0xB0, 19, 0], port="pads") == [
        ("/slot/1/launch", []), ("/slot/1/release", []), ("/scene/8/launch", [])]  # fmt: skip
    triad = [[0x90, note, 9] for note in (60, 64, 67)]
    assert [address for address, _ in desk.play(*triad, port="pads")] == ["/slot/20/launch", "/slot/23/launch"]  # 60 is between rows
    assert desk.play(*triad, port="keys") == [("/jam/chord", ["C"])]
    desk.map.bind(Binding(address="/jam/stop", kind="note", number=81, port="pads", mode="trigger"))
    assert desk.play([0x90, 81, 9], port="pads") == [("/jam/stop", [])]
    desk.map.detach("pads")
    desk.map.let_go("keys")
    assert desk.play(*triad, port="pads") == [("/jam/chord", ["C"])]


def test_a_port_that_goes_lets_go(desk: Desk) -> None:
    desk.map.bind(Binding(address="/slot/5/launch", kind="note", number=90, mode="gate"))
    desk.play([0x95, 90, 9], *([0x90, note, 90] for note in (60, 64, 67)))
    desk.asked.clear()
    desk.map.let_go("elsewhere")
    assert desk.asked == []
    desk.map.let_go("keys")
    assert desk.asked == [("/slot/5/release", []), ("/jam/chord/resume", [])]
    assert desk.play([0x85, 90, 0]) == []


def test_nothing_stays_held_for_ever(desk: Desk) -> None:
    desk.play([0x99, 36, 9], [0x99, 37, 9], *([0x90, note, 90] for note in (60, 64, 67)))
    desk.play([0x99, 38, 9], port="pads")
    desk.asked.clear()
    desk.map.let_go("keys")
    assert desk.asked == [("/slot/1/release", []), ("/slot/2/release", []), ("/jam/chord/resume", [])]
    assert desk.play([0x89, 36, 0]) == []
    desk.map.switch("launch", False)
    assert desk.asked == [("/slot/3/release", [])]
    desk.map.bind(Binding(address="/slot/9/launch", kind="cc", number=3, mode="gate"))
    assert desk.play([0xB0, 3, 127]) == [("/slot/9/launch", [])]
    desk.map.forget("/slot/9/launch")
    assert desk.asked[1:] == [("/slot/9/release", [])]


def test_drum_pads_leave_the_other_channels_alone(desk: Desk) -> None:
    desk.map.attach("keys", devices()["notes"].bindings())
    assert desk.play([0x99, 40, 9], [0x99, 90, 9]) == [("/slot/5/launch", [])]
    assert desk.play(*([0x90, note, 90] for note in (60, 64, 67))) == [("/jam/chord", ["C"])]


def test_soft_take_over(desk: Desk) -> None:
    desk.map.bind(Binding(address="/jam/param/density", kind="cc", number=7, pickup=True))
    desk.values["/jam/param/density"] = 0.5
    assert desk.play([0xB0, 7, 10], [0xB0, 7, 40]) == []  # still below
    assert desk.play([0xB0, 7, 70], [0xB0, 7, 80]) == [("/jam/param/density", [70 / 127]), ("/jam/param/density", [80 / 127])]
    desk.values["/jam/param/density"] = 0.1  # somebody else moved it
    assert desk.play([0xB0, 7, 81], [0xB0, 7, 60]) == []
    assert desk.play([0xB0, 7, 12]) == [("/jam/param/density", [12 / 127])]


def test_encoders_turn_from_the_present_value(desk: Desk) -> None:
    desk.map.bind(Binding(address="/jam/param/density", kind="cc", number=7, relative="twos"))
    desk.map.bind(Binding(address="/slot/1/mode", kind="cc", number=8, relative="offset64"))
    desk.values["/jam/param/density"] = 0.5
    assert desk.play([0xB0, 7, 127])[0][1][0] == pytest.approx(0.5 - 1 / 127)
    assert desk.play([0xB0, 8, 65], [0xB0, 8, 65], [0xB0, 8, 63]) == [
        ("/slot/1/mode", ["gate"]), ("/slot/1/mode", ["toggle"]), ("/slot/1/mode", ["gate"])]  # fmt: skip


def test_a_knob_of_few_choices_acts_when_the_choice_changes(desk: Desk) -> None:
    desk.map.bind(Binding(address="/slot/1/mode", kind="cc", number=8))
    done = desk.play(*([0xB0, 8, raw] for raw in range(128)))
    assert [arguments[0] for _, arguments in done] == ["trigger", "gate", "toggle", "repeat"]


def test_a_program_change_triggers_or_gives_its_number(desk: Desk) -> None:
    desk.map.bind(Binding(address="/jam/start", kind="program", number=3, mode="trigger"))
    assert desk.play([0xC0, 3], [0xC0, 4], [0xC0, 3]) == [("/jam/start", [])] * 2
    desk.map.bind(Binding(address="/jam/param/density", kind="program"))
    assert desk.play([0xC0, 127]) == [("/jam/param/density", [1.0])]


def test_a_fault_is_told_once(desk: Desk) -> None:
    def refuse(address: str, arguments: Sequence[Any]) -> None:
        raise MessageError("slot 1 is empty", code="slot")

    lines: list[str] = []
    refusing = MidiMap(refuse, lambda _: None, MidiConfig(), lines.append)
    for _ in range(5):
        refusing.handle(bytes([0x99, 36, 100]))
    assert lines == ["MIDI: slot 1 is empty"]


@given(
    messages=st.lists(st.binary(max_size=5) | st.tuples(st.integers(0x80, 0xFF), st.integers(0, 127), st.integers(0, 127)).map(bytes)),
    armed=st.sampled_from([None, "/gain", "/slot/1/launch", "/jam/part/bass", "/slot/1/mode"]),
)
def test_any_bytes_are_taken_calmly(messages: list[bytes], armed: str | None) -> None:
    desk = Desk()
    for kind in ("cc14", "cc", "note", "bend", "program", "pressure"):
        desk.map.bind(Binding(address="/jam/param/density", kind=kind, number=7, pickup=kind == "cc"))  # type: ignore[arg-type]
    desk.map.attach("pads", devices()["apc_mini"].bindings())
    if armed is not None:
        desk.map.learn(armed)
    for index, message in enumerate(messages):
        desk.map.handle(message, ("keys", "pads", "")[index % 3])
        desk.map.tick()
    desk.map.let_go("pads")
    assert [line for line in desk.lines if "bound" not in line] == []
