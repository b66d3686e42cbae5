"""The reference: every command, address and key of the configuration, as Markdown for the site and as a man page.

All of it is read from what the program itself goes by: the parsers of the command line, the table of addresses, the classes of the
configuration and their docstrings. The site is made anew from here each time it is built, so there is no copy that could be out of date.
"""

from __future__ import annotations

import argparse
import ast
import html
import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from jamd import __version__
from jamd.contract import config
from jamd.contract.arguments import Argument
from jamd.contract.parameters import ROUTES

WIDTH: Final = 84
"""Characters of a usage line."""
GROUPS: Final = {
    "jam": "The band", "clock": "The clock", "slot": "Slots", "scene": "Scenes", "adapter": "Adapters", "record": "Recording",
    "midi": "Controllers",
}  # fmt: skip
"""Of addresses, by their first word; all others are about the daemon itself."""
KINDS: Final = {int: "int", float: "float", str: "string", bool: "true, false"}


# --- what there is -----------------------------------------------------------------------------------------------------------


def commands_of(parser: argparse.ArgumentParser, says: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """(what it does, parser) of a command and all below it."""
    yield says or parser.description or "", parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help for choice in action._choices_actions}
            for name, command in action.choices.items():
                yield from commands_of(command, helps.get(name) or "")


def arguments_of(parser: argparse.ArgumentParser) -> list[tuple[str, str]]:
    """(how it is written, what it is) of the arguments of one command, `--help` and commands below it left out."""
    out = []
    for action in parser._actions:
        hidden = isinstance(action, argparse._HelpAction | argparse._SubParsersAction) or action.help == argparse.SUPPRESS
        if not hidden:
            out.append((_written(action), _meaning(action)))
    return out


def _written(action: argparse.Action) -> str:
    value = (
        action.metavar if isinstance(action.metavar, str) else "|".join(map(str, action.choices)) if action.choices else action.dest.upper()
    )
    if not action.option_strings:
        return value + ("..." if action.nargs in ("+", "*", argparse.REMAINDER) else "")
    return ", ".join(action.option_strings) + ("" if action.nargs == 0 else f" {value}")


def _meaning(action: argparse.Action) -> str:
    facts = [action.help % vars(action) if action.help else ""]
    if action.choices and isinstance(action.metavar, str) and action.metavar != "|".join(map(str, action.choices)):
        facts.append(f"one of {', '.join(map(str, action.choices))}")
    default = ",".join(action.default) if isinstance(action.default, tuple) else f"{action.default}"
    if action.nargs != 0 and action.default not in (None, "", argparse.SUPPRESS) and f"({default})" not in facts[0]:
        facts.append(f"default {default.removesuffix('.0')}")
    if action.required and action.option_strings:
        facts.append("required")
    return "; ".join(fact for fact in facts if fact)


def usage_of(parser: argparse.ArgumentParser) -> str:
    formatter = argparse.HelpFormatter(parser.prog, width=WIDTH)
    shown = [action for action in parser._actions if action.help != argparse.SUPPRESS]
    formatter.add_usage(parser.usage, shown, parser._mutually_exclusive_groups, prefix="")
    return formatter.format_help().strip()


def settings() -> list[tuple[str, str, str, str]]:
    """(key, type, default, meaning) of the configuration, key as `table.key`."""
    out = []
    tree = ast.parse(inspect.getsource(config))
    bodies = {node.name: node.body for node in tree.body if isinstance(node, ast.ClassDef)}
    for table in msgspec.structs.fields(config.Config):
        values = table.default
        body = bodies[type(values).__name__]
        meanings = {
            line.target.id: inspect.cleandoc(after.value.value)
            for line, after in zip(body, [*body[1:], ast.Pass()], strict=True)
            if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
            and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str)
        }  # fmt: skip
        for field in msgspec.structs.fields(type(values)):
            default = msgspec.json.encode(getattr(values, field.name)).decode()
            out.append((f"{table.name}.{field.name}", _kind(field.type), default, " ".join(meanings.get(field.name, "").split())))
    return out


def _kind(kind: Any) -> str:
    choices: tuple[Any, ...] = getattr(kind, "__args__", ())
    if getattr(kind, "__origin__", None) is list:
        return f"list of {KINDS[choices[0]]}s"
    return ", ".join(map(str, choices)) if choices else KINDS[kind]


# --- Markdown ----------------------------------------------------------------------------------------------------------------


def _cell(text: str) -> str:
    """A pipe would end the cell, in code, too, where a backslash before it would be seen."""
    coded = re.sub(r"`([^`]*\|[^`]*)`", lambda match: f"<code>{html.escape(match[1])}</code>", text)
    return coded.replace("|", "&#124;").replace("\n", " ")


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def commands_page(parser: argparse.ArgumentParser) -> str:
    """Every command with its usage and arguments, in Markdown, headings from the second level down."""
    blocks = []
    for says, command in commands_of(parser):
        depth = len(command.prog.split())
        rows = [(f"`{written}`", meaning) for written, meaning in arguments_of(command)]
        blocks.append(
            f"{'#' * max(depth, 2)} {command.prog}\n\n{says[:1].upper()}{says[1:].rstrip('.')}.\n\n```text\n{usage_of(command)}\n```"
        )
        if rows:
            blocks.append(_table(("argument", "meaning"), rows))
    return "\n\n".join(blocks) + "\n"


def _range(argument: Argument) -> str:
    if argument.choices:
        return ", ".join(f"`{choice}`" for choice in argument.choices)
    low, high = ("" if end is None else f"{end:g}" for end in (argument.low, argument.high))
    return f"{low} to {high} {argument.unit}".strip() if low or high else ""


def addresses_page() -> str:
    """Every address with its arguments, in Markdown, a heading for each group."""
    groups: dict[str, list[str]] = {}
    for route in ROUTES:
        words = [f"[{argument.name}]" if argument.optional else argument.name for argument in route.arguments]
        words += [f"[{' '.join(argument.name for argument in route.more)} ...]"] if route.more else []
        block = f"### `{' '.join([route.template, *words])}`\n\n{route.doc}."
        if route.setter:
            block += " Without arguments: answers with the value."
        facts = [(f"`{one.name}`", "string" if one.kind == "choice" else one.kind, _range(one),
                  "" if one.default is None else f"{one.default}") for one in route.arguments]  # fmt: skip
        if facts:
            block += "\n\n" + _table(("argument", "type", "range", "default"), facts)
        groups.setdefault(GROUPS.get(route.template.split("/")[1], "The daemon"), []).append(block)
    return "\n\n".join(f"## {title}\n\n" + "\n\n".join(blocks) for title, blocks in groups.items()) + "\n"


def settings_page() -> str:
    """Every key of the configuration, in Markdown."""
    rows = [(f"`{key}`", kind, f"`{default}`", meaning) for key, kind, default, meaning in settings()]
    return _table(("key", "type", "default", "meaning"), rows) + "\n"


# --- man page ----------------------------------------------------------------------------------------------------------------


def _roff(text: str) -> str:
    safe = text.replace("\\", r"\(rs").replace("-", r"\-").replace("'", r"\(aq")
    return rf"\&{safe}" if safe.startswith(".") else safe


def _items(rows: Iterable[tuple[str, str]]) -> list[str]:
    return [line for written, meaning in rows for line in (".TP", rf"\fB{_roff(written)}\fR", _roff(meaning) or r"\&")]


def man_page(parser: argparse.ArgumentParser) -> str:
    """jamd(1) in roff (man macros)."""
    lines = [f'.TH JAMD 1 "" "jamd {__version__}"', ".SH NAME", rf"jamd \- {_roff((parser.description or '').rstrip('.'))}", ".SH SYNOPSIS"]
    lines += [r"\fBjamd\fR \fICOMMAND\fR [\fIarguments\fR]", ".SH OPTIONS", *_items(arguments_of(parser)), ".SH COMMANDS"]
    for says, command in commands_of(parser):
        if command is not parser:
            lines += [f".SS {_roff(command.prog)}", f"{_roff(says[:1].upper() + says[1:].rstrip('.'))}."]
            lines += [".PP", ".nf", *map(_roff, usage_of(command).split("\n")), ".fi", *_items(arguments_of(command))]
    lines += [".SH CONFIGURATION", *_items((f"{key} ({kind}; {default})", meaning) for key, kind, default, meaning in settings())]
    lines += [
        ".SH EXIT STATUS",
        "0: done. 1: asked rightly, could not be done. 2: asked wrongly. 3: learnt, but a guard failed. Errors are one line on stderr.",
    ]
    lines += [".SH ENVIRONMENT", *_items([("JAMD_HOME", "A folder for configuration and data, instead of the usual ones.")])]
    data = "Clips, sessions, maps of controllers, adapters, trainings, the state of the last run."
    lines += [".SH FILES", *_items([("~/.config/jamd/jamd.toml", "The configuration."), ("~/.local/share/jamd", data)])]
    return "\n".join(lines) + "\n"
