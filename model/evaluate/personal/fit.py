"""What is usual in the corpus: `python -m model.evaluate.personal.fit` writes `fitted.py`.

Mean and spread of the audio features and the mean spectrum, over pieces of the personas that trainings use.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import numpy as np

from model.corpus.personas import Persona, training_personas
from model.corpus.piece import make_piece
from model.corpus.render import render_mix
from model.corpus.sounds import Studio
from model.evaluate.personal.spectrum import Spectrum, hear_spectrum, levelled
from model.metrics.heard import Doubles, Floats

FIRST_SEED: Final = 699_000_000
"""Of the pieces; no training takes seeds from here."""
PIECE_S: Final = 12.0
LEAST_SPREAD: Final = 1e-3
"""Of a feature."""


def lasting(seed: int, persona: Persona, seconds: float, studio: Studio) -> Floats:
    """A piece of a persona of about so many seconds. Shape: [frames, 2]."""
    piece = make_piece(seed, persona=persona, studio=studio)
    bars = max(round(seconds * piece.tempo / 60 / piece.beats_per_bar), 2)
    return render_mix(make_piece(seed, persona=persona, studio=studio, bars=bars))


def hear_corpus(pieces: int, studio: Studio) -> list[Spectrum]:
    """Spectra of pieces by seed, the personas in turn."""
    known = training_personas()
    return [
        hear_spectrum(levelled(lasting(FIRST_SEED + index, known[index % len(known)], PIECE_S, studio))) for index in range(pieces)
    ]  # fmt: skip


def write_fitted(heard: list[Spectrum], path: Path) -> None:
    """Write `fitted.py`."""
    table = np.array([one.features for one in heard])
    values = {
        "MEAN": (table.mean(axis=0), "Of the audio features. Shape: [features]."),
        "SPREAD": (np.maximum(table.std(axis=0), LEAST_SPREAD), "Their standard deviation. Shape: [features]."),
        "SPECTRUM": (np.mean([one.mean for one in heard], axis=0), "Mean log-mel spectrum in dB. Shape: [80]."),
    }
    lines = [
        f'"""What is usual in the corpus, over {len(heard)} pieces: written by `python -m model.evaluate.personal.fit`, not by hand."""',
        "", "from __future__ import annotations", "", "from typing import Final", "", "import numpy as np", "", "# fmt: off",
    ]  # fmt: skip
    for name, (array, about) in values.items():
        lines += [f"{name}: Final = np.array([", *_rows(array), "])", f'"""{about}"""']
    path.write_text("\n".join([*lines, "# fmt: on", ""]))


def _rows(array: Doubles) -> list[str]:
    return ["    " + " ".join(f"{value:.5g}," for value in array[start : start + 10]) for start in range(0, len(array), 10)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pieces", type=int, default=96)
    parser.add_argument("--studio", choices=("plain", "full"), default="full", help="full: every sound of this machine, recordings")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("fitted.py"))
    options = parser.parse_args()
    write_fitted(hear_corpus(options.pieces, Studio.full() if options.studio == "full" else Studio()), options.out)


if __name__ == "__main__":
    main()
