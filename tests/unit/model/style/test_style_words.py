"""What words of a prompt ask for: instruments, feel, room and manner; and that it reaches the band."""

from __future__ import annotations

import numpy as np
import pytest

from jamd.contract.chart import parse_chart
from jamd.contract.clock import Clock
from model.corpus.personas import VOICINGS
from model.corpus.wordings import FEEL, INSTRUMENT, ROOM, TIME, TOUCH, UNRELATED, VOICING
from model.generator.situation import Situation
from model.layers.room import DRY, ROOMS, OwnRoom, check_room, mix_rooms
from model.style.vocabulary import LEANS, MOST, PHRASES, meanings
from model.style.words import PROGRAMS, SOUNDS, Style, read_style


def situation(style: Style) -> Situation:
    return Situation(clock=Clock.started(0, 120.0, 4), charts=[(0, parse_chart("| C |"))], style=style)


def test_words_choose_instruments() -> None:
    def sounds(text: str) -> dict[str, str]:
        return read_style(text).sounds

    assert sounds("hard bop") == SOUNDS
    assert sounds("organ trio with jazz guitar")["piano"] == "guitar"  # the last word of a kind
    assert sounds("soul jazz on a Hammond B3, electric bass") == SOUNDS | {"piano": "organ", "bass": "electric"}
    assert sounds("electric piano") == SOUNDS | {"piano": "rhodes"}
    assert sounds("TR-808 and a muted trumpet") == SOUNDS | {"drums": "808", "horn": "muted_trumpet"}
    assert sounds("slow ballad")["drums"] == "brushes" and sounds("slow ballad with sticks")["drums"] == "jazz"
    assert sounds("ballad over a drum machine")["drums"] == "808"
    assert sounds("tenor sax and trombone")["horn"] == "trombone"
    assert sounds("a bone dry sound")["horn"] == "tenor"
    assert sounds("rhodes:0.2 | vibraphone:0.8")["piano"] == "vibes"  # the heaviest
    assert sounds("vibraphone:-1 | trio") == SOUNDS
    assert sounds("quintet without the trumpet, no flute") == SOUNDS
    assert sounds("deep house") == SOUNDS | {"bass": "synth", "drums": "808"} and sounds("house band") == SOUNDS


def test_a_name_says_more_than_a_general_word() -> None:
    def sounds(text: str) -> dict[str, str]:
        return {part: name for part, name in read_style(text).sounds.items() if name != SOUNDS[part]}

    assert sounds("yamaha grand") == {"piano": "yamaha"} and sounds("Steinway grand piano") == {"piano": "steinway"}
    assert sounds("fretless electric bass") == sounds("electric fretless bass") == sounds("fretless bass guitar") == {"bass": "fretless"}
    assert sounds("electric upright bass") == {} and sounds("808 drum set") == {"drums": "808"}
    assert sounds("harmon-muted trumpet") == sounds("mute trumpet") == {"horn": "muted_trumpet"}
    assert sounds("growling tenor sax") == {"horn": "weresax"} and sounds("bright trumpet") == {"piano": "bright", "horn": "trumpet"}
    assert sounds("coffee house jazz") == sounds("hot house") == sounds("drums with mallets") == {}
    assert read_style("sax quartet").named == frozenset() and read_style("alto sax").named == {"horn"}
    ambiguous = {"piano", "drums", "bass", "sax", "horn", "saxophone"}
    for part, names in PROGRAMS.items():
        for name in set(names) & set(INSTRUMENT):
            said = [text for text in INSTRUMENT[name].usual if text not in ambiguous and meanings(text)]
            assert all(read_style(text).sounds[part] == name for text in said), said


def test_words_choose_feel_and_room() -> None:
    assert read_style("funky soul jazz").feel == "funk" and read_style("Hard Bop").feel == "swing"
    assert read_style("qwertz 123") == Style()
    assert read_style("light swing").feel == "swing"
    for text in ("bossa-nova", "bossa groove", "bossa nova, straight eighths"):
        assert read_style(text).feel == "bossa", text
    assert read_style("ballad with walking bass").feel == "ballad" and read_style("slow 12 bar blues").feel == "swing"
    assert read_style("soul-jazz").feel == read_style("straight eighths").feel == "funk"
    for feel, words in FEEL.items():  # as the corpus says it
        said = [text for text in words.usual if any(one.kind == "feel" for one in meanings(text))]
        assert len(said) >= len(words.usual) // 2 and all(read_style(text).feel == feel for text in said), feel
    assert read_style("ballad in a big hall").room == "hall" and read_style("Jim Hall guitar trio").room is None
    for room, words in ROOM.items():
        assert all(read_style(text).room == room for text in words.usual if text != "clean recording")


def test_what_is_not_wanted_is_not_asked_for() -> None:
    for text in ("not too loud", "not so loud", "not very busy", "neither loud nor busy", "no big reverb", "no trumpet or sax"):
        assert read_style(text) == Style(), text
    assert read_style("not loud but busy").leans.keys() == {"density"}
    assert read_style("no horn, loud drums").leans["energy"] > 0
    assert read_style("less busy").leans["density"] < 0 and read_style("less reverb").room is None


def test_manner_moves_the_knobs() -> None:
    soft = read_style("very quiet, sparse ballad")
    assert soft.leans["energy"] < -0.4 and soft.leans["density"] < -0.2 and "register" not in soft.leans
    assert read_style("quiet").leans["energy"] == -read_style("loud").leans["energy"]
    assert abs(read_style("slightly busy").leans["density"]) < abs(read_style("busy").leans["density"])
    assert read_style("not loud").leans == {}
    half = read_style("loud:0.5 | trio:0.5").leans["energy"]
    assert half == pytest.approx(read_style("loud").leans["energy"] / 2)
    assert read_style("busy:-1").leans["density"] < 0
    everything = read_style("loud wild fiery furious explosive")
    assert everything.leans["energy"] == MOST["energy"]


def test_a_knob_moves_around_what_the_style_leans_to() -> None:
    one = situation(read_style("quiet and busy"))
    assert one.knob("energy") == pytest.approx(0.2) and one.knob("density") == pytest.approx(0.8) and one.knob("register") == 0.5
    one.energy = 1.0
    assert one.knob("energy") == pytest.approx(0.7)
    one.energy = 0.1
    assert one.knob("energy") == 0.0
    one.energy = one.register = None
    assert one.knob("energy") == pytest.approx(0.2) and one.knob("register") is None
    context = one.context(0)
    assert (context.energy, context.register) == (one.knob("energy"), None)
    assert situation(read_style("heavy triplet feel")).swing_at(140.0) > situation(Style()).swing_at(140.0)
    straight = situation(read_style("even eighths"))
    straight.swing = 0.7  # what the knob says holds
    assert straight.swing_at(140.0) == 0.7


def test_a_players_manner_is_told_where_it_is_said() -> None:
    told = situation(read_style("laid back, staccato, stacked fourths, wide voicings")).context(0)
    assert told.lag == (pytest.approx(0.035), 0.0, 0.0, pytest.approx(0.035)) and told.voicing == "quartal" and told.wide == 1.0
    assert told.legato is not None and told.legato[0] == told.legato[3] < 0.6 and told.legato[1:3] == (1.0, 1.0)
    untold = situation(read_style("hard bop")).context(0)
    assert (untold.lag, untold.legato, untold.voicing, untold.wide) == (None,) * 4
    pushing = situation(read_style("on top of the beat, close voicings, legato")).context(0)
    assert pushing.lag is not None and pushing.lag[3] < 0 and pushing.wide == 0.0 and pushing.legato is not None and pushing.legato[0] > 1.2
    assert read_style("drop-two chords").manner() == {"wide": 1.0, "voicing": "drop2"}
    told = {text: read_style(text).manner() for text in ("stacked fourths", "shells", "rootless, wide voicings", "fourths, close voicings")}
    assert [one["wide"] for one in told.values()] == [1.0, 0.0, 1.0, 0.0]  # as their kind has it, where nothing else is said
    for kind, words in VOICING.items():  # as the corpus says it
        said = {text: read_style(text).voicing for text in words.usual if text != "block chords"}
        assert set(said.values()) == {"rootless" if kind == "rootless_b" else kind}, said
    for text in TIME["late"].usual + TOUCH["long"].usual:
        assert {"lag", "legato"} & read_style(text).leans.keys() and max(read_style(text).leans.values()) > 0, text
    for text in TIME["early"].usual + TOUCH["short"].usual:
        assert min(read_style(text).leans.values()) < 0, text


def test_words_about_anything_else_ask_for_nothing() -> None:
    known = {"techno", "synth", "synthesizer", "ambient", "drone", "screaming", "edm", "rock", "open", "disco"}
    asking = [word for word in UNRELATED if meanings(word)]
    assert set(asking) <= known


def test_the_vocabulary_is_of_things_that_there_are() -> None:
    values = {kind: {one.value for asked in PHRASES.values() for one in asked if one.kind == kind} for kind in (*PROGRAMS, "room")}
    assert values == {part: set(names) for part, names in PROGRAMS.items()} | {"room": set(ROOMS)}
    assert all(check_room(np.array(params, np.float32)) for params in ROOMS.values())
    kinds = {one.kind for asked in PHRASES.values() for one in asked}
    assert kinds == {"feel", "room", "voicing", *PROGRAMS, *LEANS}
    assert {one.value for asked in PHRASES.values() for one in asked if one.kind == "voicing"} <= set(VOICINGS)


def test_the_room_that_is_asked_for_is_added_to_the_players_own() -> None:
    own = OwnRoom()
    mixed = mix_rooms([(own.params, 1.0), (np.array(ROOMS["hall"], np.float32), 1.0)])
    assert mixed == pytest.approx(ROOMS["hall"])
    both = mix_rooms([(np.array(ROOMS["club"], np.float32), 1.0), (np.array(ROOMS["hall"], np.float32), 1.0)])
    assert both[0] == pytest.approx(ROOMS["club"][0] + ROOMS["hall"][0]) and ROOMS["club"][1] < both[1] < ROOMS["hall"][1]
    assert mix_rooms([]) == pytest.approx(DRY)
