"""`jamd tui`: see `tui`."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from jamd.client import parse_endpoint
from jamd.commands.arguments import DEFAULT_ENDPOINT
from jamd.contract.errors import UsageError


def add(commands: Any) -> None:
    tui = commands.add_parser("tui", help="the dashboard, in this terminal")
    tui.add_argument("--connect", default=DEFAULT_ENDPOINT, metavar="HOST:PORT", help=f"where the daemon hears OSC ({DEFAULT_ENDPOINT})")


def run(options: argparse.Namespace) -> int:
    endpoint = parse_endpoint(options.connect)
    if not (sys.stdin.isatty() and sys.stdout.isatty()) and "TEXTUAL_DRIVER" not in os.environ:  # set where a browser is the terminal
        raise UsageError("the dashboard needs a terminal")
    from tui.app import Dashboard

    app = Dashboard(endpoint)
    app.run()
    return app.return_code or 0
