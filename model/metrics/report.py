"""Measures of one sound file, as JSON: `python -m model.metrics.report take.wav --chart "| Dm7 G7 | Cmaj7 |" --tempo 140`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from jamd.contract.chart import Chart, parse_chart
from jamd.contract.errors import ChartError, FailureError, JamdError
from model.metrics.measure import measure


def _chart(source: str) -> Chart:
    if "|" not in source and "\n" not in source and Path(source).is_file():
        return parse_chart(Path(source).read_text(encoding="utf-8"))
    return parse_chart(source)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m model.metrics.report", description=__doc__)
    parser.add_argument("wav", type=Path, help="sound file")
    parser.add_argument("--chart", required=True, help="chart as text, or a text file")
    parser.add_argument("--tempo", required=True, type=float, help="beats a minute")
    parser.add_argument("--swing", type=float, help="share of the beat of the first eighth; default: the likeliest")
    parser.add_argument("--offset", type=float, default=0.0, help="seconds at which the first beat falls")
    parser.add_argument("--ear", choices=["auto", "basic-pitch", "chroma"], default="auto")
    options = parser.parse_args(arguments)
    try:
        if not 20 <= options.tempo <= 640:
            raise FailureError(f"a tempo of {options.tempo} is none")
        import soundfile

        try:
            audio, rate = soundfile.read(options.wav, dtype="float32", always_2d=True)
        except (OSError, soundfile.SoundFileError) as error:
            raise FailureError(f"cannot read {options.wav}: {error}") from error
        try:
            found = measure(audio, rate, _chart(options.chart), options.tempo, swing=options.swing, offset=options.offset, ear=options.ear)
        except ValueError as error:
            raise FailureError(str(error)) from error
    except ChartError as error:
        print(f"{error}: {error.marked()}" if error.text else error, file=sys.stderr)
        return error.exit_status
    except JamdError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    print(json.dumps(found.as_dict(), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
