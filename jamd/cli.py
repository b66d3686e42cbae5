"""The command line. Errors are one line on stderr; exit 2 for wrong usage, 1 for what could not be done. No torch until needed."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec

from jamd import __version__, paths
from jamd.client import OscClient, parse_endpoint
from jamd.commands import MODULES
from jamd.commands.arguments import DEFAULT_ENDPOINT, between
from jamd.contract.config import Config, load_config
from jamd.contract.errors import ChartError, ConfigError, FailureError, JamdError, UsageError
from jamd.contract.parameters import describe as describe_table


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def _module(name: str) -> Any:
    return importlib.import_module(f"jamd.commands.{name}")


def build_parser() -> argparse.ArgumentParser:
    """Every command with its arguments. What it parses has the parser itself as `parser`, for completions and the reference."""
    parser = _Parser(prog="jamd", description="A jam partner that lives in a musician's session.")
    parser.set_defaults(parser=parser)
    parser.add_argument("--version", action="version", version=f"jamd {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    run = commands.add_parser("run", help="start the daemon")
    run.add_argument("--audio", default="jack", metavar="jack|file:PATH|null", help="where the sound goes (jack)")
    run.add_argument("--model", default="small", help="a size that ships, or a folder with weights (small)")
    run.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="where the model computes (auto)")
    run.add_argument("--osc", metavar="HOST:PORT", help=f"where OSC is heard ({DEFAULT_ENDPOINT})")
    run.add_argument("--config", type=Path, metavar="FILE", help="configuration file")

    for name in MODULES:
        _module(name).add(commands)

    send = commands.add_parser("send", help="send one OSC message and print the reply")
    send.add_argument("--connect", default=DEFAULT_ENDPOINT, metavar="HOST:PORT", help=f"where jamd listens ({DEFAULT_ENDPOINT})")
    send.add_argument("--timeout", type=between(0.05, 60), default=2.0, metavar="S", help="how long a reply is waited for (2)")
    send.add_argument("--json", action="store_true", help="print each reply as a line of JSON")
    send.add_argument("address", metavar="ADDRESS", help="such as /jam/start; `jamd describe` has them all")
    send.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGS", help="as the address wants them")

    describe = commands.add_parser("describe", help="every OSC address with its arguments")
    describe.add_argument("--json", action="store_true", help="print JSON")

    doctor = commands.add_parser("doctor", help="what works here, what does not, how to mend it")
    doctor.add_argument("--connect", default=DEFAULT_ENDPOINT, metavar="HOST:PORT", help=f"where jamd listens ({DEFAULT_ENDPOINT})")
    doctor.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _config(options: argparse.Namespace) -> Config:
    from jamd.control.midi.pads import device_for, devices

    path = options.config if options.config is not None else paths.config_file()
    config = load_config(path, must_exist=options.config is not None)
    if config.midi.lights not in ("auto", "none") and device_for(config.midi.lights) is None:
        raise ConfigError(f"{path}: midi.lights knows no pads {config.midi.lights!r}: there are auto, none, {', '.join(devices())}")
    if options.osc:
        host, port = parse_endpoint(options.osc)
        config = msgspec.structs.replace(config, osc=msgspec.structs.replace(config.osc, host=host, port=port))
    if config.osc.host not in ("127.0.0.1", "localhost", "::1"):
        print(f"jamd: warning: OSC listens on {config.osc.host}: anybody who reaches it can play", file=sys.stderr)
    return config


def run(options: argparse.Namespace) -> int:
    from jamd.supervisor import RunOptions, Supervisor

    if options.audio == "file:":
        raise UsageError("--audio file:PATH has no path")
    if options.audio not in ("jack", "null") and not options.audio.startswith("file:"):
        raise UsageError(f"--audio is jack, file:PATH or null, not {options.audio!r}")
    config = _config(options)
    return Supervisor(RunOptions(options.audio, options.model, options.device, config), lambda line: print(line, flush=True)).run()


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


def _as_json(address: str, arguments: Sequence[object]) -> str:
    """A reply; what is JSON in it already is part of it."""

    def read(argument: object) -> object:
        if isinstance(argument, str) and argument[:1] in ("{", "["):
            with suppress(ValueError):
                return json.loads(argument)
        return argument

    return json.dumps({"address": address, "arguments": [read(argument) for argument in arguments]})


READ_FIRST: Final = ("/adapter/load", "/adapter/use", "/adapter/blend")
"""What these name may have to be read from disk first, and can fail in that."""
READ_S: Final = 30.0


def send(options: argparse.Namespace) -> int:
    """The message is followed by a /ping: replies come in order, so that whatever comes before its /pong is the reply."""
    if not options.address.startswith("/"):
        raise UsageError(f"an address begins with /, not {options.address!r}")
    client = OscClient(parse_endpoint(options.connect))
    client.send(options.address, *_typed(options.address, options.arguments))
    last = options.address == "/ping"
    if not last:
        client.send("/ping")
    replied = False
    while True:
        message = client.receive(options.timeout)
        if message is None:
            raise FailureError(f"no reply from {options.connect}: is jamd running?", code="timeout")
        if message.address == "/error":
            raise FailureError(f"{message.arguments[0]}: {message.arguments[1]}: {message.arguments[2]}", code="error")
        ends = message.address == "/pong"
        if not ends or last:
            shown = " ".join([message.address, *(str(argument) for argument in message.arguments)])
            print(_as_json(message.address, message.arguments) if options.json else shown)
        elif not replied:
            if options.address in READ_FIRST:
                _wait_for_adapters(client, options.arguments)
            if not options.json:
                print("ok")
        replied = True
        if ends:
            client.close()
            return 0


def _wait_for_adapters(client: OscClient, words: Sequence[str]) -> None:
    """Until what was named has been read, or could not be.

    Raises:
        FailureError: it could not.
    """
    deadline = time.monotonic() + READ_S
    while time.monotonic() < deadline:
        client.send("/adapter/list")
        staging = False
        while (message := client.receive(0.2)) is not None:
            if message.address == "/error":
                raise FailureError(f"{message.arguments[0]}: {message.arguments[1]}: {message.arguments[2]}", code="error")
            if message.address == "/adapter/list":
                rows = json.loads(message.arguments[0])["adapters"]
                staging = any(row["state"] == "staging" for row in rows if row["name"] in words)
        if not staging:
            return


def describe(options: argparse.Namespace) -> int:
    table = [json.loads(text) for _, text in describe_table()]
    if options.json:
        print(json.dumps(table, indent=2))
        return 0
    for entry in table:
        words = [f"[{a['name']}]" if a.get("optional") else a["name"] for a in entry["arguments"]]
        more = entry.get("more", [])
        if more:
            words.append(f"[{' '.join(a['name'] for a in more)}]...")
        print(f"{' '.join([entry['address'], *words])}\n    {entry['doc']}")
        for a in {a["name"]: a for a in [*entry["arguments"], *more]}.values():
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


COMMANDS = {"run": run, "send": send, "describe": describe, "doctor": doctor}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status of one call."""
    try:
        options = build_parser().parse_args(arguments)
        command = COMMANDS.get(options.command)
        return command(options) if command is not None else int(_module(options.command).run(options))
    except ChartError as error:
        found = f"{error}: {error.marked()}" if error.text else str(error)
        print(f"jamd: {' '.join(found.split())}", file=sys.stderr)
        return error.exit_status
    except JamdError as error:
        print(f"jamd: {error}", file=sys.stderr)
        return error.exit_status
    except BrokenPipeError:
        return 1
    except OSError as error:
        print(f"jamd: {error.filename or options.command}: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
