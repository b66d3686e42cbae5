"""The dashboard in a real terminal: `jamd tui` in tmux, whose screen is read."""

from __future__ import annotations

import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest

from tests.conftest import wait_until
from tests.system.conftest import Daemon


class Terminal:
    """A tmux server of one's own with one pane of 80 x 24, and its own line below."""

    def __init__(self, command: list[str]) -> None:
        self.name = f"jamd-{uuid.uuid4().hex[:8]}"
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "25", *command)

    def _tmux(self, *words: str) -> str:
        result = subprocess.run(["tmux", "-L", self.name, *words], capture_output=True, text=True, timeout=30)
        return result.stdout

    def screen(self) -> str:
        return self._tmux("capture-pane", "-p")

    def press(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    def is_over(self) -> bool:
        return not self._tmux("list-sessions")

    def close(self) -> None:
        self._tmux("kill-server")


@pytest.fixture
def terminal(still: Daemon) -> Iterator[Terminal]:
    if shutil.which("tmux") is None:
        pytest.fail("tmux is not installed: scripts/setup.sh test installs it")
    terminal = Terminal([sys.executable, "-m", "jamd", "tui", "--connect", f"127.0.0.1:{still.port}"])
    yield terminal
    terminal.close()


def test_in_a_real_terminal(terminal: Terminal, still: Daemon) -> None:
    wait_until(lambda: terminal.screen().startswith(" ● jamd 1 Main"), 60, "the connection")
    for word in ("♩=120", "│ Dm7", "out ", "density", "guidance", "band", "real time", "Jam"):
        wait_until(lambda word=word: word in terminal.screen(), 30, f"{word!r} on the screen")
    terminal.press("Right")
    wait_until(lambda: abs(still.status()["params"]["density"] - 0.52) < 1e-6, 30, "the knob")
    terminal.press("Space")
    wait_until(lambda: "▶ playing" in terminal.screen(), 60, "the jam")
    terminal.press("Space")
    wait_until(lambda: "■ stopped" in terminal.screen(), 60, "its end")
    terminal.press("q")
    wait_until(terminal.is_over, 30, "the end of the dashboard")
