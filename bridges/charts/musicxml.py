"""MusicXML lead sheets (`.musicxml`, `.xml`, compressed `.mxl`): the chord symbols of the part that has most of them.

Follows MusicXML 4.0 (W3C): https://www.w3.org/2021/06/musicxml40/. Files are not trusted: entities are refused, depth
and size are bounded, nothing outside the file is read.
"""

from __future__ import annotations

import io
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Final
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from bridges.charts.form import Measure, build_chart
from bridges.charts.harmony import number, read_harmony
from jamd.contract.chart import MAX_BARS, Chart, Chord
from jamd.contract.errors import ChartError

MAX_BYTES: Final = 64 << 20
MAX_DEPTH: Final = 64
CONTAINER: Final = "META-INF/container.xml"
_DAMAGED: Final = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError,
)  # fmt: skip
"""What the standard library's reader of archives may raise."""

_METRES: Final[Mapping[Fraction, tuple[int, Fraction]]] = {
    Fraction(4): (4, Fraction(1)),
    Fraction(3): (3, Fraction(1)),
    Fraction(2): (4, Fraction(1)),
    Fraction(6): (3, Fraction(1)),
    Fraction(9, 2): (3, Fraction(2, 3)),
}
"""By quarter notes in a written bar: beats in a bar of the chart, beats for each quarter note."""

_JUMP: Final = re.compile(r"\bd\.?\s*([cs])\.?(?:\s|al|$)", re.IGNORECASE)
_ENDING: Final = re.compile(r"al\s*(\d)(?:st|nd|rd|th)\s+end", re.IGNORECASE)


def parse_xml(data: bytes) -> Element:
    """The root element. Entity declarations, deep nesting and external references are refused.

    Raises:
        ChartError: it is not such XML.
    """
    builder = TreeBuilder()
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise ChartError(f"the score is nested more than {MAX_DEPTH} deep")
        builder.start(name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name)

    def entity(*_: object) -> None:
        raise ChartError("the score declares entities: refused")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = entity
    try:
        parser.Parse(data, True)
        return builder.close()
    except expat.ExpatError as error:
        raise ChartError(f"the score is not well-formed XML: {error}") from error
    except (LookupError, ValueError) as error:
        raise ChartError(f"the score cannot be decoded: {error}") from error


def unpack(data: bytes) -> bytes:
    """The score inside a compressed `.mxl` file.

    Raises:
        ChartError: it is damaged, too large or holds no score.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [name for name in archive.namelist() if not name.startswith("META-INF/")]
            scores = [name for name in names if PurePosixPath(name).suffix in (".xml", ".musicxml")]
            if CONTAINER in archive.namelist():
                scores = [name for name in _listed(_member(archive, CONTAINER)) if name in names] + scores
            if not scores:
                raise ChartError("the .mxl file holds no score")
            return _member(archive, scores[0])
    except _DAMAGED as error:
        raise ChartError(f"the .mxl file is damaged: {error}") from error


def _listed(container: bytes) -> list[str]:
    """What the archive's table says are its scores. Some programs write it badly: nothing then."""
    try:
        root = parse_xml(container)
    except ChartError:
        return []
    return [e.get("full-path", "") for e in root.iter() if e.tag.rpartition("}")[2] == "rootfile"]


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as member:
        data = member.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ChartError(f"the score is larger than {MAX_BYTES >> 20} MiB")
    return data


def read_score(data: bytes) -> Chart:
    """The chart of a score, compressed or not.

    Metres: 2/2 is read as 4/4, 2/4 in pairs, 6/4 and 3/2 in halves, 6/8 as 3/4, 12/8 as 4/4 and 9/8 as 3/4 of dotted
    quarters. An upbeat is left out, also where
    rests fill its bar.

    Raises:
        ChartError: it cannot be read, or has no chord symbols.
    """
    root = parse_xml(unpack(data) if data[:4] == b"PK\x03\x04" else data)
    if root.tag == "score-timewise":
        raise ChartError("a score in time-wise order: convert it to part-wise")
    if root.tag != "score-partwise":
        raise ChartError(f"not a MusicXML score: the root element is {root.tag!r}")
    parts = root.findall("part")
    part = max(parts, key=lambda p: sum(1 for _ in p.iter("harmony")), default=None)
    if part is None or part.find(".//harmony") is None:
        raise ChartError("there are no chord symbols in the score")
    title = root.findtext("work/work-title") or root.findtext("movement-title") or ""
    reader = _Reader()
    for element in part.findall("measure"):
        reader.measure(element)
    beats, scale = reader.metre()
    return build_chart(reader.tidied(), beats, title, scale)


def _share(waiting: list[tuple[str, Chord]], start: Fraction, length: Fraction, chords: dict[Fraction, Chord]) -> None:
    """Puts the chords that wait for a note, as (staff, chord), into `chords` by their places, and empties the list.

    A symbol without an offset stands where the note after it begins. Several of one staff at one place cannot sound together
    (other readings are marked as alternate), so they share the note evenly, as they are written over it.
    """
    for staff in dict.fromkeys(staff for staff, _ in waiting):
        row = [chord for other, chord in waiting if other == staff]
        for index, chord in enumerate(row):
            chords[start + length * index / len(row)] = chord
    waiting.clear()


class _Reader:
    def __init__(self) -> None:
        self.measures: list[Measure] = []
        self.lengths: list[Fraction] = []
        """What the notes of each measure fill, in quarter notes."""
        self.divisions = Fraction(1)
        self.bar = Fraction(0)
        self.compound = False
        self.endings: frozenset[int] = frozenset()
        self.late = False
        """Whether the first measure begins with a rest."""
        self.to_codas: list[int] = []
        self.codas: list[int] = []

    def metre(self) -> tuple[int, Fraction]:
        """Beats in a bar of the chart, and beats for each quarter note."""
        if self.compound and self.bar == 6:
            return 4, Fraction(2, 3)
        return _METRES[self.bar or Fraction(4)]

    def measure(self, element: Element) -> None:
        """Reads one measure."""
        if len(self.measures) >= MAX_BARS:
            raise ChartError(f"a chart has at most {MAX_BARS} bars")
        measure = Measure()
        chords: dict[Fraction, Chord] = {}
        waiting: list[tuple[str, Chord]] = []
        now = furthest = Fraction(0)
        ended = False
        for child in element:
            if child.tag == "attributes":
                self._attributes(child)
            elif child.tag in ("note", "backup", "forward"):
                if child.find("chord") is None and child.find("grace") is None:
                    if furthest == 0 and not self.measures and child.tag != "backup":
                        self.late = child.tag == "forward" or child.find("rest") is not None
                    step = number(child.findtext("duration")) / self.divisions
                    _share(waiting, now, Fraction(0) if child.tag == "backup" else step, chords)
                    now = max(now - step, Fraction(0)) if child.tag == "backup" else now + step
                    furthest = max(furthest, now)
            elif child.tag == "harmony":
                if (chord := read_harmony(child)) is None or child.get("type") == "alternate":
                    continue
                if (offset := child.findtext("offset")) is None:
                    waiting.append((child.findtext("staff", ""), chord))
                else:
                    chords[max(now + number(offset) / self.divisions, Fraction(0))] = chord
            elif child.tag == "barline":
                ended |= self._bar_line(child, measure)
            elif child.tag in ("direction", "sound"):
                self._direction(child, measure, at_start=now == 0)
        _share(waiting, now, max((self.bar or Fraction(4)) - now, Fraction(0)), chords)
        measure.endings = self.endings
        if ended:
            self.endings = frozenset()
        measure.chords = tuple(sorted(chords.items(), key=lambda item: item[0]))
        measure.length = self.bar or Fraction(4)
        self.measures.append(measure)
        self.lengths.append(furthest)

    def _attributes(self, element: Element) -> None:
        divisions = number(element.findtext("divisions"))
        if divisions > 0:
            self.divisions = divisions
        time = element.find("time")
        if time is None or time.find("senza-misura") is not None:
            return
        beats, kind = number(time.findtext("beats")), number(time.findtext("beat-type"))
        if beats <= 0 or kind <= 0:
            raise ChartError("a metre that cannot be read")
        bar, compound = beats * 4 / kind, beats == 12 and kind == 8
        if bar not in _METRES:
            raise ChartError(f"the metre is 4/4 or 3/4, not {beats}/{kind}")
        if self.bar and (bar, compound) != (self.bar, self.compound):
            raise ChartError("a chart keeps one metre")
        self.bar, self.compound = bar, compound

    def _bar_line(self, element: Element, measure: Measure) -> bool:
        """Notes what a bar line says. True if an ending ends here."""
        ended = False
        if (ending := element.find("ending")) is not None:
            if ending.get("type") == "start":
                self.endings = frozenset(int(n) for n in re.findall(r"\d{1,3}", ending.get("number", "1"))) or frozenset({1})
            else:
                ended = True
        if (repeat := element.find("repeat")) is not None:
            if repeat.get("direction") == "forward":
                measure.repeat_start = True
            else:
                times = repeat.get("times", "2")
                measure.repeat_end = min(max(int(times), 2), MAX_BARS) if times.isdecimal() and len(times) < 6 else 2
        return ended

    def _direction(self, element: Element, measure: Measure, *, at_start: bool) -> None:
        index = len(self.measures)
        words = " ".join("".join(e.itertext()) for e in element.iter("words")).strip()
        lower = words.lower()
        sounds = [element] if element.tag == "sound" else element.findall("sound")
        said = {key for sound in sounds for key in sound.attrib}
        if element.find(".//segno") is not None or "segno" in said:
            measure.segno = True
        jump = _JUMP.search(words)
        if jump is not None or said & {"dacapo", "dalsegno"}:
            capo = "dacapo" in said if jump is None else jump.group(1).lower() == "c"
            measure.jump = "capo" if capo else "segno"
            ending = _ENDING.search(words)
            measure.jump_ending = int(ending.group(1)) if ending else 0
        elif "fine" in lower.replace("(", " ").replace(")", " ").split() or "fine" in said:
            measure.fine = True
        elif "to coda" in lower or "tocoda" in said:
            self.to_codas.append(index)
        elif element.find(".//coda") is not None or "coda" in said:
            self.codas.append(index if at_start else index + 1)

    def tidied(self) -> list[Measure]:
        """The measures without an upbeat, bars that are written in two pieces joined, codas told apart."""
        full = self.bar or Fraction(4)
        codas = sorted(set(self.codas))
        leave = self.to_codas or [place - 1 for place in codas[:-1]]
        for index in leave:
            self.measures[max(index, 0)].to_coda = True
        if codas and codas[-1] < len(self.measures) and codas[-1] > 0:
            self.measures[codas[-1]].coda = True
        for before, here, after in zip(self.measures, self.measures[1:], self.measures[2:], strict=False):
            if here.repeat_end and not here.endings and before.endings and after.endings:
                here.endings = before.endings
        out: list[Measure] = []
        room = Fraction(0)
        for index, (measure, length) in enumerate(zip(self.measures, self.lengths, strict=True)):
            short = 0 < length < full
            if index == 0 and len(self.measures) > 1 and (short or (self.late and not measure.chords)):
                if measure.repeat_start:
                    self.measures[1].repeat_start = True
                self.measures[1].segno |= measure.segno
                continue
            last = out[-1] if out else None
            joins = last is not None and short and length <= room and not measure.repeat_start and not measure.segno
            if joins and last is not None and not last.repeat_end and last.endings == measure.endings:
                start = full - room
                moved = tuple((start + beat, chord) for beat, chord in measure.chords if beat < length)
                out[-1] = replace(measure, chords=last.chords + moved, length=full, repeat_start=last.repeat_start,
                                  segno=last.segno)  # fmt: skip
                room -= length
            else:
                out.append(measure)
                room = full - length if short else Fraction(0)
        return out
