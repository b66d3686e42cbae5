"""`python -m model.experiments OUT`; see the package."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from model.experiments.material import ENOUGH_S, TRAINING, names, part_of, record
from model.experiments.tables import results, to_page
from model.experiments.variants import TABLES, variants
from model.generator.models import load_models
from model.learning.prepare import prepare


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m model.experiments", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--players", nargs="+", choices=names(), default=names(), metavar="NAME", help=f"of {', '.join(names())}")
    parser.add_argument("--tables", nargs="+", choices=list(TABLES), default=list(TABLES))
    parser.add_argument("--steps", type=int, default=300, help="of each training, at most")
    parser.add_argument("--samples", type=int, default=6, help="rendered of each player")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--page-only", action="store_true", help="write the tables of what is there")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    failed = 0
    for name in options.players if not options.page_only else ():
        home = options.out / name
        told = record(name, home)
        models = load_models("small", compiled=False)
        prepare([home / TRAINING], models, home / "material", force=True, most_s=ENOUGH_S, plays=(part_of(name),), told=told)
        for variant in variants(options.tables):
            if (home / f"{variant.name.replace(' ', '_')}.json").is_file():
                continue
            print(f"{name}: {variant.name}", flush=True)
            command = [sys.executable, "-m", "model.experiments.one", str(options.out), name, variant.name, "--steps", str(options.steps)]
            failed |= subprocess.run([*command, "--seed", str(options.seed), "--samples", str(options.samples)], check=False).returncode
            (options.out / "experiments.md").write_text(to_page(results(options.out)))
    page = to_page(results(options.out))
    (options.out / "experiments.md").write_text(page)
    print(page)
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
