"""MIDI messages and the chords that held notes name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.midi import (
    ChannelPressure,
    ControlChange,
    KeyPressure,
    NoteEvent,
    PitchBend,
    ProgramChange,
    SystemMessage,
    parse,
)
from jamd.contract.chart import parse_chord
from jamd.control.chords import name_chord


def test_notes_and_controllers() -> None:
    assert parse(bytes([0x99, 36, 100])) == NoteEvent("on", 10, 36, 100)
    assert parse(bytes([0x90, 60, 0])) == NoteEvent("off", 1, 60, 0)
    assert parse(bytes([0x8F, 60, 64])) == NoteEvent("off", 16, 60, 64)
    assert parse(bytes([0xB0, 123, 0])) == ControlChange(1, 123, 0)


def test_the_other_channel_messages() -> None:
    assert parse(bytes([0xE1, 0x7F, 0x7F])) == PitchBend(2, 16383)
    assert parse(bytes([0xE0, 0, 64])) == PitchBend(1, 8192)
    assert parse(bytes([0xC9, 5])) == ProgramChange(10, 5)
    assert parse(bytes([0xD0, 99])) == ChannelPressure(1, 99)
    assert parse(bytes([0xAF, 60, 1])) == KeyPressure(16, 60, 1)


@pytest.mark.parametrize("message", [b"\xf8", b"\xf2\x10\x20", b"\xf0\x00\x20\x29\xf7", b"\xff"])
def test_system_messages_are_passed_on_as_they_are(message: bytes) -> None:
    assert parse(message) == SystemMessage(message)


@pytest.mark.parametrize("message", [b"", b"\x90", b"\x90\x40", b"\x40\x40\x40", b"\xb0\x80\x00", b"\xb0\x00\x80", b"\xc0"])
def test_what_is_no_message_is_none(message: bytes) -> None:
    assert parse(message) is None


@given(data=st.binary(max_size=8))
def test_any_bytes_are_taken_calmly(data: bytes) -> None:
    event = parse(data)
    if isinstance(event, SystemMessage):
        assert event.data == data
    elif event is not None:
        assert 1 <= event.channel <= 16 and data[0] & 0x0F == event.channel - 1


@pytest.mark.parametrize(
    ("notes", "symbol"),
    [
        ([50, 53, 57, 60], "Dm7"),
        ([43, 59, 62, 65], "G7"),
        ([48, 52, 55, 59], "Cmaj7"),
        ([52, 55, 59, 60], "Cmaj7/E"),
        ([60, 63, 66, 70], "Cm7b5"),
        ([60, 64, 67], "C"),
        ([55, 60, 64], "C/G"),
        ([60, 64, 70, 74], "C9"),
        ([60, 61, 62], None),
        ([60, 72], None),
        ([], None),
    ],
)
def test_held_notes_name_the_chord(notes: list[int], symbol: str | None) -> None:
    assert name_chord(notes) == symbol


@given(notes=st.sets(st.integers(21, 108), max_size=7))
def test_a_named_chord_holds_the_notes_that_name_it(notes: set[int]) -> None:
    symbol = name_chord(notes)
    if symbol is not None:
        chord = parse_chord(symbol)
        classes = set(chord.pitch_classes)
        assert {note % 12 for note in notes} <= classes | {chord.bass}
