"""A blues in F: `python examples/python/blues.py [PORT] [SECONDS]`. Needs python-osc and a daemon (`jamd run`)."""

from __future__ import annotations

import sys
import time

from client import Jamd

CHART = "| F7 | Bb7 | F7 | F7 | Bb7 | Bb7 | F7 | D7b9 | Gm7 | C7 | F7 D7 | Gm7 C7 |"


def main() -> int:
    jamd = Jamd(int(sys.argv[1]) if len(sys.argv) > 1 else 9120)
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 20.0
    jamd.say("/clock/tempo", 144.0)
    jamd.say("/jam/chart", CHART)
    jamd.say("/jam/start")
    time.sleep(seconds)
    status = jamd.ask("/status")
    engine = status["engine"]
    print(f"bar {status['clock']['bar']}, chord {engine.get('chord')}, real-time factor {engine.get('real_time_factor')}")
    jamd.say("/jam/stop")
    return 0


if __name__ == "__main__":
    sys.exit(main())
