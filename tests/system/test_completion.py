"""Completion in real shells: bash and zsh at a terminal with a real Tab, fish by its own `complete -C`."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jamd.cli import main
from jamd.commands.completion import SHELLS, words
from jamd.contract.parameters import ADDRESSES

HOME, END, TAB = "\x01", "\x05", "\t"


def environment(home: Path) -> dict[str, str]:
    """A home with one adapter in it, and nothing of the user's; `jamd` on the path is the one that is tested."""
    folder = home / "adapters" / "anna"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"name": "anna"}))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(home), "JAMD_HOME": str(home), "TERM": "dumb", "PS1": "> ", "LANG": "C.UTF-8"}


class Terminal:
    """An interactive shell at a pseudo-terminal."""

    def __init__(self, command: list[str], home: Path, setup: str) -> None:
        master, slave = pty.openpty()
        self._master = master
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environment(home), cwd=home, start_new_session=True, close_fds=True
        )
        os.close(slave)
        self.said = ""
        self.type(f"{setup}\necho R''EADY\n")
        self.wait("READY")

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait(self, wanted: str, seconds: float = 60.0) -> str:
        """All that was said up to and with some words."""
        deadline = time.monotonic() + seconds
        while wanted not in self.said:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._master], [], [], left)[0]:
                pytest.fail(f"{wanted!r} was not said within {seconds:g} s, but {self.said!r}")
            self.said += os.read(self._master, 4096).decode(errors="replace")
        before, _, self.said = self.said.partition(wanted)
        return before + wanted

    def complete(self, line: str) -> str:
        """The line as it is after Tab: the shell itself prints its words."""
        self.type(line + TAB + HOME + "printf '<%s>' " + END + " E''ND\n")
        text = self.wait("<END>")
        return " ".join(re.findall("<([^<>]*)>", text[text.rindex("<jamd>") :])[:-1])

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._master)


@pytest.fixture(scope="module", params=["bash", "zsh"])
def terminal(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    shell = request.param
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed: apt-get install {shell}")
    home = tmp_path_factory.mktemp(shell)
    (home / "ballad.wav").touch()
    (home / "takes").mkdir()
    if shell == "bash":
        command, setup = ["bash", "--norc", "-i"], "eval \"$(jamd completion bash)\"; bind 'set enable-bracketed-paste off'"
    else:
        command, setup = (
            ["zsh", "-f", "-i"],
            'unset zle_bracketed_paste; bindkey -e; autoload -U compinit; compinit -u -D; eval "$(jamd completion zsh)"',
        )
    terminal = Terminal(command, home, setup)
    yield terminal
    terminal.close()


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("jamd rend", "jamd render"),
        ("jamd render --temper", "jamd render --temperature"),
        ("jamd run --device cu", "jamd run --device cuda"),
        ("jamd run --audio nu", "jamd run --audio null"),
        ("jamd render --continue ball", "jamd render --continue ballad.wav"),
        ("jamd render --chart ball", "jamd render --chart ballad.wav"),
        ("jamd render --session ta", "jamd render --session takes"),
        ("jamd render --adapter ann", "jamd render --adapter anna"),
        ("jamd adapters sh", "jamd adapters show"),
        ("jamd adapters show ann", "jamd adapters show anna"),
        ("jamd send /clock/so", "jamd send /clock/source"),
        ("jamd send /clock/source in", "jamd send /clock/source internal"),
        ("jamd send /slot/17/qu", "jamd send /slot/17/quantize"),
        ("jamd send --connect 127.0.0.1:9121 /jam/pan", "jamd send --connect 127.0.0.1:9121 /jam/panic"),
    ],
)
def test_tab(terminal: Terminal, line: str, completed: str) -> None:
    assert terminal.complete(line).removesuffix("/") == completed


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("jamd rend", {"render"}),
        ("jamd render --temper", {"--temperature"}),
        ("jamd run --device ", {"auto", "cpu", "cuda"}),
        ("jamd adapters show ", {"anna"}),
        ("jamd send /clock/source ", {"internal", "jack", "midi", "link"}),
        ("jamd send --connect 127.0.0.1:9121 /jam/pan", {"/jam/panic"}),
    ],
)
def test_fish(tmp_path: Path, line: str, found: set[str]) -> None:
    fish = shutil.which("fish")
    if fish is None:
        pytest.skip("fish is not installed: apt-get install fish")
    words = [fish, "--no-config", "-c", f"jamd completion fish | source; complete -C '{line}'"]
    result = subprocess.run(words, capture_output=True, text=True, timeout=120, env=environment(tmp_path), cwd=tmp_path)
    assert found <= {row.split("\t")[0] for row in result.stdout.splitlines()}, result.stderr
    assert not result.stderr


def test_all_addresses_are_offered() -> None:
    """For each number of a slot; what is offered exists."""
    for typed in ("/slot/64/", "/scene/8/", "/slot/65/", ""):
        assert set(words("message", ["send", typed])) <= set(ADDRESSES)
    offered = {
        address for number in range(1, 65) for row in ("slot", "scene") for address in words("message", ["send", f"/{row}/{number}/"])
    }
    assert offered == set(ADDRESSES)


def test_values_of_a_message() -> None:
    assert words("message", ["send", "/slot/3/mode", ""]) == ["trigger", "gate", "toggle", "repeat"]
    assert words("message", ["send", "/clock/metronome", ""]) == ["0", "1"]
    assert words("message", ["send", "/midi/learn", "/gain", "-60", "0", ""]) == ["linear", "exp", "log", "switch"]
    for beyond in (["/clock/source", "jack", ""], ["/jam/panic", ""], ["/no/such", ""], ["/clock/tempo", ""]):
        assert words("message", ["send", *beyond]) == []


@pytest.mark.parametrize("shell", SHELLS)
def test_script_is_of_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    from jamd.commands import MODULES

    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for name in (*MODULES, "run", "send", "describe", "doctor"):
        assert name in script


def test_words_come_without_torch() -> None:
    """A Tab should not take seconds."""
    code = (
        "import sys; from jamd.cli import main; main(['completion', '--words', 'message', 'send', '/']); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60).returncode == 0


def test_a_shell_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion"]) == 2
    assert "bash, zsh, fish" in capsys.readouterr().err
