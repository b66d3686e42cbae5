"""`jamd adapters`: see `jamd.adapters`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

_ARGUMENTS = {
    ("name", "show"): "of the adapter", ("name", "remove"): "of the adapter", ("name", "export"): "of the adapter",
    ("path", "import"): "what is brought in", ("path", "export"): "the zip file that is written",
}  # fmt: skip


def add(commands: Any) -> None:
    adapters = commands.add_parser("adapters", help="learned players on disk")
    verbs = adapters.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb, text, names in (
        ("list", "all of them", ()), ("show", "one, with its scores and guards", ("name",)), ("remove", "one of your own", ("name",)),
        ("import", "a folder, a zip file, or a peft LoRA folder that fits", ("path",)), ("export", "as a zip file", ("name", "path")),
    ):  # fmt: skip
        one = verbs.add_parser(verb, help=text)
        for name in names:
            one.add_argument(name, metavar=name.upper(), type=Path if name == "path" else str, help=_ARGUMENTS[name, verb])
        if verb == "import":
            one.add_argument("--name", dest="as_name", metavar="NAME", help="another name for it")
        one.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    from jamd import adapters as library
    from tui.harmless import harmless

    verb = options.verb
    if verb == "list":
        rows = library.rows()
        if options.json:
            print(json.dumps(rows, indent=2))
        for row in rows if not options.json else ():
            words = row.get("error") or "  ".join(
                [row["base"], f"rank {row['rank']}", *(["DoRA"] if row["dora"] else []), row["created"][:10], row["style"]]
            )
            print(harmless(f"{row['name']:24} {words}"))
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
