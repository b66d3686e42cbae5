"""The error tree, drawn once.

JamdError
├── UsageError            exit 2: the command line or an argument is wrong
│   ├── ConfigError       the configuration file
│   ├── ChartError        a chart or chord that cannot be read; knows the place
│   └── MessageError      an OSC message: unknown address, wrong type, out of range
└── FailureError          exit 1: asked rightly, could not be done
    ├── AudioError        no JACK server, wrong rate, a lost port
    ├── EngineError       the model could not load or run
    ├── ChannelClosed     the process at the other end has gone
    └── AdapterError      an adapter that is missing, damaged or made for another base
"""

from __future__ import annotations


class JamdError(Exception):
    """Base of every error that jamd reports. `code` is a stable word for programs; `str()` is one line for people."""

    code: str = "error"
    exit_status: int = 1

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class UsageError(JamdError):
    code = "usage"
    exit_status = 2


class ConfigError(UsageError):
    code = "config"


AROUND = 60
"""Characters of a chart that are shown before and after the place of an error."""


class ChartError(UsageError):
    """A chart or chord that cannot be read.

    Args:
        message: what is wrong.
        text: the whole text that was being read.
        position: index into `text` where the trouble begins.
    """

    code = "chart"

    def __init__(self, message: str, text: str = "", position: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.text = text
        self.position = position

    def __str__(self) -> str:
        return f"{self.message} at character {self.position + 1}" if self.text else self.message

    def marked(self) -> str:
        """The line of text that holds the place, an arrow before it; a long one cut to what is around."""
        start = self.text.rfind("\n", 0, self.position) + 1
        end = self.text.find("\n", self.position)
        end = end if end >= 0 else len(self.text)
        low, high = max(start, self.position - AROUND), min(end, self.position + AROUND)
        before = ("..." if low > start else "") + self.text[low : self.position]
        return before + "-->" + self.text[self.position : high] + ("..." if high < end else "")


class MessageError(UsageError):
    code = "message"


class FailureError(JamdError):
    code = "failure"


class AudioError(FailureError):
    code = "audio"


class EngineError(FailureError):
    code = "engine"


class ChannelClosed(FailureError):
    code = "channel"


class AdapterError(FailureError):
    code = "adapter"
