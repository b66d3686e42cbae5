"""Invented players: habits of time, touch, harmony and sound that a piece of the corpus can take on. No torch.

None of them is a real musician. Each leads its piece: its feels, tempo and timing hold for the band, its voicing for the
piano, its instruments for everybody. Six are held out of every training, so that an unknown player can be tested.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

INSTRUMENTS: Final[dict[str, tuple[str, ...]]] = {
    "piano": ("grand", "bright", "rhodes", "vibes", "steinway", "yamaha"),
    "bass": ("upright", "electric", "fretless", "pizzicato"),
    "drums": ("jazz", "brushes", "standard", "room"),
    "horn": ("trumpet", "muted_trumpet", "soprano", "alto", "tenor", "baritone", "clarinet", "flute", "trombone", "weresax"),
}
VOICINGS: Final = ("rootless", "rootless_b", "drop2", "shell", "triad", "quartal")
ROOMS: Final = ("dry", "studio", "club", "hall")


@dataclass(frozen=True)
class Persona:
    """How one invented player leads. `part` is the instrument that it plays itself."""

    name: str
    part: str
    description: str
    feels: dict[str, float]
    """Share of its pieces a feel; the sum is 1."""
    tempo: tuple[float, float]
    """Lowest and highest tempo in beats a minute."""
    swing: float
    """Added to the share of the beat that the first eighth takes, -0.06..0.06."""
    lag: float
    """Beats that the part plays behind the beat, -0.03..0.04; below 0 it pushes."""
    density: float
    """Added to the density control, -0.5..0.5; so `energy` and `register`."""
    energy: float
    register: float
    legato: float
    """Factor on the lengths of its notes, 0.5..1.3."""
    voicing: str | None
    """Kind of chord voicing of the piano; None: drawn."""
    line_up: tuple[bool, bool, bool, bool] | None
    """Piano, bass, drums, horn that play throughout; None: drawn."""
    instruments: dict[str, str]
    """A sound of INSTRUMENTS for each part."""
    room: str
    """One of ROOMS."""
    held_out: bool


def _p(
    name: str,
    part: str,
    description: str,
    feels: dict[str, float],
    tempo: tuple[float, float],
    time: tuple[float, float],
    lean: tuple[float, float, float],
    legato: float,
    voicing: str | None,
    line_up: str,
    sounds: str,
    room: str,
    held_out: bool = False,
) -> Persona:
    """One row of the table: `time` is (swing, lag), `lean` (density, energy, register), `line_up` initials or "" for drawn."""
    whole = sum(feels.values())
    return Persona(
        name=name, part=part, description=description, feels={feel: share / whole for feel, share in feels.items()}, tempo=tempo,
        swing=time[0], lag=time[1], density=lean[0], energy=lean[1], register=lean[2], legato=legato, voicing=voicing,
        line_up=("p" in line_up, "b" in line_up, "d" in line_up, "h" in line_up) if line_up else None,
        instruments=dict(zip(INSTRUMENTS, sounds.split(), strict=True)), room=room, held_out=held_out,
    )  # fmt: skip


_UP, _MID, _SLOW = (200.0, 300.0), (120.0, 190.0), (56.0, 82.0)

PERSONAS: Final[tuple[Persona, ...]] = (
    # pianists
    _p("Orla Vantongeren", "piano", "fleet bebop pianist, shell voicings and long lines in straight eighths", {"swing": 1}, (220.0, 300.0),
       (-0.04, -0.01), (0.35, 0.2, 0.1), 0.8, "shell", "pbd", "grand upright jazz alto", "club"),
    _p("Dez Quillfeather", "piano", "hard bop pianist, bluesy, digs in and sits behind the beat", {"swing": 0.8, "funk": 0.2},
       (110.0, 190.0),
       (0.03, 0.02), (0.15, 0.3, 0.0), 0.9, "rootless", "pbdh", "yamaha upright jazz tenor", "club"),
    _p("Imre Halloway", "piano", "lyrical trio pianist, soft rootless chords, waltzes and ballads", {"waltz": 0.5, "ballad": 0.5},
       (60.0, 140.0),
       (0.0, 0.015), (-0.15, -0.3, 0.1), 1.25, "rootless", "pbd", "steinway upright brushes flute", "hall"),
    _p("Tamsin Okoro-Lund", "piano", "modal pianist, stacked fourths hammered at high energy", {"modal": 1}, (170.0, 270.0),
       (-0.01, -0.015), (0.25, 0.45, 0.15), 0.85, "quartal", "pbd", "steinway upright jazz soprano", "club"),
    _p("Benno Strakowitz", "piano", "stride and triads, old-time two-handed solo piano", {"swing": 1}, (130.0, 220.0),
       (0.05, 0.0), (0.3, 0.15, -0.05), 0.6, "triad", "p", "bright upright standard clarinet", "dry"),
    _p("Yelena Marchbanks", "piano", "alone at a concert grand, slow, few notes, long pedal", {"ballad": 1}, (56.0, 72.0),
       (0.02, 0.02), (-0.4, -0.35, -0.15), 1.3, "drop2", "p", "steinway upright brushes flute", "hall"),
    _p("Cato Bellweather", "piano", "cool, spare comping, leaves room, never hurries", {"swing": 1}, (110.0, 170.0),
       (-0.02, 0.02), (-0.4, -0.25, 0.05), 0.7, "shell", "pbd", "grand upright brushes tenor", "studio"),
    _p("Rosalba Finisterre", "piano", "bossa pianist, gentle drop-two chords, even and light", {"bossa": 1}, (110.0, 150.0),
       (0.0, 0.0), (-0.05, -0.2, 0.1), 0.95, "drop2", "pbd", "grand upright brushes flute", "studio"),
    _p("Juno Abernethy-Sato", "piano", "electric piano, funk, chopped chords", {"funk": 1}, (90.0, 112.0),
       (0.0, 0.02), (0.2, 0.2, 0.0), 0.55, "rootless_b", "pbd", "rhodes electric standard tenor", "dry"),
    _p("Quincy Dragomirov", "piano", "soul jazz on an electric piano, fat chords and backbeat", {"funk": 0.6, "swing": 0.4}, (92.0, 125.0),
       (0.04, 0.03), (0.05, 0.35, -0.1), 1.0, "triad", "pbdh", "rhodes electric room tenor", "club"),
    _p("Marit Sundqvistgaard", "piano", "northern trio, cool fourths in a wide hall, wide rests", {"modal": 0.6, "ballad": 0.4},
       (70.0, 130.0),
       (-0.03, 0.01), (-0.35, -0.2, 0.2), 1.3, "quartal", "pbd", "steinway upright brushes soprano", "hall"),
    _p("Lionel Ferrantine", "piano", "vibes quartet without horn, bright and swinging", {"swing": 0.8, "bossa": 0.2}, (130.0, 220.0),
       (0.01, -0.005), (0.1, 0.1, 0.25), 1.1, "drop2", "pbd", "vibes upright jazz flute", "studio"),
    _p("Pascale Thorngate", "piano", "vibraphone, slow and shimmering over brushes", {"ballad": 0.7, "waltz": 0.3}, (64.0, 110.0),
       (0.0, 0.0), (-0.2, -0.35, 0.3), 1.3, "rootless_b", "pbd", "vibes pizzicato brushes clarinet", "hall"),
    _p("Garrick Ololade", "piano", "driving up-tempo trio, block chords, loud", {"swing": 1}, (190.0, 270.0),
       (0.02, -0.02), (0.4, 0.4, 0.05), 0.95, "drop2", "pbd", "yamaha upright jazz alto", "club"),
    _p("Henrike Vossbrinck", "piano", "angular, percussive, low clusters and silence", {"swing": 0.7, "modal": 0.3}, (100.0, 160.0),
       (0.06, 0.0), (-0.25, 0.3, -0.3), 0.5, "shell", "pbd", "bright upright jazz tenor", "dry"),
    _p("Solveig Amadi", "piano", "jazz waltz pianist, dancing rootless chords at a brisk three", {"waltz": 1}, (150.0, 215.0),
       (0.02, -0.005), (0.15, 0.1, 0.15), 1.0, "rootless_b", "pbd", "yamaha upright jazz flute", "studio"),
    _p("Wendell Krasnapolsky", "piano", "piano and bass only, conversational mid-tempo swing", {"swing": 0.8, "waltz": 0.2}, (100.0, 160.0),
       (0.03, 0.01), (-0.05, -0.15, 0.0), 1.1, "rootless", "pb", "grand upright brushes clarinet", "studio"),
    _p("Ansel Tremontaine", "piano", "late-night ballad trio, low and dark, far behind the beat", {"ballad": 1}, _SLOW,
       (0.03, 0.04), (-0.25, -0.25, -0.35), 1.2, "rootless_b", "pbd", "yamaha upright brushes baritone", "club", True),
    _p("Priya Lindqvale", "piano", "brisk bossa and samba on a bright piano, busy and pushing", {"bossa": 1}, (145.0, 180.0),
       (0.0, -0.02), (0.3, 0.3, 0.25), 0.7, "rootless", "pbd", "bright fretless room alto", "studio", True),
    # horns
    _p("Cyrus Wolfendale", "horn", "bebop alto, torrents of eighths, on top of the beat", {"swing": 1}, (230.0, 300.0),
       (-0.05, -0.015), (0.45, 0.3, 0.2), 0.75, "shell", "pbdh", "grand upright jazz alto", "club"),
    _p("Marguerite Osterhagen", "horn", "big-toned tenor, slow ballads, breathes between phrases", {"ballad": 1}, (56.0, 76.0),
       (0.04, 0.035), (-0.2, -0.1, -0.2), 1.3, "rootless", "pbdh", "steinway upright brushes tenor", "club"),
    _p("Tobias Redfern-Achebe", "horn", "modal tenor, sheets of notes, burning", {"modal": 1}, (190.0, 280.0),
       (0.0, -0.01), (0.5, 0.5, 0.2), 0.9, "quartal", "pbdh", "grand upright jazz tenor", "club"),
    _p("Ilsa Brandywine", "horn", "muted trumpet, cool, half the notes of anybody else", {"swing": 0.5, "ballad": 0.5}, (66.0, 140.0),
       (-0.03, 0.03), (-0.45, -0.35, 0.0), 1.1, "rootless", "pbdh", "grand upright brushes muted_trumpet", "studio"),
    _p("Horatio Pettigrange", "horn", "hard bop trumpeter, brassy and hot", {"swing": 1}, (160.0, 250.0),
       (0.01, -0.01), (0.25, 0.45, 0.3), 0.8, "rootless_b", "pbdh", "yamaha upright jazz trumpet", "club"),
    _p("Delphine Arkwright", "horn", "soprano over an open modal vamp, floating", {"modal": 0.7, "waltz": 0.3}, (100.0, 170.0),
       (-0.02, 0.01), (0.0, -0.1, 0.4), 1.2, "quartal", "pbdh", "steinway upright jazz soprano", "hall"),
    _p("Bo Casimir", "horn", "breathy bossa tenor, soft and level", {"bossa": 1}, (96.0, 140.0),
       (0.0, 0.025), (-0.15, -0.3, -0.05), 1.2, "drop2", "pbdh", "grand upright brushes tenor", "studio"),
    _p("Winifred Tanaka-Holt", "horn", "flute, light bossa and quick waltzes, high and airy", {"bossa": 0.6, "waltz": 0.4}, (120.0, 180.0),
       (0.0, 0.0), (0.1, -0.1, 0.35), 1.0, "drop2", "pbdh", "grand upright brushes flute", "studio"),
    _p("Gus Ravensworth", "horn", "baritone sax, gruff hard bop in the cellar", {"swing": 0.8, "funk": 0.2}, (100.0, 180.0),
       (0.04, 0.02), (0.1, 0.35, -0.45), 0.7, "shell", "pbdh", "yamaha upright jazz baritone", "club"),
    _p("Leopold Nightingale-Roux", "horn", "clarinet, old swing with stride piano", {"swing": 1}, (140.0, 240.0),
       (0.05, 0.0), (0.25, 0.1, 0.3), 0.85, "triad", "pbdh", "bright pizzicato standard clarinet", "dry"),
    _p("Saskia Oyelaran", "horn", "trombone, warm, slides late into the beat", {"swing": 0.6, "ballad": 0.4}, (70.0, 150.0),
       (0.03, 0.04), (-0.2, 0.0, -0.3), 1.25, "rootless", "pbdh", "grand upright jazz trombone", "hall"),
    _p("Rex Tumbleston", "horn", "funk alto, staccato riffs over an electric bass", {"funk": 1}, (98.0, 125.0),
       (0.0, -0.005), (0.3, 0.4, 0.15), 0.5, "rootless_b", "pbdh", "rhodes electric standard alto", "dry"),
    _p("Agnes Wetherspoole", "horn", "growling sax, greasy soul grooves", {"funk": 0.7, "swing": 0.3}, (84.0, 115.0),
       (0.05, 0.035), (0.1, 0.5, -0.15), 1.0, "triad", "pbdh", "bright electric room weresax", "club"),
    _p("Mordecai Ashgrove", "horn", "pianoless trio: tenor, bass and drums, stern and free with the time", {"swing": 0.7, "modal": 0.3},
       (150.0, 240.0), (0.0, 0.01), (0.3, 0.25, -0.1), 0.85, "shell", "bdh", "grand upright jazz tenor", "studio"),
    _p("Fenella Stroud-Okafor", "horn", "trumpet and piano, a duo of slow songs", {"ballad": 0.8, "waltz": 0.2}, (58.0, 100.0),
       (0.0, 0.02), (-0.3, -0.2, 0.15), 1.2, "drop2", "ph", "steinway upright brushes trumpet", "hall"),
    _p("Jasper Lowenthorpe", "horn", "alto and bass alone, cool and linear", {"swing": 1}, (140.0, 210.0),
       (-0.04, 0.015), (0.2, -0.2, 0.1), 1.0, "shell", "bh", "grand upright brushes alto", "dry"),
    _p("Ottoline Vasquez-Reid", "horn", "waltzing soprano, bright and quick", {"waltz": 1}, (140.0, 200.0),
       (0.02, -0.01), (0.3, 0.2, 0.45), 0.85, "quartal", "pbdh", "yamaha upright jazz soprano", "studio"),
    _p("Silas Underhay", "horn", "burly mid-tempo tenor, swings hard, wide vibrato, low register", {"swing": 1}, (110.0, 170.0),
       (0.06, 0.03), (0.0, 0.35, -0.4), 1.15, "rootless", "pbdh", "yamaha upright jazz tenor", "club", True),
    _p("Calliope Brandt-Mensah", "horn", "modal trumpet, sparse cries in a big hall", {"modal": 0.8, "ballad": 0.2}, (80.0, 150.0),
       (-0.02, 0.0), (-0.35, 0.2, 0.4), 1.3, "quartal", "pbdh", "steinway upright room trumpet", "hall", True),
    # bassists
    _p("Magnus Tredinnick", "bass", "upright, walks on top of the beat at any speed", {"swing": 1}, (200.0, 290.0),
       (0.0, -0.02), (0.2, 0.15, -0.1), 0.9, "rootless", "pbd", "grand upright jazz tenor", "club"),
    _p("Odalys Fernsby", "bass", "big slow woody notes, deep behind the beat", {"ballad": 0.5, "swing": 0.5}, (60.0, 120.0),
       (0.03, 0.035), (-0.3, -0.1, -0.4), 1.3, "rootless_b", "pbd", "grand upright brushes baritone", "studio"),
    _p("Kit Barrowclough", "bass", "electric funk bass, short and syncopated", {"funk": 1}, (94.0, 120.0),
       (0.0, 0.0), (0.4, 0.25, -0.15), 0.55, "rootless", "pbd", "rhodes electric room alto", "dry"),
    _p("Noemi Castellanova", "bass", "fretless, singing bossas and ballads", {"bossa": 0.6, "ballad": 0.4}, (66.0, 130.0),
       (0.0, 0.02), (-0.1, -0.25, 0.2), 1.25, "drop2", "pbd", "rhodes fretless brushes soprano", "studio"),
    _p("Thaddeus Igbinedion", "bass", "solo bass, walking alone", {"swing": 1}, (100.0, 160.0),
       (0.02, 0.01), (0.1, 0.0, -0.2), 1.0, "shell", "b", "grand upright brushes tenor", "dry"),
    _p("Verity Holmqvist", "bass", "bass and drums in duo, tight and quick, a thudding plucked tone", {"swing": 0.7, "modal": 0.3},
       (160.0, 250.0), (0.01, -0.01), (0.25, 0.2, 0.0), 0.7, "shell", "bd", "grand pizzicato jazz tenor", "studio"),
    _p("Ewan Sorrelwood", "bass", "fretless modal grooves, sparse, mid tempo, with a horn on top", {"modal": 1}, (100.0, 150.0),
       (-0.04, 0.02), (-0.2, 0.1, -0.3), 1.2, "quartal", "pbdh", "vibes fretless room weresax", "studio", True),
    # drummers
    _p("Zeke Mulvaney-Adu", "drums", "explosive hard bop drummer, pushes", {"swing": 1}, (180.0, 280.0),
       (0.0, -0.025), (0.35, 0.5, 0.0), 0.85, "rootless_b", "pbdh", "yamaha upright jazz trumpet", "club"),
    _p("Petra Lisle", "drums", "brushes, whisper-quiet trio swing", {"swing": 0.7, "waltz": 0.3}, (90.0, 150.0),
       (0.03, 0.01), (-0.2, -0.5, 0.0), 1.05, "rootless", "pbd", "grand upright brushes clarinet", "dry"),
    _p("Caspian Doyle-Ekwueme", "drums", "rolling polyrhythmic modal drummer, quartet", {"modal": 0.8, "waltz": 0.2}, (140.0, 230.0),
       (0.02, 0.005), (0.45, 0.4, -0.05), 1.0, "quartal", "pbdh", "grand upright jazz soprano", "hall"),
    _p("Lottie Barraclaude", "drums", "shuffle drummer, heavy triplets, blues club", {"swing": 1}, (100.0, 140.0),
       (0.06, 0.02), (0.05, 0.3, -0.1), 0.9, "triad", "pbdh", "bright electric room trombone", "club"),
    _p("Dag Winterbourne", "drums", "straight-eighths studio groove, dry kit, exact", {"funk": 0.6, "bossa": 0.4}, (95.0, 125.0),
       (-0.02, 0.0), (0.0, 0.05, 0.1), 0.75, "drop2", "pbd", "rhodes fretless standard flute", "dry"),
    _p("Ines Carvalhosa", "drums", "samba-school drive under flute and vibes", {"bossa": 1}, (135.0, 180.0),
       (0.0, -0.015), (0.35, 0.3, 0.2), 0.8, "triad", "pbdh", "vibes upright room flute", "hall"),
    _p("Rufus Applegarth", "drums", "middle-tempo swing, dancing ride, everything in its place", {"swing": 1}, _MID,
       (0.02, 0.0), (0.0, 0.05, 0.0), 0.95, None, "", "grand upright jazz tenor", "studio"),
    _p("Tuppence Halvorsen", "drums", "open house: any line-up, any tune called, fast", {"swing": 0.6, "modal": 0.2, "bossa": 0.2},
       (150.0, 240.0),
       (-0.01, -0.005), (0.1, 0.2, 0.1), 0.9, None, "", "yamaha upright jazz alto", "club"),
    _p("Barnaby Kestrelton", "drums", "flat-out sticks at breakneck tempo, dry and crisp, trio", {"swing": 1}, _UP,
       (-0.05, -0.03), (0.2, 0.35, 0.2), 0.65, "quartal", "pbd", "bright upright standard muted_trumpet", "dry", True),
)  # fmt: skip
_BY_NAME: Final = {one.name: one for one in PERSONAS}


def persona(name: str) -> Persona:
    """The persona of a name.

    Raises:
        ValueError: nobody has this name.
    """
    if name not in _BY_NAME:
        raise ValueError(f"no persona {name!r}")
    return _BY_NAME[name]


def training_personas() -> tuple[Persona, ...]:
    """Those that a training may use."""
    return tuple(one for one in PERSONAS if not one.held_out)


def held_out_personas() -> tuple[Persona, ...]:
    """The six that no training sees."""
    return tuple(one for one in PERSONAS if one.held_out)
