"""Charts from where they come: plain text, links of iReal Pro, MusicXML files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bridges.charts.ireal import LINK, read_link
from bridges.charts.musicxml import MAX_BYTES, read_score
from jamd.contract.chart import Chart, parse_chart
from jamd.contract.errors import ChartError

__all__ = ["chart_from_bytes", "chart_from_text", "load_chart"]

_SUFFIXES: Final = (".mxl", ".musicxml", ".xml", ".txt", ".html", ".chart")
MAX_PATH: Final = 4096


def chart_from_text(text: str) -> Chart:
    """A chart from its text, or from a link of iReal Pro in it. Opens no file.

    Raises:
        ChartError: it cannot be read.
    """
    link = LINK.search(text)
    return read_link(link.group()) if link else parse_chart(text)


def chart_from_bytes(data: bytes) -> Chart:
    """A chart from the bytes of a file: a MusicXML score, compressed or not, or text.

    Raises:
        ChartError: it cannot be read.
    """
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:64].lower()
    if data.startswith((b"PK\x03\x04", b"\xff\xfe", b"\xfe\xff")) or start.startswith((b"<?xml", b"<!doctype score", b"<score")):
        return read_score(data)
    try:
        return chart_from_text(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ChartError(f"the file is neither a score nor text: {error}") from error


def load_chart(source: str | Path) -> Chart:
    """A chart from its text, from a link of iReal Pro, or from the file of a name.

    Raises:
        ChartError: it cannot be read.
    """
    path = Path(source)
    is_text = isinstance(source, str) and ("\n" in source or "|" in source or len(source) > MAX_PATH or "://" in source)
    try:
        if is_text or not path.is_file():
            if not is_text and (isinstance(source, Path) or path.suffix.lower() in _SUFFIXES):
                raise ChartError(f"there is no file {str(source)!r}")
            return chart_from_text(str(source))
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        if isinstance(source, str) and isinstance(error, ValueError):
            return chart_from_text(source)
        raise ChartError(f"cannot read {str(source)!r}: {error}") from error
    if len(data) > MAX_BYTES:
        raise ChartError(f"{str(source)!r} is larger than {MAX_BYTES >> 20} MiB")
    try:
        chart = chart_from_bytes(data)
    except ChartError as error:
        if error.text:
            raise
        raise ChartError(f"{path.name}: {error.message}") from error
    return chart
