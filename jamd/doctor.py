"""What works on this machine, what does not, and how to mend it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jamd import paths
from jamd.client import OscClient
from jamd.contract.config import load_config
from jamd.contract.errors import JamdError


@dataclass(frozen=True)
class Finding:
    what: str
    good: bool
    found: str
    remedy: str = ""
    needed: bool = True

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def _configuration() -> Finding:
    path = paths.config_file()
    try:
        load_config(path)
    except JamdError as error:
        return Finding("configuration", False, str(error), "mend or remove the file")
    return Finding("configuration", True, str(path) if path.exists() else f"defaults ({path} does not exist)")


def _jack() -> Finding:
    try:
        import bridges.jack
    except (OSError, RuntimeError) as error:
        return Finding("JACK library", False, str(error), "install jackd2 (Debian, Ubuntu: apt install jackd2)")
    try:
        client = bridges.jack.open_client("jamd-doctor")
    except JamdError as error:
        binary = shutil.which("jackd") or shutil.which("pw-jack")
        return Finding("JACK server", False, str(error), "" if binary else "no jackd here: apt install jackd2")
    found = f"{client.samplerate} Hz, {client.blocksize} frames ({client.blocksize / client.samplerate * 1000:.1f} ms)"
    load = client.cpu_load()
    client.close()
    return Finding("JACK server", True, f"{found}, load {load:.0f} %")


def _midi() -> Finding:
    import rtmidi

    names = {rtmidi.API_LINUX_ALSA: "ALSA", rtmidi.API_UNIX_JACK: "JACK", rtmidi.API_MACOSX_CORE: "CoreMIDI"}
    apis = [names.get(api, str(api)) for api in rtmidi.get_compiled_api()]
    alsa = Path("/dev/snd/seq").exists()
    found = f"rtmidi with {', '.join(apis)}" + ("" if alsa else "; no ALSA sequencer here")
    return Finding("MIDI", True, found, "" if alsa else "jamd:midi_in on JACK works without it", needed=False)


def _model() -> Finding:
    from model.config import PLAYER

    folder = Path(importlib.util.find_spec("model").submodule_search_locations[0]) / "weights"  # type: ignore[union-attr,index]
    sizes = [name for name in PLAYER if all((folder / f"{name}-{kind}.safetensors").is_file() for kind in ("codec", "planner", "player"))]
    if not sizes:
        return Finding("model", False, f"no weights in {folder}", "get the project with its weights")
    return Finding("model", True, f"{', '.join(sizes)} in {folder}")


def _torch() -> Finding:
    if importlib.util.find_spec("torch") is None:
        return Finding("torch", False, "not installed", "pip install torch==2.13.0")
    import torch

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "no GPU: the small model plays on the CPU"
    return Finding("torch", True, f"{torch.__version__}, {os.cpu_count()} cores, {gpu}")


def _speed() -> Finding:
    """Real-time factor of a few steps of the small model."""
    try:
        import torch

        from jamd.engine.warm_up import warm_up
        from model.generator.models import load_models

        torch.set_num_threads(min(os.cpu_count() or 1, 2))
        begin = time.perf_counter()
        models = load_models()
        loaded = time.perf_counter() - begin
        factor = warm_up(models, 120)
    except JamdError as error:
        return Finding("speed", False, str(error))
    good = factor < 0.9
    remedy = "" if good else "close other programs, or use a faster machine: the jam would leave out music"
    return Finding("speed", good, f"{factor:.2f} of real time for the small model, loaded in {loaded:.1f} s", remedy)


def _daemon(endpoint: tuple[str, int]) -> Finding:
    client = OscClient(endpoint)
    try:
        times = []
        for _ in range(20):
            begin = time.perf_counter()
            client.ask("/ping", expect="/pong", timeout=0.5)
            times.append((time.perf_counter() - begin) * 1000)
        status = json.loads(client.ask("/status").arguments[0])
    except JamdError:
        return Finding("daemon", True, "not running", "start it with: jamd run", needed=False)
    finally:
        client.close()
    times.sort()
    audio = status["audio"]
    found = (f"running for {status['uptime_ms'] / 1000:.0f} s, answers in {times[10]:.1f} ms, "
             f"{audio['xruns']} xruns, {audio['underruns']} underruns")  # fmt: skip
    slow = status["engine"].get("slow", "")
    return Finding("daemon", not slow, found, slow)


def examine(endpoint: tuple[str, int]) -> list[Finding]:
    """All findings, in the order in which they matter."""
    return [_configuration(), _jack(), _midi(), _model(), _torch(), _speed(), _daemon(endpoint)]
