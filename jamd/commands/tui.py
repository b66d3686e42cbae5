"""`jamd tui`: see `tui`."""

from __future__ import annotations

import argparse
import os
import sys
from importlib.util import find_spec
from typing import Any

from jamd import paths
from jamd.client import parse_endpoint
from jamd.commands.arguments import DEFAULT_ENDPOINT
from jamd.contract.errors import FailureError, UsageError

PAGE = "127.0.0.1:9120"
"""The number of the daemon's port, with TCP."""


def add(commands: Any) -> None:
    tui = commands.add_parser("tui", help="the dashboard, in this terminal or in a browser")
    tui.add_argument("--connect", default=DEFAULT_ENDPOINT, metavar="HOST:PORT", help=f"where the daemon hears OSC ({DEFAULT_ENDPOINT})")
    tui.add_argument(
        "--web", nargs="?", const=PAGE, metavar="HOST:PORT", help=f"as a page in the browser (on this machine alone, at {PAGE})"
    )


def run(options: argparse.Namespace) -> int:
    endpoint = parse_endpoint(options.connect)
    if options.web is not None:
        page = parse_endpoint(options.web)
        if find_spec("textual_serve") is None:
            raise FailureError("a browser needs textual-serve: `pip install textual-serve`, or `pipx inject jamd textual-serve`")
        from tui.web.server import WebDashboard

        WebDashboard(page, endpoint).run()
        return 0
    if not (sys.stdin.isatty() and sys.stdout.isatty()) and "TEXTUAL_DRIVER" not in os.environ:  # set where a browser is the terminal
        raise UsageError("the dashboard needs a terminal, or --web")
    from tui.app import Dashboard

    app = Dashboard(endpoint, keeps=paths.state_folder())
    app.run()
    return app.return_code or 0
