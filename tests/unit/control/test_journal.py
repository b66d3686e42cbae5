"""The journal: what is written comes back, whatever it holds, and a crash leaves all but the last moment."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jamd import __version__
from jamd.contract.errors import FailureError
from jamd.control import journal as module
from jamd.control.journal import Entry, Journal, JournalHead, read_journal

HEAD = JournalHead(jamd=__version__, model="small", frame=4800, rate=48000, state={"tempo": 120.0, "slots": [None, {"bars": 4}], "$odd": 1})


def fail(text: str) -> None:
    pytest.fail(text)


def wait_for(check: Any, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_take_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "session" / "events.jsonl"
    journal = Journal(path, HEAD, fail)
    journal.write("osc", 5000, "/slot/1/launch")
    journal.write("midi", 5100, "midi_in", [0x99, 36, 100])
    journal.write("engine", 6000, "SetStyle", [{"text": "späte Nacht", "weights": [1.0, 0.5]}], adapter="ab" * 32)
    journal.write("audio", 7000, "SLOT_LAUNCH", (1, 0.1), seed=2**63 - 1)
    journal.close()
    head, entries = read_journal(path)
    assert head == HEAD
    assert entries == [
        Entry(5000, "osc", "/slot/1/launch"),
        Entry(5100, "midi", "midi_in", [0x99, 36, 100]),
        Entry(6000, "engine", "SetStyle", [{"text": "späte Nacht", "weights": [1.0, 0.5]}], None, "ab" * 32),
        Entry(7000, "audio", "SLOT_LAUNCH", [1, 0.1], 2**63 - 1),
    ]
    lines = path.read_text().splitlines()
    assert json.loads(lines[0])["journal"] == 1
    assert json.loads(lines[2]) == {"frame": 5100, "kind": "midi", "address": "midi_in", "arguments": [153, 36, 100]}
    journal.write("osc", 1, "/late")  # after the end: nothing happens
    assert len(read_journal(path)[1]) == 4


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=4) | st.sampled_from(["$float", "$blob", "$$float", "$"]), inner, max_size=3)
    ),
    max_leaves=12,
)


def same(a: Any, b: Any) -> bool:
    """Equal, in type too, and NaN equals NaN."""
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, float) and math.isnan(a):
        return isinstance(b, float) and math.isnan(b)
    return type(a) is type(b) and a == b


@given(arguments=st.lists(VALUES, max_size=4))
@settings(max_examples=150, deadline=None)
def test_any_arguments_come_back(arguments: list[Any]) -> None:
    line = module._entry_line(Entry(1, "osc", "/x", arguments))
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    back = module._converted(module._decoded(line, Path("x"), 1), Entry, Path("x"), 1)
    assert back.kind == "osc" and same(arguments, back.arguments)


def test_what_json_cannot_hold_does_not_end_the_journal(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "e", HEAD, fail)
    journal.write("osc", 2, "/object", [object()])
    journal.write("osc", 3, "/torn", ["a\udcff"])
    journal.write("osc", 4, "/good", [1])
    journal.close()
    _, entries = read_journal(tmp_path / "e")
    assert [(entry.kind, entry.address) for entry in entries] == [("lost", "/object"), ("osc", "/torn"), ("osc", "/good")]
    assert entries[1].arguments == ["a?"]


def test_it_is_in_the_file_at_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "e", HEAD, fail)
    wait_for(lambda: (tmp_path / "e").exists() and (tmp_path / "e").stat().st_size > 0)
    waits = []
    for number in range(5):
        journal.write("osc", number, "/x", [number])
        began = time.monotonic()
        wait_for(lambda number=number: len(read_journal(tmp_path / "e")[1]) > number)
        waits.append(time.monotonic() - began)
    journal.close()
    assert min(waits) < 0.2


CHILD = """
import sys, time
from pathlib import Path
from jamd.control.journal import Journal, JournalHead
journal = Journal(Path(sys.argv[1]), JournalHead(jamd="1", model="m", frame=0, rate=48000, state={}), print)
for number in range(10**9):
    journal.write("osc", number, "/jam/param/density", [number / 7])
    if number % 100 == 0:
        print(number, flush=True)
        time.sleep(0.002)
"""


def test_killed(tmp_path: Path) -> None:
    path = tmp_path / "e"
    child = subprocess.Popen([sys.executable, "-c", CHILD, path], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    seen: list[tuple[float, int]] = []
    while not seen or seen[-1][0] - seen[0][0] < 1.5:
        seen.append((time.monotonic(), int(child.stdout.readline())))
    child.kill()
    child.wait(timeout=20)
    _, entries = read_journal(path)
    assert [entry.frame for entry in entries] == list(range(len(entries)))
    assert all(entry.arguments == [entry.frame / 7] for entry in entries)
    before = [number for at, number in seen if at < seen[-1][0] - 1.0]
    assert len(entries) > before[-1]


def test_a_cut_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "e"
    journal = Journal(path, HEAD, fail)
    for number in range(3):
        journal.write("osc", number, "/x", ["é", number])
    journal.close()
    whole = path.read_bytes()
    ends = [place + 1 for place, byte in enumerate(whole) if byte == 10]
    for size in range(ends[0], len(whole) + 1):
        path.write_bytes(whole[:size])
        head, entries = read_journal(path)
        assert head == HEAD
        assert [entry.frame for entry in entries] == list(range(sum(end <= size for end in ends) - 1))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it has no first line"),
        (b'{"journal":1', "it has no first line"),
        (b'{"journal":2,"jamd":"9"}\n', "is of version 2; this jamd reads event logs of version 1"),
        (b'{"a":1}\n', "is no event log"),
        (b"RIFF\x00\xff\n", "line 1 is damaged"),
        (b'{"journal":1,"jamd":"0","model":"m","frame":"x","rate":1,"state":{}}\n', "line 1 is damaged"),
        (b'{"journal":1,"jamd":"0","model":"m","frame":0,"rate":1,"state":{}}\n{"frame":1,"ki\n{}\n', "line 2 is damaged"),
        (
            b'{"journal":1,"jamd":"0","model":"m","frame":0,"rate":1,"state":{}}\n{"frame":1,"kind":"tea","address":""}\n',
            "line 2 is damaged",
        ),
        (
            b'{"journal":1,"jamd":"0","model":"m","frame":0,"rate":1,"state":{}}\n'
            b'{"frame":1,"kind":"osc","address":"","arguments":[{"$blob":"?"}]}\n',
            "line 2 is damaged",
        ),
    ],
)
def test_what_is_no_journal_is_told(content: bytes, why: str, tmp_path: Path) -> None:
    path = tmp_path / "e"
    path.write_bytes(content)
    with pytest.raises(FailureError, match=why) as error:
        read_journal(path)
    assert error.value.code == "journal" and "\n" not in str(error.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FailureError, match=r"cannot read .*: No such file"):
        read_journal(tmp_path / "none")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "e").write_bytes(b"mine")
    errors: list[str] = []
    journal = Journal(tmp_path / "e", HEAD, errors.append)
    wait_for(lambda: errors)
    journal.write("osc", 1, "/x")
    journal.close()
    assert errors == [f"the event log {tmp_path / 'e'} stopped: File exists"]
    assert (tmp_path / "e").read_bytes() == b"mine"


FULL = """
import resource, sys, time
from pathlib import Path
from jamd.control.journal import Journal, JournalHead
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
errors = []
journal = Journal(Path(sys.argv[1]), JournalHead(jamd="1", model="m", frame=0, rate=48000, state={}), errors.append)
for number in range(5000):
    journal.write("osc", number, "/jam/param/density", [number])
deadline = time.monotonic() + 20
while not errors and time.monotonic() < deadline:
    time.sleep(0.01)
journal.write("osc", 1, "/more")
journal.close()
print(errors)
"""


def test_a_full_disk_ends_it_with_one_line(tmp_path: Path) -> None:
    path = tmp_path / "e"
    done = subprocess.run([sys.executable, "-c", FULL, path], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == str([f"the event log {path} stopped: File too large"])
    assert done.stderr == ""
    _, entries = read_journal(path)
    assert len(entries) > 100 and [entry.frame for entry in entries] == list(range(len(entries)))


def test_a_disk_that_hangs_costs_entries_not_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 50)
    write, go = module._write_all, threading.Event()

    def hang(fd: int, data: bytes) -> None:
        go.wait(20)
        write(fd, data)

    monkeypatch.setattr(module, "_write_all", hang)
    journal = Journal(tmp_path / "e", HEAD, fail)
    for number in range(80):
        journal.write("osc", number, "/x")
    go.set()
    journal.close()
    _, entries = read_journal(tmp_path / "e")
    assert [entry.kind for entry in entries] == ["osc"] * 50 + ["lost"]
    assert entries[-1].arguments == ["30 entries: the disk was too slow"]
