"""Where a chart comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridges.charts import chart_from_bytes, load_chart
from jamd.contract.errors import ChartError


def test_text_and_text_files(tmp_path: Path) -> None:
    text = "3/4 | C | F G |"
    path = tmp_path / "tune.txt"
    path.write_text("\ufeff# Tune\n" + text)
    assert load_chart(text).text() == text
    assert load_chart(str(path)).text() == load_chart(path).text() == "# Tune\n" + text


def test_text_that_looks_like_a_path_is_a_chart() -> None:
    assert load_chart("C/E").text() == "| C/E |"
    assert load_chart("Dm7 G7").text() == "| Dm7 G7 |"


@pytest.mark.parametrize("name", ["missing.mxl", "no/such/file.musicxml"])
def test_a_missing_file_is_named(name: str) -> None:
    with pytest.raises(ChartError, match="no file"):
        load_chart(name)
    with pytest.raises(ChartError, match="no file"):
        load_chart(Path("missing"))


def test_errors_in_a_file_keep_their_place(tmp_path: Path) -> None:
    path = tmp_path / "bad.chart"
    path.write_text("| C | Hm7 |")
    with pytest.raises(ChartError) as caught:
        load_chart(path)
    assert caught.value.position == 6


def test_errors_in_a_score_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "bad.musicxml"
    path.write_text("<score-partwise/>")
    with pytest.raises(ChartError, match=r"bad\.musicxml"):
        load_chart(path)


@pytest.mark.parametrize("data", [b"\x00\x01\x02", b"\xff\xff\xff", b"", b"\x89PNG\r\n"])
def test_bytes_that_are_no_chart(data: bytes) -> None:
    with pytest.raises(ChartError):
        chart_from_bytes(data)


@pytest.mark.parametrize("text", ["a\0b", "x" * 5000, "C" * 300 + ".mxl"])
def test_text_that_can_be_no_path_is_a_chart_error(text: str) -> None:
    with pytest.raises(ChartError):
        load_chart(text)
