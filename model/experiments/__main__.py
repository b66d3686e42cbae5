"""`python -m model.experiments OUT`; see the package."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from model.experiments.material import ENOUGH_S, TRAINING, names, part_of, record
from model.experiments.tables import results, to_page
from model.experiments.variants import TABLES, variants
from model.generator.models import load_models
from model.learning.prepare import prepare
from model.learning.replay import load_replay


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m model.experiments", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--players", nargs="+", choices=names(), default=names(), metavar="NAME", help=f"of {', '.join(names())}")
    parser.add_argument("--tables", nargs="+", choices=list(TABLES), default=list(TABLES))
    parser.add_argument("--steps", type=int, default=300, help="of each training, at most")
    parser.add_argument("--samples", type=int, default=10, help="rendered of each player")
    parser.add_argument("--jobs", type=int, default=1, help="rows at once, which share the cores")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--page-only", action="store_true", help="write the tables of what is there")
    options = parser.parse_args()
    if options.jobs < 1:
        parser.error("--jobs: 1 or more")
    options.out.mkdir(parents=True, exist_ok=True)
    failed = 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for name in options.players if not options.page_only else ():
        home = options.out / name
        told = record(name, home)
        models = load_models("small", compiled=False)
        prepare([home / TRAINING], models, home / "material", force=True, most_s=ENOUGH_S, plays=(part_of(name),), told=told)
        load_replay(load_models("small"), options.out / "replay")
        wanted = [variant.name for variant in variants(options.tables)]
        rows = [row for row in wanted if not (home / f"{row.replace(' ', '_')}.json").is_file()]

        def learn(row: str, name: str = name) -> int:
            print(f"{name}: {row}", flush=True)
            command = [sys.executable, "-m", "model.experiments.one", str(options.out), name, row, "--steps", str(options.steps)]
            command += ["--seed", str(options.seed), "--samples", str(options.samples)]
            threads = max(cores // options.jobs, 1)
            return subprocess.run(command, check=False, env=os.environ | {"OMP_NUM_THREADS": str(threads)}).returncode

        with ThreadPoolExecutor(options.jobs) as pool:
            failed += sum(code != 0 for code in pool.map(learn, rows))
    page = to_page(results(options.out))
    (options.out / "experiments.md").write_text(page)
    print(page)
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
