"""iReal Pro's links. The songs are made here; scrambling is the inverse of what the bridge undoes."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridges.charts import chart_from_text, load_chart
from bridges.charts.ireal import BLOCK, MUSIC_PREFIX, mirror, read_link, songs, unscramble
from jamd.contract.errors import ChartError


def scramble(music: str) -> str:
    music = music.replace("   ", "XyQ").replace("| x", "Kcl").replace(" |", "LZ")
    out = ""
    while len(music) > BLOCK:
        block, music = music[:BLOCK], music[BLOCK:]
        out += block if len(music) < 2 else mirror(block)
    return out + music


def song(music: str, title: str = "Blue Sketch") -> str:
    return f"{title}=Doe Jane==Medium Swing=C=={MUSIC_PREFIX}{scramble(music)}==Jazz-Medium Swing=140=3"


def link(*music: str) -> str:
    parts = [song(text, f"Tune {number}") for number, text in enumerate(music, 1)]
    return "irealb://" + quote("===".join([*parts, "My list"] if len(parts) > 1 else parts), safe="")


def text_of(music: str) -> str:
    return read_link(link(music)).text().partition("\n")[2]


@given(st.text(alphabet="ABCDEFG7b#-^oh |x[]{}*NT4", max_size=220))
@settings(deadline=None)
def test_unscrambling_undoes_scrambling(music: str) -> None:
    assert unscramble(scramble(music)) == music


def test_a_block_is_mirrored_at_both_ends_and_about_the_middle() -> None:
    block = "abcde_____ABCDEFGHIJKLMN__nmlkjihgfedcba_____54321"
    assert mirror(block) == "12345_____abcdefghijklmn__NMLKJIHGFEDCBA_____edcba"


def test_an_a_a_b_a_form_with_endings() -> None:
    music = "{*AT44D-7 G7 |C^7   |E-7 A7b9 |N1E-7 A7 }            |N2C6   ][*BF#h7 B7alt |E-   |A-7 D7 |G7sus G7 Z "
    assert text_of(music) == (
        "| Dm7 G7 | Cmaj7 | Em7 A7b9 | Em7 A7 | Dm7 G7 | Cmaj7 | Em7 A7b9 | C6 | F#m7b5 B7alt | Em | Am7 D7 | G7sus4 G7 |"
    )


@pytest.mark.parametrize(
    ("music", "text"),
    [
        ("T34C^7  |A-7  Z", "3/4 | Cmaj7 | Am7 |"),
        ("T44C   |x   |D   Z", "| C | % | D |"),
        ("T44C   | x  |D   Z", "| C | % | D |"),
        ("T44C   |D   |r|   |E   Z", "| C | D | C | D | E |"),
        ("T44C   |D   |r|E   Z", "| C | D | C | D | E |"),
        ("T44n   |C   Z", "| N.C. | C |"),
        ("T44CpppD Fp|G   Z", "| C / D F | G |"),
        ("T44CppF|G   Z", "| C / / F | G |"),
        ("T44C W/B |A- Z", "| C C/B | Am |"),
        ("T44C/E W/D |A- Z", "| C/E C/D | Am |"),
        ("T44C,D,E,F|G Z", "| C D E F | G |"),
        ("T44C D E|G Z", "| C / D E | G |"),
        ("T44C(E7)   |F(A7)   Z", "| C | F |"),
        ("T44sC,D,lE   |F   Z", "| C / D E | F |"),
        ("T44<*34Head in>C   |<Swing!>F   Z", "| C | F |"),
        ("T44{C   |F   <3x>}G   Z", "| C | F | C | F | C | F | G |"),
        ("T24C |F |G |C Z", "| C F | G C |"),
        ("T44C   |F<Fine>   |G   |A   <D.C. al Fine>Z", "| C | F | G | A | C | F |"),
        ("T44C   |SD   Q|E   |F   <D.S. al Coda>][QG   Z", "| C | D | E | F | D | G |"),
        ("T44{C   |N1D   }|N2E   |F   <D.C. al 2nd End.>Z", "| C | D | C | E | F | C | E | F |"),
        ("T44C*mi7*   |D*add9*   Z", "| Cm7 | Dadd9 |"),
        ("YYT44fC   |UF   Z", "| C | F |"),
        ("T44C   |   |F   Z", "| C | % | F |"),
        ("[T44C   ]        [F   Z", "| C | F |"),
    ],
)
def test_signs(music: str, text: str) -> None:
    assert text_of(music) == text


@pytest.mark.parametrize("quality", [
    "^7", "-7", "7", "7sus", "^", "-", "7alt", "sus", "6", "-6", "o7", "h7", "^9", "-9", "9sus", "^13", "-11", "13", "13sus",
    "69", "-69", "-^7", "-^9", "^7#11", "^9#11", "-b6", "-#5", "^7#5", "add9", "-7b5", "h9", "2", "5", "+", "o", "h", "7b9",
    "7#9", "7b5", "7#5", "7b13", "7#11", "9#11", "13#11", "11", "7b9sus", "7b13sus", "7susadd3", "9b5", "9#5", "13b9",
    "13#9", "7b9b13", "7b9#5", "7b9b5", "7b9#9", "7#9#5", "7#9b5", "7#9#11", "7b9#11",
])  # fmt: skip
def test_every_chord_quality_of_the_program(quality: str) -> None:
    chart = read_link(link(f"T44Eb{quality}/F   |B{quality}   Z"))
    assert [chord.root for bar in chart.bars for _, chord in bar.chords] == [3, 11]
    assert chart.bars[0].chords[0][1].bass == 5


def test_titles_and_playlists() -> None:
    two = link("T44C   Z", "T34D  Z")
    assert [found.title for found in songs(two)] == ["Tune 1", "Tune 2"]
    chart = load_chart(two)
    assert chart.title == "Tune 1" and chart.beats_per_bar == 4


def test_the_plain_kind_of_link() -> None:
    plain = "irealbook://Blue Sketch=Doe Jane=Medium Swing=C=n=T44C^7 A-7 |D-9 G7 Z"
    assert read_link(plain).text() == "# Blue Sketch\n| Cmaj7 Am7 | Dm9 G7 |"
    assert read_link("irealbook://" + quote(plain.partition("://")[2])) == read_link(plain)


def test_a_link_in_a_web_page() -> None:
    page = f'<html><body><a href="{link("T44C   |F   Z")}">Tune</a></body></html>'
    assert chart_from_text(page).text() == "# Tune 1\n| C | F |"


@pytest.mark.parametrize(
    ("music", "position"),
    [("T54C   Z", 0), ("T44C   |T34D   Z", 8), ("T44C   |x?", 9), ("T44W/E   Z", 3), ("T44x   Z", 3), ("T44   Z", 0)],
)
def test_errors_show_the_place_in_the_music(music: str, position: int) -> None:
    with pytest.raises(ChartError) as caught:
        read_link(link(music))
    assert caught.value.position == position and caught.value.text == music


@pytest.mark.parametrize("text", ["irealb://", "irealb://a=b=c", "irealbook://a=b", "http://x", "irealb://%ff%fe==="])
def test_what_is_no_song_is_a_chart_error(text: str) -> None:
    with pytest.raises(ChartError):
        read_link(text)


@given(st.text(alphabet="ABCDW7b#-^oh |x[]{}*NT4r<>D.Cal()SQn,p1/", max_size=120))
@settings(deadline=None, max_examples=400)
def test_any_music_gives_a_chart_or_a_chart_error(music: str) -> None:
    try:
        chart = read_link(link(music))
    except ChartError:
        return
    assert chart.bars and chart.text()


@given(st.text(max_size=200))
@settings(deadline=None)
def test_any_link_gives_a_chart_or_a_chart_error(text: str) -> None:
    for scheme in ("irealb://", "irealbook://"):
        try:
            read_link(scheme + text)
        except ChartError:
            continue


@pytest.mark.parametrize("around", ["{}", '<a href="{}">Tune</a>', "see {}\nand more"])
def test_links_with_apostrophes_are_found_in_pages(around: str) -> None:
    """Encoders leave the apostrophe of a title as it is; a line may be broken in the music."""
    song = link("T44C   |\nG7  Z").replace("Tune%201", "Don't%20Go").replace("Tune 1", "Don't%20Go")
    assert "Don't" in song and "%0A" in song
    chart = chart_from_text(around.format(song))
    assert chart.text() == "# Don't Go\n| C | G7 |"
    assert chart_from_text(f"<a href='{link('T44C   |G7  Z')}' title='a tune'>Tune</a>").text() == "# Tune 1\n| C | G7 |"
