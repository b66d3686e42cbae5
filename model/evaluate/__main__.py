"""`python -m model.evaluate OUT`; see the package."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import model.evaluate
from jamd.contract.errors import JamdError
from model.corpus.sounds import PLAIN, Studio
from model.evaluate.bench import Bench, Sampling, make_cases
from model.evaluate.continuation import measure_continuation
from model.evaluate.copying import measure_copying
from model.evaluate.fad import measure_fad
from model.evaluate.feels import measure_feels
from model.evaluate.form import measure_form
from model.evaluate.instruments import measure_instruments
from model.evaluate.judged import judge_codec, judge_corpus, judge_model
from model.evaluate.knobs import measure_knobs
from model.evaluate.long import measure_long
from model.evaluate.manner import measure_manners
from model.evaluate.note import measure_note
from model.evaluate.parts import measure_parts
from model.evaluate.plan import measure_plan
from model.evaluate.result import Result, to_page
from model.evaluate.style import measure_style
from model.evaluate.turns import measure_turns
from model.evaluate.variations import measure_variations
from model.generator.clip import DEFAULT_GUIDANCE
from model.metrics.plain import plain

JUDGED: Final[Mapping[str, Callable[[Bench], dict[str, dict[str, Any]]]]] = {
    "model": judge_model,
    "corpus": judge_corpus,
    "codec": judge_codec,
}
MEASURED: Final[Mapping[str, Callable[[Bench], Result]]] = {
    "note": measure_note,
    "parts": measure_parts,
    "knobs": measure_knobs,
    "long": measure_long,
    "fad": measure_fad,
    "copying": measure_copying,
    "form": measure_form,
    "plan": measure_plan,
    "manner": measure_manners,
    "feels": measure_feels,
    "turns": measure_turns,
    "variations": measure_variations,
    "continuation": measure_continuation,
    "style": measure_style,
    "instruments": measure_instruments,
}
KINDS: Final = (*JUDGED, *MEASURED)


def run(bench: Bench, kinds: Sequence[str]) -> dict[str, Any]:
    """Measure some kinds; `evaluation.json` and `evaluation.md` are written after each, with what they had of other kinds.

    Returns:
        All that `evaluation.json` holds.
    """
    bench.out.mkdir(parents=True, exist_ok=True)
    result = bench.out / "evaluation.json"
    known: dict[str, Any] = json.loads(result.read_text()) if result.exists() else {}
    for kind in kinds:
        begin = time.monotonic()
        if kind in JUDGED:
            known |= plain(JUDGED[kind](bench))
        else:
            known |= {kind: MEASURED[kind](bench).as_dict()}
        spent = {**known.get("run", {}).get("seconds", {}), kind: round(time.monotonic() - begin, 1)}
        known["run"] = {
            "weights": bench.digest, "cases": len(bench.cases), "temperature": bench.sampling.temperature, "top_p": bench.sampling.top_p,
            "guidance": bench.sampling.guidance, "seconds": spent,
        }  # fmt: skip
        result.write_text(json.dumps(known, indent=2))
        (bench.out / "evaluation.md").write_text(to_page(known))
        bench.progress(f"{kind}: {spent[kind]:.0f} s")
    return known


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m model.evaluate", description=model.evaluate.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--kinds", default=",".join(KINDS), help="what to measure, with commas; all by default")
    parser.add_argument("--count", type=int, default=40, help="cases")
    parser.add_argument("--some", type=int, default=6, help="cases of the kinds that render many clips a case")
    parser.add_argument("--long-seconds", type=float, default=600.0)
    parser.add_argument("--model", default="small", help="a size that ships, or a folder with codec, planner and player")
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--top-p", type=float, default=0.95)
    parser.add_argument("--guidance", type=float, default=DEFAULT_GUIDANCE)
    parser.add_argument("--studio", choices=("plain", "full"), default="plain", help="how the corpus is recorded for fad and long")
    parser.add_argument("--store", type=Path, help="training pieces for copying (model.training.store); default: the planner's by seed")
    parser.add_argument("--copy-pieces", type=int, default=1000, help="training pieces by seed for copying")
    options = parser.parse_args(arguments)
    kinds = [kind for kind in options.kinds.split(",") if kind]
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        parser.error(f"no kind {unknown[0]!r}: there are {', '.join(KINDS)}" if unknown else "no kind")
    if options.count < 1 or options.some < 1 or options.long_seconds < 1:
        parser.error("--count, --some and --long-seconds are 1 or more")
    bench = Bench(
        options.out, make_cases(options.count), Sampling(options.temperature, options.top_p, options.guidance), options.model,
        anew=tuple(kind for kind in kinds if kind in JUDGED), studio=Studio.full() if options.studio == "full" else PLAIN,
        some=options.some, long_s=options.long_seconds, store=options.store, pieces=options.copy_pieces,
        progress=lambda line: print(line, flush=True),
    )  # fmt: skip
    try:
        run(bench, kinds)
    except JamdError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    print("\n" + (bench.out / "evaluation.md").read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
