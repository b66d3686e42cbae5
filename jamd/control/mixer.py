"""The mixer's desk: the level of the mix."""

from __future__ import annotations

from typing import Any

from jamd.contract.layout import AudioOp
from jamd.contract.units import db_to_linear
from jamd.control.desk import Desk


def linear(decibels: float) -> float:
    """-90 dB is off."""
    return db_to_linear(decibels) if decibels > -90 else 0.0


class Mixer(Desk):
    """Actions of `/gain`."""

    def gain(self, decibels: float) -> None:
        self.push(AudioOp.MASTER_GAIN, self.now, value=linear(decibels))
        self.state.gain_db = decibels

    def restore(self) -> None:
        """For an audio process that has just come up."""
        self.gain(self.state.gain_db)

    def value(self, action: str, which: Any) -> Any:
        return self.state.gain_db
