"""`make jam`: half a minute of music from nothing but outside programs.

A JACK server (an own one with the dummy driver if none runs), the daemon, `oscsend` of liblo for everything that is said over OSC, a
python-rtmidi client on JACK for pads and keys, and a recorder that is another JACK client. Ends with a summary; fails if
what was recorded is not music.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jack
import numpy as np
import rtmidi
import soundfile

from jamd import paths
from jamd.client import OscClient
from jamd.contract.errors import JamdError

PORT = 9120
RATE = 48_000
TEMPO = 132
CHART = "| Dm7 | G7 | Cmaj7 | A7alt | Dm7 | G7 | Em7 A7 | Dm7 G7 |"
BLUES = "| F7 | Bb7 | F7 | F7 | Bb7 | Bb7 | F7 | D7 | Gm7 | C7 | F7 D7 | Gm7 C7 |"


class Failed(Exception):
    """One line for the person at the terminal."""


def oscsend(address: str, types: str = "", *arguments: object) -> None:
    """Say something with liblo's own client."""
    subprocess.run(["oscsend", "127.0.0.1", str(PORT), address, *([types] if types else []), *map(str, arguments)], check=True)


class Recorder:
    """Another JACK client that records jamd's mix."""

    def __init__(self) -> None:
        self.client = jack.Client("jam_recorder", no_start_server=True)
        self.ports = [self.client.inports.register(f"in_{i + 1}") for i in range(2)]
        self.blocks: list[np.ndarray] = []
        self.active = False

        @self.client.set_process_callback
        def process(frames: int) -> None:
            if self.active:
                self.blocks.append(np.stack([port.get_array() for port in self.ports], axis=1).copy())

        self.client.activate()
        for port, source in zip(self.ports, ("jamd:out_1", "jamd:out_2"), strict=True):
            wait_for(f"the connection of {source}", lambda source=source, port=port: self._connect(source, port), 10)

    def _connect(self, source: str, port: jack.Port) -> bool:
        """A server that is still busy with a new client refuses; then it is asked again."""
        try:
            self.client.connect(source, port)
        except jack.JackError:
            return False
        return True

    def finish(self, path: Path) -> np.ndarray:
        self.active = False
        self.client.deactivate()
        self.client.close()
        audio = np.concatenate(self.blocks) if self.blocks else np.zeros((0, 2), np.float32)
        soundfile.write(path, audio, RATE, subtype="PCM_24")
        return audio


class Keys:
    """A MIDI controller: python-rtmidi on JACK, connected to jamd:midi_in."""

    def __init__(self) -> None:
        self.out = rtmidi.MidiOut(rtapi=rtmidi.API_UNIX_JACK, name="jam_keys")
        self.out.open_virtual_port("out")
        client = jack.Client("jam_connector", no_start_server=True)
        source = next(port for port in client.get_ports(is_midi=True, is_output=True) if port.name.startswith("jam_keys"))
        client.connect(source, "jamd:midi_in")
        client.close()

    def send(self, *message: int) -> None:
        self.out.send_message(list(message))

    def pad(self, slot: int) -> None:
        self.send(0x99, 35 + slot, 100)
        self.send(0x89, 35 + slot, 0)

    def hold(self, *notes: int) -> None:
        for note in notes:
            self.send(0x90, note, 90)

    def release(self, *notes: int) -> None:
        for note in notes:
            self.send(0x80, note, 0)


def wait_for(what: str, check: Callable[[], Any], seconds: float) -> Any:
    """Poll until a check is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = check()
        if found:
            return found
        time.sleep(0.05)
    raise Failed(f"{what} did not happen within {seconds:g} s")


def jack_server(processes: list[subprocess.Popen[bytes]]) -> str:
    """Use the server that runs, or start one with the dummy driver; returns what it is."""
    jack.set_error_function(lambda _: None)
    jack.set_info_function(lambda _: None)

    def there() -> bool:
        try:
            jack.Client("jam_probe", no_start_server=True).close()
        except jack.JackOpenError:
            return False
        return True

    if there():
        return "the JACK server that runs"
    if shutil.which("jackd") is None:
        raise Failed("no jackd: run scripts/setup.sh jam")
    log = subprocess.DEVNULL
    processes.append(subprocess.Popen(["jackd", "-d", "dummy", "-r", str(RATE), "-p", "128"], stdout=log, stderr=log))
    wait_for("the start of jackd", there, 10)
    return "jackd with the dummy driver"


def status(client: OscClient) -> dict[str, Any]:
    return json.loads(client.ask("/status", timeout=3.0).arguments[0])


def ready(client: OscClient, daemon: subprocess.Popen[bytes]) -> bool:
    if daemon.poll() is not None:
        raise Failed("the daemon ended before it was ready")
    try:
        return bool(status(client)["engine"].get("ready"))
    except JamdError:
        return False


def perform(client: OscClient, keys: Keys, recorder: Recorder, seconds: float) -> dict[str, Any]:
    """The jam: a chart, a clip on a pad, a chord from the keys, a new chart, a part off and on."""
    oscsend("/clock/tempo", "f", TEMPO)
    oscsend("/jam/chart", "s", CHART)
    oscsend("/jam/part/horn", "i", 0)
    for part in ("piano", "bass"):  # a clip is played by the parts that are on when it is asked for: drums alone
        oscsend(f"/jam/part/{part}", "i", 0)
    oscsend("/slot/1/render", "isi", 2, "swing", 7)
    for part in ("piano", "bass"):
        oscsend(f"/jam/part/{part}", "i", 1)
    players = sorted(folder.parent.name for folder in paths.shipped_adapters().glob("*/manifest.json"))[:2]
    for name in players:
        oscsend("/adapter/load", "s", name)
    wait_for("the clip in slot 1", lambda: any(s["slot"] == 1 and s["state"] == "ready" for s in status(client)["slots"]), 90)
    wait_for("the adapters", lambda: all(status(client)["adapters"]["memory"].get(name) == "ready" for name in players), 30)
    recorder.active = True
    oscsend("/jam/start")
    began = time.monotonic()
    wait_for("the jam", lambda: status(client)["jam"]["state"] == "playing", 5)
    steps: list[tuple[float, str, Callable[[], None]]] = [
        (0.16, "the pad on note 36 launches the drum loop in slot 1, the band's own drums rest", lambda: swap(0)),
        (0.32, "the loop stops, the drummer is back", lambda: swap(1)),
        (0.38, "held keys name Ebmaj7", lambda: keys.hold(51, 55, 58, 62)),
        (0.46, "the keys are released", lambda: keys.release(51, 55, 58, 62)),
        (0.52, "a blues in F from the next bar", lambda: oscsend("/jam/chart", "s", BLUES)),
        (0.66, "the drums rest", lambda: oscsend("/jam/part/drums", "i", 0)),
        (0.76, "the drums are back, louder and busier", lambda: louder()),
    ]

    for share, name in zip((0.2, 0.58), players, strict=False):
        steps.append((share, f"the player {name} takes over on the next bar line", lambda name=name: play_with(name)))
    if players:
        steps.append((0.86, "the base is back on the next bar line", lambda: play_with("base")))
    swaps: list[float] = []

    def play_with(name: str) -> None:
        oscsend("/adapter/use", "s", name)
        begin = time.monotonic()
        sounding = [] if name == "base" else [name]

        def sounds() -> bool:
            memory = status(client)["adapters"]["memory"]
            return [one for one in memory if memory[one] == "active"] == sounding

        wait_for(f"the swap to {name}", sounds, 8)
        swaps.append(time.monotonic() - begin)

    def swap(drummer: int) -> None:
        if drummer:
            oscsend("/slot/1/stop")
        else:
            keys.pad(1)
        oscsend("/jam/part/drums", "i", drummer)

    def louder() -> None:
        oscsend("/jam/part/drums", "i", 1)
        oscsend("/jam/param/energy", "f", 0.8)
        oscsend("/jam/param/density", "f", 0.75)

    for share, what, act in sorted(steps, key=lambda step: step[0]):
        time.sleep(max(began + share * seconds - time.monotonic(), 0))
        print(f"  {time.monotonic() - began:5.1f} s  {what}")
        act()
        client.ask("/ping", expect="/pong")
    time.sleep(max(began + seconds - time.monotonic(), 0))
    result = status(client) | {"swaps": swaps}
    oscsend("/jam/stop")
    wait_for("the end of the jam", lambda: status(client)["jam"]["state"] == "stopped", 10)
    return result


def round_trip(client: OscClient) -> float:
    """Median time of a /ping in milliseconds."""
    times = []
    for _ in range(50):
        begin = time.perf_counter()
        client.ask("/ping", expect="/pong")
        times.append((time.perf_counter() - begin) * 1000)
    return float(np.median(times))


def judge(audio: np.ndarray, seconds: float) -> None:
    """Fail if this is not music of about the right length."""
    if len(audio) < 0.8 * seconds * RATE:
        raise Failed(f"only {len(audio) / RATE:.1f} s were recorded")
    blocks = audio[: len(audio) // RATE * RATE].reshape(-1, RATE, 2)
    levels = 20 * np.log10(np.sqrt((blocks**2).mean(axis=(1, 2))) + 1e-9)
    if not np.isfinite(audio).all() or np.abs(audio).max() > 1.0:
        raise Failed("the recording leaves -1..1")
    heard = float((levels > -50).mean())
    if heard < 0.8:
        raise Failed(f"only {heard:.0%} of the recording is heard")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--play", action="store_true", help="leave the daemon running at the end")
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    out = Path("out")
    out.mkdir(exist_ok=True)
    processes: list[subprocess.Popen[bytes]] = []
    client = OscClient(("127.0.0.1", PORT))
    os.environ.setdefault("JACK_NO_AUDIO_RESERVATION", "1")
    try:
        print(f"jam: {jack_server(processes)}")
        began = time.monotonic()
        home = {} if options.play or "JAMD_HOME" in os.environ else {"JAMD_HOME": str((out / "home").resolve())}  # yours stays as it is
        daemon = subprocess.Popen([sys.executable, "-m", "jamd", "run", "--audio", "jack"], start_new_session=True, env=os.environ | home)
        processes.append(daemon)
        wait_for("the daemon", lambda: ready(client, daemon), 180)
        print(f"jam: the daemon is ready after {time.monotonic() - began:.1f} s; playing for {options.seconds:g} s at {TEMPO} bpm")
        ping = round_trip(client)
        recorder, keys = Recorder(), Keys()
        result = perform(client, keys, recorder, options.seconds)
        audio = recorder.finish(out / "jam.wav")
        engine, sound = result["engine"], result["audio"]
        print(f"jam: real-time factor {engine['real_time_factor']:.2f}, model step {engine['frame_ms_p50']:.1f} ms "
              f"(p99 {engine['frame_ms_p99']:.1f}), queue {engine['queue_ms']:.0f} ms")  # fmt: skip
        print(
            f"jam: underruns {sound['underruns']} ({sound['underrun_frames'] / RATE * 1000:.0f} ms), "
            f"late cycles {sound['late_cycles']} of {sound['callbacks']}, xruns {sound['xruns']}, OSC round trip {ping:.1f} ms"
        )
        if result["swaps"]:
            heard = ", ".join(f"{seconds:.1f}" for seconds in result["swaps"])
            print(f"jam: {len(result['swaps'])} adapter swaps on the bar line, heard {heard} s after they were asked for")
        if engine.get("slow"):
            print(f"jam: {engine['slow']}")
        judge(audio, options.seconds)
        print(f"jam: {len(audio) / RATE:.1f} s recorded at the JACK ports: {out / 'jam.wav'}")
        if options.play:
            print(f"jam: the daemon plays on; OSC at 127.0.0.1:{PORT}, for example: jamd send /jam/start; Ctrl-C ends it")
            oscsend("/jam/start")
            try:
                daemon.wait()
            except KeyboardInterrupt:
                pass
        return 0
    except (Failed, JamdError, jack.JackError, subprocess.CalledProcessError, OSError) as error:
        print(f"jam: {error}", file=sys.stderr)
        return 1
    finally:
        client.close()
        for process in reversed(processes):
            if process.poll() is None:
                process.send_signal(signal.SIGINT if process.args[0] == sys.executable else signal.SIGTERM)  # type: ignore[index]
                try:
                    process.wait(timeout=20)
                except subprocess.TimeoutExpired:
                    process.kill()


if __name__ == "__main__":
    sys.exit(main())
