"""`jamd listen`: see `jamd.listen`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from jamd.client import parse_endpoint
from jamd.commands.arguments import between, parts
from jamd.contract.errors import UsageError

ANYWHERE = "127.0.0.1:0"
NEW = ("reference", "trials", "seconds", "seed", "model", "parts")
"""Options of a test that begins; None where they are not given."""


def add(commands: Any) -> None:
    listen = commands.add_parser(
        "listen",
        help="blind A/B test of an adapter",
        description="A blind test: of two renders of the same music, which matches the player better? Answers are kept and add up.",
    )
    listen.add_argument("--adapter", required=True, metavar="NAME", help="the adapter that is judged")
    listen.add_argument("--against", default="base", metavar="base|NAME", help="what it is held against (base)")
    listen.add_argument("--reference", type=Path, metavar="DIR", help="the player's own recordings, heard before A and B")
    listen.add_argument("--trials", type=between(1, 1000, int), metavar="N", help="settled before the test begins (10)")
    listen.add_argument("--seconds", type=between(2, 60), metavar="S", help="about how long each sound is (12)")
    listen.add_argument("--parts", type=parts, metavar="piano,bass,drums,horn", help="who plays (who is heard in the reference)")
    listen.add_argument("--model", metavar="small|PATH", help="the base of the adapters (small)")
    listen.add_argument("--seed", type=between(0, 2**63 - 1, int), metavar="N", help="of order, clips and renders (by chance)")
    listen.add_argument("--listener", default="me", metavar="NAME", help="who listens (me)")
    listen.add_argument(
        "--web", nargs="?", const=ANYWHERE, metavar="HOST:PORT", help="as a page in the browser (on this machine, any port)"
    )
    what = listen.add_mutually_exclusive_group()
    what.add_argument("--resume", action="store_true", help="go on with a test that was not finished")
    what.add_argument("--results", action="store_true", help="what the answers so far say")
    listen.add_argument("--json", action="store_true", help="print the result as JSON")


def run(options: argparse.Namespace) -> int:
    from jamd.listen.run import Order, Wanted, begin, resume, show, sit

    given = {name: value for name in NEW if (value := getattr(options, name)) is not None}
    if given and (options.resume or options.results):
        raise UsageError(f"--{next(iter(given))} belongs to a test that begins, not to --{'resume' if options.resume else 'results'}")
    order = Order(options.adapter, options.against, options.listener, options.json)
    if options.results:
        show(order)
        return 0
    web = None if options.web is None else (("127.0.0.1", 0) if options.web == ANYWHERE else parse_endpoint(options.web))
    sit(order, resume(order) if options.resume else begin(order, Wanted(**given)), web)
    return 0
