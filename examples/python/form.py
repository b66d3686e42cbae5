"""A form in sections, each chart sent in the last bar of the one before: `python examples/python/form.py [PORT] [BARS]`.

The script follows the clock by subscription. A chart counts from the next bar line, so one that is sent anywhere in the last bar of a
section begins exactly with the next section, however late the packet is.
"""

from __future__ import annotations

import json
import sys
import time

from client import Jamd

SECTION_BARS = 4
SECTIONS = ("| Dm7 | G7 | Cmaj7 | A7 |", "| Fm7 | Bb7 | Ebmaj7 | C7 |", "| Bm7b5 | E7b9 | Am7 | D7 |")
PING_S = 20.0
"""A subscription ends 60 s after the last ping."""


def main() -> int:
    jamd = Jamd(int(sys.argv[1]) if len(sys.argv) > 1 else 9120)
    bars = int(sys.argv[2]) if len(sys.argv) > 2 else 24
    jamd.say("/clock/stop")
    jamd.say("/clock/tempo", 160.0)
    jamd.say("/jam/chart", SECTIONS[0])
    jamd.say("/jam/start")
    jamd.say("/subscribe", "clock", 20)
    pinged = time.monotonic()
    section = first = last = 0
    try:
        while not first or last < first + bars:
            if time.monotonic() - pinged > PING_S:
                jamd.say("/ping")
                pinged = time.monotonic()
            message = jamd.hear()
            if message is None:
                print("jamd is gone", file=sys.stderr)
                return 1
            if message.address == "/error":
                print("jamd:", *message.params, file=sys.stderr)
                return 1
            if message.address != "/clock":
                continue
            clock = json.loads(message.params[0])
            if not clock["playing"] or clock["bar"] < 1 or clock["bar"] == last:  # below 1: the upbeat
                continue
            last = clock["bar"]
            first = first or last
            print(f"bar {last}: {SECTIONS[section]}", flush=True)
            if (last - first) % SECTION_BARS == SECTION_BARS - 1:
                section = (section + 1) % len(SECTIONS)
                jamd.say("/jam/chart", SECTIONS[section])
    except KeyboardInterrupt:
        pass
    finally:
        jamd.say("/unsubscribe", "clock")
        jamd.say("/jam/stop")
    return 0


if __name__ == "__main__":
    sys.exit(main())
