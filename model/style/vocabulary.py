"""Words that musicians describe a style with, and what each asks for. No torch.

Phrases are found from left to right as whole words, of those that begin at one place the longest. Hyphens are as good as spaces. What
stands behind `no`, `not`, `without` asks for nothing, `less` for the opposite.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from jamd.contract.units import PARTS

_FEELS: Final = {
    "swing": "swing, swings, swinging, bebop, be bop, bop, hard bop, hardbop, post bop, cool jazz, straight ahead, blues, bluesy, shuffle,"
             " big band, mainstream, dixieland, gypsy jazz, light swing, heavy swing, hard swinging, swings hard",
    "bossa": "bossa, bossa nova, latin, brazilian, samba, rumba, calypso",
    "ballad": "ballad, ballads, torch song, lullaby",
    "waltz": "waltz, waltzes, waltzing, three four, 3/4",
    "modal": "modal, dorian, spiritual jazz",
    "funk": "funk, funky, soul, soul jazz, boogaloo, backbeat, hip hop, boom bap, r&b, disco, techno, deep house, house music, house beat,"
            " house groove, tech house, acid jazz, lo fi, lofi, nu jazz, breakbeat, fusion",
}  # fmt: skip
_WEAK_FEELS: Final = {
    "swing": "walking", "ballad": "slow, tender, romantic, serenade", "modal": "open, vamp, drone",
    "funk": "straight, straight eighths, groove",
}  # fmt: skip
"""Said of other feels too: they count where no other word of a feel stands in the prompt."""
_SOUNDS: Final[dict[str, dict[str, tuple[str, str, str]]]] = {
    "piano": {
        "grand": ("acoustic piano, grand", "grand piano", ""), "steinway": ("", "", "steinway, concert grand, concert piano"),
        "yamaha": ("", "", "yamaha, studio grand"),
        "bright": ("bright", "upright piano", "bright piano, bright upright piano, honky tonk, tinkling"),
        "rhodes": ("electric, lo fi, lofi", "", "rhodes, wurlitzer, wurli, electric piano, e piano, epiano, fender rhodes"),
        "vibes": ("", "", "vibes, vibraphone, vibraharp, marimba"),
        "guitar": ("gypsy jazz", "", "guitar, jazz guitar, electric guitar, muted guitar, archtop"),
        "organ": ("", "", "organ, hammond, b3, hammond organ, hammond b3, organ trio"),
    },
    "bass": {
        "upright": ("", "upright, upright bass, double bass, acoustic bass, contrabass, electric upright bass", ""),
        "electric": ("", "electric bass, bass guitar, e bass, fender bass, slap bass", ""),
        "fretless": ("", "", "fretless, fretless bass, fretless electric bass, electric fretless bass, fretless bass guitar"),
        "pizzicato": ("", "", "plucked bass, pizzicato, pizz"),
        "synth": ("techno, deep house, house music, house beat, house groove, tech house, electro", "",
                  "synth, synth bass, bass synth, synthesizer, moog, sub bass"),
    },
    "drums": {
        "jazz": ("", "sticks, ride cymbal, jazz kit, jazz drums", ""),
        "brushes": ("", "", "brushes, brush, brushed, brushed drums, brushwork, wire brushes"),
        "standard": ("breakbeat", "rock, rock kit, standard kit, drum set", ""),
        "room": ("", "", "roomy drums, big drums, big drum kit, room kit, boomy drums"),
        "808": ("techno, deep house, house music, house beat, house groove, tech house, electro, trap beat, trap music, edm", "electronic",
                "808, tr 808, tr808, drum machine, drum computer, electronic drums, beat machine"),
    },
    "horn": {
        "trumpet": ("brass", "trumpet, open trumpet, flugelhorn, cornet", ""),
        "muted_trumpet": ("", "", "muted trumpet, muted, harmon, harmon mute, mute"),
        "soprano": ("", "soprano, soprano sax, soprano saxophone", ""), "alto": ("", "alto, alto sax, alto saxophone", ""),
        "tenor": ("sax, saxophone", "tenor, tenor sax, tenor saxophone", ""),
        "baritone": ("", "baritone, baritone sax, baritone saxophone, bari, bari sax", ""), "clarinet": ("", "clarinet, bass clarinet", ""),
        "flute": ("", "flute, flutist, flautist", ""), "trombone": ("", "trombone, bone, slide trombone", ""),
        "weresax": ("", "", "growling sax, growling, rough sax, gritty saxophone, gritty sax"),
    },
}  # fmt: skip
"""General words, which leave a player's own instrument alone; its name; and words that say more than a name beside them. Some words say
more than one thing: techno is a feel, a kit and a bass."""
_ROOMS: Final = {
    "dry": "dry, bone dry, no reverb, without reverb, close and dry, close miked, anechoic",
    "studio": "in a studio, in the studio, studio recording, studio sound",
    "club": "club, in a bar, tiny bar, small bar, smoky, smoky bar, cellar, jazz club, basement club, late at night in a bar",
    "hall": "in a hall, big hall, large hall, concert hall, hall reverb, hall sound, cathedral, in a church, big church, long reverb,"
            " reverb, ambient, reverberant, cavernous",
}  # fmt: skip
_LEANS: Final[dict[str, tuple[tuple[float, str], ...]]] = {
    "energy": (
        (-0.3, "mellow, laid back, quiet, quietly, soft, softly, calm, gentle, gently, relaxed, hushed, low key, intimate, tranquil,"
               " chilled, chill, subdued, tender, lullaby, sleepy, dreamy, delicate, whispering, late night, lounge, melancholy, sad,"
               " meditative, ambient, pianissimo, moody, low energy"),
        (0.3, "fiery, energetic, high energy, hot, intense, driving, loud, loudly, wild, burning, hard hitting, ferocious, punchy, red hot,"
              " burner, screaming, aggressive, powerful, explosive, blazing, furious, raging, heavy, fortissimo, big band, thunderous,"
              " frantic"),
    ),
    "density": (
        (-0.3, "sparse, sparsely, few notes, lots of space, spacious, uncluttered, minimal, minimalist, plenty of rests, economical,"
               " simple, empty, airy, roomy phrasing, meditative, ambient, half the notes"),
        (0.3, "busy, dense, lots of notes, many notes, packed, notey, crowded, torrential, virtuosic, flurries, sheets of sound, restless,"
              " intricate, sheets of notes, frantic"),
    ),
    "register": (
        (-0.3, "low register, down low, dark, deep register, low notes, in the basement, dark and deep"),
        (0.3, "high register, up high, high notes, top of the range, in the stratosphere, high and bright, screaming"),
    ),
    "swing": (
        (0.05, "deep triplets, heavy triplet feel, lilting, loping, greasy, heavy swing, hard swinging, swings hard, shuffle"),
        (-0.05, "even eighths, level eighths, flat eighths, almost even eighths, light swing"),
    ),
    "lag": (
        (0.035, "behind the beat, laid back, dragging, dragging a little, lazy, lazy time, late on the beat, hanging back, drags"),
        (-0.025, "on top of the beat, on top of it, ahead of the beat, pushing, pushing the time, leaning forward, on its toes, rushing"),
    ),
    "legato": (
        (0.35, "legato, long notes, sustained, singing lines, smooth, held notes, flowing, lyrical"),
        (-0.8, "staccato, short notes, clipped, detached, choppy, chopped, snappy notes, stabs"),
    ),
    "wide": (
        (1.0, "wide voicings, wide chords, wide rootless chords, open voicings, open position, spread voicings, spread chords,"
              " spread rootless chords, spread four note chords, drop two, drop 2, drop two chords, drop 2 voicings"),
        (-1.0, "close voicings, close position, tight voicings, block chords, locked hands"),
    ),
}  # fmt: skip
"""What is added to the knob of the name; to the share of the beat that the first eighth takes for `swing`; beats that piano and horn
play behind the beat for `lag`; powers of two of their notes' lengths for `legato`; above 0 the piano's chords are in open position, below
0 in close position, for `wide`."""
LEANS: Final = tuple(_LEANS)
_VOICINGS: Final = {
    "rootless": "rootless, rootless voicings, rootless chords, rootless left hand, wide rootless chords, spread rootless chords",
    "drop2": "drop two, drop 2, drop two chords, drop 2 voicings, four note chords, spread four note chords",
    "shell": "shell voicings, shells, bare shells, shell chords, two note chords, thirds and sevenths, guide tones",
    "triad": "triads, plain triads, simple chords, stride, stride chords, three note chords, old time harmony",
    "quartal": "quartal, quartal voicings, quartal harmony, fourths, stacked fourths, fourth chords, chords in fourths",
}
MOST: Final = {"energy": 0.45, "density": 0.45, "register": 0.45, "swing": 0.06, "lag": 0.05, "legato": 1.0, "wide": 1.0}
"""However much is said."""
_NOTHING: Final = (
    "open hi hat",
    "open hi hats",
    "open hat",
    "open house",
    "full house",
    "synth pad",
    "synth pads",
    "coffee house",
    "walk in the park",
)
"""Phrases with a word in them that would ask for something else alone."""
_MORE: Final = {
    "very": 1.5,
    "really": 1.5,
    "extremely": 1.5,
    "super": 1.5,
    "so": 1.5,
    "slightly": 0.5,
    "somewhat": 0.5,
    "bit": 0.5,
    "less": -0.5,
}
_SKIPPED: Final = ("a", "an", "the", "any", "of", "too", "that", "much", "big", "more")
"""Between `no` and what is not wanted, these may stand, and those of `_MORE`."""
_NOT: Final = ("no", "not", "without", "never", "neither", "nor", "isn't", "don't")
_JOINS: Final = ("or", "nor")


class Meaning(NamedTuple):
    """One thing that a phrase asks for."""

    kind: str
    """feel, room, voicing, a part, or one of LEANS."""
    value: str
    """Of a feel, a room, a voicing or a part's sound."""
    amount: float = 0.0
    """Of a lean."""
    rank: int = 1
    """Of two meanings of a kind the higher one holds, else the later one. A part's sound of rank 0 is no instrument's name."""


def _split(phrases: str) -> list[str]:
    return [phrase.strip() for phrase in phrases.split(",") if phrase.strip()]


def _every() -> Iterator[tuple[str, Meaning]]:
    for kind, rank, table in (("feel", 1, _FEELS), ("feel", 0, _WEAK_FEELS), ("room", 1, _ROOMS), ("voicing", 1, _VOICINGS)):
        for value, phrases in table.items():
            yield from ((phrase, Meaning(kind, value, rank=rank)) for phrase in _split(phrases))
    for part in PARTS:
        for value, ranks in _SOUNDS[part].items():
            for rank, phrases in enumerate(ranks):
                yield from ((phrase, Meaning(part, value, rank=rank)) for phrase in _split(phrases))
    for kind, sides in _LEANS.items():
        for amount, phrases in sides:
            yield from ((phrase, Meaning(kind, "", amount)) for phrase in _split(phrases))


def _table() -> dict[str, tuple[Meaning, ...]]:
    out: dict[str, tuple[Meaning, ...]] = {phrase: () for phrase in _NOTHING}
    for phrase, meaning in _every():
        out[phrase] = (*out.get(phrase, ()), meaning)
    return out


PHRASES: Final = _table()
_ANY: Final = re.compile(r"(?<!\w)(" + "|".join(re.escape(phrase) for phrase in sorted(PHRASES, key=len, reverse=True)) + r")(?!\w)")
_SPACES: Final = re.compile(r"[\s_‐-―-]+")
_CLAUSES: Final = re.compile(r"[,.;:!?|()]| but | with ")


def meanings(text: str) -> list[Meaning]:
    """What a prompt asks for, in the order of its words; how much of a lean by the word before it (very, slightly, less, no)."""
    text, out = _SPACES.sub(" ", text.lower()), []
    end, refused = 0, False
    for match in _ANY.finditer(text):
        joined = text[end : match.start()].strip() in _JOINS
        before = re.findall(r"[\w&']+", _CLAUSES.split(text[: match.start()])[-1])
        factor = _MORE.get(before[-1], 1.0) if before else 1.0
        while before and (before[-1] in _SKIPPED or before[-1] in _MORE):
            before.pop()
        refused = bool(before and before[-1] in _NOT) or (joined and refused)
        end = match.end()
        if not refused:
            out += [one._replace(amount=one.amount * factor) for one in PHRASES[match[1]] if factor > 0 or one.kind in LEANS]
    return out
