"""The adapters' desk: names, states, and the bar from which they play. What is in a file is tested with the engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jamd.contract import messages as m
from jamd.contract.errors import AdapterError, MessageError
from tests.unit.control.rig import Rig

BAR = 4 * 24_000


@pytest.fixture(autouse=True)
def adapters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of them on disk."""
    monkeypatch.setenv("JAMD_HOME", str(tmp_path))
    for name in ("petra", "luis"):
        folder = tmp_path / "adapters" / name
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(json.dumps({"base": "small", "rank": 8, "scores": {"fad": 3.5}}))


def answer(rig: Rig, state: str = "ready", text: str = "") -> None:
    """The engine's part."""
    for message in list(rig.sent):
        if isinstance(message, m.AdapterLoad):
            rig.send(m.AdapterEvent(name=message.name, state=state, text=text))
            rig.sent.remove(message)


def used(rig: Rig) -> list[m.AdapterUse]:
    return [message for message in rig.sent if isinstance(message, m.AdapterUse)]


def strengths(rig: Rig) -> list[float]:
    return [message.value for message in rig.sent if isinstance(message, m.AdapterStrength)]


def test_list_says_what_is_there(rig: Rig) -> None:
    rig.do("/adapter/load", "petra")
    answer(rig)
    rows = {row["name"]: row for row in json.loads(rig.do("/adapter/list"))["adapters"]}
    assert rows["petra"]["state"] == "ready"
    assert rows["luis"] | {"own": True, "state": "registered", "rank": 8} == rows["luis"]
    assert rows["ansel"]["bytes"] > 100_000 and "bytes" not in rows["luis"], "there is a manifest alone"


def test_use_loads_first_and_plays_from_the_bar(rig: Rig) -> None:
    rig.do("/clock/play")
    rig.run(500)
    rig.do("/adapter/use", "petra", 0.7)
    assert used(rig) == []
    assert rig.do("/adapter/use") == ("base", 1.0)
    answer(rig)
    (use,) = used(rig)
    begin = rig.session.state.clock.segments[0].frame
    assert use.adapters == [("petra", pytest.approx(0.7))]
    assert use.frame > rig.memory.frame
    assert (use.frame - begin) % BAR == 0
    assert rig.do("/adapter/use")[0] == "petra"
    rig.do("/adapter/use", "base")
    assert used(rig)[-1].adapters == []


def test_blend_and_its_knob(rig: Rig) -> None:
    assert rig.do("/adapter/blend") == ("base", 1.0)
    rig.do("/adapter/blend", "petra", 0.5, "luis", 0.25)
    answer(rig)
    assert used(rig)[-1].adapters == [("petra", 0.5), ("luis", 0.25)]
    assert rig.do("/adapter/blend") == ("petra", 0.5, "luis", 0.25)
    rig.do("/adapter/strength", 0.5)
    assert strengths(rig) == [0.5] and len(used(rig)) == 1, "the set is what it was"
    assert rig.do("/adapter/strength") == 0.5
    for wrong in (("petra", 0.5, "petra", 0.1), ("petra", 0.5, "luis")):
        with pytest.raises(MessageError):
            rig.do("/adapter/blend", *wrong)


def test_a_change_that_waits_for_a_bar_line_waits_for_it_at_another_tempo_too(rig: Rig) -> None:
    rig.do("/adapter/use", "petra")
    answer(rig)
    rig.do("/clock/play")
    rig.run(500)
    rig.do("/adapter/use", "petra", 0.3)
    first = used(rig)[-1].frame
    assert first > rig.memory.frame, "also where it is the one that plays"
    rig.do("/clock/tempo", 90.0)
    moved, clock = used(rig)[-1], rig.session.state.clock
    assert moved.adapters == [("petra", pytest.approx(0.3))]
    assert moved.frame == clock.next_bar(moved.frame)[0] > first
    rig.run(4_000)
    rig.do("/clock/tempo", 120.0)
    assert used(rig)[-1] == moved, "what is done is not done again"


def test_what_is_refused_changes_nothing(rig: Rig) -> None:
    rig.do("/adapter/use", "petra")
    answer(rig)
    rig.do("/adapter/use", "luis")
    answer(rig, "failed", "made for another base")
    assert rig.do("/adapter/use")[0] == "petra"
    assert rig.session.state.loaded == {"petra": "ready"}
    assert "another base" in rig.log[-1]
    for name in ("nobody", "../petra", "/etc", ""):
        with pytest.raises(AdapterError):
            rig.do("/adapter/use", name)
    with pytest.raises(MessageError, match="plays"):
        rig.do("/adapter/unload", "petra")
    with pytest.raises(MessageError, match="not in memory"):
        rig.do("/adapter/unload", "luis")


def test_a_new_engine_is_told(rig: Rig) -> None:
    rig.do("/adapter/blend", "petra", 1.0, "luis", 0.5)
    answer(rig)
    rig.do("/adapter/strength", 0.3)
    rig.session.engine_gone()
    state = rig.session.engine_state()
    assert set(state.loaded) == {"petra", "luis"}
    assert state.adapters == used(rig)[-1].adapters == [("petra", 1.0), ("luis", 0.5)]
    assert state.adapter_strength == pytest.approx(0.3)


def refuse(rig: Rig, asked: str, *playing: tuple[str, float]) -> None:
    rig.send(m.AdapterEvent(name="", state="refused", text="too much at once", asked=[(asked, 1.0)], playing=list(playing)))


def test_a_refused_set_leaves_the_one_before(rig: Rig) -> None:
    rig.do("/adapter/use", "petra", 0.8)
    answer(rig)
    rig.do("/adapter/use", "luis")
    answer(rig)
    for _ in range(2):
        refuse(rig, "luis", ("petra", 0.8))
        assert rig.session.state.adapters == [("petra", 0.8)]
    assert "too much" in rig.log[-1]
    rig.do("/adapter/use", "luis")
    rig.do("/adapter/use", "petra", 0.5)
    refuse(rig, "luis", ("petra", 0.8))
    assert rig.session.state.adapters == [("petra", 0.5)], "the engine has not yet heard of it"


def test_a_folder_that_goes_while_it_is_read_is_no_error(rig: Rig, tmp_path: Path) -> None:
    rig.do("/adapter/use", "petra")
    (tmp_path / "adapters" / "petra" / "manifest.json").unlink()
    (tmp_path / "adapters" / "petra").rmdir()
    answer(rig)
    assert used(rig)[-1].adapters == [("petra", 1.0)]


def test_what_is_unloaded_is_waited_for_no_longer(rig: Rig) -> None:
    rig.do("/adapter/use", "petra")
    rig.do("/adapter/unload", "petra")
    rig.send(m.AdapterEvent(name="petra", state="registered"))
    rig.do("/adapter/load", "petra")
    answer(rig)
    assert used(rig) == [] and rig.do("/adapter/use") == ("base", 1.0)
