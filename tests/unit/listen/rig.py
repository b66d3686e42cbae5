"""Sessions of noise: what is heard is not the matter here."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import soundfile

from jamd.contract.units import SAMPLE_RATE
from jamd.listen.answers import Answer, Choice
from jamd.listen.trials import FILE, Session, Side, Trial

ADAPTER, AGAINST = Side("quillon", "1" * 64), Side("base", "2" * 64)


def make_session(root: Path, name: str = "20260101-000000-aaaaaa", count: int = 3, x: bool = True, seconds: float = 0.3) -> Path:
    """Of `count` trials, A and B in turn the adapter. Sounds are as loud as their place in the order of `x`, `a`, `b` says."""
    folder = root / ADAPTER.name / name
    folder.mkdir(parents=True)
    rng = np.random.default_rng(7)
    trials = []
    for index in range(count):
        files = []
        for level in (0.05, 0.1, 0.2):
            files.append(f"{rng.bytes(8).hex()}.flac")
            soundfile.write(folder / files[-1], rng.uniform(-level, level, (round(seconds * SAMPLE_RATE), 2)), SAMPLE_RATE)
        order = (ADAPTER.name, AGAINST.name) if index % 2 == 0 else (AGAINST.name, ADAPTER.name)
        trials.append(Trial(files[1], files[2], files[0] if x else None, order, "| C |", 120.0, index))
    session = Session(
        id=name, created="2026-01-01T00:00:00+00:00", adapter=ADAPTER, against=AGAINST, listener="me", model="small", parts=["piano"],
        seed=1, trials=trials,
    )  # fmt: skip
    (folder / FILE).write_bytes(msgspec.json.encode(session))
    return folder


def make_answer(
    trial: int, choice: Choice, order: tuple[str, str] = (ADAPTER.name, AGAINST.name), *, session: str = "one", trials: int = 10,
    listener: str = "me", adapter: Side = ADAPTER, against: Side = AGAINST,
) -> Answer:  # fmt: skip
    return Answer(
        time="2026-01-01T00:00:00+00:00", session=session, listener=listener, adapter=adapter, against=against, trial=trial, trials=trials,
        order=order, choice=choice, seconds=1.0,
    )  # fmt: skip
