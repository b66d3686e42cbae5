"""What cannot be done after all, when it has been taken on already, is told to whoever asked for it, once."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from bridges.osc import OscMessage, build, read_packet
from jamd import paths
from jamd.contract import messages as m
from jamd.control import clip_files
from jamd.control.subscribers import Client
from tests.conftest import wait_until
from tests.unit.control.test_fuzz import Desk

ASKED, OTHER = ("127.0.0.1", 9), ("127.0.0.1", 10)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("JAMD_HOME", str(tmp_path))
    one = Desk()
    audio = one.rig.session._send
    one.rig.session._send = lambda role, message: (  # there is no recorder: what it says the tests say
        True if isinstance(message, m.RecordStart | m.RecordStop) else audio(role, message)
    )
    yield one
    one.close()


def told(desk: Desk, seconds: float = 0.0) -> list[tuple[str, str]]:
    """The errors that come within so long: for which address, and which code. All of them go to who asked."""
    until = time.monotonic() + seconds
    found: list[OscMessage] = []
    while True:
        assert all(client == ASKED for _, client in desk.wire.sent)
        found += desk.wire.take()
        if found or time.monotonic() > until:
            return [(str(one.arguments[0]), str(one.arguments[1])) for one in found]
        found += desk.hear(client=OTHER)


def say(desk: Desk, address: str, *arguments: Any) -> None:
    assert desk.hear(build(address, *arguments), client=ASKED) == []


def take(desk: Desk, message: m.Message) -> None:
    desk.rig.session.take(message)


def test_an_adapter_that_cannot_be_read(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "adapters" / "petra"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"base": "small", "rank": 8}))
    for address in ("/adapter/load", "/adapter/use"):
        say(desk, address, "petra")
        take(desk, m.AdapterEvent(name="petra", state="staging"))
        take(desk, m.AdapterEvent(name="petra", state="failed", text="its tensors are damaged"))
        assert told(desk) == [(address, "adapter")]
    say(desk, "/adapter/load", "petra")
    take(desk, m.AdapterEvent(name="petra", state="ready"))
    say(desk, "/adapter/use", "petra")
    refuse(desk, used(desk)[-1])
    assert told(desk) == [("/adapter/use", "adapter")]


def used(desk: Desk) -> list[m.AdapterUse]:
    """What the engine was told to play."""
    return [one for one in desk.rig.sent if isinstance(one, m.AdapterUse)]


def refuse(desk: Desk, use: m.AdapterUse) -> None:
    take(desk, m.AdapterEvent(name="", state="refused", text="too much", asked=use.adapters, playing=[], request=use.request))


def heard(desk: Desk) -> list[tuple[str, Client]]:
    """Addresses of the errors, and whom they reached."""
    sent = [(message, client) for data, client in desk.wire.sent for message in read_packet(data)]
    desk.wire.sent.clear()
    return [(str(message.arguments[0]), client) for message, client in sent if message.address == "/error"]


def test_each_who_asked_for_adapters_is_told_of_their_own(desk: Desk, tmp_path: Path) -> None:
    for name in ("petra", "luis"):
        (tmp_path / "adapters" / name).mkdir(parents=True)
        (tmp_path / "adapters" / name / "manifest.json").write_text(json.dumps({"base": "small", "rank": 8}))
    desk.hear(build("/adapter/load", "petra"), client=ASKED)
    desk.hear(build("/adapter/use", "petra"), client=OTHER)  # joins
    desk.wire.take()
    take(desk, m.AdapterEvent(name="petra", state="failed", text="damaged"))
    assert heard(desk) == [("/adapter/load", ASKED), ("/adapter/use", OTHER)]
    for name in ("petra", "luis"):
        desk.hear(build("/adapter/load", name), client=ASKED)
        take(desk, m.AdapterEvent(name=name, state="ready"))
    desk.hear(build("/adapter/blend", "petra", 1.0, "luis", 1.0), client=ASKED)
    desk.hear(build("/adapter/use", "petra"), client=OTHER)
    desk.wire.take()
    blend, use = used(desk)[-2:]
    refuse(desk, blend)
    assert heard(desk) == [("/adapter/blend", ASKED)]
    assert desk.rig.session.state.adapters == [("petra", 1.0)], "something else was asked for meanwhile"
    refuse(desk, use)
    assert heard(desk) == [("/adapter/use", OTHER)]
    for client in (ASKED, OTHER):
        desk.hear(build("/adapter/use", "luis"), client=client)
    desk.wire.take()
    for one in used(desk)[-2:]:
        refuse(desk, one)
    assert heard(desk) == [("/adapter/use", ASKED), ("/adapter/use", OTHER)]
    say(desk, "/adapter/unload", "petra")
    take(desk, m.AdapterEvent(name="petra", state="refused", text="in use: choose another set first"))
    assert told(desk) == [("/adapter/unload", "adapter")]
    assert desk.rig.session.state.loaded["petra"] == "ready"


@pytest.mark.parametrize("address", ["/jam/style", "/slot/3/render"])
def test_a_style_without_any_weight_is_refused_at_once(desk: Desk, address: str) -> None:
    before = (1,) if address.startswith("/slot") else ()
    desk.rig.do("/jam/style", "a ballad")
    (answer,) = desk.hear(build(address, *before, "rhodes:0 | trio:0"), client=ASKED)
    assert answer.address == "/error" and answer.arguments[:2] == (address, "style")
    assert desk.rig.do("/jam/style") == "a ballad" and not desk.rig.session.state.slots[2].rendering


def test_a_clip_that_cannot_be_rendered(desk: Desk) -> None:
    say(desk, "/slot/3/render", 1)
    request = desk.rig.session.state.slots[2].request
    take(desk, m.ClipFailed(slot=2, request=request, code="chart", message="no"))
    assert told(desk) == [("/slot/3/render", "chart")]
    say(desk, "/slot/3/render", 1)
    desk.rig.session.engine_gone()
    assert told(desk) == [("/slot/3/render", "engine")]
    desk.rig.session.engine_gone()
    assert told(desk) == []


def test_files_that_cannot_be_read_or_written(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = paths.clips_folder()
    clips.mkdir(parents=True, exist_ok=True)
    soundfile.write(clips / "take.wav", np.zeros((4800, 2), np.float32), 48_000)

    def fails(*_: Any) -> None:
        raise OSError("Input/output error")

    monkeypatch.setattr(clip_files, "load", fails)
    say(desk, "/slot/1/load", "take.wav")
    assert told(desk, 5.0) == [("/slot/1/load", "file")]
    desk.rig.fill(1, np.zeros((96_000, 2)))
    monkeypatch.setattr(clip_files, "save", fails)
    say(desk, "/slot/1/save", "out.wav")
    assert told(desk, 5.0) == [("/slot/1/save", "file")]


def test_an_engine_that_dies_is_nothing_to_a_file(desk: Desk) -> None:
    """A render gave way to a file that is being read; neither who asked for it nor who asked for the file hears of the engine."""
    clips = paths.clips_folder()
    clips.mkdir(parents=True, exist_ok=True)
    soundfile.write(clips / "take.wav", np.zeros((96_000, 2), np.float32), 48_000)
    say(desk, "/slot/1/render", 1)
    say(desk, "/slot/1/load", "take.wav")
    desk.rig.session.engine_gone()
    assert told(desk) == []
    wait_until(lambda: bool(desk.hear()) or desk.rig.name(1) == "ready", 10, "the file")
    assert desk.rig.session.state.slots[0].error == ""
    assert told(desk) == []


def test_what_follows_from_a_file_is_not_told_to_who_loaded_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A take that is being recorded copies the clip; that this fails is not the loader's fault."""
    clips = paths.clips_folder()
    clips.mkdir(parents=True, exist_ok=True)
    soundfile.write(clips / "take.wav", np.zeros((96_000, 2), np.float32), 48_000)

    def fails(*_: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(clip_files, "save", fails)
    desk.hear(build("/record/start", "evening"), client=OTHER)
    desk.wire.take()
    say(desk, "/slot/2/load", "take.wav")
    assert told(desk, 1.0) == []
    assert desk.rig.name(2) == "ready"


def test_a_take_that_cannot_begin(desk: Desk) -> None:
    say(desk, "/record/start", "evening")
    take(desk, m.RecordEvent(kind="failed", text="No space left on device", frames=0))
    assert told(desk) == [("/record/start", "record")]


def test_the_next_take_begins_when_the_one_before_has_ended(desk: Desk) -> None:
    state = desk.rig.session.state
    say(desk, "/record/start", "one")
    say(desk, "/record/stop", 0)
    say(desk, "/record/stop", 1)
    say(desk, "/record/start", "two")
    assert Path(state.recording).name == "one"
    take(desk, m.RecordEvent(kind="stopped", text="", frames=1))
    assert Path(state.recording).name == "two"
    say(desk, "/record/stop")
    say(desk, "/record/start", "one")
    take(desk, m.RecordEvent(kind="stopped", text="", frames=1))
    assert state.recording == "" and told(desk) == [("/record/start", "file")]
    say(desk, "/record/start", 0)
    assert state.recording == "", "a button that is let go"
    say(desk, "/record/start", 1)
    assert state.recording
