"""OSC packets, patterns, time tags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder

from bridges.osc import build, is_pattern, matching, read_packet
from jamd.contract.errors import MessageError


@given(data=st.binary(max_size=200))
def test_any_bytes_give_messages_or_one_error(data: bytes) -> None:
    try:
        for message in read_packet(data):
            assert message.address.startswith("/")
    except MessageError as error:
        assert error.code == "malformed"


@given(data=st.binary(max_size=60), cut=st.integers(0, 40))
def test_damaged_messages_never_raise_anything_else(data: bytes, cut: int) -> None:
    whole = build("/jam/chart", "| C7 |", 1, 2.5)
    try:
        read_packet(whole[:cut] + data + whole[cut:])
    except MessageError as error:
        assert error.code == "malformed"


def test_round_trip() -> None:
    (message,) = read_packet(build("/a/b", 1, 2.5, "text", True))
    assert (message.address, message.arguments, message.delay) == ("/a/b", (1, 2.5, "text", True), 0.0)


def test_bundle_with_a_time_tag() -> None:
    import time

    now = time.time()
    bundle = OscBundleBuilder(now + 5.0)
    for address in ("/one", "/two"):
        builder = OscMessageBuilder(address=address)
        builder.add_arg(1)
        bundle.add_content(builder.build())
    messages = read_packet(bundle.build().dgram, now)
    assert [message.address for message in messages] == ["/one", "/two"]
    assert all(message.delay == pytest.approx(5.0, abs=0.01) for message in messages)


ADDRESSES = ["/jam/part/piano", "/jam/part/bass", "/jam/start", "/slot/1/launch", "/slot/12/launch"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("/jam/part/*", ADDRESSES[:2]),
        ("/slot/?/launch", ADDRESSES[3:4]),
        ("/slot/*/launch", ADDRESSES[3:]),
        ("/jam/{start,stop}", ADDRESSES[2:3]),
        ("/slot/[0-9]/launch", ADDRESSES[3:4]),
        ("/slot/[!1]/launch", []),
        ("/*", []),
        ("/jam/part/[a-c]ass", ADDRESSES[1:2]),
    ],
)
def test_patterns(pattern: str, found: list[str]) -> None:
    assert is_pattern(pattern)
    assert matching(pattern, ADDRESSES) == found


@pytest.mark.parametrize(
    "pattern", ["/" + "*a" * 20, "/slot/*/" + "{,a,u,n,c}" * 12, "/" + "x" * 300 + "*", "/" + "?*" * 60, "/slot/[0/9]/launch", "/slot/{1"]
)
def test_what_could_keep_the_matcher_busy_is_refused(pattern: str) -> None:
    with pytest.raises(MessageError) as error:
        matching(pattern, ADDRESSES)
    assert error.value.code == "address"
    assert len(str(error.value)) < 160


def test_large_numbers_are_sent_as_such() -> None:
    assert read_packet(build("/a", 1 << 40, -(1 << 31)))[0].arguments == (1 << 40, -(1 << 31))
    with pytest.raises(MessageError):
        build("/a", 1 << 80)
    for large in (1e300, -1e39):
        with pytest.raises(MessageError, match="cannot send /gain: a number is too large"):
            build("/gain", large)


@given(pattern=st.text(alphabet="/a[]{}*?!-,\\^", max_size=20))
def test_any_pattern_matches_or_is_refused(pattern: str) -> None:
    try:
        matching(pattern, ADDRESSES)
    except MessageError as error:
        assert error.code == "address"


@pytest.mark.parametrize("tags", ["f", "i", "s", "d", "h", "b", "t", "ff", "fT", "if", "sf"])
def test_values_that_are_missing_are_no_zeros(tags: str) -> None:
    """A packet that was cut: python-osc reads 0.0 where a float should be."""
    whole = f",{tags}".encode()
    with pytest.raises(MessageError, match="malformed"):
        read_packet(b"/gain\0\0\0" + whole + b"\0" * (4 - len(whole) % 4))


def test_tags_without_values_need_none() -> None:
    assert read_packet(b"/a\0\0,TFN\0\0\0\0")[0].arguments == (True, False, None)
