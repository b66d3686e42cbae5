"""A style in plain words: weighted prompts, and by a table of words the feel and instruments that they name. No torch.

The table is a dictionary, not a model: words that it does not know change nothing. What a prompt means beyond it is the
style encoder's to say (`model.style.encoder`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.prompts import read_prompts

_FEEL_WORDS: Final = {
    "swing": "swing", "bebop": "swing", "bop": "swing", "hardbop": "swing", "blues": "swing", "shuffle": "swing",
    "bossa": "bossa", "latin": "bossa", "brazilian": "bossa", "samba": "bossa",
    "ballad": "ballad", "slow": "ballad", "tender": "ballad",
    "waltz": "waltz", "modal": "modal", "open": "modal",
    "funk": "funk", "funky": "funk", "straight": "funk", "soul": "funk", "groove": "funk",
}  # fmt: skip
_INSTRUMENT_WORDS: Final[dict[str, tuple[str, int]]] = {
    "rhodes": ("piano", 4), "electric": ("piano", 4), "epiano": ("piano", 4), "bright": ("piano", 1),
    "vibes": ("piano", 11), "vibraphone": ("piano", 11),
    "fretless": ("bass", 33), "upright": ("bass", 32), "brushes": ("drums", 40), "brush": ("drums", 40),
    "trumpet": ("horn", 56), "muted": ("horn", 59), "soprano": ("horn", 64), "alto": ("horn", 65),
    "tenor": ("horn", 66), "baritone": ("horn", 67), "sax": ("horn", 66), "saxophone": ("horn", 66),
    "clarinet": ("horn", 71), "flute": ("horn", 73),
}  # fmt: skip
DEFAULT_PROGRAMS: Final = {"piano": 0, "bass": 32, "drums": 32, "horn": 66}


@dataclass(frozen=True)
class Style:
    """What the words said. `feel` is None where they said nothing of it."""

    feel: str | None = None
    programs: dict[str, int] = field(default_factory=lambda: dict(DEFAULT_PROGRAMS))
    embedding: NDArray[np.float32] | None = field(default=None, compare=False)
    """The style encoder's embedding of the prompts, unit length; None: no style is asked for."""
    text: str = field(default="", compare=False)
    """What was said."""


def read_style(text: str) -> Style:
    """Feel and instruments named in a text, in any order; the last word of a kind in the heaviest prompt wins."""
    said = text
    prompts = [pair for pair in read_prompts(text) if pair[1] > 0]
    text = " ".join(words for words, _ in sorted(prompts, key=lambda pair: pair[1]))
    feel = None
    programs = dict(DEFAULT_PROGRAMS)
    for word in re.findall(r"[a-z]+", text.lower().replace("hard bop", "hardbop")):
        feel = _FEEL_WORDS.get(word, feel)
        if word in _INSTRUMENT_WORDS:
            part, program = _INSTRUMENT_WORDS[word]
            programs[part] = program
    if feel == "ballad" and not re.search(r"stick", text.lower()):
        programs["drums"] = 40
    return Style(feel, programs, text=said)
