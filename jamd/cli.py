"""The command line. Errors are one line on stderr; exit 2 for wrong usage, 1 for what could not be done. No torch until needed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from jamd import __version__, paths
from jamd.client import OscClient, parse_endpoint
from jamd.contract.config import Config, load_config
from jamd.contract.errors import ChartError, FailureError, JamdError, UsageError
from jamd.contract.parameters import ROUTES
from jamd.contract.parameters import describe as describe_table
from jamd.contract.units import PARTS, TEMPO_MAX, TEMPO_MIN
from jamd.render_options import RenderOptions

DEFAULT_ENDPOINT = "127.0.0.1:9120"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def _between(low: float, high: float, kind: type = float) -> Any:
    def check(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is outside {low:g}..{high:g}")
        return value

    return check


def _parts(text: str) -> tuple[str, ...]:
    names = tuple(word.strip() for word in text.split(",") if word.strip())
    unknown = [name for name in names if name not in PARTS]
    if unknown or not names:
        raise argparse.ArgumentTypeError(f"parts are {', '.join(PARTS)}, not {text!r}")
    return names


def _parser() -> _Parser:
    parser = _Parser(prog="jamd", description="A jam partner that lives in a musician's session.")
    parser.add_argument("--version", action="version", version=f"jamd {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    run = commands.add_parser("run", help="start the daemon")
    run.add_argument("--audio", default="jack", metavar="jack|file:PATH|null", help="where the sound goes (jack)")
    run.add_argument("--model", default="small", help="a size that ships, or a folder with weights (small)")
    run.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="where the model computes (auto)")
    run.add_argument("--osc", metavar="HOST:PORT", help=f"where OSC is heard ({DEFAULT_ENDPOINT})")
    run.add_argument("--config", type=Path, metavar="FILE", help="configuration file")

    render = commands.add_parser("render", help="render a chart to a WAV file")
    render.add_argument("--out", type=Path, required=True, metavar="FILE.wav")
    render.add_argument("--chart", metavar="TEXT|FILE", help="chart, or a file with one")
    length = render.add_mutually_exclusive_group()
    length.add_argument("--bars", type=_between(1, 4096, int), metavar="N")
    length.add_argument("--seconds", type=_between(0.05, 7200), metavar="S")
    render.add_argument("--tempo", type=_between(TEMPO_MIN, TEMPO_MAX), default=120.0, metavar="BPM")
    render.add_argument("--style", default="", metavar="TEXT", help="feel and instruments in plain words")
    render.add_argument("--parts", type=_parts, default=("piano", "bass", "drums"), metavar="piano,bass,drums,horn")
    for name, high in (("density", 1.0), ("energy", 1.0), ("register", 1.0)):
        render.add_argument(f"--{name}", type=_between(0.0, high), default=0.5, metavar="X", help="0..1")
    render.add_argument("--swing", type=_between(0.0, 0.75), default=0.0, metavar="X", help="0.5..0.75; 0: by tempo")
    render.add_argument("--temperature", type=_between(0.1, 2.0), default=1.0, metavar="X")
    render.add_argument("--top-p", type=_between(0.1, 1.0), default=0.95, metavar="X")
    render.add_argument("--guidance", type=_between(0.0, 5.0), default=3.0, metavar="X", help="1: none, and faster")
    render.add_argument("--seed", type=_between(0, 2**31 - 1, int), default=1, metavar="N")
    render.add_argument("--count", type=_between(1, 999, int), default=1, metavar="K", help="files, each with the next seed")
    render.add_argument("--loop", action="store_true", help="make it loop without a click")
    render.add_argument("--notes", type=Path, metavar="FILE.mid", help="play these notes: the file's parts are not planned")
    render.add_argument("--adapter", metavar="NAME[:STRENGTH]", help="play with a learned player")
    render.add_argument("--session", type=Path, metavar="DIR", help="play a recorded take again from its events")
    render.add_argument("--continue", dest="go_on", type=Path, metavar="FILE", help="go on from the end of a recording")
    render.add_argument("--midi", type=Path, metavar="FILE.mid", help="write the plan as MIDI, too")
    render.add_argument("--model", default="small")
    render.add_argument("--json", action="store_true")

    adapters = commands.add_parser("adapters", help="learned players on disk")
    verbs = adapters.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb, text, names in (
        ("list", "all of them", ()), ("show", "one, with its scores and guards", ("name",)), ("remove", "one of your own", ("name",)),
        ("import", "a folder, a zip file, or a peft LoRA folder that fits", ("path",)), ("export", "as a zip file", ("name", "path")),
    ):  # fmt: skip
        one = verbs.add_parser(verb, help=text)
        for name in names:
            one.add_argument(name, metavar=name.upper(), type=Path if name == "path" else str)
        if verb == "import":
            one.add_argument("--name", dest="as_name", metavar="NAME", help="another name for it")
        one.add_argument("--json", action="store_true")

    send = commands.add_parser("send", help="send one OSC message and print the reply")
    send.add_argument("--connect", default=DEFAULT_ENDPOINT, metavar="HOST:PORT")
    send.add_argument("--timeout", type=_between(0.05, 60), default=2.0, metavar="S")
    send.add_argument("address", metavar="ADDRESS")
    send.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGS")

    describe = commands.add_parser("describe", help="every OSC address with its arguments")
    describe.add_argument("--json", action="store_true")

    doctor = commands.add_parser("doctor", help="what works here, what does not, how to mend it")
    doctor.add_argument("--connect", default=DEFAULT_ENDPOINT, metavar="HOST:PORT")
    doctor.add_argument("--json", action="store_true")
    return parser


def _config(options: argparse.Namespace) -> Config:
    path = options.config if options.config is not None else paths.config_file()
    config = load_config(path, must_exist=options.config is not None)
    if options.osc:
        host, port = parse_endpoint(options.osc)
        config = msgspec.structs.replace(config, osc=msgspec.structs.replace(config.osc, host=host, port=port))
    if config.osc.host not in ("127.0.0.1", "localhost", "::1"):
        print(f"jamd: warning: OSC listens on {config.osc.host}: anybody who reaches it can play", file=sys.stderr)
    return config


def run(options: argparse.Namespace) -> int:
    from jamd.supervisor import RunOptions, Supervisor

    if options.audio not in ("jack", "null") and not options.audio.startswith("file:"):
        raise UsageError(f"--audio is jack, file:PATH or null, not {options.audio!r}")
    config = _config(options)
    return Supervisor(RunOptions(options.audio, options.model, options.device, config), lambda line: print(line, flush=True)).run()


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


def adapters(options: argparse.Namespace) -> int:
    from jamd import adapters as library

    verb = options.verb
    if verb == "list":
        rows = library.rows()
        if options.json:
            print(json.dumps(rows, indent=2))
        for row in rows if not options.json else ():
            words = row.get("error") or f"{row['base']}  rank {row['rank']}  {row['created'][:10]}  {row['style']}"
            print(f"{row['name']:24} {words}")
        return 0
    if verb == "show":
        print(json.dumps(library.show(options.name), indent=None if options.json else 2))
        return 0
    if verb == "remove":
        path = library.remove(options.name)
    elif verb == "import":
        path = library.bring(options.path, options.as_name)
    else:
        path = library.export(options.name, options.path)
    print(json.dumps({"path": str(path)}) if options.json else path)
    return 0


def render(options: argparse.Namespace) -> int:
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


def _argument(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _typed(address: str, words: Sequence[str]) -> list[int | float | str]:
    """Arguments in the types of the address's table entry; numbers by their look elsewhere."""
    from jamd.contract.parameters import ADDRESSES

    if address not in ADDRESSES:
        return [_argument(word) for word in words]
    route = ADDRESSES[address][0]
    kinds: list[str] = [argument.kind for argument in route.arguments]
    more = [argument.kind for argument in route.more] or ["float"]
    kinds += [more[index % len(more)] for index in range(len(words) - len(kinds))]
    return [word if kind == "string" else _argument(word) for word, kind in zip(words, kinds, strict=False)]


def send(options: argparse.Namespace) -> int:
    """Without a reply of its own, an address is followed by a /ping: replies come in order, so its /pong says all is well."""
    address = options.address
    answers = {"/ping": "/pong", "/subscribe": "/" + (options.arguments[0] if options.arguments else "")}
    silent = any(route.template == address and route.setter for route in ROUTES) and options.arguments
    client = OscClient(parse_endpoint(options.connect))
    client.send(address, *_typed(address, options.arguments))
    expect = answers.get(address, address)
    if address not in ("/ping", "/status", "/describe", "/subscribe") and (silent or not _is_getter(options)):
        client.send("/ping")
        expect = "/pong"
    message = client.receive(options.timeout)
    while message is not None and message.address not in (expect, "/error"):
        message = client.receive(options.timeout)
    if message is None:
        raise FailureError(f"no reply from {options.connect}: is jamd running?", code="timeout")
    if message.address == "/error":
        raise FailureError(f"{message.arguments[0]}: {message.arguments[1]}: {message.arguments[2]}", code="error")
    while message is not None:
        if message.address == "/pong" and address != "/ping":
            print("ok")
            break
        print(" ".join([message.address, *(str(argument) for argument in message.arguments)]))
        message = client.receive(0.2) if address == "/describe" else None
    client.close()
    return 0


def _is_getter(options: argparse.Namespace) -> bool:
    return not options.arguments and any(route.template == options.address and route.setter for route in ROUTES)


def describe(options: argparse.Namespace) -> int:
    table = [json.loads(text) for _, text in describe_table()]
    if options.json:
        print(json.dumps(table, indent=2))
        return 0
    for entry in table:
        words = [f"[{a['name']}]" if a.get("optional") else a["name"] for a in entry["arguments"]]
        print(f"{' '.join([entry['address'], *words])}\n    {entry['doc']}")
        for a in entry["arguments"]:
            facts = [a["type"]]
            if "min" in a:
                facts.append(f"{a['min']:g}..{a['max']:g} {a.get('unit', '')}".strip())
            if "default" in a:
                facts.append(f"default {a['default']}")
            if "choices" in a:
                facts.append("|".join(a["choices"]))
            print(f"    {a['name']}: {', '.join(facts)}")
    return 0


def doctor(options: argparse.Namespace) -> int:
    from jamd.doctor import examine

    findings = examine(parse_endpoint(options.connect))
    if options.json:
        print(json.dumps([finding.to_dict() for finding in findings], indent=2))
    else:
        for finding in findings:
            print(f"{'ok  ' if finding.good else 'BAD '} {finding.what}: {finding.found}")
            if finding.remedy:
                print(f"      {finding.remedy}")
    return 0 if all(finding.good or not finding.needed for finding in findings) else 1


COMMANDS = {"run": run, "render": render, "adapters": adapters, "send": send, "describe": describe, "doctor": doctor}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status of one call."""
    try:
        options = _parser().parse_args(arguments)
        return COMMANDS[options.command](options)
    except ChartError as error:
        print(f"jamd: {error}", file=sys.stderr)
        if error.text:
            print(error.pointer(), file=sys.stderr)
        return error.exit_status
    except JamdError as error:
        print(f"jamd: {error}", file=sys.stderr)
        return error.exit_status
    except BrokenPipeError:
        return 1
    except KeyboardInterrupt:
        return 130
