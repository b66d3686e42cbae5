"""Every example that runs without a display is run, against a real daemon: it must sound at the port, say what it hears, and end."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import jack
import pytest

from tests.conftest import wait_until
from tests.examples.ardour import Ardour
from tests.examples.live import Live
from tests.system.conftest import Daemon, free_port
from tests.system.test_daemon import Listener

EXAMPLES = Path(__file__).parents[2] / "examples"
SOUND = 1e-3


def needs(program: str, package: str) -> str:
    """The program's path; skips where it is not installed."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed: apt-get install {package}")
    return path


def has(daemon: Daemon, address: str) -> bool:
    """Does this daemon know an address?"""
    return daemon.client.ask("/describe", address).address == "/describe"


@pytest.fixture
def listener(daemon: Daemon) -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a program with a home of its own, its output in one pipe; whatever is left of it is killed at the end."""
    programs: list[subprocess.Popen[str]] = []
    for name in ("home", "runtime"):
        (tmp_path / name).mkdir(mode=0o700)

    def start(*words: object, **environment: str) -> subprocess.Popen[str]:
        own = {"HOME": str(tmp_path / "home"), "XDG_RUNTIME_DIR": str(tmp_path / "runtime"), "PYTHONUNBUFFERED": "1"}
        program = subprocess.Popen(
            list(map(str, words)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True, env=os.environ | own | environment,
        )  # fmt: skip
        programs.append(program)
        return program

    yield start
    for program in programs:
        if program.poll() is None:
            os.killpg(program.pid, 9)
        program.communicate(timeout=10)


def jam_is(daemon: Daemon, state: str) -> Callable[[], bool]:
    return lambda: daemon.status()["jam"]["state"] == state


def heard(listener: Listener, program: subprocess.Popen[str]) -> None:
    """Sound at the port while the program runs."""
    levels: list[float] = []

    def sounds() -> bool:
        levels.append(listener.level(1.0))
        return levels[-1] > SOUND or program.poll() not in (None, 0)

    wait_until(sounds, 30, "the sound of the example")
    assert levels[-1] > SOUND, program.communicate()[0]


def ended(daemon: Daemon, program: subprocess.Popen[str]) -> str:
    """What it wrote; it ended well, and left the band stopped."""
    output = program.communicate(timeout=60)[0]
    assert program.returncode == 0, output
    wait_until(jam_is(daemon, "stopped"), 15, "the end of the jam")
    return output


# --- short programs ---------------------------------------------------------------------------------------------------------


def test_shell(still: Daemon, listener: Listener, run: Callable[..., subprocess.Popen[str]]) -> None:
    needs("oscsend", "liblo-tools")
    program = run("bash", EXAMPLES / "shell" / "jam.sh", still.port, 4)
    heard(listener, program)
    ended(still, program)


def test_python_blues(still: Daemon, listener: Listener, run: Callable[..., subprocess.Popen[str]]) -> None:
    program = run(sys.executable, EXAMPLES / "python" / "blues.py", still.port, 4)
    heard(listener, program)
    assert "real-time factor" in ended(still, program)


def test_python_form_changes_the_chart_on_the_bar_line(still: Daemon, run: Callable[..., subprocess.Popen[str]]) -> None:
    """The second section is in force from the bar after the first section's last, though it was sent somewhere in that one."""
    program = run(sys.executable, EXAMPLES / "python" / "form.py", still.port, 5)
    wait_until(lambda: still.status()["jam"]["chart"].startswith("| Fm7") or program.poll() is not None, 30, "the second section")
    assert still.status()["jam"]["chart_bar"] == 5
    lines = ended(still, program).splitlines()
    assert lines[:5] == [*(f"bar {bar}: | Dm7 | G7 | Cmaj7 | A7 |" for bar in range(1, 5)), "bar 5: | Fm7 | Bb7 | Ebmaj7 | C7 |"]


# --- Pure Data --------------------------------------------------------------------------------------------------------------

PD = ("-nogui", "-noprefs", "-noaudio", "-nomidi")


def test_pure_data_plays_and_hears_the_reply(still: Daemon, listener: Listener, run: Callable[..., subprocess.Popen[str]]) -> None:
    pd = needs("pd", "puredata-core")
    program = run(pd, *PD, "-open", EXAMPLES / "puredata" / "headless.pd", "-send", f"jamd-play {still.port} 4")
    heard(listener, program)
    output = ended(still, program)
    assert "jamd: pong jamd" in output
    assert "jamd: jam chart" in output
    assert "couldn't create" not in output


def test_pure_data_panel(still: Daemon, run: Callable[..., subprocess.Popen[str]]) -> None:
    """The panel's own sliders and buttons, moved by messages as a mouse would."""
    pd = needs("pd", "puredata-core")
    moves = f"jamd-connect {still.port}; jamd-tempo 177; jamd-gain -3; jamd-density 0.25; jamd-start bang"
    program = run(pd, *PD, "-open", EXAMPLES / "puredata" / "jamd.pd", "-send", moves)
    wait_until(lambda: still.status()["jam"]["state"] in ("queued", "playing"), 10, "the start button")
    status = still.status()
    still.client.send("/gain", 0)
    still.client.send("/jam/param/density", 0.5)
    assert (status["clock"]["tempo"], status["gain"], status["params"]["density"]) == (177.0, -3.0, 0.25)
    program.kill()
    assert "couldn't create" not in program.communicate()[0]


# --- SuperCollider ----------------------------------------------------------------------------------------------------------

SCLANG = {"QT_QPA_PLATFORM": "offscreen", "QTWEBENGINE_DISABLE_SANDBOX": "1", "QTWEBENGINE_CHROMIUM_FLAGS": "--no-sandbox"}


def test_supercollider_client(still: Daemon, listener: Listener, run: Callable[..., subprocess.Popen[str]]) -> None:
    sclang = needs("sclang", "supercollider-language")
    still.client.send("/slot/1/stop")
    program = run(sclang, "-D", EXAMPLES / "supercollider" / "jamd.scd", still.port, 4, **SCLANG)
    heard(listener, program)
    assert still.status()["jam"]["style"] == "late night trio with brushes"
    output = ended(still, program)
    assert "jamd: pong from jamd" in output
    assert "jamd: slot 1 is playing" in output
    assert "ERROR" not in output


def test_scsynth_plays_beside_jamd(still: Daemon, listener: Listener, run: Callable[..., subprocess.Popen[str]]) -> None:
    """Both are clients of one JACK server, and both sound: a note of scsynth's on every bar line of jamd's clock."""
    sclang = needs("sclang", "supercollider-language")
    needs("scsynth", "supercollider-server")
    program = run(sclang, "-D", EXAMPLES / "supercollider" / "duet.scd", still.port, 5, free_port(), **SCLANG)
    ports = jack.Client("look", no_start_server=True)
    wait_until(lambda: ports.get_ports("SuperCollider:out_1") or program.poll() is not None, 20, "scsynth's ports")
    ports.close()
    synth = Listener(("SuperCollider:out_1", "SuperCollider:out_2"))
    try:
        wait_until(lambda: synth.level(0.5) > SOUND, 15, "the sound of scsynth")
        heard(listener, program)
    finally:
        synth.close()
    output = ended(still, program)
    assert "jamd: bar " in output
    assert "ERROR" not in output


# --- Ableton Live -----------------------------------------------------------------------------------------------------------


def test_ableton_bridge(still: Daemon, run: Callable[..., subprocess.Popen[str]]) -> None:
    answers = free_port()
    live = Live(answers)
    still.client.send("/clock/stop")
    program = run(
        sys.executable, EXAMPLES / "ableton" / "bridge.py",
        "--jamd", f"127.0.0.1:{still.port}", "--live", f"127.0.0.1:{live.port}", "--listen", answers,
    )  # fmt: skip
    wait_until(lambda: len(live.listened) >= 10, 15, "the bridge's listeners")
    live.set("tempo", 96.5)
    wait_until(lambda: still.status()["clock"]["tempo"] == 96.5, 5, "Live's tempo")
    live.fire_clip(0, 0)
    live.fire_clip(1, 2)
    wait_until(lambda: still.status()["jam"]["chart"] == "| Ebmaj7 | Ab7 |", 5, "the clip's chart")
    live.fire_clip(1, 3)
    wait_until(lambda: still.status()["jam"]["style"] == "slow ballad", 5, "the clip's style")
    live.set("is_playing", True)
    live.set("beat", 7)
    live.fire_clip(1, 2)
    assert still.status()["jam"]["state"] == "stopped", "the band does not wait for the bar line"
    live.set("beat", 8)
    wait_until(lambda: still.status()["jam"]["state"] in ("queued", "playing"), 5, "the band")
    assert still.status()["clock"]["playing"]
    live.fire_scene(2)
    live.set("is_playing", False)
    wait_until(jam_is(still, "stopped"), 10, "the stop")
    wait_until(lambda: not still.status()["clock"]["playing"], 5, "the clock's stop")
    os.killpg(program.pid, 2)
    output = program.communicate(timeout=10)[0]
    live.socket.close()
    assert not live.unknown
    assert program.returncode == 0, output
    assert "scene 3" in output
    if has(still, "/scene/3/launch"):
        assert "jamd: /scene/3/launch address" not in output


# --- Ardour, headless -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ardour(daemon: Daemon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ardour]:
    needs("ardour7-lua", "ardour")
    client = jack.Client("transport", no_start_server=True)
    client.activate()
    ardour = Ardour(tmp_path_factory.mktemp("ardour"))
    try:
        wait_until(ardour.answers, 60, "Ardour's OSC")
        for _ in range(3):
            if ardour.obeys(client):
                break
            ardour.close()
            client.transport_stop()
            client.transport_frame = 0
            ardour = Ardour(tmp_path_factory.mktemp("ardour"))
            wait_until(ardour.answers, 60, "Ardour's OSC")
        yield ardour
    finally:
        ardour.close()
        client.deactivate()
        client.close()


@pytest.fixture
def transport(daemon: Daemon) -> Iterator[jack.Client]:
    """A JACK client that looks at the transport, and leaves it stopped at the start."""
    client = jack.Client("transport", no_start_server=True)
    client.activate()
    yield client
    client.transport_stop()
    client.transport_frame = 0
    client.deactivate()
    client.close()


def test_ardour_leads_the_band_and_jacks_transport(
    still: Daemon, ardour: Ardour, transport: jack.Client, run: Callable[..., subprocess.Popen[str]]
) -> None:
    """A real DAW: play over OSC rolls JACK's transport with Ardour's bars and tempo; its markers are charts, its transport the band's."""
    follow = run(
        sys.executable, EXAMPLES / "ardour" / "follow.py", "--jamd", f"127.0.0.1:{still.port}", "--ardour", f"127.0.0.1:{ardour.port}"
    )
    ardour.say("/locate", 0, 0)
    wait_until(lambda: transport.transport_frame == 0, 10, "Ardour's locate")
    ardour.say("/add_marker", "| Bb7 | Eb7 |")
    wait_until(lambda: still.status()["jam"]["chart"] == "| Bb7 | Eb7 |", 10, "the marker's chart")
    ardour.say("/transport_play")
    wait_until(lambda: transport.transport_state == jack.ROLLING, 10, "the rolling of JACK's transport")
    wait_until(lambda: still.status()["jam"]["state"] in ("queued", "playing"), 10, "the band")
    wait_until(lambda: transport.transport_query()[1].get("bar", 0) >= 2, 10, "Ardour's second bar")
    assert transport.transport_query()[1]["beats_per_minute"] == pytest.approx(120.0)
    ardour.say("/transport_stop")
    wait_until(lambda: transport.transport_state == jack.STOPPED, 10, "the stop of JACK's transport")
    wait_until(jam_is(still, "stopped"), 10, "the band's stop")
    ardour.say("/save_state")
    os.killpg(follow.pid, 2)
    output = follow.communicate(timeout=10)[0]
    assert output.splitlines()[0] == "Ardour is there"
    assert "play" in output
    assert "jamd: /jam" not in output


RUN_ACTION = """
function ardour (about) assert (about["type"] == "EditorAction") end
Session = load_session (arg[1], "jam")
dofile (arg[2])
factory () ()
close_session ()
quit ()
"""


def test_ardours_own_script_sends_the_marker(still: Daemon, ardour: Ardour, transport: jack.Client, tmp_path: Path) -> None:
    """The action, in Ardour's Lua, on the session of the test before: its marker stands at the start, where the playhead is."""
    session, script, action = ardour.folder / "jam", tmp_path / "run.lua", tmp_path / "action.lua"
    wait_until(lambda: "| Bb7 | Eb7 |" in (session / "jam.ardour").read_text(), 5, "the saved marker")
    shutil.copytree(session, tmp_path / "jam")
    script.write_text(RUN_ACTION)
    action.write_text((EXAMPLES / "ardour" / "jamd_markers.lua").read_text().replace("9120", str(still.port)))
    transport.transport_frame = 0
    result = subprocess.run(
        ["ardour7-lua", str(script), str(tmp_path / "jam"), str(action)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=60, env=os.environ | {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)},
    )  # fmt: skip
    wait_until(lambda: still.status()["jam"]["chart"] == "| Bb7 | Eb7 |", 5, f"the chart; Ardour's Lua said {result.stdout}{result.stderr}")


def test_jamds_clock_follows_ardour(still: Daemon, ardour: Ardour, transport: jack.Client) -> None:
    """With JACK as the clock's source, Ardour's play, bars, locate and stop are jamd's."""
    if not has(still, "/clock/source"):
        pytest.skip("this daemon has no /clock/source")

    def together() -> bool:
        theirs, ours = transport.transport_query()[1], still.status()["clock"]
        return bool(ours["playing"] and ours["bar"] == theirs.get("bar"))

    still.client.send("/clock/stop")
    still.client.send("/clock/source", "jack")
    try:
        ardour.say("/locate", 0, 0)
        wait_until(lambda: transport.transport_frame == 0, 10, "Ardour's locate")
        ardour.say("/transport_play")
        wait_until(together, 15, "jamd in Ardour's bar")
        assert still.status()["clock"]["tempo"] == pytest.approx(120.0, abs=0.5)
        ardour.say("/locate", 48_000 * 2 * 8, 1)  # bar 9 at 120 bpm
        wait_until(lambda: transport.transport_query()[1].get("bar", 0) >= 9, 10, "Ardour's bar 9")
        wait_until(together, 15, "jamd in Ardour's bar after the jump")
        wait_until(lambda: still.status()["clock"]["bar"] >= 10, 10, "jamd's bar 10")
        wait_until(together, 5, "jamd in Ardour's bar still")
        ardour.say("/transport_stop")
        wait_until(lambda: not still.status()["clock"]["playing"], 10, "the stop of jamd's clock")
    finally:
        still.client.send("/clock/source", "internal")
