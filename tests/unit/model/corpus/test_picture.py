"""Pictures show what they are drawn from: decoded again, their pixels follow the notes, the sound and the chart."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from jamd.contract.chart import parse_chart
from jamd.contract.errors import FailureError
from jamd.contract.units import SAMPLE_RATE
from model.corpus.notes import make_notes
from model.corpus.personas import PERSONAS
from model.corpus.picture import COLOURS, HEIGHT, LARGEST, WIDTH, caption_of, log_spectrogram, plot_piece, plot_render, readable_stretch
from model.corpus.piece import make_piece
from model.corpus.render import render_mix

CHART = parse_chart("| Dm7 G7 | Cmaj7 |")


def pixels(path: Path) -> np.ndarray:
    """Shape: [height, width, 3], 0 to 255."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), np.int16)


def share_of(image: np.ndarray, colour: str) -> float:
    """Share of the pixels that have nearly this colour."""
    return float((np.abs(image - np.array(to_rgb(colour)) * 255).max(axis=2) < 12).mean())


def tone(hz: float, seconds: float = 2.0) -> np.ndarray:
    wave = 0.3 * np.sin(2 * np.pi * hz * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE)
    return np.repeat(wave.astype(np.float32)[:, None], 2, axis=1)


def test_a_piece_and_another(tmp_path: Path) -> None:
    images = []
    for seed, parts in ((3, (True, True, True, False)), (4, (False, True, False, True))):
        piece = make_piece(seed, chart=CHART, tempo=150.0, bars=4, feel="swing", parts=parts)
        mix = render_mix(piece)
        path = tmp_path / f"{seed}.png"
        plot_piece(piece, mix, path)
        assert path.stat().st_size < LARGEST
        image = pixels(path)
        assert image.shape == (HEIGHT, WIDTH, 3)
        for name, on in zip(COLOURS, parts, strict=True):
            assert (share_of(image, COLOURS[name]) > 0.005) == on, name
        images.append(image)
    plot_piece(piece, mix, tmp_path / "again.png")
    assert (tmp_path / "again.png").read_bytes() == path.read_bytes()
    assert (np.abs(images[0] - images[1]).max(axis=2) > 20).mean() > 0.1


def test_sound_is_in_the_picture(tmp_path: Path) -> None:
    piece = make_piece(3, chart=CHART, tempo=150.0, bars=4, feel="swing")
    plot_piece(piece, render_mix(piece), tmp_path / "sound.jpg")
    plot_piece(piece, np.zeros((int(piece.seconds * SAMPLE_RATE), 2), np.float32), tmp_path / "silence.jpg")
    with Image.open(tmp_path / "sound.jpg") as image:
        assert image.format == "JPEG"
    sound, silence = pixels(tmp_path / "sound.jpg"), pixels(tmp_path / "silence.jpg")
    differs = (np.abs(sound - silence).max(axis=2) > 40).mean(axis=1)
    assert differs[150:380].mean() > 0.5, "the spectrogram's rows"
    assert differs[420:].mean() < 0.01, "the rows below it show notes and labels, which are the same"


def test_a_render_on_and_off_its_chart(tmp_path: Path) -> None:
    notes = make_notes([(0, 60, 90.0, 0.0, 8.0), (2, 51, 70.0, 0.0, 0.1)], 120.0)
    shares = []
    for name, chart in (("on", "| C7 | % |"), ("off", "| B7 | % |")):
        path = tmp_path / f"{name}.png"
        plot_render(tone(261.63, 4.0), parse_chart(chart), 120.0, notes, path)
        image = pixels(path)
        assert image.shape == (HEIGHT, WIDTH, 3)
        shares.append(share_of(image[640:800], COLOURS["horn"]))  # the colour of what lies off the chord
    assert shares[0] < 0.01 < shares[1]


@pytest.mark.parametrize("hz", [100.0, 440.0, 3000.0])
def test_spectrogram_finds_a_tone(hz: float) -> None:
    image = log_spectrogram(tone(hz), 0.0, 2.0)
    found = 35.0 * (16_000.0 / 35.0) ** ((image.mean(axis=1).argmax() + 0.5) / len(image))
    assert abs(np.log2(found / hz)) < 0.06


def test_as_many_bars_as_can_be_read() -> None:
    slow, busy = parse_chart("| Dm7 |"), parse_chart("| Dm7 G7 Em7 A7 |")
    assert readable_stretch(slow, 60.0, 8).bars == 8
    assert readable_stretch(slow, 60.0, 40).bars == 8, "seconds"
    assert readable_stretch(busy, 240.0, 40).bars == 4, "chords"
    assert readable_stretch(busy, 240.0, 3).bars == 3
    later = readable_stretch(slow, 120.0, 20, first=16)
    assert (later.first, later.bars, later.begin) == (16, 4, 32.0)
    assert [end - begin for begin, end, _ in readable_stretch(busy, 240.0, 40).chords()] == pytest.approx([0.25] * 16)


def test_a_caption_is_the_seeds_own_and_names_nobody() -> None:
    captions = [caption_of(make_piece(seed, persona=PERSONAS[seed])) for seed in range(8)]
    assert captions == [caption_of(make_piece(seed, persona=PERSONAS[seed])) for seed in range(8)]
    assert len(set(captions)) > 6
    assert not any(word in text for seed, text in enumerate(captions) for word in PERSONAS[seed].name.split())


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    piece = make_piece(3, chart=CHART, tempo=150.0, bars=4)
    silence = np.zeros((int(piece.seconds * SAMPLE_RATE), 2), np.float32)
    with pytest.raises(FailureError, match="cannot write"):
        plot_piece(piece, silence, tmp_path / "nowhere" / "picture.png")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(FailureError, match="matplotlib"):
        plot_piece(piece, silence, tmp_path / "picture.png")
