"""What the documentation says to type can be typed: commands parse, addresses and arguments are in the table, links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from jamd.cli import _typed, build_parser
from jamd.contract.errors import JamdError
from jamd.contract.parameters import TOPICS, find
from jamd.reference import commands_of
from model.learning.verdict import ABOUT as GUARDS

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "model/weights/README.md", *(ROOT / "packaging").rglob("*.md"), *(ROOT / "docs").rglob("*.md"),
                *(ROOT / "examples").rglob("*.md")])  # fmt: skip
TYPED = [path for path in PAGES if path.name != "evaluation.md"]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
ADDRESS = re.compile(r"/(?:jam|clock|slot|scene|adapter|record|midi|gain|ping|status|describe|subscribe|unsubscribe)(?:/[\w.*{},]+)*")
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
PLACEHOLDER = re.compile(r"[A-Z][A-Z_:.\[\]a-z/]*$")
COMMANDS = {command.prog: command for _, command in commands_of(build_parser())}


def shell_lines(path: Path) -> list[str]:
    """Lines of the blocks that are for a shell, without remarks."""
    blocks = [text for language, text in BLOCK.findall(path.read_text()) if language in ("", "sh", "bash", "console")]
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def commands(path: Path) -> list[list[str]]:
    """Calls of jamd in these lines, in words; what the shell does with them (`&`, `|`, `>`) cut off."""
    out = []
    for line in shell_lines(path):
        found = re.match(r"(?:.*&& )?(?:\.venv/bin/)?jamd (.*)", line)
        if found:
            lexer = shlex.shlex(found[1], posix=True, punctuation_chars="&|;<>")
            lexer.whitespace_split = True
            words = list(lexer)
            ends = [index for index, word in enumerate(words) if set(word) <= set("&|;<>")]
            out.append(words[: ends[0]] if ends else words)
    return out


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", TYPED, ids=name)
def test_commands_parse(path: Path) -> None:
    for words in commands(path):
        try:
            options = build_parser().parse_args(words)
            if options.command == "send":
                route, _ = find(options.address)
                if options.arguments or not route.setter:
                    route.check(_typed(options.address, options.arguments), options.address)
        except JamdError as error:
            pytest.fail(f"{name(path)}: jamd {shlex.join(words)}: {error}")


@pytest.mark.parametrize("path", TYPED, ids=name)
def test_inline_commands_exist(path: Path) -> None:
    """`jamd COMMAND --option` in the text: both are there."""
    for span in SPAN.findall(path.read_text()):
        words = span.split()
        if words[:1] != ["jamd"] or len(words) < 2 or PLACEHOLDER.match(words[1]) or not re.match(r"[a-z]+$", words[1]):
            continue
        assert f"jamd {words[1]}" in COMMANDS, f"{name(path)}: `{span}`"
        deeper = f"jamd {words[1]} {words[2]}" if len(words) > 2 else ""
        command = COMMANDS.get(deeper, COMMANDS[f"jamd {words[1]}"])
        known = {text for action in command._actions for text in action.option_strings}
        unknown = [word for word in words[2:] if re.match(r"--\w", word) and word.split("=")[0] not in known]
        assert not unknown, f"{name(path)}: `{span}`"


@pytest.mark.parametrize("path", TYPED, ids=name)
def test_addresses_exist(path: Path) -> None:
    """`/ADDRESS argument ...` in the text: the address is there; arguments that are no placeholders fit."""
    for span in SPAN.findall(path.read_text()):
        words = shlex.split(span.removeprefix("jamd send ")) if span.count('"') % 2 == 0 else []
        if not words or not ADDRESS.fullmatch(words[0]) or "..." in span or words[0] in {f"/{topic}" for topic in TOPICS}:
            continue
        if re.search(r"[*{]|/NAME$", words[0]):
            continue
        address = re.sub("/N(?=/|$)", "/1", words[0])
        try:
            route, _ = find(address)
            if len(words) > 1 and not any(PLACEHOLDER.match(word) or re.match(r"[\[a-z_]+\]?$", word) for word in words[1:]):
                route.check(_typed(address, words[1:]), address)
        except JamdError as error:
            pytest.fail(f"{name(path)}: `{span}`: {error}")


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_modules_targets_and_files_exist(path: Path) -> None:
    text = path.read_text()
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for module in re.findall(r"python -m ([a-z_][\w.]*\w)", text):
        assert importlib.util.find_spec(module) is not None, f"{name(path)}: python -m {module}"
    for target in re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE):
        assert target in targets, f"{name(path)}: make {target}"
    for file in re.findall(r"`((?:jamd|model|bridges|tui|tests|scripts|docs|examples|packaging)/[\w./]+)`", text):
        assert (ROOT / file).exists(), f"{name(path)}: `{file}`"


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in LINK.findall(path.read_text()):
        if not re.match(r"[a-z]+:|#", target):
            assert (path.parent / target.partition("#")[0]).exists(), f"{name(path)}: {target}"


def test_every_guard_is_explained() -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", (ROOT / "docs/training.md").read_text(), re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"\w+", row)} == set(GUARDS)


def test_the_readers_read() -> None:
    """There is something to be checked: else the tests above would hold for nothing."""
    assert sum(len(commands(path)) for path in TYPED) > 50
    assert sum(len(ADDRESS.findall(path.read_text())) for path in TYPED) > 100
    assert ["send", "/jam/trade", "4"] in commands(ROOT / "README.md")
