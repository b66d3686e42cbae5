"""From files to clips: what is used, dropped, levelled and held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jamd.contract.errors import UsageError
from jamd.contract.units import FRAME_SAMPLES, SAMPLE_RATE
from model.corpus.piece import Piece
from model.learning.clips import Clip, Material, split
from model.learning.cutting import LONGEST_S, SHORTEST_S, clip_edges, stretches
from model.learning.material import LEVEL_DB, gather
from model.learning.recordings import Audio
from model.learning.survey import HOP_S, survey
from tests.unit.model.learning.files import opened, write

Rendered = tuple[Piece, Audio]


def silence(seconds: float) -> Audio:
    return np.random.default_rng(1).standard_normal((int(seconds * SAMPLE_RATE), 2)).astype(np.float32) * 1e-5


def level_of(audio: Audio) -> float:
    return 20 * float(np.log10(np.sqrt((audio**2).mean())))


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory, band: Rendered, solo: Rendered, waltz: Rendered) -> tuple[Material, Path]:
    """Three pieces in three kinds of files, at three levels, with silence, an offset, and a file that is broken."""
    folder = tmp_path_factory.mktemp("playing")
    quiet = np.concatenate([silence(3.0), band[1] * 0.05, silence(4.0)])
    write(folder / "band.wav", quiet, 44_100, "PCM_24")
    write(folder / "solo.mp3", solo[1] * 1.3, 44_100)
    (folder / "more").mkdir()
    write(folder / "more" / "waltz.flac", waltz[1] * 0.5 + np.float32(0.02), 48_000, "PCM_24")
    (folder / "broken.ogg").write_bytes(b"OggS" + bytes(2000))
    return gather([folder]), folder


def test_clips_are_whole_levelled_and_cut_at_bars(three: tuple[Material, Path], band: Rendered) -> None:
    material, _ = three
    assert 120 <= material.seconds_used <= material.seconds_given
    assert all(SHORTEST_S - 0.01 <= clip.seconds <= LONGEST_S + 0.01 for clip in material.clips)
    for name in ("band.wav", "solo.mp3", "waltz.flac"):
        own = [clip for clip in material.clips if clip.piece == name]
        sound = [clip.audio() for clip in own]
        assert all(len(audio) % FRAME_SAMPLES == 0 and np.abs(audio).max() < 0.98 for audio in sound)
        assert len({clip.gain for clip in own}) == 1, "one gain a recording"
        assert level_of(np.concatenate(sound)) == pytest.approx(LEVEL_DB, abs=1.0)
        assert abs(float(np.concatenate(sound).mean())) < 2e-3
    inner = [clip.start_s for clip in material.clips if clip.piece == "band.wav"][1:]
    bar = 240 / band[0].tempo
    away = [abs((start - 3.0 + bar / 2) % bar - bar / 2) for start in inner]
    assert inner and max(away) < 0.15, "cuts lie on bar lines"


def test_silence_is_trimmed_and_everything_is_said(three: tuple[Material, Path]) -> None:
    material, _ = three
    silent = [one for one in material.dropped if one.reason == "silence" and one.file.name == "band.wav"]
    assert [round(one.end_s - one.start_s) for one in silent] == [3, 4]
    assert [one.path.name for one in material.unreadable] == ["broken.ogg"]
    assert any("waltz.flac has a constant offset" in remark for remark in material.remarks)


def test_whole_pieces_are_held_out(three: tuple[Material, Path]) -> None:
    material, _ = three
    held = {clip.piece for clip in material.held_out}
    assert held and not held & {clip.piece for clip in material.training}


def test_the_hash_is_of_the_sound_in_any_order(three: tuple[Material, Path]) -> None:
    material, folder = three
    paths = [folder / "more" / "waltz.flac", folder / "solo.mp3", folder / "band.wav"]
    hashes = [survey(opened(path)).hash for path in paths]
    from model.learning.recordings import data_hash

    assert material.data_hash == data_hash(hashes)


def test_too_little_is_refused_and_says_how_much(tmp_path: Path, solo: Rendered) -> None:
    path = write(tmp_path / "a.flac", solo[1])
    with pytest.raises(UsageError, match=r"only 0:\d\d minutes .* 0:43 .* 2 minutes .* --force") as caught:
        gather([path])
    assert caught.value.code == "material"
    material = gather([path], force=True)
    assert 25 < material.seconds_used <= 44
    assert material.training and material.held_out


def test_nothing_usable_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no recording could be read"):
        gather([tmp_path])
    write(tmp_path / "still.wav", silence(30.0))
    with pytest.raises(UsageError, match="near silence"):
        gather([tmp_path], force=True)


def test_what_is_no_music_or_clipped_is_dropped_with_the_reason(tmp_path: Path, band: Rendered) -> None:
    rng = np.random.default_rng(2)
    audio = band[1]
    half = len(audio) // 2
    write(tmp_path / "a good.flac", audio[:half], subtype="PCM_16")
    write(tmp_path / "b clipped.wav", np.clip(audio[half:] * 12, -0.9, 0.9), subtype="PCM_16")
    write(tmp_path / "c noise.wav", (rng.standard_normal((20 * SAMPLE_RATE, 2)) * 0.1).astype(np.float32))
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(20 * SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    write(tmp_path / "d tone.wav", np.repeat(tone[:, None], 2, axis=1))
    write(tmp_path / "e same.wav", audio[:half], subtype="PCM_16")
    write(tmp_path / "f short.wav", audio[: 3 * SAMPLE_RATE])
    material = gather([tmp_path], force=True)
    assert {clip.piece for clip in material.clips} == {"a good.flac"}
    reasons = {one.file.name[0]: one.reason for one in material.dropped if one.reason != "silence"}
    assert reasons["b"].startswith("clipped")
    assert "noise" in reasons["c"] and "tone" in reasons["d"]
    assert reasons["e"] == "the same sound as a good.flac"
    assert reasons["f"].startswith("shorter than")


def test_long_material_is_thinned_evenly(tmp_path: Path, band: Rendered, waltz: Rendered) -> None:
    for index, piece in enumerate((band, waltz)):
        write(tmp_path / f"{index}.flac", piece[1])
    material = gather([tmp_path], force=True, most_s=45.0)
    assert 20 < material.seconds_used <= 45.0
    assert any("more than 0.75 minutes" in one.reason for one in material.dropped)


def test_one_piece_holds_out_its_end_with_a_gap(three: tuple[Material, Path]) -> None:
    from dataclasses import replace

    some = three[0].clips[0]
    clips = [replace(some, start_s=12.0 * i, end_s=12.0 * (i + 1), held_out=False, piece="one") for i in range(10)]
    kept, guard = split(clips)
    held = [clip for clip in kept if clip.held_out]
    assert len(kept) == 9 and len(guard) == 1 and held
    assert max(clip.end_s for clip in kept if not clip.held_out) <= guard[0].start_s
    assert guard[0].end_s <= min(clip.start_s for clip in held)
    assert held[-1].end_s == 120.0 and sum(clip.seconds for clip in held) <= 30.0


def test_a_gap_makes_pieces_of_one_file(tmp_path: Path, band: Rendered, waltz: Rendered) -> None:
    write(tmp_path / "set.flac", np.concatenate([band[1], silence(6.0), waltz[1], silence(6.0), band[1][: 20 * SAMPLE_RATE]]))
    material = gather([tmp_path], force=True)
    assert [clip.piece for clip in material.clips] == sorted(clip.piece for clip in material.clips)
    assert {clip.piece for clip in material.clips} == {"set.flac", "set.flac#2", "set.flac#3"}
    assert len({clip.piece for clip in material.held_out}) == 1


def test_rests_shorter_than_two_seconds_do_not_cut() -> None:
    levels = np.full(int(60 / HOP_S), -20.0)
    levels[int(10 / HOP_S) : int(11.5 / HOP_S)] = -90
    levels[int(30 / HOP_S) : int(34 / HOP_S)] = -90
    spans = stretches(levels)
    assert len(spans) == 2
    assert spans[0] == pytest.approx((0.0, 30.3), abs=0.3) and spans[1] == pytest.approx((33.9, 60.0), abs=0.3)
    assert stretches(np.full(100, -120.0)) == [] and stretches(np.zeros(0)) == []


@pytest.mark.parametrize("seconds", [7.0, 13.0, 20.5, 27.0, 61.0, 90.0])
def test_clips_fit_any_stretch(seconds: float) -> None:
    rng = np.random.default_rng(int(seconds))
    levels = -20 + rng.standard_normal(int(100 / HOP_S)) * 3
    for lines in (np.zeros(0), np.arange(2.0, 95.0, 2.1)):
        edges = clip_edges(2.0, 2.0 + seconds, levels, lines)
        lengths = np.diff(edges)
        assert len(lengths) and (lengths >= SHORTEST_S - 1e-6).all() and (lengths <= LONGEST_S + 1e-6).all()
        assert edges[0] == 2.0 and edges[-1] == 2.0 + seconds
    assert clip_edges(0.0, 5.0, levels, np.zeros(0)) == []


def test_a_clip_can_be_read_again(three: tuple[Material, Path]) -> None:
    clip: Clip = three[0].clips[0]
    assert np.array_equal(clip.audio(), clip.audio())
