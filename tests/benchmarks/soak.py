"""A long jam: underruns, late cycles beside a client that does nothing, memory and loudness, minute by minute."""

from __future__ import annotations

import time

import psutil

from jamd.contract.units import SAMPLE_RATE
from model.metrics.loudness import loudness
from tests.benchmarks.rig import Daemon, Probe, Row, SilentClient
from tests.flood import processes

HEAD = ("minute", "LUFS", "underruns", "late cycles of jamd", "of the silent client", "memory of its own, MB: control / audio / engine")


def _memory(daemon: Daemon) -> dict[str, float]:
    """Megabytes of its own, by process."""
    names = processes(daemon.process.pid)
    return {name: psutil.Process(pid).memory_full_info().uss / 1e6 for pid, name in names.items()}


def measure(daemon: Daemon, minutes: float, minute_s: float = 60.0) -> tuple[list[Row], list[Row]]:
    """Rows by minute, and rows of (measure, result) over all of it."""
    probe = Probe({"left": "jamd:out_1", "right": "jamd:out_2"}, minute_s + 5)
    rows: list[Row] = []
    client = daemon.client
    client.send("/jam/chart", "| Dm7 | G7 | Cmaj7 | A7 |")
    first = before = daemon.status()["audio"]
    total_late = total_cycles = total_xruns = 0
    client.send("/jam/start")
    time.sleep(2.0)
    try:
        for minute in range(max(round(minutes), 1)):
            silent, since = SilentClient(), probe.count
            time.sleep(minute_s)
            late, cycles, xruns = silent.finish()
            total_late, total_cycles, total_xruns = total_late + late, total_cycles + cycles, total_xruns + xruns
            audio = daemon.status()["audio"]
            sound = probe.stereo(since)
            memory = _memory(daemon)
            ours, calls = audio["late_cycles"] - before["late_cycles"], audio["callbacks"] - before["callbacks"]
            rows.append((
                str(minute + 1), f"{loudness(sound, SAMPLE_RATE):.1f}", str(audio["underruns"] - before["underruns"]),
                f"{ours} of {calls} ({ours / max(calls, 1):.3%})", f"{late} of {cycles} ({late / max(cycles, 1):.3%})",
                " / ".join(f"{memory.get(f'jamd.{role}', 0):.0f}" for role in ("control", "audio", "engine")),
            ))  # fmt: skip
            before = audio
        after = daemon.status()
    finally:
        client.send("/jam/panic")
        probe.close()
    engine, audio = after["engine"], after["audio"]
    ours, calls = audio["late_cycles"] - first["late_cycles"], audio["callbacks"] - first["callbacks"]
    return rows, [
        ("real-time factor, the last 10 s", f"{engine['real_time_factor']:.2f}"),
        ("model step p50 / p99 (budget 13.3)", f"{engine['frame_ms_p50']:.1f} / {engine['frame_ms_p99']:.1f} ms"),
        ("underruns", f"{audio['underruns'] - first['underruns']} "
         f"({(audio['underrun_frames'] - first['underrun_frames']) / SAMPLE_RATE * 1000:.0f} ms)"),
        ("music left out to catch up", f"{engine['skipped_frames'] / SAMPLE_RATE:.2f} s"),
        ("late cycles, jamd", f"{ours} of {calls} ({ours / max(calls, 1):.3%})"),
        ("late cycles, silent client in the same run", f"{total_late} of {total_cycles} ({total_late / max(total_cycles, 1):.3%})"),
        ("xruns, jamd and silent client", f"{audio['xruns'] - first['xruns']}, {total_xruns}"),
        ("longest callback", f"{audio['max_callback_us']} us"),
    ]  # fmt: skip
