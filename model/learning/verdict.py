"""What the guards measure, in words for people. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from model.adapters.format import Guard


@dataclass(frozen=True)
class About:
    """Of a guard."""

    title: str
    describe: str
    """What is measured."""
    value: str
    """How a value is written: a format of one number."""
    fails: str
    """What it means when it fails."""
    at_least: bool = False
    """The value must reach the limit; else it must not exceed it."""


ABOUT: Final = {
    "held_out": About(
        "Held-out playing", "How well recordings are foretold that it never learnt from, beside the base (the ratio of the losses)",
        "{:.3f} times the base's loss", "It has not learnt how you play: recordings that it did not hear surprise it as much as the base.",
    ),
    "held_out_plan": About(
        "Held-out notes", "The same for the notes that were transcribed: what is played, not how it sounds",
        "{:.3f} times the base's loss", "The notes that it learnt do not carry over to playing that it did not hear.",
    ),
    "memorising": About(
        "No copying of sound", "Longest stretch that is equal, code for code, to a clip that it learnt from, also when led into one",
        "{:.2f} s", "It plays back stretches of your recordings instead of playing like you.",
    ),
    "memorising_notes": About(
        "No copying of lines", "Longest run of notes, in any key, that is also in a clip that it learnt from",
        "{:.0f} notes", "It repeats lines of your recordings note for note.",
    ),
    "energy": About(
        "No loss of energy", "Fall of loudness over free running: its end beside its own start and beside the base's end",
        "{:.1f} LU", "Its playing dies away when it runs for a while.",
    ),
    "silence": About(
        "No silence", "Longest silence in free running while parts play", "{:.1f} s", "It stops playing now and then.",
    ),
    "chart": About(
        "Follows the chart", "Share of the sound on chord tones, beside the base on the same charts",
        "{:.0%} of the base's", "It no longer plays the chords that it is asked for.", at_least=True,
    ),
    "tempo": About(
        "Keeps the tempo", "Largest error of the tempo that is heard", "{:.2f} %", "It does not keep the tempo that it is asked for.",
    ),
    "grid": About(
        "Plays in time", "How far onsets lie from the beats and eighths (median), on the whole",
        "{:.1f} ms", "Its onsets do not lie on the beat any more.",
    ),
    "unharmed": About(
        "Base unharmed", "Largest difference of a sample between the base and the base with this adapter at strength 0",
        "{:g}", "Turned down to nothing it still changes what the base plays.",
    ),
}  # fmt: skip
"""By name, in the order in which they are shown."""
NOTHING: Final = 0.0
"""Value of `held_out` and `held_out_plan` where no clip is held out: no ratio of losses is 0."""


def describe(name: str) -> str:
    """One line on what a guard measures; the name itself if it is not one of these."""
    return ABOUT[name].describe if name in ABOUT else name


def title(name: str) -> str:
    """What a guard is called among people."""
    return ABOUT[name].title if name in ABOUT else name


def measured(name: str, guard: Guard) -> str:
    """What was measured and what is allowed, in words."""
    if name not in ABOUT:
        return f"{guard.value:.4g}, limit {guard.limit:.4g}"
    if name.startswith("held_out") and guard.value == NOTHING:
        return "no clip was held out, so nothing is known"
    about = ABOUT[name]
    bound = "at least" if about.at_least else "less than" if name.startswith("held_out") else "at most"
    return f"{about.value.format(guard.value)}, {bound} {about.value.format(guard.limit)} is needed"


def failed(guards: Mapping[str, Guard]) -> list[str]:
    """A sentence for each guard that failed: its title, what was measured, what that means."""
    return [
        f"{title(name)}: {measured(name, guard)}." + (f" {ABOUT[name].fails}" if name in ABOUT else "")
        for name, guard in guards.items()
        if not guard.ok
    ]
