"""Synonyms of everything that a caption can say, some of them held out of training. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np


@dataclass(frozen=True)
class Words:
    """Ways to say one thing; `held_out` are for tests alone."""

    usual: tuple[str, ...]
    held_out: tuple[str, ...] = ()

    def draw(self, rng: np.random.Generator, held_out: bool) -> str:
        """One of the usual ways; with `held_out` one of the others in a third of the cases."""
        pool = self.held_out if held_out and self.held_out and rng.random() < 0.33 else self.usual
        return pool[int(rng.integers(len(pool)))]


def _w(usual: str, held_out: str = "") -> Words:
    def split(text: str) -> tuple[str, ...]:
        return tuple(one.strip() for one in text.split("|") if one.strip())

    return Words(split(usual), split(held_out))


FEEL: Final[dict[str, Words]] = {
    "swing": _w("swing | swing tune | straight-ahead swing | bop | bebop | hard bop | swinging four | swinging jazz tune | mainstream swing"
                " | blues shuffle | 4/4 swing | walking swing | post-bop", "straight-ahead jazz | swinger"),
    "bossa": _w("bossa nova | bossa | brazilian tune | samba | latin tune | bossa groove | brazilian bossa | latin jazz | light samba",
                "rio beach tune | south american tune"),
    "ballad": _w("ballad | jazz ballad | tender ballad | torch song | slow ballad | love song | romantic ballad | lullaby",
                 "slow dance | serenade"),
    "waltz": _w("waltz | jazz waltz | three-four tune | 3/4 tune | tune in three | waltz time | waltzing tune | jazz in 3/4",
                "triple-metre tune | three-to-the-bar tune"),
    "modal": _w("modal tune | modal jazz | modal vamp | open modal jazz | dorian vamp | two-chord vamp | static harmony | modal piece",
                "mode-based tune | one-chord trip"),
    "funk": _w("funk | funky tune | soul jazz | jazz funk | funk groove | straight-eighths groove | boogaloo | backbeat groove"
               " | funky soul jazz", "rhythm and blues pocket | r&b groove"),
}  # fmt: skip
_TEMPO: Final = (
    (72.0, _w("very slow | really slow | crawling | dead slow", "glacial | largo")),
    (100.0, _w("slow | unhurried | easy | slow-ish | walking pace", "leisurely")),
    (140.0, _w("medium | mid-tempo | moderate | medium tempo | middle tempo", "strolling | andante")),
    (190.0, _w("medium up | brisk | moving | medium-fast | bouncy | up-ish", "sprightly")),
    (235.0, _w("fast | uptempo | up | quick | up-tempo", "speedy | allegro")),
    (1e9, _w("very fast | burner | burning tempo | breakneck | blazing | really fast", "lightning fast | presto")),
)
INSTRUMENT: Final[dict[str, Words]] = {
    "grand": _w("piano | grand piano | acoustic piano | piano", "keys"),
    "bright": _w("bright piano | bright upright piano | tinkling piano | piano", "honky-tonk piano"),
    "rhodes": _w("rhodes | electric piano | e-piano | rhodes piano", "fender keys"),
    "vibes": _w("vibes | vibraphone | vibes | mallets", "vibraharp"),
    "steinway": _w("concert grand | steinway | concert piano | piano", "nine-foot grand"),
    "yamaha": _w("yamaha grand | studio grand | yamaha piano | piano"),
    "upright": _w("upright bass | double bass | acoustic bass | bass | upright", "contrabass | bull fiddle"),
    "electric": _w("electric bass | bass guitar | e-bass", "fender bass"),
    "fretless": _w("fretless bass | fretless | fretless electric bass"),
    "pizzicato": _w("plucked bass | pizzicato bass | pizz bass", "plucked strings"),
    "jazz": _w("drums | jazz kit | sticks | jazz drums | ride cymbal", "traps"),
    "brushes": _w("brushes | brushed drums | drums with brushes | brushwork", "wire brushes | brushed snare"),
    "standard": _w("drums | standard kit | plain drum kit | drum set", "drumkit"),
    "room": _w("roomy drums | room kit | big drum kit | drums", "boomy drums"),
    "trumpet": _w("trumpet | trumpet | horn | open trumpet", "brass"),
    "muted_trumpet": _w("muted trumpet | harmon mute | trumpet with a mute | muted horn", "stopped trumpet"),
    "soprano": _w("soprano sax | soprano | sax | soprano saxophone", "straight horn"),
    "alto": _w("alto sax | alto | sax | alto saxophone | horn", "alto player"),
    "tenor": _w("tenor sax | tenor | sax | tenor saxophone | horn | saxophone", "tenorist"),
    "baritone": _w("baritone sax | bari | bari sax | baritone | baritone saxophone", "big sax"),
    "clarinet": _w("clarinet | clarinet | jazz clarinet", "liquorice stick"),
    "flute": _w("flute | flute | jazz flute", "flautist"),
    "trombone": _w("trombone | trombone | bone | slide trombone", "slush pump"),
    "weresax": _w("growling sax | rough sax | gritty saxophone | sax", "snarling saxophone"),
}
ENERGY: Final = (
    _w("mellow | laid-back | quiet | soft | calm | gentle | relaxed | hushed | low-key | intimate", "tranquil | chilled | subdued"),
    _w("fiery | energetic | hot | intense | driving | loud | wild | high-energy | burning | hard-hitting", "ferocious | punchy | red-hot"),
)
DENSITY: Final = (
    _w("sparse | few notes | lots of space | spacious | uncluttered | minimal | plenty of rests", "roomy phrasing | economical"),
    _w("busy | dense | lots of notes | full | many notes | packed | notey", "crowded | torrential"),
)
REGISTER: Final = (
    _w("low register | down low | dark and deep | low notes | deep register", "in the basement"),
    _w("high register | up high | high notes | top of the range | high and bright", "in the stratosphere"),
)
ROOM: Final[dict[str, Words]] = {
    "dry": _w("in a dry room | dry sound | close and dry | no reverb", "bone dry"),
    "studio": _w("in a studio | studio sound | in the studio | studio recording", "clean recording"),
    "club": _w("in a club | in a small club | club sound | late at night in a bar", "in a smoky cellar"),
    "hall": _w("in a hall | in a big hall | concert hall sound | with long reverb", "in a cathedral"),
}
TIME: Final[dict[str, Words]] = {
    "late": _w("behind the beat | dragging a little | lazy time | late on the beat", "hanging back"),
    "early": _w("on top of the beat | pushing the time | ahead of the beat | leaning forward", "on its toes"),
    "deep": _w("deep triplets | long-short eighths | heavy triplet feel | lilting eighths", "loping eighths"),
    "even": _w("almost even eighths | level eighths | flat eighths | nearly even time", "even quavers"),
}
TOUCH: Final[dict[str, Words]] = {
    "long": _w("legato | long notes | sustained | singing lines | smooth", "held notes"),
    "short": _w("staccato | short notes | clipped | detached | choppy", "snappy notes"),
}
VOICING: Final[dict[str, Words]] = {
    "rootless": _w("rootless voicings | rootless chords | rootless left hand"),
    "rootless_b": _w("wide rootless chords | rootless voicings | spread rootless chords"),
    "drop2": _w("drop-two chords | drop 2 voicings | block chords", "spread four-note chords"),
    "shell": _w("shell voicings | two-note chords | thirds and sevenths | bare shells", "guide tones"),
    "triad": _w("plain triads | simple chords | stride chords | three-note chords", "old-time harmony"),
    "quartal": _w("stacked fourths | quartal voicings | fourth chords | quartal harmony", "chords in fourths"),
}


def tempo_words(tempo: float) -> tuple[Words, Words]:
    """A tempo in beats a minute as words and as a number, exact or rounded to the nearest 5."""
    word = next(words for limit, words in _TEMPO if tempo < limit)
    exact, near = round(tempo), round(tempo / 5) * 5
    usual = (f"{exact} bpm", f"{near} bpm", f"about {near} bpm", f"tempo {exact}", f"around {near}", f"{exact} beats per minute")
    return word, Words(usual, (f"roughly {near} bpm", f"metronome {exact}"))


def held_out_words() -> frozenset[str]:
    """Every held-out synonym but for the numbers."""
    tables: tuple[dict[str, Words], ...] = (FEEL, INSTRUMENT, ROOM, TIME, TOUCH, VOICING)
    every = [words for table in tables for words in table.values()]
    every += [*ENERGY, *DENSITY, *REGISTER, *(words for _, words in _TEMPO)]
    return frozenset(text for words in every for text in words.held_out)


_UNRELATED: Final = """
year people way day man woman life child world school state family student group country problem place case week company system
program question work government number point home water mother area money story fact month lot right study book eye job word
business issue side head house service friend father power hour game line end member law car city community name president team idea
kid body information parent face others office door health person art war history party result change morning reason research girl
guy moment air teacher force education boy age policy process market sense nation plan college interest death experience effect use
class control field development role effort rate heart drug show leader voice wife police mind price report decision son view
relationship town road arm difference value building action season society tax director position record paper ground form event
official matter center couple site project activity star table court oil situation cost industry figure street image phone data
picture practice land product doctor wall patient worker news test movie north support technology step baby computer type attention
film tree source organization hair look evidence window culture chance brother period course summer plant opportunity term letter
condition choice daughter husband floor campaign material population call economy hospital church risk fire future bank defense
security west sport board subject officer rest behavior goal bed order author blood agency nature color store movement page race
concern series language response animal factor decade article east artist stock career treatment approach size dog fund sign thought
list individual quality pressure answer resource meeting disease success cup amount ability staff character growth loss degree
attack region television box training trade deal election feeling bill message analysis benefit memory weather kitchen tomato soup
recipe cheese pizza bread butter flour sugar salt oven garlic onion chicken coffee tea lemon orange banana apple train plane ship
bicycle engine wheel traffic station ticket passport hotel mountain river forest desert island garden flower grass rain snow wind
storm cloud thunder sun moon planet rocket satellite galaxy atom molecule enzyme protein cell virus bacteria vaccine algorithm
database keyboard server network password software compiler function variable array index kernel thread socket packet protocol
invoice contract lawyer mortgage insurance salary budget pension stockmarket dollar euro warehouse delivery customer factory machine
metal techno trance dubstep drill trap hiphop rap rock punk grunge hardcore thrash western bluegrass gospel opera choir chant
baroque symphony concerto string cello viola violin harp harpsichord bells bagpipes banjo ukulele accordion sitar tabla synth
synthesizer sequencer arpeggio drone noise ambient glitch industrial distorted riff screaming vocals rapper singer lyrics chorus
autotune sidechain wobble edm rave festival stadium anthem march polka tango flamenco reggae ska dub afrobeat highlife raga gamelan
kabuki didgeridoo throat chiptune arcade orchestra epic trailer cinematic horror children nursery rhyme christmas carol are was were
be been have has had does did will would can should may might must go went come came get got make made know knew think take took see
saw say said gave find found tell told ask asked seem felt try leave kept begin began help talk turn start run ran move believe hold
bring brought happen write wrote provide sit sat stand lose pay meet include continue learn understand watch follow create speak
read allow add spend grow walk win offer remember consider appear buy wait serve die send build stay fall cut reach kill remain
suggest raise pass sell require decide return explain hope develop carry break receive agree hit produce eat cover catch draw choose
blue green yellow black white brown purple pink grey new young good bad great own other early important public able different free
sure clear whole certain strong real best better recent common poor natural possible wrong available likely single medical current
huge popular traditional cultural that as his her their our your these those what which who when why not fox jumps lorem ipsum dolor
amet hello goodbye thanks sorry maybe never always often sometimes yesterday tomorrow five six seven eight ten hundred thousand
million first second third last next between under above across through
"""
UNRELATED: Final = tuple(_UNRELATED.split())
"""Words that no caption uses: of these, prompts are made that say nothing about jazz."""


def unrelated_text(rng: np.random.Generator) -> str:
    """A prompt of 2 to 12 words that says nothing about jazz, some of the words made up."""
    words = []
    for _ in range(int(rng.integers(2, 13))):
        if rng.random() < 0.15:
            words.append("".join(chr(97 + int(letter)) for letter in rng.integers(0, 26, int(rng.integers(2, 9)))))
        else:
            words.append(UNRELATED[int(rng.integers(len(UNRELATED)))])
    return " ".join(words)
