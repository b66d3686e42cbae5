"""Charts from anywhere: read, or refused with an error of jamd's own, and soon."""

from __future__ import annotations

import io
import time
import zipfile
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridges.charts import chart_from_bytes, chart_from_text, load_chart
from bridges.charts.ireal import MUSIC_PREFIX
from jamd.contract.chart import MAX_BARS, Chart, parse_chart, parse_chord
from jamd.contract.errors import ChartError, JamdError

slow = settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def check(chart: Chart) -> None:
    assert chart.beats_per_bar in (3, 4)
    assert 0 < len(chart.bars) <= MAX_BARS
    chart.chord_at(-1.5)
    assert chart.next_change(0.0)[0] > 0.0


words = st.sampled_from(
    ["|", "||", "|:", ":|", ":| x3", "x", "%", "/", ".", "N.C.", "[A]", "# blues", "\n", " ", "3/4 ", "4/4 ", "7/8 ", "C", "Dm7", "G7alt",
     "F#m7b5/Bb", "Bbmaj7#11", "C6/9", "Csus4", "(", ")", "Q", "♭", "Δ", "º", "°", "ø", "𝄪", "|" * 9, "A" * 99, "9" * 99]
)  # fmt: skip


@slow
@given(text=st.one_of(st.lists(words, max_size=40).map("".join), st.lists(words, max_size=40).map(" ".join), st.text(max_size=200)))
def test_any_text_is_a_chart_or_an_error(text: str) -> None:
    for read in (parse_chart, chart_from_text):
        try:
            chart = read(text)
        except ChartError as error:
            assert len(str(error).splitlines()) <= 1 or "\n" in text
            assert 0 <= error.position <= max(len(error.text), 1)
            error.marked()
            continue
        check(chart)
        assert parse_chart(chart.text()).bars == chart.bars


@slow
@given(text=st.one_of(st.text(max_size=30), st.text("CDEFGABb#mMaj79+-Δø°()/sus4dim135 no", max_size=16)))
def test_any_text_is_a_chord_or_an_error(text: str) -> None:
    try:
        chord = parse_chord(text)
    except ChartError:
        return
    assert parse_chord(chord.symbol).intervals == chord.intervals


MUSIC = st.lists(
    st.sampled_from(["T44", "T34", "T99", "*A", "{", "}", "[", "]", "|", "Z", "C^7", "D-7", "G7b9", "Bh7", "W/C", "x", "r", "n", " ", "  ",
                     "p", "Q", "S", "N1", "N2", "N3", "<D.C. al Coda>", "<D.S. al 2nd End.>", "<Fine>", "<8x>", "(G7)", "XyQ", "Kcl", "LZ",
                     "U", "Y", "s", "l", ",", "?", "é"]), max_size=80
).map("".join)  # fmt: skip


@slow
@given(music=st.one_of(MUSIC, st.text(max_size=120)), title=st.text(max_size=10), scheme=st.sampled_from(["irealb", "irealbook", "ireal"]))
def test_any_link_is_a_chart_or_an_error(music: str, title: str, scheme: str) -> None:
    body = f"{title}=A==Swing=C==" + (MUSIC_PREFIX if scheme == "irealb" else "") + music + "==0=0"
    for link in (f"{scheme}://{quote(body, errors='replace')}", f"{scheme}://{body}", f"irealbook://a=b=c=d=n={quote(music)}"):
        try:
            check(load_chart(link))
        except JamdError:
            pass


TAGS = ("score-partwise", "part", "measure", "attributes", "divisions", "time", "beats", "beat-type", "harmony", "root", "root-step",
        "root-alter", "kind", "bass", "bass-step", "degree", "degree-value", "degree-alter", "degree-type", "note", "duration", "rest",
        "backup", "forward", "barline", "repeat", "ending", "direction", "words", "segno", "coda", "sound", "offset", "chord")  # fmt: skip
CONTENTS = (
    "",
    "1",
    "4",
    "3",
    "0",
    "-2",
    "999999999",
    "0.000000001",
    "C",
    "G",
    "major-seventh",
    "none",
    "x",
    "٣",
    "1e9",
    "D.S. al Coda",
    "Fine",
)
ATTRIBUTES = ("", ' type="start"', ' type="stop"', ' number="1,2"', ' number="x"', ' direction="forward"', ' direction="backward"',
              ' times="99999"', ' times="²"', ' dacapo="yes"', ' text="7"', ' tocoda="1"', ' id="P1"')  # fmt: skip
leaf = st.builds(
    lambda tag, more, text: f"<{tag}{more}>{text}</{tag}>", st.sampled_from(TAGS), st.sampled_from(ATTRIBUTES), st.sampled_from(CONTENTS)
)
tree = st.recursive(
    leaf,
    lambda inner: st.builds(
        lambda tag, more, kids: f"<{tag}{more}>{''.join(kids)}</{tag}>",
        st.sampled_from(TAGS),
        st.sampled_from(ATTRIBUTES),
        st.lists(inner, max_size=5),
    ),
    max_leaves=30,
)
HARMONY = "<harmony><root><root-step>C</root-step></root><kind>major</kind></harmony>"
measure = st.lists(st.one_of(leaf, tree, st.just(HARMONY)), max_size=8).map(lambda kids: f"<measure>{''.join(kids)}</measure>")
score = st.lists(measure, max_size=8).map(lambda found: f"<score-partwise><part>{''.join(found)}</part></score-partwise>".encode())


def packed(data: bytes, method: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("score.xml", data)
    return out.getvalue()


archives = st.builds(packed, score, st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]))
damaged = st.builds(lambda data, at, new: data[: at % len(data)] + new + data[at % len(data) + len(new) :], st.one_of(score, archives),
                    st.integers(0, 10_000), st.binary(min_size=1, max_size=4))  # fmt: skip


@slow
@given(data=st.one_of(score, archives, damaged, tree.map(str.encode), st.binary(max_size=100).map(lambda b: b"PK\x03\x04" + b)))
def test_any_file_is_a_chart_or_an_error(data: bytes) -> None:
    try:
        check(chart_from_bytes(data))
    except JamdError:
        pass


def of_measures(*inside: str) -> bytes:
    return f"<score-partwise><part>{''.join(f'<measure>{one}</measure>' for one in inside)}</part></score-partwise>".encode()


CHANGING = "".join(
    f"<attributes><divisions>{999_999_000 + i}</divisions></attributes><note><duration>{i}</duration></note>" for i in range(1, 3000)
)
REPEATED = HARMONY + "<barline><repeat direction='backward' times='2000'/></barline>"


@pytest.mark.parametrize(
    "data",
    [
        of_measures(HARMONY * 30_000),
        of_measures(HARMONY + CHANGING),
        of_measures(*[REPEATED] * 1500),
        b"irealb://a=b==c=d==" + MUSIC_PREFIX.encode() + b"{C^7 |D-7 }" * 1500,
        b"| C " * 15_000,
        b"C " * 20_000,
        b"|: " * 20_000,
        b"9" * 60_000,
        b"/ " * 20_000,
    ],
)
def test_large_files_are_read_or_refused_soon(data: bytes) -> None:
    """Seconds at most, on a busy machine: nothing here grows with the square of what is sent."""
    began = time.process_time()
    try:
        check(chart_from_bytes(data))
    except JamdError:
        pass
    assert time.process_time() - began < 5.0
