"""Words that musicians describe a style with, and what each asks for. No torch.

Phrases are found longest first, as whole words; one that follows `no`, `not` or `without` asks for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from jamd.contract.units import PARTS

FEELS: Final = {
    "swing": "swing, swings, swinging, bebop, bop, hard bop, hardbop, post-bop, post bop, cool jazz, straight-ahead, straight ahead,"
             " blues, bluesy, shuffle, big band, walking, mainstream, dixieland, gypsy jazz, light swing, heavy swing, hard swinging,"
             " swings hard",
    "bossa": "bossa, bossa nova, latin, brazilian, samba, rumba, calypso",
    "ballad": "ballad, ballads, slow, tender, torch song, lullaby, romantic, serenade",
    "waltz": "waltz, waltzes, waltzing, three-four, 3/4",
    "modal": "modal, open, vamp, dorian, drone, spiritual jazz",
    "funk": "funk, funky, straight, straight eighths, soul, soul jazz, groove, boogaloo, backbeat, hip hop, hip-hop, boom bap, r&b,"
            " disco, techno, house, deep house, acid jazz, lo-fi, lofi, nu jazz, breakbeat, fusion",
}  # fmt: skip
SOUND_WORDS: Final[dict[str, dict[str, str]]] = {
    "piano": {
        "grand": "grand, grand piano, acoustic piano", "steinway": "steinway, concert grand, concert piano",
        "yamaha": "yamaha, studio grand", "bright": "bright piano, upright piano, honky-tonk, honky tonk, tinkling, bright",
        "rhodes": "rhodes, wurlitzer, wurli, electric piano, e-piano, epiano, e piano, fender rhodes, suitcase, lo-fi, lofi, electric",
        "vibes": "vibes, vibraphone, vibraharp, mallets, marimba", "guitar": "guitar, jazz guitar, electric guitar, archtop, gypsy jazz",
        "organ": "organ, hammond, b3, hammond organ, hammond b3, organ trio",
    },
    "bass": {
        "upright": "upright, upright bass, double bass, acoustic bass, contrabass",
        "electric": "electric bass, bass guitar, e-bass, fender bass, slap bass", "fretless": "fretless, fretless bass",
        "pizzicato": "plucked bass, pizzicato, pizz",
        "synth": "synth, synth bass, bass synth, synthesizer, moog, sub bass, techno, house, deep house, electro",
    },
    "drums": {
        "jazz": "sticks, ride, ride cymbal, jazz kit, jazz drums",
        "brushes": "brushes, brush, brushed, brushed drums, brushwork, wire brushes",
        "standard": "rock, rock kit, standard kit, drum set, breakbeat", "room": "roomy drums, big drums, big drum kit, room kit,"
                    " boomy drums",
        "808": "808, tr-808, tr808, drum machine, drum computer, electronic drums, electronic, techno, house, deep house, electro,"
               " trap, edm,"
               " beat machine",
    },
    "horn": {
        "trumpet": "trumpet, open trumpet, flugelhorn, brass, cornet", "muted_trumpet": "muted trumpet, muted, harmon, harmon mute, mute",
        "soprano": "soprano, soprano sax, soprano saxophone", "alto": "alto, alto sax, alto saxophone",
        "tenor": "tenor, tenor sax, tenor saxophone, sax, saxophone",
        "baritone": "baritone, baritone sax, baritone saxophone, bari, bari sax", "clarinet": "clarinet, bass clarinet",
        "flute": "flute, flutist, flautist", "trombone": "trombone, bone, slide trombone",
        "weresax": "growling sax, growling, rough sax, gritty saxophone, gritty sax",
    },
}  # fmt: skip
"""Some words say more than one thing: techno is a feel, a kit and a bass."""
ROOMS: Final = {
    "dry": "dry, bone dry, no reverb, close and dry, close-miked, anechoic",
    "studio": "studio, in a studio, studio recording",
    "club": "club, in a club, in a bar, tiny bar, small bar, smoky, smoky bar, cellar, jazz club, basement club, late at night in a bar",
    "hall": "hall, concert hall, big hall, cathedral, church, long reverb, reverb, ambient, spacious reverb, reverberant, cavernous",
}
_LEANS: Final[dict[str, tuple[tuple[float, str], ...]]] = {
    "energy": (
        (-0.3, "mellow, laid-back, laid back, quiet, quietly, soft, softly, calm, gentle, gently, relaxed, hushed, low-key, intimate,"
               " tranquil,"
               " chilled, chill, subdued, tender, lullaby, sleepy, dreamy, delicate, whispering, late-night, late night, lounge,"
               " melancholy, sad,"
               " meditative, ambient, pianissimo, moody, low energy, low-energy"),
        (0.3, "fiery, energetic, high energy, hot, intense, driving, loud, loudly, wild, high-energy, burning, hard-hitting,"
              " ferocious, punchy, red-hot, burner,"
              " screaming, aggressive, powerful, explosive, blazing, furious, raging, heavy, fortissimo, big band, thunderous, frantic"),
    ),
    "density": (
        (-0.3, "sparse, sparsely, few notes, lots of space, spacious, uncluttered, minimal, minimalist, plenty of rests, economical,"
               " simple, empty,"
               " open, airy, roomy phrasing, meditative, ambient, half the notes"),
        (0.3, "busy, dense, lots of notes, many notes, packed, notey, crowded, torrential, virtuosic, flurries, sheets of sound,"
              " restless,"
              " intricate, sheets of notes, frantic"),
    ),
    "register": (
        (-0.3, "low register, down low, dark, deep register, low notes, in the basement, low, dark and deep"),
        (0.3, "high register, up high, high notes, top of the range, in the stratosphere, high and bright, high, screaming"),
    ),
    "swing": (
        (0.05, "deep triplets, heavy triplet feel, lilting, loping, greasy, heavy swing, hard swinging, swings hard, shuffle"),
        (-0.05, "even eighths, level eighths, flat eighths, almost even eighths, light swing"),
    ),
}  # fmt: skip
"""What is added to the knob of the name; to the share of the beat that the first eighth takes for `swing`."""
LEANS: Final = tuple(_LEANS)
MOST: Final = {"energy": 0.45, "density": 0.45, "register": 0.45, "swing": 0.06}
"""However much is said."""
_MORE: Final = {"very": 1.5, "really": 1.5, "extremely": 1.5, "super": 1.5, "so": 1.5, "slightly": 0.5, "somewhat": 0.5, "bit": 0.5}
_NOTHING: Final = ("house band", "house trio", "full house", "open house", "bar blues", "bass clef")
"""Phrases with a word in them that would ask for something else alone."""
_ARTICLES: Final = ("a", "an", "the", "any", "of")
_NOT: Final = ("no", "not", "without", "never", "less")


class Meaning(NamedTuple):
    """One thing that a phrase asks for."""

    kind: str
    """feel, room, a part, or one of LEANS."""
    value: str
    """Of a feel, a room or a part's sound."""
    amount: float = 0.0
    """Of a lean."""


def _every() -> Iterator[tuple[str, Meaning]]:
    tables = [("feel", FEELS), ("room", ROOMS), *((part, SOUND_WORDS[part]) for part in PARTS)]
    for kind, table in tables:
        for value, phrases in table.items():
            for phrase in phrases.split(","):
                yield phrase.strip(), Meaning(kind, value)
    for kind, sides in _LEANS.items():
        for amount, phrases in sides:
            for phrase in phrases.split(","):
                yield phrase.strip(), Meaning(kind, "", amount)


def _table() -> dict[str, tuple[Meaning, ...]]:
    out: dict[str, tuple[Meaning, ...]] = {}
    for phrase, meaning in _every():
        out[phrase] = (*out.get(phrase, ()), meaning)
    return out | {phrase: () for phrase in _NOTHING}


PHRASES: Final = _table()
_ANY: Final = re.compile(r"(?<![\w-])(" + "|".join(re.escape(phrase) for phrase in sorted(PHRASES, key=len, reverse=True)) + r")(?![\w-])")


def meanings(text: str) -> list[Meaning]:
    """What a prompt asks for, in the order of its words; how much of a lean by the word before it (very, slightly, no)."""
    text, out = text.lower(), []
    for match in _ANY.finditer(text):
        before = [word for word in re.findall(r"[\w&']+", text[: match.start()])[-3:] if word not in _ARTICLES]
        word = before[-1] if before else ""
        if word in _NOT:
            continue
        factor = _MORE.get(word, 1.0)
        out += [one._replace(amount=one.amount * factor) for one in PHRASES[match[1]]]
    return out
