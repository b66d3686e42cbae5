"""The reference has all that there is; the man page is one that man can read."""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from jamd.cli import build_parser, main
from jamd.commands.reference import PAGES
from jamd.contract.config import load_config
from jamd.contract.parameters import ROUTES
from jamd.reference import addresses_page, arguments_of, commands_of, commands_page, man_page, settings, settings_page


def test_every_command_and_argument() -> None:
    markdown, man = commands_page(build_parser()), man_page(build_parser()).replace(r"\-", "-")
    plain = html.unescape(re.sub("</?code>|`", "", markdown))
    count = 0
    for _, command in commands_of(build_parser()):
        assert f"# {command.prog}\n" in markdown
        for written, meaning in arguments_of(command):
            count += 1
            assert f"| {written} | {meaning.replace('`', '')} |" in plain
            assert rf"\fB{written}\fR" in man
    assert count > 60


def test_meaning_has_choices_and_defaults() -> None:
    parsers = {command.prog: dict(arguments_of(command)) for _, command in commands_of(build_parser())}
    assert parsers["jamd render"]["--tempo BPM"].endswith("default 120")
    assert parsers["jamd render"]["--out FILE.wav"].endswith("required")
    assert parsers["jamd run"]["--device auto|cpu|cuda"] == "where the model computes (auto)"
    assert "--words" not in str(parsers["jamd completion"])


def test_every_address() -> None:
    page = addresses_page()
    headings = [line.split("`")[1].split()[0] for line in page.splitlines() if line.startswith("### ")]
    assert sorted(headings) == sorted(route.template for route in ROUTES)
    assert "| `bpm` | float | 40 to 320 bpm | 120.0 |" in page


def test_every_setting(tmp_path: Path) -> None:
    """Each with its meaning; the defaults that are shown make a file that can be read, and changes nothing."""
    found = settings()
    assert all(f"| `{key}` |" in settings_page() for key, *_ in found)
    assert len({key for key, *_ in found}) == len(found) > 15
    file = tmp_path / "jamd.toml"
    tables: dict[str, list[str]] = {}
    for key, _, default, _ in found:
        table, _, name = key.partition(".")
        tables.setdefault(table, []).append(f"{name} = {default}")
    file.write_text("\n".join(f"[{table}]\n" + "\n".join(lines) for table, lines in tables.items()))
    assert tomllib.loads(file.read_text())
    assert load_config(file) == load_config(tmp_path / "none.toml")


def test_man_reads_the_page(tmp_path: Path) -> None:
    man = shutil.which("man")
    if man is None:
        pytest.skip("man is not installed: apt-get install man-db")
    page = tmp_path / "jamd.1"
    page.write_text(man_page(build_parser()))
    environment = os.environ | {"MANWIDTH": "100", "LC_ALL": "C.UTF-8", "MANROFFOPT": "-ww"}
    shown = subprocess.run([man, "--warnings", "-l", str(page)], capture_output=True, text=True, env=environment, timeout=60)
    assert shown.returncode == 0
    assert not shown.stderr
    for text in ("--guidance X", "jamd adapters export", "engine.depth_ms", "EXIT STATUS", "JAMD_HOME"):
        assert text in shown.stdout


@pytest.mark.parametrize("page", PAGES)
def test_command_prints_it(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reference", page]) == 0
    assert len(capsys.readouterr().out) > 1000
