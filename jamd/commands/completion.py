"""`jamd completion`: what a shell needs to complete the command line; the scripts are made by shtab from the parsers.

The scripts ask jamd itself (`--words`) for what is not known beforehand: the names of adapters, the addresses and what may follow them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from jamd.adapter_folders import adapters_on_disk
from jamd.contract.errors import MessageError, UsageError
from jamd.contract.parameters import ROUTES, SCENES, SLOTS, find
from jamd.reference import commands_of

SHELLS: Final = ("bash", "zsh", "fish")

_ASK: Final = {
    "bash": """_jamd_{kind}() {{
  compgen -W "$(jamd completion --words {kind} "${{COMP_WORDS[@]:1:COMP_CWORD}}" 2>/dev/null)" -- "$1"
}}""",
    "zsh": """_jamd_{kind}() {{
  local -a found; found=(${{(f)"$(jamd completion --words {kind} "${{(@)words[1,CURRENT]}}" 2>/dev/null)"}})
  compadd "$@" -a found
}}""",
    "fish": "function _jamd_{kind}; jamd completion --words {kind} (commandline -opc)[2..] (commandline -ct) 2>/dev/null; end",
}
_CALL: Final = {"bash": "_jamd_{kind}", "zsh": "_jamd_{kind}", "fish": "(_jamd_{kind})"}

_COLONS: Final = """
# bash takes the colon of HOST:PORT for a gap between words: put them together, and take back what stands before the colon from the answers
_jamd() {
  local -a whole=()
  local word last= place=0 index
  for index in "${!COMP_WORDS[@]}"; do
    word=${COMP_WORDS[index]}
    if (( index > 1 )) && [[ $word == :* || $last == *: ]]; then whole[-1]+=$word; else whole+=("$word"); fi
    (( index == COMP_CWORD )) && place=$(( ${#whole[@]} - 1 ))
    last=$word
  done
  local -a COMP_WORDS=("${whole[@]}")
  local COMP_CWORD=$place
  _shtab_jamd
  local before=${COMP_WORDS[COMP_CWORD]}
  if [[ $before == *:* && $COMP_WORDBREAKS == *:* ]]; then
    before=${before%"${before##*:}"}
    COMPREPLY=("${COMPREPLY[@]#"$before"}")
  fi
}
complete -o bashdefault -F _jamd jamd"""


def add(commands: Any) -> None:
    completion = commands.add_parser("completion", help="a script that completes the command line in a shell")
    completion.add_argument("shell", nargs="?", choices=SHELLS, metavar="|".join(SHELLS), help="print the script for this shell")
    completion.add_argument("--words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script for a shell. Marks the arguments of `parser` with what completes them: it should be one's own."""
    import shtab

    for _, command in commands_of(parser):
        for action in command._actions:
            complete = _completer(action)
            if complete is not None:
                action.complete = complete  # type: ignore[attr-defined]
            if shell == "zsh" and isinstance(action.metavar, str):
                action.metavar = action.metavar.replace(":", r"\:")
    text: str = shtab.complete(parser, shell)
    return text + _COLONS if shell == "bash" else text


def _completer(action: argparse.Action) -> Any:
    """What completes an argument, for shtab; none: its choices, if it has any."""
    import shtab

    metavar = str(action.metavar)
    if action.type is Path or "FILE" in metavar.split("|"):
        return shtab.DIRECTORY if "DIR" in metavar or "FOLDER" in metavar else shtab.FILE
    if action.metavar in ("ADDRESS", "ARGS"):
        return _ask("message")
    if action.dest == "adapter" or (action.dest == "name" and not action.option_strings):
        return _ask("adapters")
    if action.choices is None and "|" in metavar and metavar != metavar.upper():
        action.choices = [word for word in metavar.split("|") if word == word.lower()]
    return None


def _ask(kind: str) -> dict[str, Any]:
    preamble = {shell: text.format(kind=kind) for shell, text in _ASK.items()}
    return {shell: text.format(kind=kind) for shell, text in _CALL.items()} | {"preamble": preamble}


def words(kind: str, typed: Sequence[str]) -> list[str]:
    """What may stand where the last word of a command line is being typed.

    Args:
        kind: `adapters`, or `message`: an address, or what may follow it.
        typed: the words of the command line up to there.
    """
    if kind == "adapters":
        return list(adapters_on_disk())
    before = [index for index, word in enumerate(typed[:-1]) if word.startswith("/")]
    if before:
        return _values(typed[before[0]], len(typed) - before[0] - 2)
    _, row, number, *rest = [*(typed[-1] if typed else "").split("/"), "", ""]
    templates = [route.template for route in ROUTES]
    if len(rest) > 2 and number.isdecimal() and 1 <= int(number) <= {"slot": SLOTS, "scene": SCENES}.get(row, 0):
        templates = [template.replace(f"/{row}/N/", f"/{row}/{number}/") for template in templates]
    return [template.replace("/N/", "/1/") for template in templates]


def _values(address: str, place: int) -> list[str]:
    """What an address takes as its argument number `place` from 0, as far as there are words for it."""
    try:
        route, _ = find(address)
    except MessageError:
        return []
    known = len(route.arguments)
    if place >= known and not route.more:
        return []
    argument = route.arguments[place] if place < known else route.more[(place - known) % len(route.more)]
    if argument.kind == "int" and (argument.low, argument.high) == (0, 1):
        return ["0", "1"]
    if address.startswith("/adapter/") and argument.name == "name":
        return [*adapters_on_disk(), *(["base"] if address == "/adapter/use" else [])]
    return list(argument.choices)


def run(options: argparse.Namespace) -> int:
    if options.words:
        kind, *typed = options.words
        print("\n".join(words(kind, typed)))
        return 0
    if options.shell is None:
        raise UsageError(f"which shell: {', '.join(SHELLS)}? (see jamd completion --help)")
    print(script(options.parser, options.shell))
    return 0
