"""Fixtures that many tests share: real servers with names of their own, and nothing left behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

os.environ.setdefault("JACK_NO_AUDIO_RESERVATION", "1")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell's background job has it, and so would every process under test
    signal.signal(signal.SIGINT, signal.default_int_handler)


def wait_until(check: Callable[[], object], seconds: float = 10.0, what: str = "it") -> object:
    """Poll until a check holds; fails with `what` when the time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = check()
        if found:
            return found
        time.sleep(0.01)
    pytest.fail(f"{what} did not happen within {seconds:g} s")


def _free_dead_servers() -> None:
    """A killed server (a test run that was cut off) keeps its place among the eight of JACK's registry until one of its name ends well."""
    registry = Path("/dev/shm/jack-shm-registry")
    if not registry.exists():
        return
    names = {name.decode() for name in re.findall(rb":(jamd-[\w-]+):", registry.read_bytes())}
    for name in names:
        if subprocess.run(["pgrep", "-f", f"jackd -n {name} "], capture_output=True).returncode == 0:
            continue
        server = subprocess.Popen(["jackd", "-n", name, "-d", "dummy", "-r", "48000"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        server.terminate()
        server.wait(timeout=10)


@contextmanager
def jackd(*options: str) -> Iterator[str]:
    """A JACK server of our own with the dummy driver, by its name; every client of this process and its children uses it."""
    if shutil.which("jackd") is None:
        pytest.fail("jackd is not installed: scripts/setup.sh test installs it")
    import jack

    jack.set_error_function(lambda _: None)
    jack.set_info_function(lambda _: None)
    name = f"jamd-test-{uuid.uuid4().hex[:8]}"
    before = os.environ.get("JACK_DEFAULT_SERVER")
    os.environ["JACK_DEFAULT_SERVER"] = name
    _free_dead_servers()
    server = subprocess.Popen(
        ["jackd", "-n", name, *options, "-d", "dummy", "-r", "48000", "-p", "128"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def there() -> bool:
        try:
            jack.Client("probe", no_start_server=True, servername=name).close()
        except jack.JackOpenError:
            return False
        return True

    wait_until(there, 15, "the start of jackd")
    yield name
    server.terminate()
    server.wait(timeout=10)
    if before is None:
        os.environ.pop("JACK_DEFAULT_SERVER", None)
    else:
        os.environ["JACK_DEFAULT_SERVER"] = before


@pytest.fixture(scope="session")
def jack_server() -> Iterator[str]:
    """One server for all the tests."""
    with jackd() as name:
        yield name


@pytest.fixture
def shared_memory_is_clean() -> Iterator[None]:
    """Nothing of ours may be left in shared memory."""
    before = {path.name for path in Path("/dev/shm").glob("jamd-*")}
    yield
    wait_until(lambda: not ({p.name for p in Path("/dev/shm").glob("jamd-*")} - before), 5, "the removal of shared memory")
