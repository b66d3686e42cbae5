"""`jamd listen` as it is used: the real command, the shipped model, adapters that are random, JACK, HTTP."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jack
import numpy as np
import pytest
import soundfile
from scipy.stats import binomtest

from jamd.cli import main
from model.adapters.format import write_adapter
from model.corpus.piece import make_piece
from model.corpus.render import render_mix
from model.generator.models import load_models
from model.metrics.loudness import loudness
from tests.conftest import wait_until
from tests.unit.model.adapters.rig import make_adapter

RATE = 48_000
PAIR = ("--adapter", "ann-q", "--against", "bo-q")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Adapters `ann-q` and `bo-q`, and a folder with 15 s of a player."""
    home = tmp_path_factory.mktemp("home")
    models = load_models("small")
    for seed, name in enumerate(("ann-q", "bo-q")):
        write_adapter(home / "adapters", make_adapter(models, name, seed, size=0.3, targets=("qkv", "out")))
    (home / "player").mkdir()
    piece = make_piece(41, tempo=140.0, bars=9, feel="swing", parts=(True, True, False, False), density=0.5)
    soundfile.write(home / "player" / "take.flac", render_mix(piece), RATE)
    return home


def environment(home: Path, server: str) -> dict[str, str]:
    """With no other sound server than a JACK server of this name."""
    nowhere = {"XDG_RUNTIME_DIR": str(home), "PIPEWIRE_RUNTIME_DIR": str(home), "PULSE_SERVER": f"unix:{home}/none"}
    return os.environ | nowhere | {"JAMD_HOME": str(home), "JACK_DEFAULT_SERVER": server}


def listen(home: Path, typed: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "jamd", "listen", *words], input=typed, capture_output=True, text=True, timeout=280,
        env=environment(home, "jamd-nowhere"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(home: Path) -> Path:
    """Of a session of two trials, of which one is answered: the input ended there."""
    done = listen(home, "a\n", *PAIR, "--trials", "2", "--seconds", "2", "--reference", str(home / "player"), "--seed", "4", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["finished"] is False and "p" not in json.loads(done.stdout)
    assert "no sound output here" in done.stderr and "--web" in done.stderr
    return next((home / "listening" / "ann-q").glob("*/session.json")).parent


def test_sounds_of_a_real_session(folder: Path) -> None:
    session = json.loads((folder / "session.json").read_text())
    assert session["parts"] == ["piano", "bass"]
    assert sorted(trial["order"][0] for trial in session["trials"]) == ["ann-q", "bo-q"]
    for trial in session["trials"]:
        sounds = {letter: soundfile.read(folder / trial[letter]) for letter in "xab"}
        assert {rate for _, rate in sounds.values()} == {RATE}
        levels = [loudness(sound, RATE) for sound, _ in sounds.values()]
        assert max(levels) - min(levels) < 0.1
        assert len(sounds["a"][0]) == len(sounds["b"][0]) != 0
        assert abs(len(sounds["a"][0]) / RATE - 2.0) < 1.8 and len(sounds["x"][0]) == 2 * RATE
        assert np.abs(sounds["a"][0] - sounds["b"][0]).max() > 0.01
        assert trial["tempo"] == pytest.approx(140, rel=0.03)


class Ear:
    """A client on the JACK server that keeps what the test sends to the loudspeakers."""

    def __init__(self, server: str) -> None:
        self.client = jack.Client("ear", no_start_server=True, servername=server)
        self.port = self.client.inports.register("in")
        self.blocks: list[np.ndarray] = []
        self.client.set_process_callback(lambda frames: self.blocks.append(self.port.get_array().copy()))
        self.client.activate()

    def plug_in(self) -> bool:
        if self.client.get_ports("jamd-listen:out_1") and not self.port.connections:
            with contextlib.suppress(jack.JackErrorCode):  # its port is there a moment before the client is active
                self.client.connect("jamd-listen:out_1", self.port)
        return bool(self.port.connections)

    def hears(self, path: Path) -> bool:
        """Whether a loud twentieth of a second of a file was played, to the bit. Some blocks may be missed: this is Python."""
        sound = soundfile.read(path, dtype="float32")[0][:, 0]
        heard = np.concatenate([np.zeros(1, np.float32), *self.blocks])
        size = RATE // 20
        for part in sound[: len(sound) // size * size].reshape(-1, size):
            top = int(np.abs(part).argmax())
            for place in np.flatnonzero(heard == part[top]) - top if abs(part[top]) > 0.05 else ():
                if place >= 0 and np.array_equal(heard[place : place + size], part):
                    return True
        return False


@pytest.fixture
def ear(jack_server: str) -> Iterator[Ear]:
    ear = Ear(jack_server)
    yield ear
    ear.client.deactivate()
    ear.client.close()


class Typist:
    """The command on a terminal of its own."""

    def __init__(self, home: Path, server: str, *words: str) -> None:
        self.fd, other = pty.openpty()
        os.set_blocking(self.fd, False)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jamd", "listen", *words], stdin=other, stdout=other, stderr=other, env=environment(home, server)
        )
        os.close(other)
        self.text = ""

    def sees(self, words: str) -> bool:
        try:
            self.text += os.read(self.fd, 65536).decode()
        except OSError:  # nothing yet, or the end
            pass
        return words in self.text

    def type(self, line: str) -> None:
        os.write(self.fd, f"{line}\n".encode())

    def close(self) -> None:
        self.process.kill()
        self.process.wait(timeout=30)
        os.close(self.fd)


@pytest.fixture
def typist(home: Path, jack_server: str, folder: Path) -> Iterator[Typist]:
    typist = Typist(home, jack_server, *PAIR, "--resume")
    yield typist
    typist.close()


def test_the_rest_of_it_by_ear_on_a_terminal(
    home: Path, folder: Path, ear: Ear, typist: Typist, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A look before the end; then each sound by key through JACK, the answer, and the result."""
    monkeypatch.setenv("JAMD_HOME", str(home))

    def results(*words: str) -> dict[str, Any]:
        assert main(["listen", *words, "--results", "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    early = results(*PAIR)
    assert (early["n"], [one["finished"] for one in early["sessions"]]) == (1, [False])
    trials = json.loads((folder / "session.json").read_text())["trials"]
    wait_until(ear.plug_in, 120, "the client")
    wait_until(lambda: "system:playback_1" in [port.name for port in _connections(ear)], 20, "the loudspeakers")
    wait_until(lambda: typist.sees("> "), 60, "the prompt")
    assert "Trial 2 of 2: the player  A  B" in typist.text
    for key, letter in (("1", "a"), ("2", "b"), ("x", "x")):
        ear.blocks.clear()
        typist.type(key)
        wait_until(lambda letter=letter: ear.hears(folder / trials[1][letter]), 40, f"the sound of {letter}")
    assert "matches the player better" not in typist.text.split("Trial 2")[1]
    typist.type("b")
    wait_until(lambda: typist.sees("two-sided binomial p = "), 30, "the result")
    assert typist.process.wait(timeout=30) == 0
    chosen = [trials[0]["order"][0], trials[1]["order"][1]]
    done = results(*PAIR)
    assert (done["n"], done["for_adapter"], done["for_against"]) == (2, chosen.count("ann-q"), chosen.count("bo-q"))
    assert done["p"] == binomtest(chosen.count("ann-q"), 2).pvalue and done["fewest"] == 6
    turned = results("--adapter", "bo-q", "--against", "ann-q")
    assert (turned["for_adapter"], turned["for_against"]) == (done["for_against"], done["for_adapter"])


def _connections(ear: Ear) -> list[jack.Port]:
    return ear.client.get_all_connections("jamd-listen:out_1")


def again(folder: Path, listener: str, name: str) -> None:
    """The same session for another listener, with no answers."""
    shutil.copytree(folder, folder.with_name(name))
    path = folder.with_name(name) / "session.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"id": name, "listener": listener}))


def in_the_browser(home: Path, listener: str) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "jamd", "listen", *PAIR, "--listener", listener, "--resume", "--web", "--json"], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env=environment(home, "jamd-nowhere"),
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if (found := re.search(r"http://127\.0\.0\.1:\d+/\S+", line)) is not None:
            return process, found[0]
    pytest.fail(f"no address was printed; status {process.wait(timeout=30)}")


def ask(url: str, data: Any = None) -> Any:
    request = urllib.request.Request(url, None if data is None else json.dumps(data).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as reply:
        body = reply.read()
        said = (url + str(reply.headers)).encode() + (b"" if body.startswith(b"fLaC") else body)
    assert b"finished" in body or not re.search(rb"ann-q|bo-q", said)
    return body if body.startswith((b"fLaC", b"<!")) else json.loads(body)


def test_in_a_browser(home: Path, folder: Path) -> None:
    again(folder, "eva", "20990101-000000-eeeeee")
    process, url = in_the_browser(home, "eva")
    try:
        assert b"<script" in ask(url)
        for number in (1, 2):
            state = ask(url + "trial")
            assert state["trial"] == number
            for letter, name in state["sounds"].items():
                assert ask(f"{url}sound/{name}").startswith(b"fLaC"), letter
            state = ask(url + "answer", {"trial": number, "choice": "b"})
        assert any("two-sided binomial p" in line for line in state["lines"])
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait(timeout=30)
    result = json.loads(out)
    assert process.returncode == 0 and result["finished"] is True
    assert sum(result["listeners"]["eva"].values()) == 2 and result["chose_a"] <= result["n"] - 2


def test_ctrl_c_keeps_the_answers(home: Path, folder: Path) -> None:
    again(folder, "uma", "20990101-000000-ffffff")
    process, url = in_the_browser(home, "uma")
    try:
        ask(url + "trial")
        ask(url + "answer", {"trial": 1, "choice": "a"})
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait(timeout=30)
    assert process.returncode == 0 and "--listener uma --resume" in said and "Traceback" not in said
    assert json.loads(out) == {"session": "20990101-000000-ffffff", "finished": False, "answered": 1, "trials": 2}


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("--adapter", "nobody"), 1, "there is no adapter 'nobody'"),
        (("--adapter", "ann-q", "--against", "ann-q"), 2, "nothing to tell apart"),
        (("--adapter", "base"), 2, "base"),
        (("--adapter", "ann-q", "--resume"), 1, "no unfinished test of ann-q against base"),
        (("--adapter", "ann-q", "--resume", "--trials", "3"), 2, "--trials"),
        (("--adapter", "ann-q", "--results", "--resume"), 2, "not allowed"),
        (("--adapter", "ann-q", "--web", "nowhere"), 2, "HOST:PORT"),
        (("--adapter", "ann-q", "--listener", "a b"), 2, "listener"),
        (("--adapter", "ann-q", "--reference", "/nowhere/at/all"), 2, "no recording could be read"),
        (("--adapter", "ann-q", "--trials", "0"), 2, "outside"),
    ],
)
def test_errors_are_one_line(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], words: tuple[str, ...], status: int, says: str
) -> None:
    monkeypatch.setenv("JAMD_HOME", str(home))
    assert main(["listen", *words]) == status
    error = capfd.readouterr().err
    assert error.startswith("jamd: ") and error.count("\n") == 1 and says in error
