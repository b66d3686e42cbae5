"""`jamd render`: see `jamd.render`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from jamd.commands.arguments import between, parts
from jamd.contract.units import TEMPO_MAX, TEMPO_MIN
from jamd.render_options import RenderOptions


def add(commands: Any) -> None:
    render = commands.add_parser("render", help="render a chart to a WAV file")
    render.add_argument("--out", type=Path, required=True, metavar="FILE.wav", help="where it is written; with --count numbered")
    render.add_argument("--chart", metavar="TEXT|FILE", help="chart, or a file with one")
    length = render.add_mutually_exclusive_group()
    length.add_argument("--bars", type=between(1, 4096, int), metavar="N", help="how long it is (the chart, once)")
    length.add_argument("--seconds", type=between(0.05, 7200), metavar="S", help="how long it is, where no bars are counted")
    render.add_argument("--tempo", type=between(TEMPO_MIN, TEMPO_MAX), default=120.0, metavar="BPM", help="of the clock (120)")
    render.add_argument("--style", default="", metavar="TEXT", help="feel and instruments in plain words")
    render.add_argument(
        "--parts", type=parts, default=("piano", "bass", "drums"), metavar="piano,bass,drums,horn", help="who plays (a trio)"
    )
    for name, high in (("density", 1.0), ("energy", 1.0), ("register", 1.0)):
        render.add_argument(f"--{name}", type=between(0.0, high), default=0.5, metavar="X", help="0..1")
    render.add_argument("--swing", type=between(0.0, 0.75), default=0.0, metavar="X", help="0.5..0.75; 0: by tempo")
    render.add_argument("--temperature", type=between(0.1, 2.0), default=1.0, metavar="X", help="how freely it is drawn (1)")
    render.add_argument("--top-p", type=between(0.1, 1.0), default=0.95, metavar="X", help="share of the likeliest drawn from (0.95)")
    render.add_argument("--guidance", type=between(0.0, 5.0), default=3.0, metavar="X", help="1: none, and faster")
    render.add_argument("--seed", type=between(0, 2**31 - 1, int), default=1, metavar="N", help="the same seed gives the same bytes (1)")
    render.add_argument("--count", type=between(1, 999, int), default=1, metavar="K", help="files, each with the next seed")
    render.add_argument("--loop", action="store_true", help="make it loop without a click")
    render.add_argument("--notes", type=Path, metavar="FILE.mid", help="play these notes: the file's parts are not planned")
    render.add_argument("--adapter", metavar="NAME[:STRENGTH]", help="play with a learned player")
    render.add_argument("--session", type=Path, metavar="DIR", help="play a recorded take again from its events")
    render.add_argument("--continue", dest="go_on", type=Path, metavar="FILE", help="go on from the end of a recording")
    render.add_argument("--midi", type=Path, metavar="FILE.mid", help="write the plan as MIDI, too")
    render.add_argument("--model", default="small", help="a size that ships, or a folder with weights (small)")
    render.add_argument("--json", action="store_true", help="print what was written as JSON")


def _replay(options: argparse.Namespace) -> int:
    from jamd.replay import read_take, write_replay
    from model.generator.models import load_models

    head, *_ = read_take(options.session)
    frames = write_replay(options.session, options.out, load_models(head.model or options.model))
    if options.json:
        print(json.dumps([{"path": str(options.out), "frames": frames, "session": str(options.session)}], indent=2))
    else:
        print(f"{options.out}  {frames} frames of {options.session}")
    return 0


def run(options: argparse.Namespace) -> int:
    if options.session is not None:
        return _replay(options)
    from jamd.render import main as render_main

    fields = {name: getattr(options, name) for name in RenderOptions.__dataclass_fields__}
    results = render_main(RenderOptions(**fields))
    if options.json:
        print(json.dumps(results, indent=2))
    else:
        for result in results:
            print(f"{result['path']}  {result['frames']} frames  seed {result['seed']}  "
                  f"{result['notes']} notes  real-time factor {result['real_time_factor']:.2f}")  # fmt: skip
    return 0
