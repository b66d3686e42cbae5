"""Messages between the processes: small frozen values, each with what happens to it when its queue is full.

COALESCE: only the newest of its key is kept. DROP_OLDEST: the oldest of its kind goes. NEVER: it stays, whatever the queue holds.
"""

from __future__ import annotations

from jamd.contract.messages.audio import *  # noqa: F403
from jamd.contract.messages.audio import AudioMessage
from jamd.contract.messages.base import *  # noqa: F403
from jamd.contract.messages.engine import *  # noqa: F403
from jamd.contract.messages.engine import EngineMessage
from jamd.contract.messages.life import *  # noqa: F403
from jamd.contract.messages.life import LifeMessage

AnyMessage = LifeMessage | EngineMessage | AudioMessage
