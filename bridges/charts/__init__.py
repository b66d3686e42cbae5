"""Charts from where they come: text and text files."""

from __future__ import annotations

from pathlib import Path

from jamd.contract.chart import Chart, parse_chart
from jamd.contract.errors import ChartError


def load_chart(source: str) -> Chart:
    """A chart from its text, or from a file that holds one.

    Raises:
        ChartError: it cannot be read.
    """
    if "|" not in source and "\n" not in source and len(source) < 4096:
        path = Path(source)
        if path.is_file():
            try:
                return parse_chart(path.read_text())
            except (OSError, UnicodeDecodeError) as error:
                raise ChartError(f"cannot read {path}: {error}") from error
    return parse_chart(source)
