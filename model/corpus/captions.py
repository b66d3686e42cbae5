"""Captions of a piece in very many wordings: tags, sentences, slang, telegrams. No torch.

A template is text with slots in braces. `|` cuts it into segments: a segment is left out where one of its slots has nothing
to say, but for slots with a question mark, which just vanish. `#x` is a list of tags joined by x. About a fifth of the templates
and of the synonyms is held out: these are written only on demand, so that a test can use wordings that no training has seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from jamd.contract.units import PARTS
from model.corpus.personas import Persona
from model.corpus.personas import persona as persona_of
from model.corpus.wordings import DENSITY, ENERGY, FEEL, INSTRUMENT, REGISTER, ROOM, TIME, TOUCH, VOICING, Words, tempo_words

TEMPLATES: Final = (
    "#, ", "# / ", "# ", "#, ", "# - ", "#. ",
    "{energy?} {tempo?} {feel}| with {sound}|, {density}|, {room}",
    "a {energy?} {tempo?} {feel} played by a {band}|, {touch}|, {room}",
    "{band} playing a {energy?} {feel}| at {bpm}|, {density}| and {register}",
    "a {band}, {tempo?} {feel}| in a {energy} mood|, {room}",
    "{feel}| for {band}|, {bpm}|, {energy}|, {density}",
    "{tempo?} {feel}|, {energy}|, {sound}|, {touch}",
    "{energy} {feel}| with {sound}| and {sound2}|, {register}",
    "please play a {tempo?} {feel}| with {sound}|, {energy} and {density?}|, {touch}",
    "give me a {energy?} {feel}|, {tempo}|, {band}| with {sound}",
    "let's do a {tempo?} {feel}|, keep it {energy}|, keep it {density}|, {register}",
    "we need a {tempo?} {feel}| from a {band}|, recorded {room}",
    "ok cats, {tempo?} {feel}|, {touch}|, {energy} all night|, {sound} up front",
    "{feel} thing, {tempo?}|, {energy} vibe|, {sound} blowing|, {density}",
    "count it off {tempo}|: {feel}|, {energy}|, {band}",
    "{bpm}| {feel}|. {band}|. {energy}|. {room}|. {touch}",
    "{sound}| over a {energy?} {feel}|, {tempo}|, {density}",
    "{sound} and {sound2}|, a {tempo?} {feel}|, {energy}",
    "the {band} plays {feel}| {room}|. it is {energy}|. the playing is {density}|. {touch}",
    "this is a {tempo?} {feel}|. {sound} leads|, {energy}|, {register}",
    "{density}, {energy?} {feel}| on {sound}|, {tempo}|, {room}",
    "jazz: {feel}|; {tempo}|; {band}|; {energy}|; {density}",
    "style {feel}| tempo {bpm}| mood {energy}| band {band}| room {room}",
    "something {energy} {room?}|, {feel}| by a {band}|, {bpm}",
    "{energy} and {density} {feel}|, {touch}|, {sound}",
    "{tempo} {feel}|, {touch}|, {touch2}|, {band}",
    "a {band} with {sound}|: {feel}|, {bpm}|, {register}",
    "{room}|: a {energy?} {feel}|, {tempo}| with {sound}",
    "live {room}|, {band}|, {tempo?} {feel}|, {density}",
    "slide into a {energy?} {feel}|, {touch}|, {sound}|, {tempo}",
    "{feel} stop| {tempo} stop| {sound} stop| {energy} stop| {room} stop",
    "i want {feel}|, more {energy}|, {density} lines|, {sound}",
    "background music: {energy?} {feel}| with {sound}|, {room}",
    "{band}|, {register}|, {density}|, {feel}|, {bpm}",
    "play it {energy}|, play it {density}|, {feel}|, {bpm}",
    "could you comp a {tempo?} {feel}| like a {band}|? {energy}|, {touch}",
    "{tempo?} jazz, {feel}|, {sound}| and {sound2}|, {room}",
    "how about some {energy?} {feel}|, {tempo}|, {band}|, {touch}",
)  # fmt: skip
HELD_OUT_TEMPLATES: Final = (
    "# ~ ", "# + ",
    "imagine a {band} in the middle of a {energy?} {feel}|, {tempo}|, {room}",
    "wanted: {feel}|, {bpm}|, {sound} essential|, temper {energy}",
    "tonight's set opens on a {tempo?} {feel}|, where the {band} stays {energy}|, {density}",
    "{sound} takes the melody|, the tune being a {energy?} {feel}|, {tempo}|, {room}",
    "score for a scene: {energy}|, {density}|, {feel}| with {sound}",
    "my favourite kind of {feel}|: {energy}|, {touch}|, {bpm}|, {band}",
    "session notes >> {band} >> {feel}| >> {bpm}| >> {energy}| >> {room}",
    "it goes {tempo}| and it stays {energy}|, a proper {feel}| for {sound}",
)  # fmt: skip
_TAG_SLOTS: Final = ("feel", "tempo", "bpm", "band", "sound", "sound2", "energy", "density", "register", "room", "touch", "touch2")
_SAID: Final = {
    "feel": 0.95, "tempo": 0.7, "bpm": 0.4, "band": 0.75, "sound": 0.85, "sound2": 0.6, "energy": 0.85, "density": 0.7,
    "register": 0.65, "room": 0.5, "touch": 0.75, "touch2": 0.5,
}  # fmt: skip
"""Chance that a slot with something to say says it."""
_SLOT: Final = re.compile(r"\{(\w+)(\??)\}")


def caption(
    rng: np.random.Generator,
    *,
    feel: str,
    tempo: float,
    instruments: Mapping[str, str],
    parts: Sequence[bool],
    density: float,
    energy: float,
    register: float,
    room: str | None,
    persona: Persona | str | None = None,
    held_out: bool = False,
) -> str:
    """A caption in one of very many wordings; every attribute is mentioned only with some probability, and never wrongly.

    Args:
        tempo: beats a minute.
        instruments: a name of personas.INSTRUMENTS a part; parts that are missing are not described.
        parts: who plays, in the order of PARTS.
        density: 0 to 1; so energy and register. Middle values say nothing.
        room: one of personas.ROOMS; None: not known.
        persona: told by its time, touch and voicings, never by its name.
        held_out: write with the held-out templates and, now and then, the held-out synonyms.

    Raises:
        ValueError: a feel, instrument, room or persona that nobody knows, or not one flag a part.
    """
    if feel not in FEEL:
        raise ValueError(f"no feel {feel!r}: there are {', '.join(FEEL)}")
    if room is not None and room not in ROOM:
        raise ValueError(f"no room {room!r}: there are {', '.join(ROOM)}")
    if len(parts) != len(PARTS):
        raise ValueError(f"{len(parts)} flags for {len(PARTS)} parts")
    if isinstance(persona, str):
        persona = persona_of(persona)

    def say(words: Words) -> str:
        return words.draw(rng, held_out)

    names: dict[str, str] = {}
    for part, on in zip(PARTS, parts, strict=True):
        if on and part in instruments:
            if instruments[part] not in INSTRUMENT:
                raise ValueError(f"no instrument {instruments[part]!r}")
            names[part] = say(INSTRUMENT[instruments[part]])
    value: dict[str, str | None] = {"feel": say(FEEL[feel])}
    word, number = tempo_words(tempo)
    value["tempo"], value["bpm"] = say(word), say(number)
    value["band"] = _band(rng, names) if names else None
    sounds = [names[part] for part in _by_interest(rng, names)]
    value["sound"] = sounds[0] if sounds else None
    value["sound2"] = sounds[1] if len(sounds) > 1 else None
    for slot, table, level in (("energy", ENERGY, energy), ("density", DENSITY, density), ("register", REGISTER, register)):
        found = _at(level, table)
        value[slot] = None if found is None else say(found)
    value["room"] = None if room is None else say(ROOM[room])
    touches = [] if persona is None else [say(one) for one in _habits(persona, "piano" in names)]
    rng.shuffle(touches)
    value["touch"] = touches[0] if touches else None
    value["touch2"] = touches[1] if len(touches) > 1 else None
    said = {slot: text for slot, text in value.items() if text is not None and rng.random() < _SAID[slot]}
    if len(said) < 2:
        said |= {slot: text for slot in ("feel", "tempo") if (text := value[slot]) is not None}
    if said.get("sound", "\0") in said.get("band", ""):
        del said["sound"]
    choices = HELD_OUT_TEMPLATES if held_out else TEMPLATES
    template = choices[int(rng.integers(len(choices)))]
    text, used = _fill(rng, template, said)
    for slot in _TAG_SLOTS:  # what the template has no room for comes last, now and then
        if slot in said and slot not in used and (slot == "feel" or rng.random() < 0.4):
            text += f", {said[slot]}" if text else said[slot]
    if len(text) < 8:
        text = ", ".join(dict.fromkeys(said.values()))
    return text.capitalize() if rng.random() < 0.2 else text


def _at(level: float, table: tuple[Words, Words]) -> Words | None:
    return table[0] if level < 0.35 else table[1] if level > 0.65 else None


def _fill(rng: np.random.Generator, template: str, said: Mapping[str, str]) -> tuple[str, set[str]]:
    """The template with its slots filled, segments with nothing to say left out, and the slots that were used."""
    if template.startswith("#"):
        tags = [said[slot] for slot in _TAG_SLOTS if slot in said]
        rng.shuffle(tags)
        return template[1:].join(dict.fromkeys(tags)), set(said)
    out, used = "", set()
    for segment in template.split("|"):
        slots = _SLOT.findall(segment)
        if all(slot in said for slot, optional in slots if not optional):
            used |= {slot for slot, _ in slots}
            out += _SLOT.sub(lambda match: said.get(match[1], ""), segment)
    out = re.sub(r"\s+", " ", out)
    out = re.sub(r" (?=[,.;:])", "", out)
    out = re.sub(r"([,;:])(?=[,;:.])", "", out)
    out = re.sub(r"\b([Aa]) (a|an|the) (?=\w)", r"\1 ", out)
    out = re.sub(r"\b([Aa]) (?=[aeiou](?!ne-|ne |ni|u))", r"\1n ", out)
    return out.strip(" ,;:.>").removeprefix("and ").removeprefix("with ").removesuffix(" and"), used


def _by_interest(rng: np.random.Generator, names: Mapping[str, str]) -> list[str]:
    """Parts in the order in which one would name them: the horn first most of the time."""
    weight = {"horn": 4.0, "piano": 2.0, "drums": 1.0, "bass": 1.0}
    keys = {part: rng.exponential() / weight[part] for part in names}
    return sorted(keys, key=keys.__getitem__)


def _band(rng: np.random.Generator, names: Mapping[str, str]) -> str:
    """The line-up as a noun."""
    sounds = list(names.values())
    on = frozenset(names)

    def one(*choices: str) -> str:
        return choices[int(rng.integers(len(choices)))]

    if len(on) == 1:
        return one(f"solo {sounds[0]}", f"{sounds[0]} alone", f"unaccompanied {sounds[0]}", f"{sounds[0]} by itself")
    if len(on) == 2:
        rng.shuffle(sounds)
        return one(f"duo of {sounds[0]} and {sounds[1]}", f"{sounds[0]} and {sounds[1]} duo", f"duet: {sounds[0]}, {sounds[1]}", "duo")
    if on == {"piano", "bass", "drums"}:
        lead = names["piano"]
        return one("trio", f"{lead} trio", "rhythm section", f"{lead}, {names['bass']} and {names['drums']}", f"{lead} with bass and drums")
    if on == {"bass", "drums", "horn"}:
        return one("pianoless trio", f"{names['horn']} trio", f"{names['horn']}, bass and drums", "chordless trio")
    if len(on) == 3:
        rng.shuffle(sounds)
        return one("trio", f"trio of {sounds[0]}, {sounds[1]} and {sounds[2]}", f"{sounds[0]}, {sounds[1]}, {sounds[2]}")
    horn = names["horn"]
    return one("quartet", f"{horn} quartet", f"{horn} with a rhythm section", f"{horn} and trio", f"quartet with {horn}", "four-piece")


def _habits(persona: Persona, piano: bool) -> list[Words]:
    """What is told of a persona: only what is far from the middle."""
    out = []
    if persona.lag >= 0.015:
        out.append(TIME["late"])
    elif persona.lag <= -0.01:
        out.append(TIME["early"])
    if persona.swing >= 0.03 and not persona.feels.keys() & {"bossa", "funk"}:
        out.append(TIME["deep"])
    elif persona.swing <= -0.03:
        out.append(TIME["even"])
    if persona.legato >= 1.15:
        out.append(TOUCH["long"])
    elif persona.legato <= 0.7:
        out.append(TOUCH["short"])
    if piano and persona.voicing is not None:
        out.append(VOICING[persona.voicing])
    return out
