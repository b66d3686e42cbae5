"""`jamd reference`: see `jamd.reference`."""

from __future__ import annotations

import argparse
from typing import Any, Final

PAGES: Final = ("man", "commands", "addresses", "settings")


def add(commands: Any) -> None:
    reference = commands.add_parser("reference", help="the man page, or the reference of the documentation in Markdown")
    reference.add_argument("page", choices=PAGES, metavar="|".join(PAGES), help="man: try `jamd reference man | man -l -`")


def run(options: argparse.Namespace) -> int:
    from jamd import reference

    texts = {
        "man": lambda: reference.man_page(options.parser),
        "commands": lambda: reference.commands_page(options.parser),
        "addresses": reference.addresses_page,
        "settings": reference.settings_page,
    }
    print(texts[options.page](), end="")
    return 0
