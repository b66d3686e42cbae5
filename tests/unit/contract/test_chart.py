"""Charts and chord names: every spelling musicians use, round trips, and errors that show the place."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jamd.contract.chart import MAX_BARS, NO_CHORD, Bar, Chart, Chord, parse_chart, parse_chord
from jamd.contract.errors import ChartError

SPELLINGS = {
    "C": "C CM Cmaj Cmajor",
    "Cm": "C- Cm Cmi Cmin CMI",
    "C7": "C7 Cdom7",
    "Cm7": "C-7 CMI7 Cm7 Cmi7 Cmin7 CMi7 C−7",
    "Cmaj7": "CΔ CΔ7 C∆7 Cmaj7 CMaj7 CMAJ7 CMA7 CM7 Cma7 Cj7 Cj C^7 C^ C(maj7)",
    "CmMaj7": "CmMaj7 C-Δ7 C-Δ Cm(maj7) C-^7 CmM7 Cm#7 Cm/maj7",
    "Cdim7": "Co7 C°7 Cdim7 Cº7",
    "Cdim": "Co C° Cdim CDIM",
    "Cm7b5": "Cø Cø7 CØ Ch Ch7 Cm7b5 C-7b5 C-7(b5) Cm7-5",
    "Caug": "C+ Caug CAUG",
    "C7#5": "C7#5 C+7 C7+ C7+5 Caug7",
    "C7alt": "C7alt Calt C7altered C7ALT",
    "Csus4": "Csus Csus4 C4 CSUS CSUS4",
    "C7sus4": "C7sus C7sus4 C7(sus4) Csus7",
    "C9sus4": "C9sus C9sus4",
    "C6/9": "C6/9 C69 C6(9)",
    "C6": "C6 Cmaj6 CM6",
    "Cm6": "Cm6 C-6",
    "Cm6/9": "C-69 Cm6/9",
    "C7b9": "C7b9 C7(b9) C7-9 C7♭9",
    "C7#9": "C7#9 C7(#9) C7+9 C7♯9",
    "C7b9#11": "C7b9#11 C7(b9,#11) C7(b9)(#11) C7#11b9",
    "C13#11": "C13#11 C13(#11)",
    "C9#5": "C9#5 C+9",
    "Cadd9": "Cadd9 C2 C(add9) CADD9",
    "C5": "C5 Cno3",
    "C(b5)": "C(b5)",
}

INTERVALS = {
    "C": (0, 4, 7),
    "C5": (0, 7),
    "C6": (0, 4, 7, 9),
    "C6/9": (0, 2, 4, 7, 9),
    "Cadd9": (0, 2, 4, 7),
    "Cmaj7": (0, 4, 7, 11),
    "Cmaj7#11": (0, 4, 6, 7, 11),
    "Cmaj7#5": (0, 4, 8, 11),
    "Cmaj9": (0, 2, 4, 7, 11),
    "Cm": (0, 3, 7),
    "Cm6": (0, 3, 7, 9),
    "Cm7": (0, 3, 7, 10),
    "Cm9": (0, 2, 3, 7, 10),
    "Cm11": (0, 2, 3, 5, 7, 10),
    "CmMaj7": (0, 3, 7, 11),
    "C7": (0, 4, 7, 10),
    "C9": (0, 2, 4, 7, 10),
    "C11": (0, 2, 5, 7, 10),
    "C13": (0, 2, 4, 7, 9, 10),
    "C13#11": (0, 2, 4, 6, 7, 9, 10),
    "C7b9": (0, 1, 4, 7, 10),
    "C13b9": (0, 1, 4, 7, 9, 10),
    "C7b13": (0, 4, 7, 8, 10),
    "C7#9": (0, 3, 4, 7, 10),
    "C7alt": (0, 1, 3, 4, 8, 10),
    "C7sus4": (0, 5, 7, 10),
    "Csus2": (0, 2, 7),
    "Cm7b5": (0, 3, 6, 10),
    "Cdim7": (0, 3, 6, 9),
    "Cdim": (0, 3, 6),
    "Caug": (0, 4, 8),
    "C(b5)": (0, 4, 6),
}

FAMILIES = {
    "major": "C C6 Cmaj7 Cmaj7#11 Cadd9 C5",
    "minor": "Cm Cm7 Cm6 CmMaj7 Cm11",
    "dominant": "C7 C13 C7b9 C7#5 C7alt C7b5",
    "half_diminished": "Cø Cm7b5 Cø9",
    "diminished": "Co Co7 CoMaj7",
    "augmented": "C+ Cmaj7#5",
    "suspended": "Csus C7sus4 C9sus C11 Csus2",
    "none": "N.C.",
}

MODIFIERS = st.sampled_from(
    [
        "m",
        "-",
        "maj",
        "Δ",
        "^",
        "o",
        "ø",
        "h",
        "+",
        "dim",
        "aug",
        "7",
        "9",
        "11",
        "13",
        "6",
        "69",
        "6/9",
        "5",
        "2",
        "sus",
        "sus2",
        "alt",
        "b5",
        "#5",
        "b9",
        "#9",
        "#11",
        "b13",
        "add9",
        "add#11",
        "no3",
        "no5",
        "(b9)",
        "(#11,b13)",
        "Maj7",
        "(maj7)",
        "j",
    ]
)


@pytest.mark.parametrize(("canonical", "spelling"), [(c, s) for c, line in SPELLINGS.items() for s in line.split()])
def test_spellings_of_one_chord(canonical: str, spelling: str) -> None:
    chord = parse_chord(spelling)
    assert chord.symbol == canonical
    assert chord == parse_chord(canonical)


@pytest.mark.parametrize(("name", "intervals"), INTERVALS.items())
def test_intervals(name: str, intervals: tuple[int, ...]) -> None:
    assert parse_chord(name).intervals == intervals


@pytest.mark.parametrize(("family", "name"), [(f, n) for f, line in FAMILIES.items() for n in line.split()])
def test_families(family: str, name: str) -> None:
    assert parse_chord(name).family == family


@pytest.mark.parametrize(
    ("name", "root"),
    [("C#7", 1), ("Db7", 1), ("E♭7", 3), ("F♯7", 6), ("Cb", 11), ("B#", 0), ("Bbb", 9), ("F##", 7), ("B𝄫7", 9)],
)
def test_roots(name: str, root: int) -> None:
    assert parse_chord(name).root == root


@pytest.mark.parametrize(("name", "root", "bass"), [("D/F#", 2, 6), ("C6/9/E", 0, 4), ("C6/9", 0, None), ("Am7/G", 9, 7), ("E♭/B♭", 3, 10)])
def test_slash_bass(name: str, root: int, bass: int | None) -> None:
    chord = parse_chord(name)
    assert (chord.root, chord.bass) == (root, bass)


def test_a_flat_after_the_root_belongs_to_the_fifth_when_a_number_follows() -> None:
    assert parse_chord("Bbb5") == parse_chord("Bb(b5)")
    assert parse_chord("Abb9").root == 8


@pytest.mark.parametrize("name", ["N.C.", "NC", "n.c.", "N.C"])
def test_no_chord(name: str) -> None:
    assert parse_chord(name) == NO_CHORD
    assert NO_CHORD.pitch_classes == () == NO_CHORD.scale
    assert NO_CHORD.transpose(3) is NO_CHORD


@pytest.mark.parametrize(
    ("name", "position"),
    [
        ("H7", 0),
        ("Cfoo", 1),
        ("Cmalt", 1),
        ("C7b9x", 4),
        ("C7(b9", 2),
        ("C7b9)", 4),
        ("D/", 1),
        ("D/H", 2),
        ("c7", 0),
        ("", 0),
        ("C77", 2),
    ],
)
def test_errors_show_the_character(name: str, position: int) -> None:
    with pytest.raises(ChartError) as caught:
        parse_chord(name)
    assert caught.value.position == position
    assert caught.value.marked() == f"{name[:position]}-->{name[position:]}"


@given(
    st.sampled_from(["C", "D", "E", "F", "G", "A", "B", "C#", "Eb", "F#", "Bb", "Cb"]),
    st.lists(MODIFIERS, max_size=4),
    st.sampled_from(["", "/E", "/Ab"]),
)
@settings(deadline=None, max_examples=400)
def test_the_canonical_name_reads_back_to_the_same_chord(root: str, modifiers: list[str], bass: str) -> None:
    try:
        chord = parse_chord(root + "".join(modifiers) + bass)
    except ChartError:
        return
    assert parse_chord(chord.symbol) == chord
    assert chord.intervals[0] == 0 and list(chord.intervals) == sorted(set(chord.intervals))


@given(st.sampled_from([name for line in SPELLINGS.values() for name in line.split()]), st.integers(-30, 30))
@settings(deadline=None)
def test_transposing_moves_every_note_and_keeps_the_kind(name: str, semitones: int) -> None:
    chord, moved = parse_chord(name), parse_chord(name).transpose(semitones)
    assert moved.intervals == chord.intervals and moved.family == chord.family
    assert set(moved.pitch_classes) == {(tone + semitones) % 12 for tone in chord.pitch_classes}
    assert parse_chord(moved.symbol) == moved


@pytest.mark.parametrize(("name", "semitones", "moved"), [("D/F#", 1, "Eb/G"), ("Cm7", 1, "C#m7"), ("C7/Bb", 2, "D7/C"), ("Am7", 3, "Cm7")])
def test_transposed_names_are_spelled_as_usual(name: str, semitones: int, moved: str) -> None:
    assert parse_chord(name).transpose(semitones).symbol == moved


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("Dm7", (0, 2, 4, 5, 7, 9, 11)),
        ("G7", (0, 2, 4, 5, 7, 9, 11)),
        ("Cmaj7", (0, 2, 4, 5, 7, 9, 11)),
        ("C7#11", (0, 2, 4, 6, 7, 9, 10)),
        ("C7alt", (0, 1, 3, 4, 6, 8, 10)),
        ("C7b9", (0, 1, 3, 4, 6, 7, 9, 10)),
        ("Co7", (0, 2, 3, 5, 6, 8, 9, 11)),
        ("C+7", (0, 2, 4, 6, 8, 10)),
        ("CmMaj7", (0, 2, 3, 5, 7, 9, 11)),
    ],
)
def test_scales(name: str, scale: tuple[int, ...]) -> None:
    assert parse_chord(name).scale == scale


@given(st.lists(MODIFIERS, max_size=3))
@settings(deadline=None)
def test_a_scale_holds_its_chord(modifiers: list[str]) -> None:
    try:
        chord = parse_chord("E" + "".join(modifiers))
    except ChartError:
        return
    assert set(chord.pitch_classes) <= set(chord.scale)
    assert len(chord.scale) >= 6
    if len(chord.intervals) <= 6:  # names may pile up tensions until every scale is too small
        assert len(chord.scale) <= 9


def symbols(chart: Chart) -> list[list[tuple[float, str]]]:
    return [[(beat, chord.symbol) for beat, chord in bar.chords] for bar in chart.bars]


def test_the_example_of_the_documentation() -> None:
    chart = parse_chart("| Dm7 G7 | Cmaj7 | % | Em7b5 A7b9 |")
    assert chart.beats_per_bar == 4 and chart.beats == 16
    assert symbols(chart) == [
        [(0.0, "Dm7"), (2.0, "G7")],
        [(0.0, "Cmaj7")],
        [(0.0, "Cmaj7")],
        [(0.0, "Em7b5"), (2.0, "A7b9")],
    ]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("C | F", "| C | F |"),
        ("C\nF\n", "| C | F |"),
        ("| C |\n| F |\n", "| C | F |"),
        ("|| C || F |]", "| C | F |"),
        ("4/4 C | F", "| C | F |"),
        ("|: C | F :|", "| C | F | C | F |"),
        ("C | F :| G", "| C | F | C | F | G |"),
        ("||: C :||: F :|", "| C | C | F | F |"),
        ("| C |: F :| x3 G |", "| C | F | F | F | G |"),
        ("[A] C | F [B]\nG", "| C | F | G |"),
        ("C | % F", "| C | C F |"),
        ("C / / F", "| C . . F |"),
        ("C | / F", "| C | C F |"),
        ("C‖F", "| C | F |"),
    ],
)
def test_ways_to_write_one_chart(text: str, same: str) -> None:
    assert parse_chart(text) == parse_chart(same)


def test_three_four_and_shares() -> None:
    chart = parse_chart("3/4 | C F | G / A |")
    assert chart.beats_per_bar == 3
    assert symbols(chart) == [[(0.0, "C"), (1.5, "F")], [(0.0, "G"), (2.0, "A")]]
    assert parse_chart(chart.text()) == chart


def test_the_title_is_the_first_remark() -> None:
    chart = parse_chart("# My   Blues\n# by me\n| C7 |")
    assert chart.title == "My Blues"
    assert parse_chart(chart.text()) == chart


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0),
        ("| |", 0),
        ("| C | | F |", 6),
        ("| C | H7 |", 6),
        ("| C | G7b9x |", 10),
        ("5/4 | C |", 0),
        ("| C | 3/4 F |", 6),
        ("| % | C |", 2),
        (":| C |", 0),
        ("C | [A", 4),
        ("|: C :| x9999 |", 5),
        ("C\nF | D/H", 8),
    ],
)
def test_chart_errors_show_the_character(text: str, position: int) -> None:
    with pytest.raises(ChartError) as caught:
        parse_chart(text)
    assert caught.value.position == position and caught.value.text == text


def test_an_arrow_stands_before_the_trouble() -> None:
    with pytest.raises(ChartError) as caught:
        parse_chart("| Dm7 G7 |\n| Cmaj7 | Hm7 |")
    assert caught.value.marked() == "| Cmaj7 | -->Hm7 |"
    with pytest.raises(ChartError) as caught:
        parse_chart("| C " * 100 + "| Hm7 " + "| C " * 100 + "|")
    shown = caught.value.marked()
    assert "| C | -->Hm7 | C |" in shown and len(shown) < 140 and shown.startswith("...") and shown.endswith("...")


def test_a_chart_that_grows_without_end_is_refused() -> None:
    with pytest.raises(ChartError):
        parse_chart("|: C :| x2000 " + "C | " * MAX_BARS)


@given(st.text())
@settings(deadline=None, max_examples=300)
def test_any_text_gives_a_chart_or_a_chart_error(text: str) -> None:
    try:
        chart = parse_chart(text)
    except ChartError as error:
        assert str(error) and error.marked()
        return
    assert parse_chart(chart.text()) == chart


@given(st.text(alphabet="ABCDEFGHm7b59#-+/|:%.x3[]()4 \nΔøΝn♭sualtdj^o", max_size=60))
@settings(deadline=None, max_examples=1500)
def test_near_misses_give_a_chart_or_a_chart_error(text: str) -> None:
    test_any_text_gives_a_chart_or_a_chart_error.hypothesis.inner_test(text)  # type: ignore[attr-defined]


CHORDS = st.sampled_from(["Dm7", "G7", "Cmaj7", "F#m7b5", "B7alt", "Bb6/9", "Ebdim7", "Asus4", "D/F#", "N.C.", "C5"]).map(parse_chord)


@st.composite
def charts(draw: st.DrawFn) -> Chart:
    beats = draw(st.sampled_from([3, 4]))
    bars = []
    for _ in range(draw(st.integers(1, 8))):
        shares = draw(st.sampled_from([1, 2, 3, 7, 4 * beats, 48]))
        places = sorted({0} | draw(st.sets(st.integers(0, shares - 1), max_size=3)))
        bars.append(Bar(tuple((place * beats / shares, draw(CHORDS)) for place in places)))
    return Chart(beats, tuple(bars), draw(st.sampled_from(["", "Blue Moonlight"])))


@given(charts())
@settings(deadline=None)
def test_text_round_trip(chart: Chart) -> None:
    assert parse_chart(chart.text()) == chart


@given(charts(), st.integers(-14, 14))
@settings(deadline=None)
def test_chart_transposes_there_and_back(chart: Chart, semitones: int) -> None:
    back = chart.transpose(semitones).transpose(-semitones)
    for bar, again in zip(chart.bars, back.bars, strict=True):
        for (beat, chord), (beat_again, chord_again) in zip(bar.chords, again.chords, strict=True):
            assert beat == beat_again and chord.sounds_like(chord_again)


@given(charts(), st.integers(-20, 2000))
@settings(deadline=None)
def test_next_change_visits_every_change_in_turn_for_ever(chart: Chart, passes: int) -> None:
    starts = [n * chart.beats_per_bar + beat for n, bar in enumerate(chart.bars) for beat, _ in bar.chords]
    chords = [chord for bar in chart.bars for _, chord in bar.chords]
    place = float(passes * chart.beats)
    for _ in range(2 * len(starts) + 1):
        now = chart.chord_at(place)
        following_place, following = chart.next_change(place)
        assert following_place > place
        assert chart.chord_at(following_place).sounds_like(following)
        between = [s for p in range(passes - 1, passes + 5) for s in (p * chart.beats + b for b in starts)]
        assert all(chart.chord_at(s).sounds_like(now) for s in between if place <= s < following_place - 1e-6)
        if all(chord.sounds_like(now) for chord in chords):
            assert following_place == place - place % chart.beats + chart.beats
        else:
            assert not following.sounds_like(now)
        place = following_place


@given(charts(), st.floats(-100, 500))
@settings(deadline=None)
def test_next_change_lies_ahead_of_any_beat(chart: Chart, beat: float) -> None:
    place, following = chart.next_change(beat)
    assert beat < place <= beat + chart.beats + 1e-6
    assert chart.chord_at(place).sounds_like(following)


def test_chord_at_repeats_for_ever() -> None:
    chart = parse_chart("| Dm7 G7 | Cmaj7 |")
    at = [chart.chord_at(beat).symbol for beat in (0, 1.99, 2, 4, 7.9, 8, 10, -1, -7)]
    assert at == ["Dm7", "Dm7", "G7", "Cmaj7", "Cmaj7", "Dm7", "G7", "Cmaj7", "Dm7"]


def test_next_change_over_the_seam_of_a_chart_that_ends_as_it_begins() -> None:
    chart = parse_chart("| C | F | C |")
    assert chart.next_change(8.0) == (16.0, parse_chord("F"))
    assert parse_chart("| C |").next_change(5.0) == (8.0, parse_chord("C"))


@pytest.mark.parametrize(
    ("beats", "bars"),
    [
        (5, (Bar(((0.0, NO_CHORD),)),)),
        (4, ()),
        (4, (Bar(()),)),
        (4, (Bar(((1.0, NO_CHORD),)),)),
        (4, (Bar(((0.0, NO_CHORD), (4.0, NO_CHORD))),)),
        (4, (Bar(((0.0, NO_CHORD), (2.0, NO_CHORD), (1.0, NO_CHORD))),)),
    ],
)
def test_a_chart_that_makes_no_sense_cannot_be_built(beats: int, bars: tuple[Bar, ...]) -> None:
    with pytest.raises(ValueError):
        Chart(beats, bars)


def test_chords_are_values() -> None:
    assert hash(parse_chord("C-7")) == hash(parse_chord("Cm7"))
    assert isinstance(parse_chord("C"), Chord)
    assert parse_chord("C#7").sounds_like(parse_chord("Db7")) and parse_chord("C#7") != parse_chord("Db7")
