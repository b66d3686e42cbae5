"""Sources of the corpus: small files written here, and the real folder where JAMD_CORPUS names one."""

from __future__ import annotations

import gzip
import os
import zipfile
from collections import Counter
from itertools import pairwise
from pathlib import Path

import mido
import numpy as np
import pytest

from jamd.contract.chart import NO_CHORD, parse_chart, parse_chord
from model.corpus.grid import FEELS
from model.corpus.sources import (
    VARIABLE,
    Groove,
    Sources,
    TrioStats,
    bass_root_share,
    chord_tone_share,
    groove_bars,
    load_sources,
    pooled,
    read_groove,
    read_sheet,
    read_solo,
    read_trio,
    sheet_chorus,
    solo_chorus,
    swing_shares,
)
from model.corpus.sources.cut import cut_chart, cut_rows, lay_out, transpose_rows
from model.corpus.sources.wjazzd import read_symbol, velocities

CHORDS = ("NC", "C-7", "F79b", "Bbj7911#")


def write_table(path: Path, head: str, rows: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("\n".join([head, *rows]).encode()))


def beat_times(count: int) -> np.ndarray:
    """Beats that slow down from 0.3 s to about half a second."""
    return 1.0 + np.cumsum(np.linspace(0.3, 0.5, count)) - 0.3


def write_solo(folder: Path, name: str = "JohnColtrane_Test", metre: str = "4/4", bars: int = 12, chords: tuple[str, ...] = CHORDS) -> Path:
    """Bar 0 is an upbeat; then two eighths on each beat, the second at 0.6 of it, the loudness rising."""
    per_bar = int(metre[0])
    times = beat_times((bars + 1) * per_bar + 1)
    beats, notes = [], []
    for index, (start, end) in enumerate(pairwise(times)):
        bar, beat = divmod(index, per_bar)
        chord = chords[min(bar, len(chords) - 1)]
        bass = 36 + beat if bar else ""
        beats.append(f"{start},{end - start},4,1,{bar},{beat + 1},'{metre}',{chord},A1,1,{bass}")
        for place, pitch in ((0.0, 60), (0.6, 63)):
            onset, loud = start + place * (end - start), 50 + 0.2 * index
            row = f'{onset},{0.3 * (end - start)},4,2,{bar},{beat + 1},1,0.3,"""{metre}""",{pitch},0.5,{loud},1,0,1,{chord},A1,x'
            notes.append(row)
    head = "onset,duration,period,division,bar,beat,signature,chord,form,chorus_id,bass"
    write_table(folder / "wjazzd" / "beat" / f"{name}_beattrack.csv.gz", head, beats)
    head = (
        "onset,duration,period,division,bar,beat,tatum,beat_duration,signature,pitch,loud_max,loud_median,phrase_id,"
        "phrase_begin,chorus_id,chord,form,idea"
    )
    melody = folder / "wjazzd" / "melody" / f"{name}.csv.gz"
    write_table(melody, head, notes)
    return melody


def beats_of(melody: Path) -> Path:
    return melody.parents[1] / "beat" / (melody.name.removesuffix(".csv.gz") + "_beattrack.csv.gz")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Bbj7", "Bbmaj7"), ("Ebj7911#", "Ebmaj9#11"), ("F79#", "F7#9"), ("C79b13b", "C7b9b13"), ("Fsus7913", "F13sus4"),
        ("G-7911", "Gm11"), ("C-69", "Cm6/9"), ("E6911#", "E6/9#11"), ("B+79#", "B7#5#9"), ("Am7b5", "Am7b5"), ("Do7", "Ddim7"),
        ("D-j7", "DmMaj7"), ("C+", "Caug"), ("F+/Ab", "F(#5)/Ab"), ("G+", "G(#5)"), ("C+j7", "Cmaj7#5"),
        ("Bb-7/Eb", "Bbm7/Eb"), ("E7alt", "E7alt"), ("NC", "N.C."),
    ],
)  # fmt: skip
def test_chord_symbols_of_the_weimar_database(written: str, meant: str) -> None:
    assert read_symbol(written) == (NO_CHORD if meant == "N.C." else parse_chord(meant))


def test_louder_is_never_softer() -> None:
    loudness = np.linspace(50, 80, 100)
    found = velocities(list(loudness))
    assert all(a <= b for a, b in pairwise(found))
    assert min(found) >= 1
    assert max(found) <= 127
    assert found[0] < 50 < 110 < found[-1]
    assert velocities([float("nan"), float("nan")]) == [84, 84]


def test_a_solo_keeps_its_timing_though_the_tempo_drifts(tmp_path: Path) -> None:
    melody = write_solo(tmp_path)
    solo = read_solo(melody, beats_of(melody))
    assert (solo.bars, solo.beats_per_bar, solo.performer, solo.program) == (12, 4, "John Coltrane", 64)
    assert solo.feel in FEELS
    assert solo.tempo == pytest.approx(60 / np.median(np.diff(beat_times(13 * 4 + 1))), rel=0.02)
    first = [row for row in solo.notes if row[3] > -1e-9]
    np.testing.assert_allclose([row[3] for row in first[:6]], [0, 0.6, 1, 1.6, 2, 2.6], atol=1e-6)
    np.testing.assert_allclose([row[4] for row in first[:-2:2]], 0.3, atol=1e-6)
    np.testing.assert_allclose(swing_shares(solo.notes), 0.6, atol=1e-6)
    assert [row[3] for row in solo.bass[:5]] == [0, 1, 2, 3, 4]
    assert min(row[3] for row in solo.notes) == pytest.approx(-4)
    assert [bar.chords[0][1].symbol for bar in solo.chart.bars[:4]] == ["Cm7", "F7b9", "Bbmaj9#11", "Bbmaj9#11"]


def test_a_chorus_is_cut_and_moved_as_one(tmp_path: Path) -> None:
    melody = write_solo(tmp_path)
    solo = read_solo(melody, beats_of(melody))
    chart, rows, bass = solo_chorus(solo, 1, 2, semitones=3)
    assert [bar.chords[0][1].root for bar in chart.bars] == [8, 1]
    assert len(rows) == 16
    assert [row[1] for row in rows[:2]] == [63, 66]
    assert [(row[1], row[3]) for row in bass[:3]] == [(39, 0), (40, 1), (41, 2)]
    assert all(0 <= row[3] < 8 and row[3] + row[4] <= 8 + 1e-9 for row in rows + bass)
    assert chord_tone_share(solo.transpose(5)) == pytest.approx(chord_tone_share(solo))
    for first, bars in ((-1, 2), (11, 2), (0, 0)):
        with pytest.raises(ValueError, match="bars"):
            solo_chorus(solo, first, bars)


def test_a_note_played_early_belongs_to_the_bar_it_means() -> None:
    rows = [(3, 60, 80.0, 3.95, 0.5), (3, 62, 80.0, 5.0, 4.0), (3, 64, 80.0, 7.95, 0.2)]
    assert cut_rows(rows, 4, 4) == [(3, 60, 80.0, 0.0, pytest.approx(0.45)), (3, 62, 80.0, 1.0, 3.0)]
    assert cut_rows(rows, 8, 4)[0][1] == 64
    assert [row[1] for row in transpose_rows([(3, 125, 1.0, 0.0, 1.0), (3, 2, 1.0, 0.0, 1.0)], 5)] == [118, 7]
    assert transpose_rows([(3, 2, 1.0, 0.0, 1.0)], -5)[0][1] == 9


def test_charts_are_laid_out_bar_by_bar() -> None:
    one, two = parse_chord("Dm7"), parse_chord("G7")
    chart = lay_out([(-1.0, two), (2.0, one), (2.0, two), (3.0, two), (8.0, one)], 4, 4, "x")
    assert [[(beat, chord.symbol) for beat, chord in bar.chords] for bar in chart.bars] == [
        [(0.0, "G7")], [(0.0, "G7")], [(0.0, "Dm7")], [(0.0, "Dm7")],
    ]  # fmt: skip
    assert len(cut_chart(chart, 1, 2).bars) == 2


@pytest.mark.parametrize(
    ("metre", "chords", "bars"), [("5/4", CHORDS, 12), ("4/4", ("NC", "NC"), 12), ("4/4", ("C7", "H7"), 12), ("4/4", CHORDS, 1)]
)
def test_solos_that_do_not_suit_are_skipped_and_counted(tmp_path: Path, metre: str, chords: tuple[str, ...], bars: int) -> None:
    write_solo(tmp_path, "SonnyRollins_Good", "3/4")
    write_solo(tmp_path, "SonnyRollins_Odd", metre, bars, chords)
    broken = write_solo(tmp_path, "StanGetz_Broken")
    broken.write_bytes(broken.read_bytes()[:200])
    beats_of(write_solo(tmp_path, "ZootSims_Alone")).unlink()
    found = load_sources(tmp_path)
    assert [solo.title for solo in found.solos] == ["Good"]
    assert (found.solos[0].beats_per_bar, found.solos[0].feel, found.solos[0].program) == (3, "waltz", 66)
    assert dict(found.skipped) == {"wjazzd": 3}
    assert load_sources(tmp_path) is found


def write_midi(path: Path, notes: list[tuple[float, float, int, int]], ticks: int = 480) -> Path:
    """(onset, length in beats, pitch, velocity)"""
    path.parent.mkdir(parents=True, exist_ok=True)
    events = sorted([(start, pitch, velocity) for start, _, pitch, velocity in notes] + [(s + d, p, 0) for s, d, p, _ in notes])
    midi, track, last = mido.MidiFile(type=0, ticks_per_beat=ticks), mido.MidiTrack(), 0
    midi.tracks.append(track)
    for beat, pitch, velocity in events:
        at = round(beat * ticks)
        track.append(mido.Message("note_on", note=pitch, velocity=velocity, time=at - last, channel=9))
        last = at
    midi.save(path)
    return path


def test_a_groove_has_whole_bars_human_timing_and_general_midi(tmp_path: Path) -> None:
    hits = [(2.0, 0.1, 36, 90)]
    for beat in range(4, 16):
        hits += [(beat + 0.02, 0.1, 59, 70), (beat + 0.64, 0.1, 22, 30 + beat)]
    hits += [(7.95, 0.1, 26, 60), (12.0, 0.1, 58, 99)]
    path = write_midi(tmp_path / "groove_jazz" / "drummer7_session1_3_jazz-swing_140_beat_4-4.mid", hits)
    groove = read_groove(path)
    assert (groove.drummer, groove.style, groove.tempo, groove.kind, groove.bars) == ("drummer7", "swing", 140.0, "beat", 3)
    assert Counter(row[1] for row in groove.rows) == {51: 12, 42: 12, 46: 1, 43: 1}
    assert groove.rows[0][3] == pytest.approx(0.02, abs=0.003)
    early = next(row for row in groove.rows if row[1] == 46)
    assert early[3] == pytest.approx(3.95, abs=0.003)
    for bars in (1, 2, 3, 7):
        rows = groove_bars(groove, np.random.default_rng(bars), bars)
        assert all(0 <= row[3] < 4 * bars for row in rows)
        rides = sorted(row[3] for row in rows if row[1] == 51)
        np.testing.assert_allclose(rides, np.arange(4 * bars) + 0.02, atol=0.003)
    with pytest.raises(ValueError, match="bars"):
        groove_bars(groove, np.random.default_rng(0), 0)
    fill = write_midi(path.with_name("drummer7_session1_4_jazz_140_fill_3-4.mid"), [(i / 2, 0.1, 38, 80) for i in range(6)])
    assert (read_groove(fill).kind, read_groove(fill).style, read_groove(fill).bars) == ("fill", "", 1)
    write_midi(path.with_name("drummer7_session1_5_jazz_140_beat_5-4.mid"), hits)
    path.with_name("drummer7_session1_6_jazz_140_beat_4-4.mid").write_bytes(b"MThd")
    found = load_sources(tmp_path)
    assert len(found.grooves) == 2
    assert dict(found.skipped) == {"groove_jazz": 2}


def trio(tmp_path: Path) -> TrioStats:
    chords = [(0, 5, 10), (0, 4, 9), (0, 6, 11), (0, 3, 6, 9), (0, 4, 7, 11), (0, 3, 7, 10), (0, 3, 6, 10), (0, 4, 10), (0, 4, 8)]
    melody = [(beat / 2, 0.4, 75 + beat % 5, 100) for beat in range(40)]
    rest = [
        (index + 0.01 * voice, 0.5, 50 + index % 4 + interval, 40 + 2 * index)
        for index in range(18)
        for voice, interval in enumerate(chords[index % len(chords)])
    ]
    write_midi(tmp_path / "jtd_skyline" / "evans_full.MID", melody + rest, 384)
    moved = [(beat + 0.05, length, pitch, velocity) for beat, length, pitch, velocity in melody]
    write_midi(tmp_path / "jtd_skyline" / "evans_manual.MID", moved, 384)
    write_midi(tmp_path / "jtd_skyline" / "solo_full.MID", melody, 384)
    write_midi(tmp_path / "jtd_skyline" / "solo_manual.MID", melody, 384)
    return read_trio(tmp_path / "jtd_skyline" / "evans_full.MID", tmp_path / "jtd_skyline" / "evans_manual.MID")


def test_the_accompaniment_is_told_from_the_melody(tmp_path: Path) -> None:
    stats = trio(tmp_path)
    assert (stats.name, stats.chords, stats.sizes[0], stats.sizes[-1]) == ("evans", 18, 3, 4)
    assert max(stats.velocities) < 100
    assert np.median(stats.gaps) == pytest.approx(0.5, abs=0.01)  # a beat at 120
    assert np.median(stats.lengths) == pytest.approx(0.25, abs=0.01)
    assert dict(stats.shapes)[(0, 5, 10)] == 2
    found = load_sources(tmp_path)
    assert found.comping == (stats,)
    assert dict(found.skipped) == {"jtd_skyline": 1}
    assert pooled([stats, stats]).chords == 36


SYMBOLS = ("Cmaj7", "Dm7", "G7", "Bm7b5", "Ebdim7", "Am6", "F6", "D7#9", "Ab7alt", "Gsus4", "C13", "Ebmaj7#11")


def says(chord_name: str, pitches: list[int]) -> bool:
    """Whether pitches hold third and seventh of a chord and nothing foreign to it."""
    chord = parse_chord(chord_name)
    assert chord.root is not None
    heard = {(pitch - chord.root) % 12 for pitch in pitches}
    third = [i for i in (4, 3, 5) if i in chord.intervals][:1]
    seventh = [i for i in (10, 11, 9) if i in chord.intervals][:1]
    return {*third, *seventh} <= heard and all((chord.root + i) % 12 in chord.scale for i in heard)


def test_voicings_say_the_chord(tmp_path: Path) -> None:
    stats, rng = trio(tmp_path), np.random.default_rng(1)
    hits = 0
    for name in SYMBOLS:
        drawn = stats.draw_voicings(rng, parse_chord(name), 20)
        assert len(drawn) in (0, 20)
        for pitches in drawn:
            hits += 1
            assert says(name, pitches), (name, pitches)
            assert pitches == sorted(set(pitches))
            assert pitches[0] >= 40
    assert hits > 100
    assert stats.draw_voicings(rng, NO_CHORD, 3) == []


def test_more_energy_is_louder(tmp_path: Path) -> None:
    stats, rng = trio(tmp_path), np.random.default_rng(1)
    soft, middle, loud = (np.mean([stats.draw_velocity(rng, energy) for _ in range(200)]) for energy in (0.0, 0.5, 1.0))
    assert soft < middle - 5 < loud - 10
    empty = TrioStats("none", 0, (), (), (), (), (), (), ())
    assert 1 <= empty.draw_velocity(rng, 0.5) <= 127
    assert empty.draw_voicings(rng, parse_chord("C7"), 3) == []
    for draw in (empty.draw_gap, empty.draw_length, empty.draw_spread, empty.draw_size, empty.draw_lowest):
        assert draw(rng) > 0


def harmony(root: str, kind: str, more: str = "") -> str:
    return f"<harmony><root><root-step>{root}</root-step></root><kind>{kind}</kind>{more}</harmony>"


def note(step: str, quarters: float, tie: str = "") -> str:
    tied = f'<tie type="{tie}"/>' if tie else ""
    return f"<note><pitch><step>{step}</step><octave>4</octave></pitch><duration>{round(quarters * 12)}</duration>{tied}</note>"


def write_sheet(path: Path, measures: list[str], metre: tuple[int, int] = (4, 4)) -> Path:
    time = f"<attributes><divisions>12</divisions><time><beats>{metre[0]}</beats><beat-type>{metre[1]}</beat-type></time></attributes>"
    body = "".join(f"<measure>{time if i == 0 else ''}{text}</measure>" for i, text in enumerate(measures))
    score = f"<score-partwise><work><work-title>A  Tune</work-title></work><part>{body}</part></score-partwise>"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("META-INF/container.xml", "<container/>")
        archive.writestr("tune.xml", score)
    return path


ENDING = '<barline><ending number="{0}" type="start"/></barline>'
LAST = '<barline><ending number="{0}" type="stop"/>{1}</barline>'
BACK = '<repeat direction="backward"/>'
TUNE = [
    harmony("G", "dominant") + note("G", 1),
    harmony("C", "major-seventh") + harmony("A", "minor-seventh") + note("E", 4),
    harmony("D", "minor-seventh") + note("F", 2) + harmony("G", "dominant", "<offset>12</offset>") + note("D", 2, "start"),
    ENDING.format(1) + harmony("C", "major") + note("D", 1, "stop") + note("C", 3) + LAST.format(1, BACK),
    ENDING.format(2) + harmony("F", "major-sixth") + note("A", 4) + LAST.format(2, ""),
    harmony("B", "half-diminished") + "".join(note(s, 1 / 3) for s in "CDE") + note("F", 3),
]


def test_a_sheet_is_played_as_written(tmp_path: Path) -> None:
    sheet = read_sheet(write_sheet(tmp_path / "openewld" / "tune.mxl", TUNE))
    expected = parse_chart("| Cmaj7 Am7 | Dm7 / / G7 | C | Cmaj7 Am7 | Dm7 / / G7 | F6 | Bm7b5 |")
    assert sheet.title == "A Tune"
    assert sheet.chart.bars == expected.bars
    assert sheet.melody[0][1:] == (67, 80.0, -1.0, 1.0)
    placed = {row[3]: (row[1], row[4]) for row in sheet.melody}
    assert placed[0.0] == (64, 4.0)
    assert placed[6.0] == (62, 3.0)  # tied over the bar line
    assert placed[20.0] == (69, 4.0)
    assert any(abs(row[3] - 24 - 1 / 3) < 1e-6 for row in sheet.melody)
    chart, rows = sheet_chorus(sheet, 1, 1, semitones=-2)
    assert chart.bars[0].chords[0][1] == parse_chord("Cm7")
    assert [(row[1], row[3], row[4]) for row in rows] == [(63, 0.0, 2.0), (60, 2.0, 2.0)]


def test_sheets_in_other_metres(tmp_path: Path) -> None:
    bars = [harmony("C", "major") + note("C", 1) + note("E", 1)] * 6
    assert len(read_sheet(write_sheet(tmp_path / "openewld" / "a.mxl", bars, (2, 4))).chart.bars) == 3
    waltz = [harmony("C", "major") + note("C", 1.5) + note("E", 1.5)] * 6
    assert read_sheet(write_sheet(tmp_path / "openewld" / "b.mxl", waltz, (6, 8))).beats_per_bar == 3
    blues = [harmony("C", "dominant") + note("C", 4.5) + note("E", 1.5)] * 6
    slow = read_sheet(write_sheet(tmp_path / "openewld" / "c.mxl", blues, (12, 8)))
    assert (slow.beats_per_bar, slow.bars, slow.melody[1][3]) == (4, 6, pytest.approx(3.0))
    write_sheet(tmp_path / "openewld" / "d.mxl", bars, (5, 4))
    write_sheet(tmp_path / "openewld" / "e.mxl", [note("C", 2) + note("C", 2)] * 6)
    write_sheet(tmp_path / "openewld" / "f.mxl", [harmony("H", "major") + note("C", 2) + note("C", 2)] * 6)
    (tmp_path / "openewld" / "g.mxl").write_bytes(b"PK")
    found = load_sources(tmp_path)
    assert len(found.sheets) == 3
    assert dict(found.skipped) == {"openewld": 4}


def test_without_data_there_are_no_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert load_sources() == Sources()
    assert not load_sources(tmp_path / "missing")
    assert not load_sources(tmp_path)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "missing"))
    assert load_sources() == Sources()
    write_solo(tmp_path / "here")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "here"))
    assert len(load_sources().solos) == 1


real = pytest.mark.skipif(not os.environ.get(VARIABLE), reason=f"{VARIABLE} names no folder")


@real
def test_most_of_the_real_data_loads() -> None:
    found = load_sources()
    skipped = dict(found.skipped)
    for name, items in (("wjazzd", found.solos), ("groove_jazz", found.grooves), ("openewld", found.sheets)):
        assert len(items) > 10 * skipped.get(name, 0)
    assert sum(one.chords for one in found.comping) > 200


@real
def test_real_solos_are_music() -> None:
    solos = load_sources().solos
    right, middles, ends = 0, [], []
    for solo in solos:
        assert solo.feel in FEELS
        assert 30 < solo.tempo < 400
        last = max(row[3] for row in solo.notes)
        assert last < solo.bars * solo.beats_per_bar
        ends.append(solo.bars - last / solo.beats_per_bar)
        assert all(21 <= row[1] <= 108 and 1 <= row[2] <= 127 and row[4] > 0 for row in solo.notes)
        velocity = np.array([row[2] for row in solo.notes])
        assert 78 <= np.median(velocity) <= 90
        right += chord_tone_share(solo) > max(chord_tone_share(solo, shift) for shift in range(1, 12))
        middles += swing_shares(solo.notes) if 100 < solo.tempo < 200 and solo.feel == "swing" else []
    assert np.median(ends) < 2  # bars of the chart after the last note
    assert np.percentile(ends, 95) < 6
    assert right > 0.8 * len(solos)
    assert np.mean([chord_tone_share(solo) for solo in solos]) > 0.47
    assert 0.54 < np.median(middles) < 0.64
    roots = [bass_root_share(solo) for solo in solos if solo.bass]
    assert np.median(roots) > 0.3  # 1/12 by chance
    # eighths fall on the beat (or after it) and in its swung second half, seldom between
    beats = np.concatenate([[row[3] % 1 for row in solo.notes] for solo in solos if 170 < solo.tempo < 250])
    first, between, second = (((beats >= low) & (beats < low + 0.15)).mean() for low in (0.0, 0.26, 0.55))
    assert first > 1.7 * between
    assert second > 1.7 * between


@real
def test_real_grooves_are_in_time() -> None:
    grooves = load_sources().grooves
    plain = [one for one in grooves if one.beats_per_bar == 4 and one.kind == "beat" and one.style in ("", "swing", "fast", "mediumfast")]

    def on_beat(pitch: int, chosen: list[Groove]) -> tuple[float, np.ndarray]:
        beats = np.array([row[3] for one in chosen for row in one.rows if row[1] == pitch])
        near = np.abs(beats - np.round(beats)) < 0.12
        return float(near.mean()), np.bincount(np.round(beats[near]).astype(int) % 4, minlength=4)

    assert on_beat(51, plain)[0] > 2 * 0.24 * 0.9  # the ride: half its hits or so; 0.24 by chance
    share, places = on_beat(44, plain)  # the hi-hat's pedal: on two and four
    assert share > 0.6
    assert places[1] + places[3] > 3 * (places[0] + places[2])
    rng = np.random.default_rng(0)
    for groove in grooves:
        rows = groove_bars(groove, rng, 5)
        assert rows
        assert all(0 <= row[3] < 5 * groove.beats_per_bar and 1 <= row[2] <= 127 for row in rows)
        assert {row[1] for row in rows} <= {36, 37, 38, 42, 43, 44, 45, 46, 48, 49, 51, 53, 57}


@real
def test_real_voicings_say_the_chord() -> None:
    stats, rng = pooled(load_sources().comping), np.random.default_rng(0)
    for name in SYMBOLS:
        drawn = stats.draw_voicings(rng, parse_chord(name), 30)
        assert drawn and all(says(name, pitches) for pitches in drawn), name
    assert 44 <= np.median(stats.lowest) <= 60


@real
def test_real_sheets_are_in_key() -> None:
    sheets = load_sources().sheets
    shares = np.zeros(12)
    for sheet in sheets:
        pairs = [(row[1], sheet.chart.chord_at(row[3])) for row in sheet.melody if row[3] >= 0]
        assert max(row[3] for row in sheet.melody) < sheet.bars * sheet.beats_per_bar
        shares += [np.mean([(pitch + shift) % 12 in chord.pitch_classes for pitch, chord in pairs]) for shift in range(12)]
    shares /= len(sheets)
    assert shares[0] > 0.65
    assert shares[0] > 1.5 * shares[1:].max()
    bars = Counter(sheet.bars for sheet in sheets)
    assert bars.most_common(1)[0][0] == 32
