"""Where an outside clock was: bridges make observations too, so the type is the contract's."""

from jamd.contract.observation import Observation

__all__ = ["Observation"]
