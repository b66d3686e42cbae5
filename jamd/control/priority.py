"""The control process before others: what comes in by OSC or MIDI has to be in the audio thread's hands within a cycle."""

from __future__ import annotations

import gc
import os
from typing import Final

REAL_TIME: Final = 3
"""Below JACK's own threads and its clients' callbacks, above everything that computes."""


def to_the_front() -> bool:
    """Real-time scheduling for the calling thread, where the system allows it; what it starts later is scheduled as usual.

    Objects that are there already are never again looked at by the collector of garbage, whose pauses would be heard.
    """
    gc.collect()
    gc.freeze()
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(REAL_TIME))
    except (AttributeError, OSError):  # another system, or no right to it
        return False
    return True
