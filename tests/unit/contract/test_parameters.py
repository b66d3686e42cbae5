"""The table of addresses checks what it is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jamd.contract.errors import MessageError
from jamd.contract.parameters import ADDRESSES, PARAMETERS, ROUTES, SLOTS, describe, find


def test_every_slot_has_its_addresses() -> None:
    for number in (1, 17, SLOTS):
        route, found = find(f"/slot/{number}/launch")
        assert (route.action, found) == ("slots.launch", number)
    for address in ("/slot/0/launch", f"/slot/{SLOTS + 1}/launch", "/slot/x/launch"):
        with pytest.raises(MessageError):
            find(address)


@pytest.mark.parametrize(
    ("address", "values", "code"),
    [
        ("/jam/param/density", [2.0], "range"),
        ("/jam/param/density", ["much"], "type"),
        ("/jam/param/density", [float("nan")], "range"),
        ("/jam/param/density", [0.1, 0.2], "arguments"),
        ("/jam/part/bass", [2], "range"),
        ("/jam/part/bass", [0.5], "type"),
        ("/jam/chart", [3], "type"),
        ("/clock/tempo", [39.9], "range"),
        ("/slot/1/render", [], "arguments"),
        ("/slot/1/render", [33], "range"),
        ("/subscribe", ["weather"], "range"),
        ("/gain", [b"x"], "type"),
    ],
)
def test_what_does_not_fit_is_refused(address: str, values: list[Any], code: str) -> None:
    route, _ = find(address)
    with pytest.raises(MessageError) as error:
        route.check(values, address)
    assert error.value.code == code
    assert address in str(error.value)


def test_numbers_are_taken_in_either_type() -> None:
    assert find("/jam/param/density")[0].check([1], "x") == [1.0]
    assert find("/jam/part/bass")[0].check([True], "x") == [1]
    assert find("/jam/part/bass")[0].check([1.0], "x") == [1]
    assert find("/slot/3/render")[0].check([4], "x") == [4, None, None]


def test_nearest_address_is_offered() -> None:
    with pytest.raises(MessageError, match="did you mean /jam/start"):
        find("/jam/strat")
    for wrong, near in (("scene/9/launch", "scene/1/launch"), ("slot/01/launch", "slot/1/launch"), ("slot/64/lunch", "slot/64/launch")):
        with pytest.raises(MessageError, match=f"did you mean /{near}"):
            find(f"/{wrong}")


def test_everything_describes_itself() -> None:
    table = {address: json.loads(text) for address, text in describe()}
    assert len(table) == len(ROUTES)
    for parameter in PARAMETERS:
        entry = table[f"/jam/param/{parameter.name}"]["arguments"][0]
        assert (entry["min"], entry["max"], entry["default"]) == (parameter.low, parameter.high, parameter.default)
    assert json.loads(describe("/slot/3/launch")[0][1])["address"] == "/slot/3/launch"
    assert all(entry["doc"] for entry in table.values())
    assert len(ADDRESSES) > len(ROUTES)
