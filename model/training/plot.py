"""Loss plots of trainings: `python -m model.training.plot OUT.png LOG.csv [LOG.csv ...]`. Needs matplotlib."""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from pathlib import Path


def read_log(path: Path) -> dict[str, tuple[list[float], list[float]]]:
    """Curves of a log by name: (minutes, values)."""
    curves: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            minutes, values = curves[row["name"]]
            minutes.append(float(row["seconds"]) / 60)
            values.append(float(row["value"]))
    return dict(curves)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("logs", type=Path, nargs="+")
    options = parser.parse_args()
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(options.logs), figsize=(5 * len(options.logs), 4), squeeze=False)
    for axis, path in zip(axes[0], options.logs, strict=True):
        for name, (minutes, values) in sorted(read_log(path).items()):
            if name in ("steps_per_s", "pieces", "used", "sdr", "loss") or name.startswith("valid_sdr"):
                continue
            axis.plot(minutes, values, "o-" if name.startswith("valid_") else "-", label=name, linewidth=1, markersize=3)
        axis.set_title(path.stem)
        axis.set_xlabel("minutes")
        axis.legend(fontsize=5)
    figure.tight_layout()
    figure.savefig(options.out, dpi=90)


if __name__ == "__main__":
    main()
