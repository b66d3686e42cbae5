"""Text of others (names, styles, log lines, errors) as it may be written to a terminal."""

from __future__ import annotations

import unicodedata
from typing import Final

STEERS: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of characters that a terminal acts on, that turn the reading direction, or that cannot be written."""
INSTEAD: Final = "\N{REPLACEMENT CHARACTER}"
BLANKS: Final = dict.fromkeys(map(ord, "\t\r"), " ")


def harmless(text: str) -> str:
    """The same text, as long as before, with a sign for every character that would do something else than be seen."""
    if text.isprintable():  # nearly always
        return text
    return "".join([INSTEAD if unicodedata.category(character) in STEERS else character for character in text])


def harmless_lines(text: str) -> str:
    """The same for a text that may have several lines, such as a chart; tabs become spaces."""
    return "\n".join([harmless(line) for line in text.translate(BLANKS).split("\n")])
