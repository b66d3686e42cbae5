"""MusicXML lead sheets, written here."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridges.charts import chart_from_bytes, load_chart
from bridges.charts.musicxml import MAX_DEPTH, read_score
from jamd.contract.errors import ChartError

NOTE = "<note><pitch><step>C</step><octave>4</octave></pitch><duration>{}</duration></note>"
REST = "<note><rest/><duration>{}</duration></note>"


def harmony(root: str, kind: str = "major", *, bass: str = "", degrees: str = "", offset: int = 0, alter: int = 0) -> str:
    return (
        f"<harmony><root><root-step>{root}</root-step><root-alter>{alter}</root-alter></root><kind>{kind}</kind>"
        + (f"<bass><bass-step>{bass}</bass-step></bass>" if bass else "")
        + degrees
        + (f"<offset>{offset}</offset>" if offset else "")
        + "</harmony>"
    )


def degree(value: int, alter: int, kind: str) -> str:
    return f"<degree><degree-value>{value}</degree-value><degree-alter>{alter}</degree-alter><degree-type>{kind}</degree-type></degree>"


def score(*measures: str, time: tuple[int, int] = (4, 4), title: str = "") -> bytes:
    head = f"<attributes><divisions>2</divisions><time><beats>{time[0]}</beats><beat-type>{time[1]}</beat-type></time></attributes>"
    body = "".join(f'<measure number="{n}">{head if n == 1 else ""}{m}</measure>' for n, m in enumerate(measures, 1))
    work = f"<work><work-title>{title}</work-title></work>" if title else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 3.0 Partwise//EN" '
        '"http://www.musicxml.org/dtds/partwise.dtd">'
        f'<score-partwise>{work}<part-list/><part id="P1">{body}</part></score-partwise>'
    ).encode()


def bar(*chords: str, beats: int = 4) -> str:
    """A bar whose chords share it evenly."""
    each = 2 * beats // len(chords)
    return "".join(chord + NOTE.format(each) for chord in chords)


def packed(data: bytes, container: bytes | None = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        if container is not None:
            table = b'<container><rootfiles><rootfile full-path="song.xml"/></rootfiles></container>'
            archive.writestr("META-INF/container.xml", container or table)
        archive.writestr("song.xml", data)
    return buffer.getvalue()


def test_chords_on_their_beats() -> None:
    data = score(bar(harmony("D", "minor-seventh"), harmony("G", "dominant")), bar(harmony("C", "major-seventh")), title="Song")
    assert read_score(data).text() == "# Song\n| Dm7 G7 | Cmaj7 |"


@pytest.mark.parametrize(
    ("element", "name"),
    [
        (harmony("B", "half-diminished", alter=-1), "Bbm7b5"),
        (harmony("F", "diminished-seventh", alter=1), "F#dim7"),
        (harmony("C", "major", bass="E"), "C/E"),
        (harmony("C", "dominant", degrees=degree(9, -1, "add")), "C7b9"),
        (harmony("C", "dominant", degrees=degree(5, 1, "alter")), "C7#5"),
        (harmony("C", "dominant-13th", degrees=degree(9, -1, "alter")), "C13b9"),
        (harmony("C", "dominant-ninth", degrees=degree(11, 1, "add")), "C9#11"),
        (harmony("C", "suspended-fourth", degrees=degree(7, 0, "add")), "C7sus4"),
        (harmony("C", "suspended-fourth", degrees=degree(7, 0, "add") + degree(9, 0, "add")), "C9sus4"),
        (harmony("C", "minor-seventh", degrees=degree(5, -1, "alter")), "Cm7b5"),
        (harmony("C", "minor", degrees=degree(7, 1, "add")), "CmMaj7"),
        (harmony("C", "major", degrees=degree(9, 0, "add")), "Cadd9"),
        (harmony("C", "major", degrees=degree(3, 0, "subtract")), "C5"),
        (harmony("C", "major-minor"), "CmMaj7"),
        (harmony("C", "augmented"), "Caug"),
        (harmony("C", "none"), "N.C."),
        ('<harmony><root><root-step>E</root-step></root><kind text="m9">other</kind></harmony>', "Em9"),
        ('<harmony><root><root-step>E</root-step></root><kind text="??">other</kind></harmony>', "E"),
    ],
)
def test_kinds_and_degrees(element: str, name: str) -> None:
    assert read_score(score(bar(element))).bars[0].chords[0][1].symbol == name


def test_offsets_backups_grace_notes_and_chord_notes_do_not_move_time() -> None:
    grace = "<note><grace/><pitch><step>D</step><octave>4</octave></pitch></note>"
    other = "<note><chord/><pitch><step>E</step><octave>4</octave></pitch><duration>4</duration></note>"
    measure = harmony("C") + NOTE.format(4) + other + grace + harmony("F") + NOTE.format(4)
    measure += "<backup><duration>8</duration></backup>" + harmony("G", offset=6) + NOTE.format(8)
    assert read_score(score(measure)).text() == "| C / F G |"


def test_chords_over_one_note_share_it_evenly() -> None:
    """As notation programs write a lead sheet: symbols in front of one long note, tags of layout in between, no offsets."""

    def symbol(step: str, kind: str, text: str) -> str:
        return (
            f'<harmony default-y="40" font-family="Jazz Text" print-frame="no"><root><root-step>{step}</root-step></root>'
            f'<kind halign="center" text="{text}">{kind}</kind><staff>1</staff></harmony>'
        )

    def note(step: str, duration: int, kind: str) -> str:
        return (
            f'<note default-x="80"><pitch><step>{step}</step><octave>5</octave></pitch><duration>{duration}</duration><voice>1</voice>'
            f"<type>{kind}</type><stem>up</stem><staff>1</staff></note>"
        )

    ii, v = symbol("D", "minor-seventh", "m7"), symbol("G", "dominant", "7")
    i, vi = symbol("C", "major-seventh", "maj7"), symbol("A", "dominant", "7")
    words = '<direction placement="above"><direction-type><words>rubato</words></direction-type></direction>'
    rest = '<note><rest measure="yes"/><duration>8</duration><voice>1</voice></note>'
    data = score(
        ii + words + v + note("F", 8, "whole"),
        i + note("E", 4, "half") + ii + v + note("D", 4, "half"),
        i + vi + ii + v + rest,
        i + vi,
    )
    assert read_score(data).text() == "| Dm7 G7 | Cmaj7 / Dm7 G7 | Cmaj7 A7 Dm7 G7 | Cmaj7 A7 |"
    waltz = score(ii + v + note("F", 4, "half") + i + note("E", 2, "quarter"), ii + v + vi + note("F", 6, "half"), time=(3, 4))
    assert read_score(waltz).text() == "3/4 | Dm7 G7 Cmaj7 | Dm7 G7 A7 |"


def test_chords_that_say_their_place_or_are_other_readings_share_nothing() -> None:
    late = harmony("C") + harmony("F", offset=6) + NOTE.format(8)
    assert read_score(score(late)).text() == "| C / / F |"
    here = harmony("F").replace("</harmony>", "<offset>0</offset></harmony>")
    assert read_score(score(harmony("C") + NOTE.format(4) + here + NOTE.format(4))).text() == "| C F |"
    other = harmony("A", "minor").replace("<harmony>", '<harmony type="alternate">')
    assert read_score(score(harmony("C") + other + NOTE.format(8))).text() == "| C |"
    both = "".join(harmony("C").replace("</harmony>", f"<staff>{staff}</staff></harmony>") for staff in (1, 2))
    assert read_score(score(both + NOTE.format(4) + harmony("F") + NOTE.format(4))).text() == "| C F |"


@pytest.mark.parametrize(
    ("time", "length", "text"),
    [
        ((3, 4), 3, "3/4 | C | F |"),
        ((2, 2), 4, "| C | F |"),
        ((2, 4), 2, "| C F |"),
        ((6, 8), 3, "3/4 | C | F |"),
        ((6, 4), 6, "3/4 | C | % | F | % |"),
        ((12, 8), 6, "| C | F |"),
    ],
)
def test_metres(time: tuple[int, int], length: int, text: str) -> None:
    data = score(bar(harmony("C"), beats=length), bar(harmony("F"), beats=length), time=time)
    assert read_score(data).text() == text


def test_half_bars_of_dotted_quarters() -> None:
    measure = harmony("C") + NOTE.format(6) + harmony("F") + NOTE.format(6)
    assert read_score(score(measure, time=(12, 8))).text() == "| C F |"


def test_an_upbeat_is_left_out_even_where_rests_fill_its_bar() -> None:
    full = bar(harmony("C"))
    assert read_score(score(NOTE.format(2), full)).text() == "| C |"
    assert read_score(score(REST.format(6) + NOTE.format(2), full)).text() == "| C |"
    assert read_score(score(NOTE.format(8), full)).text() == "| N.C. | C |"


def test_a_bar_written_in_two_pieces_is_joined() -> None:
    pieces = harmony("F") + NOTE.format(4), harmony("G") + NOTE.format(4)
    assert read_score(score(bar(harmony("C")), *pieces, bar(harmony("D")))).text() == "| C | F G | D |"


def repeat(direction: str) -> str:
    return f'<barline><repeat direction="{direction}"/></barline>'


def ending(number: str, kind: str, extra: str = "") -> str:
    return f'<barline><ending number="{number}" type="{kind}"/>{extra}</barline>'


def test_repeats_and_endings() -> None:
    back = '<repeat direction="backward"/>'
    data = score(
        bar(harmony("C")),
        repeat("forward") + bar(harmony("D")),
        ending("1", "start") + bar(harmony("E")) + ending("1", "stop", back),
        ending("2", "start") + bar(harmony("F")) + ending("2", "discontinue"),
        bar(harmony("G")),
    )
    assert read_score(data).text() == "| C | D | E | D | F | G |"


def test_da_capo_and_coda() -> None:
    def words(text: str) -> str:
        return f"<direction><direction-type><words>{text}</words></direction-type></direction>"

    coda = "<direction><direction-type><coda/></direction-type></direction>"
    data = score(bar(harmony("C")) + coda, bar(harmony("D")) + words("D.C. al Coda"), coda + bar(harmony("E")))
    assert read_score(data).text() == "| C | D | C | E |"
    data = score(bar(harmony("C")) + words("Fine"), bar(harmony("D")) + words("D.C. al Fine"))
    assert read_score(data).text() == "| C | D | C |"


def test_the_part_with_the_chords_is_read() -> None:
    empty = f'<part id="P0"><measure>{NOTE.format(8)}</measure></part><part id="P1">'.encode()
    data = score(bar(harmony("A", "minor"))).replace(b'<part id="P1">', empty)
    assert read_score(data).text() == "| Am |"


@pytest.mark.parametrize("container", [b"", None, b"<broken & table>"])
def test_compressed_files_even_with_a_bad_table(container: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "Odd & strange?.mxl"
    path.write_bytes(packed(score(bar(harmony("C"))), container))
    assert load_chart(path) == load_chart(str(path)) == chart_from_bytes(path.read_bytes())


def test_other_encodings() -> None:
    text = score(bar(harmony("C"))).decode().replace("UTF-8", "UTF-16")
    assert chart_from_bytes(text.encode("utf-16")).text() == "| C |"


def test_entities_are_refused() -> None:
    bomb = (
        b'<?xml version="1.0"?><!DOCTYPE score-partwise [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
        b"<score-partwise>&b;</score-partwise>"
    )
    with pytest.raises(ChartError, match="entities"):
        read_score(bomb)
    outside = b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/hostname">]><score-partwise>&x;</score-partwise>'
    with pytest.raises(ChartError, match="entities"):
        read_score(outside)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(ChartError, match="deep"):
        read_score(b"<a>" * (MAX_DEPTH + 1) + b"</a>" * (MAX_DEPTH + 1))


def test_a_file_that_unpacks_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridges.charts.musicxml.MAX_BYTES", 1000)
    with pytest.raises(ChartError, match="larger"):
        read_score(packed(b"<score-partwise>" + b" " * 5000 + b"</score-partwise>"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<score-partwise>",
        b"<score-timewise/>",
        b"<html/>",
        b"<score-partwise/>",
        score(NOTE.format(8)),
        b"PK\x03\x04 not a zip",
        score(bar(harmony("C"), beats=5), time=(5, 4)),
        score(bar(harmony("H"))),
        score(bar(harmony("C"))).replace(b"<divisions>2", b"<divisions>two"),
        score(bar(harmony("C", alter=3))),
        score(bar(harmony("C")), "<attributes><time><beats>3</beats><beat-type>4</beat-type></time></attributes>"),
    ],
)
def test_what_is_no_lead_sheet_is_a_chart_error(data: bytes) -> None:
    with pytest.raises(ChartError):
        read_score(data)


@given(st.data())
@settings(deadline=None, max_examples=200)
def test_a_damaged_file_gives_a_chart_or_a_chart_error(data: st.DataObject) -> None:
    whole = score(bar(harmony("D", "minor-seventh"), harmony("G", "dominant")), repeat("forward") + bar(harmony("C")))
    if data.draw(st.booleans()):
        whole = packed(whole)
    bytes_ = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        bytes_[data.draw(st.integers(0, len(bytes_) - 1))] = data.draw(st.integers(0, 255))
    try:
        chart = read_score(bytes(bytes_[: data.draw(st.integers(1, len(bytes_)))]))
    except ChartError:
        return
    assert chart.bars
