"""A blues in F from Python: `python examples/blues.py [PORT] [SECONDS]`. Needs python-osc and a daemon (`jamd run`)."""

from __future__ import annotations

import json
import socket
import sys
import time

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

CHART = "| F7 | Bb7 | F7 | F7 | Bb7 | Bb7 | F7 | D7b9 | Gm7 | C7 | F7 D7 | Gm7 C7 |"


class Jamd:
    """One socket for what is said and what comes back."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", port))
        self.socket.settimeout(2.0)

    def say(self, address: str, *arguments: object) -> None:
        builder = OscMessageBuilder(address=address)
        for argument in arguments:
            builder.add_arg(argument)
        self.socket.send(builder.build().dgram)

    def hear(self) -> OscMessage:
        return OscMessage(self.socket.recv(65536))


def main() -> int:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 9120
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 20.0
    jamd = Jamd(port)
    jamd.say("/clock/tempo", 144.0)
    jamd.say("/jam/chart", CHART)
    jamd.say("/jam/start")
    time.sleep(seconds)
    jamd.say("/status")
    status = json.loads(jamd.hear().params[0])
    print(f"bar {status['clock']['bar']}, chord {status['engine'].get('chord')}, "
          f"real-time factor {status['engine'].get('real_time_factor')}")  # fmt: skip
    jamd.say("/jam/stop")
    return 0


if __name__ == "__main__":
    sys.exit(main())
