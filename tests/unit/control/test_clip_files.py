"""Files of clips: what stands in their comments may come from anybody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from jamd.contract.errors import FailureError
from jamd.contract.memory import unlink_shared
from jamd.control import clip_files
from jamd.control.state import Clip
from tests.unit.control.rig import Rig

GOOD = {"bars": 2, "beats_per_bar": 3, "tempo": 180.0, "seed": 5, "chart": "3/4 | C |", "style": "waltz", "figures": {"fit": 0.9}}
NAME = "jamd-t-clip-file"


@pytest.fixture(autouse=True)
def memory() -> Iterator[None]:
    """Nothing is left of it."""
    yield
    unlink_shared(NAME)


def write(path: Path, comment: Any, frames: int = 96_000) -> Path:
    """Two seconds with a comment."""
    with soundfile.SoundFile(str(path), "w", 48_000, 2) as file:
        file.comment = comment if isinstance(comment, str) else json.dumps({"jamd": comment})
        file.write(np.zeros((frames, 2), np.float32))
    return path


def load(path: Path) -> Clip:
    return clip_files.load(path, NAME, 120.0, 4)


def test_what_is_right_is_believed(tmp_path: Path) -> None:
    clip = load(write(tmp_path / "a.wav", GOOD))
    assert {key: getattr(clip, key) for key in GOOD} == GOOD


@pytest.mark.parametrize(
    "wrong",
    [{"bars": 0}, {"bars": True}, {"bars": 1e9}, {"bars": "2"}, {"beats_per_bar": 0}, {"beats_per_bar": None}, {"tempo": "120"},
     {"tempo": 0}, {"tempo": -5.0}, {"tempo": float("nan")}, {"tempo": float("inf")}, {"tempo": [120]}],
)  # fmt: skip
def test_bars_and_tempo_that_cannot_be_are_measured(tmp_path: Path, wrong: dict[str, Any]) -> None:
    clip = load(write(tmp_path / "a.wav", GOOD | wrong))
    assert (clip.bars, clip.beats_per_bar, clip.tempo, clip.seed) == (1, 4, pytest.approx(120.0), 5)


def test_half_of_it_is_measured_too(tmp_path: Path) -> None:
    clip = load(write(tmp_path / "a.wav", {"bars": 8}))
    assert (clip.bars, clip.tempo) == (1, pytest.approx(120.0))


@pytest.mark.parametrize(
    "wrong",
    [{"seed": -1}, {"seed": 1 << 70}, {"seed": "5"}, {"chart": 3}, {"chart": "| H |"}, {"style": ["x"]}, {"figures": []},
     {"figures": {"fit": "good"}}, {"figures": {"fit": float("nan")}}, {"figures": {"fit": 10**300}}],
)  # fmt: skip
def test_the_rest_is_left_out_where_it_cannot_be(tmp_path: Path, wrong: dict[str, Any]) -> None:
    clip = load(write(tmp_path / "a.wav", GOOD | wrong))
    (key,) = wrong
    assert getattr(clip, key) == getattr(Clip("", 0, 0, 0, 0.0), key)
    assert (clip.bars, clip.tempo) == (2, 180.0)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner)
                    | st.dictionaries(st.sampled_from(clip_files.KEPT) | st.just("jamd") | st.text(), inner), max_leaves=12))  # fmt: skip
def test_any_comment_is_read(values: Any) -> None:
    for comment in (values, {"jamd": values}):
        known = clip_files._known(json.dumps(comment))
        clip = Clip("", 0, **({"bars": 1, "beats_per_bar": 4, "tempo": 120.0} | known))
        assert clip.beats >= 1 and clip.tempo > 0


def test_a_comment_without_end_is_no_comment() -> None:
    assert clip_files._known("[" * 100_000) == {}


def test_an_empty_file_is_an_error_and_leaves_no_memory(tmp_path: Path) -> None:
    with pytest.raises(FailureError, match="no sound"):
        load(write(tmp_path / "a.wav", GOOD, frames=0))
    load(write(tmp_path / "b.wav", GOOD))  # the name is free


@pytest.mark.parametrize("comment", [{"bars": 8}, GOOD | {"bars": 0}, GOOD | {"tempo": "120"}])
def test_a_slot_takes_such_files_and_goes_on(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, comment: dict[str, Any]) -> None:
    monkeypatch.setenv("JAMD_HOME", str(tmp_path))
    (tmp_path / "clips").mkdir()
    write(tmp_path / "clips" / "odd.wav", comment)

    async def go() -> None:
        rig.do("/slot/1/load", "odd.wav")
        await asyncio.gather(*rig.session.tasks)

    asyncio.run(go())
    rig.do("/clock/play")
    rig.do("/clock/tempo", 125.0)
    rig.run(50)
    rig.do("/slot/1/launch")
    rig.run(1000)
    assert rig.name(1) in ("queued", "playing")


def test_whatever_goes_wrong_in_a_thread_ends_the_wait(rig: Rig) -> None:
    def fail() -> Clip:
        raise TypeError("an odd file")

    async def go() -> None:
        rig.session.slots.clips.load_file(0, fail, "odd.wav")
        assert rig.name(1) == "rendering"
        await asyncio.gather(*rig.session.tasks)

    asyncio.run(go())
    assert rig.name(1) == "empty"
    assert "an odd file" in rig.session.state.slots[0].error and "an odd file" in rig.log[-1]


def test_a_failure_is_not_that_of_a_later_request(rig: Rig) -> None:
    def fail() -> Clip:
        raise OSError("the disk is full")

    async def go() -> None:
        rig.session.slots.clips.load_file(0, fail, "")
        rig.do("/slot/1/render", 4)
        rig.session.slots.clips.later(0, fail, lambda _: None)
        await asyncio.gather(*rig.session.tasks)

    asyncio.run(go())
    assert rig.name(1) == "rendering"
    assert sum("disk is full" in line for line in rig.log) == 2
