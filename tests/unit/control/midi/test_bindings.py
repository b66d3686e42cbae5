"""Scaling of controls: ends exact, monotone, there and back; what cannot be bound is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.midi import parse
from jamd.contract.errors import MessageError
from jamd.contract.parameters import find
from jamd.control.midi.bindings import Binding, as_number, check, touched
from jamd.control.midi.curves import shape, unshape

ADDRESSES = ("/jam/param/density", "/clock/tempo", "/jam/param/seed", "/slot/3/quantize", "/gain", "/jam/part/bass")
CURVES = ("linear", "exp", "log", "switch")
KINDS = ("cc", "cc14", "bend", "note", "pressure")
bindings = st.builds(
    Binding, address=st.sampled_from(ADDRESSES), kind=st.sampled_from(KINDS), number=st.integers(0, 31), curve=st.sampled_from(CURVES)
)


@given(binding=bindings, backwards=st.booleans(), raws=st.lists(st.integers(0, 16383), min_size=2, max_size=20))
def test_values_rise_from_low_to_high_exactly(binding: Binding, backwards: bool, raws: list[int]) -> None:
    low, high = binding.ends
    if backwards:
        low, high = high, low
        binding = Binding(address=binding.address, kind=binding.kind, number=binding.number, curve=binding.curve, low=low, high=high)
    check(binding)
    assert (binding.value(0), binding.value(binding.maximum)) == (low, high)
    values = [binding.value(raw) for raw in sorted(min(raw, binding.maximum) for raw in raws)]
    assert values == sorted(values, reverse=low > high)
    assert all(min(low, high) <= value <= max(low, high) for value in values)
    route, _ = find(binding.address)
    for value in values:  # whatever comes out is what the address takes
        route.check(binding.with_value(value), binding.address)


@given(binding=bindings.filter(lambda b: b.curve != "switch"), raw=st.integers(0, 16383))
def test_a_value_leads_back_to_its_place(binding: Binding, raw: int) -> None:
    raw = min(raw, binding.maximum)
    assert binding.where(binding.value(raw)) == pytest.approx(binding.place(raw), abs=1e-9)


@given(x=st.floats(0, 1), curve=st.sampled_from(["linear", "exp", "log"]))
def test_curves_are_undone(x: float, curve: str) -> None:
    assert unshape(curve, shape(curve, x)) == pytest.approx(x, abs=1e-9)  # type: ignore[arg-type]
    assert 0.0 <= shape(curve, x) <= 1.0  # type: ignore[arg-type]


def test_curves_bend_as_named() -> None:
    at = {curve: Binding(address="/jam/param/density", kind="cc", curve=curve).at(0.5) for curve in CURVES}  # type: ignore[arg-type]
    assert at == {"linear": 0.5, "exp": pytest.approx(0.2), "log": pytest.approx(0.7719, abs=1e-4), "switch": 1.0}


def test_a_pitch_wheel_at_rest_is_in_the_middle() -> None:
    binding = Binding(address="/gain", kind="bend", low=-12, high=12)
    assert [binding.value(raw) for raw in (0, 8192, 16383)] == [-12.0, 0.0, 12.0]


def test_values_have_the_type_of_their_argument() -> None:
    assert Binding(address="/slot/1/quantize", kind="cc").with_value(3.6) == ["1/2"]
    assert Binding(address="/slot/1/quantize", kind="cc").ends == (0.0, 8.0)
    assert Binding(address="/jam/trade", kind="cc").with_value(7.6) == [8]
    tempo = Binding(address="/clock/tempo", kind="cc", low=100, high=140)
    assert tempo.with_value(tempo.value(127)) == [140.0]
    style = Binding(address="/jam/style", kind="cc", arguments=("warm piano",), position=1, low=0, high=2)
    assert check(style).with_value(2) == ["warm piano", 2.0]


def test_the_present_value_as_controls_count_it() -> None:
    quantum = find("/slot/1/quantize")[0].arguments[0]
    assert as_number(quantum, "1/4") == 3.0
    assert as_number(quantum, "1/3") is None
    assert as_number(find("/gain")[0].arguments[0], -6) == -6.0
    assert as_number(find("/jam/chart")[0].arguments[0], "| C |") is None


@pytest.mark.parametrize(("relative", "raw", "steps"), [
    ("twos", 1, 1), ("twos", 127, -1), ("twos", 64, -64), ("offset64", 65, 1), ("offset64", 62, -2), ("offset64", 64, 0),
])  # fmt: skip
def test_encoders_send_steps(relative: str, raw: int, steps: int) -> None:
    assert Binding(address="/gain", kind="cc", relative=relative).steps(raw) == steps  # type: ignore[arg-type]


@given(steps=st.lists(st.integers(-64, 63), max_size=40))
def test_encoders_stay_in_range_and_move_whole_numbers(steps: list[int]) -> None:
    for address in ("/jam/trade", "/slot/1/mode", "/jam/param/density"):
        binding = Binding(address=address, kind="cc", relative="twos")
        value = binding.ends[0]
        for step in steps:
            before, value = value, binding.moved(value, step)
            assert binding.ends[0] <= value <= binding.ends[1]
            if step and address == "/jam/trade":
                assert value != before or value in binding.ends


@pytest.mark.parametrize(("binding", "message"), [
    (Binding(address="/jam/parm/density", kind="cc"), "did you mean"),
    (Binding(address="/gain", kind="cc", number=120), "number 120 of a cc binding is outside 0..119"),
    (Binding(address="/gain", kind="cc14", number=32), "outside 0..31"),
    (Binding(address="/gain", kind="note", channel=17), "channel 17"),
    (Binding(address="/gain", kind="cc", high=40), "40 is outside -90..12 dB"),
    (Binding(address="/gain", kind="cc", low=float("nan")), "finite"),
    (Binding(address="/jam/start", kind="cc"), "takes no value: its mode is trigger or gate"),
    (Binding(address="/jam/chart", kind="cc"), "chart is text"),
    (Binding(address="/jam/chart", kind="note", mode="trigger"), "takes chart, not 0 arguments"),
    (Binding(address="/gain", kind="note", relative="twos"), "can be relative"),
    (Binding(address="/gain", kind="cc", arguments=(1.0,), position=1), "no argument 2"),
])  # fmt: skip
def test_what_cannot_work_is_said(binding: Binding, message: str) -> None:
    with pytest.raises(MessageError, match=message):
        check(binding)


@given(data=st.binary(max_size=6))
def test_any_bytes_touch_calmly(data: bytes) -> None:
    touch = touched(parse(data))
    if touch is not None:
        kind, channel, number, raw = touch
        assert 1 <= channel <= 16 and 0 <= number <= 127 and 0 <= raw <= (16383 if kind == "bend" else 127)
