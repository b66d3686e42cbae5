"""Configuration is strict and says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from jamd.contract.config import Config, load_config
from jamd.contract.errors import ConfigError


def test_no_file_gives_the_defaults(tmp_path: Path) -> None:
    assert load_config(tmp_path / "none.toml") == Config()
    with pytest.raises(ConfigError, match="no configuration file"):
        load_config(tmp_path / "none.toml", must_exist=True)


def test_values_are_read(tmp_path: Path) -> None:
    path = tmp_path / "jamd.toml"
    path.write_text('[osc]\nport = 9000\n[engine]\ndepth_ms = 80\n[midi]\nports = ["Launchpad"]\n')
    config = load_config(path)
    assert (config.osc.port, config.engine.depth_ms, config.midi.ports) == (9000, 80.0, ["Launchpad"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[osc]\nprot = 1\n", r"osc\.prot: did you mean osc\.port"),
        ("[enigne]\n", "did you mean engine"),
        ("zzz = 1\n", "there are audio, engine, midi, osc"),
        ('[osc]\nport = "x"\n', "osc.port"),
        ("[osc]\nport = 70000\n", "outside 1..65535"),
        ("[engine]\ndepth_ms = 1\n", "outside 20..1000"),
        ("[engine]\nthreads = -3\n", "engine.threads -3 is outside 1..64"),
        ("[engine]\nlead_ms = -1e9\n", "outside 0..5000"),
        ("[engine]\nchange_ms = nan\n", "outside 0..2000"),
        ("[midi]\nlaunch_channel = 99\n", "outside 1..16"),
        ("[midi]\nlaunch_note = 500\n", "outside 0..112"),
        ("[midi]\nchord_channel = 0\n", "outside 1..16"),
        ('[audio]\nclient = " "\n', "audio.client is empty"),
        ("[osc\n", "jamd.toml"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "jamd.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says):
        load_config(path)
