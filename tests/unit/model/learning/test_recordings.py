"""Files of all kinds, rates and conditions."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import correlate

from jamd.contract.errors import FailureError
from jamd.contract.units import SAMPLE_RATE
from model.learning.recordings import Audio, blocks, data_hash, find_recordings, read_stretch, stereo
from model.learning.survey import survey
from tests.unit.model.learning.files import opened, write


@pytest.mark.parametrize(
    ("name", "rate", "subtype", "channels"),
    [
        ("a.wav", 44_100, "PCM_16", 2),
        ("a.wav", 8_000, "PCM_U8", 1),
        ("a.flac", 96_000, "PCM_24", 1),
        ("a.aiff", 48_000, "PCM_16", 2),
        ("a.ogg", 22_050, None, 2),
        ("a.mp3", 44_100, None, 2),
        ("a.wav", 48_000, "FLOAT", 2),
    ],
)
def test_every_kind_and_rate_is_read_as_the_same_music(
    tmp_path: Path, band: tuple[object, Audio], name: str, rate: int, subtype: str | None, channels: int
) -> None:
    audio = band[1][: 12 * SAMPLE_RATE]
    recording = opened(write(tmp_path / name, audio, rate, subtype, channels))
    assert recording.seconds == pytest.approx(12.0, abs=0.1)
    whole = np.concatenate(list(blocks(recording, 5.0)))
    assert whole.shape[1] == 2 and whole.dtype == np.float32
    assert len(whole) == pytest.approx(len(audio), abs=0.1 * SAMPLE_RATE)
    part = read_stretch(recording, 6.0, 9.0)
    assert part.shape == (3 * SAMPLE_RATE, 2)
    true = audio[6 * SAMPLE_RATE : 9 * SAMPLE_RATE].mean(axis=1)
    both = correlate(part.mean(axis=1), true, mode="full", method="fft") / np.sqrt((part.mean(axis=1) ** 2).sum() * (true**2).sum())
    reach = 2400 if name.endswith("mp3") else 2  # an MP3 may lie some milliseconds off
    assert both[len(true) - 1 - reach : len(true) + reach].max() > 0.9
    same = whole[6 * SAMPLE_RATE : 9 * SAMPLE_RATE]
    assert np.corrcoef(same[:, 0], part[:, 0])[0, 1] > (0.9 if name.endswith("mp3") else 0.999)


def test_a_stretch_beyond_the_ends_is_silent_there(tmp_path: Path, band: tuple[object, Audio]) -> None:
    recording = opened(write(tmp_path / "a.wav", band[1][: 2 * SAMPLE_RATE], 44_100))
    part = read_stretch(recording, 1.5, 3.0)
    assert len(part) == 1.5 * SAMPLE_RATE
    assert np.abs(part[: SAMPLE_RATE // 4]).max() > 0.01
    assert np.abs(part[SAMPLE_RATE:]).max() == 0.0


def test_what_cannot_be_read_is_listed_with_a_reason(tmp_path: Path, band: tuple[object, Audio]) -> None:
    good = write(tmp_path / "good.flac", band[1][:SAMPLE_RATE])
    (tmp_path / "words.wav").write_text("this is no sound\n" * 100)
    (tmp_path / "nothing.mp3").write_bytes(b"")
    (tmp_path / "headless.flac").write_bytes(good.read_bytes()[5000:])
    soundfile.write(str(tmp_path / "empty.wav"), np.zeros((0, 2), np.float32), 48_000)
    (tmp_path / "notes.txt").write_text("not looked at")
    (tmp_path / ".hidden").mkdir()
    write(tmp_path / ".hidden" / "b.wav", band[1][:SAMPLE_RATE])
    found, bad = find_recordings([tmp_path, tmp_path / "gone.wav", tmp_path / "notes.txt", good])
    assert [recording.path.name for recording in found] == ["good.flac"]
    reasons = {one.path.name: one.reason for one in bad}
    assert set(reasons) == {"words.wav", "nothing.mp3", "headless.flac", "empty.wav", "gone.wav", "notes.txt"}
    assert reasons["empty.wav"] == "it is empty" and reasons["gone.wav"] == "there is no such file"
    assert all(reasons.values())


def test_a_file_that_goes_away_fails_with_a_sentence(tmp_path: Path, band: tuple[object, Audio]) -> None:
    recording = opened(write(tmp_path / "a.wav", band[1][:SAMPLE_RATE]))
    recording.path.unlink()
    with pytest.raises(FailureError, match=r"a\.wav"):
        read_stretch(recording, 0.0, 1.0)
    with pytest.raises(FailureError, match=r"a\.wav"):
        survey(recording)


def test_the_hash_knows_the_sound_not_the_file(tmp_path: Path, band: tuple[object, Audio]) -> None:
    audio = band[1][: 3 * SAMPLE_RATE]
    one = survey(opened(write(tmp_path / "a.wav", audio, subtype="PCM_16"))).hash
    same = survey(opened(write(tmp_path / "b.flac", audio, subtype="PCM_16"))).hash
    other = survey(opened(write(tmp_path / "c.wav", audio[:-1], subtype="PCM_16"))).hash
    assert one == same != other
    assert data_hash([one, other]) == data_hash([other, one]) != data_hash([one])


def test_many_channels_become_two() -> None:
    sound = np.tile(np.arange(4, dtype=np.float32), (3, 1))
    assert stereo(sound).tolist() == [[1.0, 2.0]] * 3
    assert stereo(sound[:, :1]).shape == (3, 2)


@pytest.mark.parametrize("rate", [4000, 11_025, 22_050, 37_800, 44_100])
def test_the_survey_keeps_time_at_every_rate(tmp_path: Path, rate: int) -> None:
    """A tone from the 25th second on is loud from there on, to a step."""
    sound = np.zeros((round(31.3 * rate), 2), np.float32)
    sound[25 * rate :] = 0.5 * np.sin(2 * np.pi * 500 * np.arange(len(sound) - 25 * rate) / rate)[:, None]
    soundfile.write(tmp_path / "tone.wav", sound, rate, subtype="FLOAT")
    found = survey(opened(tmp_path / "tone.wav"))
    assert found.seconds == pytest.approx(31.3, abs=0.06)
    assert (found.levels[:499] < -100).all() and (np.abs(found.levels[501:-1] - 20 * np.log10(0.5 / np.sqrt(2))) < 0.2).all()


def test_a_name_that_is_no_text_is_read_like_others(tmp_path: Path, band: tuple[object, Audio]) -> None:
    sound = write(tmp_path / "a.wav", band[1][:SAMPLE_RATE])
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav"))
    sound.rename(odd)
    (found,), bad = find_recordings([tmp_path])
    assert not bad and survey(found).seconds == pytest.approx(1.0, abs=0.06)
    assert len(read_stretch(found, 0.2, 0.5)) == round(0.3 * SAMPLE_RATE)
