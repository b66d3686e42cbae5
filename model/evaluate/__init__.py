"""Judge the model: `python -m model.evaluate OUT` measures all that is asked of it, `--kinds` some of it.

`model`, `corpus`, `codec`: charts and tempos that no training saw are rendered by the model and, for comparison, by the corpus band
itself, straight and through the codec. basic-pitch (Bittner et al. 2022) finds the notes in all of them, BeatNet (Heydari et al. 2021) the
beats; model.metrics says what is made of that. `fit` is the share of the found notes' energy on tones of the chord that the chart has at
that time. The other kinds have a module each: `note` (is the plan played), `parts`, `knobs`, `long` (ten minutes), `fad`, `copying`,
`form`, `plan` (as good after ten minutes as in the first?), `manner`, `feels` and `turns` (is what is told followed, also while the band
plays?), `variations`, `continuation`, `style`, `instruments` (is what is asked
for what is heard?).

OUT/evaluation.json holds every figure, OUT/evaluation.md the tables; what is not measured anew stays as it was.

Needs onnxruntime and the weights of BeatNet and musicnn: scripts/evaluation.sh installs them. The environment variable
JAMD_CORPUS names the real solos for `copying` and `form`.
"""

from model.evaluate.bench import FEELS, FIRST_SEED, Bench, Case, Sampling, make_cases
from model.evaluate.result import Result, to_page

__all__ = ["FEELS", "FIRST_SEED", "Bench", "Case", "Result", "Sampling", "make_cases", "to_page"]
