"""What a process loads: torch belongs to the engine and the model alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

LIGHT = [
    "jamd.cli", "jamd.__main__", "jamd.supervisor", "jamd.doctor", "jamd.client", "jamd.control.__main__", "jamd.control.session",
    "jamd.audio.__main__", "jamd.audio.kernel", "jamd.audio.jack_output", "jamd.audio.offline_play", "jamd.contract.memory",
    "jamd.contract.channel", "jamd.contract.config", "jamd.contract.parameters", "jamd.contract.chart", "bridges.osc",
    "bridges.midi", "bridges.jack", "bridges.offline", "bridges.charts", "model.config", "model.corpus.piece",
    "model.corpus.render", "model.style.words", "model.corpus.sounds", "model.corpus.sampler", "model.corpus.effects",
    "model.corpus.real", "model.corpus.personas", "model.corpus.captions", "model.corpus.sources", "model.style.config",
    "jamd.contract.prompts", "bridges.link", "bridges.jack.transport", "jamd.control.sync.follower", "jamd.control.sync.midi_clock",
    "jamd.contract.steady",
    "jamd.control.midi.map", "jamd.control.midi.lights", "bridges.midi.__main__",
    "jamd.audio.recorder", "jamd.audio.stretch", "jamd.control.midi", "jamd.control.learning", "jamd.control.machine", "jamd.control.takes",
    "tui.web.server",
    "jamd.listen.run", "jamd.listen.terminal", "jamd.listen.output", "jamd.listen.web", "jamd.trainer.notes",
]  # fmt: skip


@pytest.mark.parametrize("module", LIGHT)
def test_module_loads_without_torch(module: str) -> None:
    script = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], timeout=120).returncode == 0


def test_contract_loads_numpy_and_msgspec_only() -> None:
    script = (
        "import sys, jamd.contract.memory, jamd.contract.channel, jamd.contract.config, jamd.contract.parameters, "
        "jamd.contract.chart\n"
        "bad = {'torch', 'numba', 'jack', 'pythonosc', 'rtmidi', 'soundfile', 'scipy', 'model', 'bridges'} & set(sys.modules)\n"
        "sys.exit(', '.join(bad) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
