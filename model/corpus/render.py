"""From notes to sound: FluidSynth with a General MIDI soundfont, one stem a part, a room, a mix; and MIDI files.

Events fall on blocks of 64 frames (1.3 ms), FluidSynth's own grain.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from jamd.contract.errors import FailureError
from jamd.contract.units import PARTS, SAMPLE_RATE
from model.corpus.effects import record
from model.corpus.notes import Notes
from model.corpus.piece import Piece
from model.corpus.sampler import instruments_folder, pedalled, sampled
from model.corpus.sounds import Sound, find_soundfont

Audio = NDArray[np.float32]
SOUNDFONT: Final = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
BLOCK: Final = 64


def _library() -> Any:
    with contextlib.redirect_stdout(sys.stderr):  # where CI is set, pyfluidsynth prints the library's path as it is imported
        import fluidsynth

    write = fluidsynth._fl.fluid_synth_write_float
    write.argtypes = [
        ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_int
    ]  # fmt: skip
    return fluidsynth


def _soundfont(name: str = SOUNDFONT.name) -> Path:
    if name == SOUNDFONT.name:
        path = Path(os.environ.get("JAMD_SOUNDFONT", SOUNDFONT))
    else:
        path = find_soundfont(name) or Path(name)
    if not path.is_file():
        raise FailureError(f"no soundfont at {path}: install fluid-soundfont-gm or set JAMD_SOUNDFONT")
    return path


def render_part(notes: Notes, bank: int, program: int, frames: int, soundfont: str = SOUNDFONT.name) -> Audio:
    """Sound of one part, by a synthesiser of its own: a used one remembers. Shape: [frames, 2].

    Raises:
        FailureError: there is no soundfont.
    """
    out = np.zeros((-(-frames // BLOCK) * BLOCK, 2), np.float32)
    if len(notes) == 0:
        return out[:frames]
    fluidsynth = _library()
    settings = {
        "synth.reverb.active": 0, "synth.chorus.active": 0, "synth.polyphony": 256, "synth.dynamic-sample-loading": 1
    }  # fmt: skip
    synth = fluidsynth.Synth(gain=0.5, samplerate=float(SAMPLE_RATE), **settings)
    try:
        channel = 9 if bank == 128 else 0
        drums = bank == 128 or bool((notes["part"] == PARTS.index("drums")).all())
        synth.program_select(channel, synth.sfload(str(_soundfont(soundfont))), bank, program)
        begin = np.round(notes["start"] * SAMPLE_RATE / BLOCK).astype(np.int64) * BLOCK
        end = np.round((notes["start"] + notes["duration"]) * SAMPLE_RATE / BLOCK).astype(np.int64) * BLOCK
        end = np.maximum(end, begin + BLOCK)
        events = [(int(b), 1, int(n["pitch"]), int(n["velocity"])) for b, n in zip(begin, notes, strict=True)]
        if not drums:
            events += [(int(e), 0, int(n["pitch"]), 0) for e, n in zip(end, notes, strict=True)]
        events.sort()
        now, address = 0, out.ctypes.data
        for at, on, pitch, velocity in [*events, (len(out), -1, 0, 0)]:
            at = min(at, len(out))
            if at > now:
                place = address + now * 8
                fluidsynth._fl.fluid_synth_write_float(synth.synth, at - now, place, 0, 2, place, 1, 2)
                now = at
            if on == 1:
                synth.noteon(channel, pitch, velocity)
            elif on == 0:
                synth.noteoff(channel, pitch)
    finally:
        synth.delete()
    return out[:frames]


def _play(piece: Piece, sound: Sound, notes: Notes, frames: int) -> Audio:
    """One part on its sound, before gain and place. Shape: [frames, 2]."""
    if sound.soundfont is not None:
        return render_part(notes, sound.bank, sound.preset, frames, sound.soundfont)
    folder = instruments_folder()
    if folder is None:
        raise FailureError(f"no folder of sampled instruments for {sound.name}: set JAMD_INSTRUMENTS")
    if sound.part == "piano":
        share = {"ballad": 0.85, "waltz": 0.5, "modal": 0.45}.get(piece.feel, 0.12)
        notes = pedalled(notes, _chord_changes(piece), np.random.default_rng([32, piece.seed]), share)
    return sampled(sound.name, folder).render(notes, frames, piece.seed)


def _chord_changes(piece: Piece) -> NDArray[np.float64]:
    """Seconds of the chart's chord changes."""
    out, beat, end = [], 0.0, piece.bars * piece.beats_per_bar
    while beat < end:
        out.append(beat * 60.0 / piece.tempo)
        beat, _ = piece.chart.next_change(beat)
    return np.array(out)


def render_stems(piece: Piece, *, tail_seconds: float = 0.0) -> dict[str, Audio]:
    """Sound of each part that plays, with its gain and place in the stereo field. Shape of each: [frames, 2]."""
    frames = round(piece.seconds * SAMPLE_RATE) + round(tail_seconds * SAMPLE_RATE)
    out: dict[str, Audio] = {}
    for index, name in enumerate(PARTS):
        notes = piece.notes[piece.notes["part"] == index]
        if len(notes) == 0:
            continue
        sound = piece.sounds[name]
        stem = _play(piece, sound, notes, frames)
        mix = piece.mix[name]
        gain = 10 ** ((mix.gain_db + sound.gain_db) / 20)
        angle = (mix.pan + 1) * np.pi / 4
        stem *= np.array([np.cos(angle), np.sin(angle)], np.float32) * np.float32(gain * np.sqrt(2))
        out[name] = stem
    return out


def _room(seed: int, seconds: float) -> Audio:
    """Exponentially decaying stereo noise, a little dull, silent for the first 8 ms. Shape: [frames, 2]."""
    rng = np.random.default_rng([77, seed])
    n = int(seconds * SAMPLE_RATE)
    noise = rng.standard_normal((n, 2)) * np.exp(-6.9 * np.arange(n) / n)[:, None]
    noise[: int(0.008 * SAMPLE_RATE)] = 0.0
    dull = np.array([0.25, 0.5, 0.25])
    for channel in range(2):
        noise[:, channel] = np.convolve(noise[:, channel], dull, mode="same")
    return (noise / np.sqrt((noise**2).sum(axis=0))).astype(np.float32)


def master(piece: Piece, dry: Audio) -> Audio:
    """Room, level and a soft ceiling. Shape: [frames, 2] to the same, peak under 0.98."""
    mix = dry
    if piece.recording is not None:
        level = float(np.sqrt((dry**2).mean()))
        mix = record(dry * np.float32(0.1 / max(level, 1e-4)), piece.recording, np.random.default_rng([78, piece.seed]))
    elif piece.room_s > 0:
        impulse = _room(piece.seed, piece.room_s)
        wet = np.stack([fftconvolve(dry[:, c], impulse[:, c])[: len(dry)] for c in range(2)], axis=1)
        mix = dry + np.float32(piece.room_gain * 2.0) * wet.astype(np.float32)
    loud = np.sort((mix.reshape(-1, 2)[: len(mix) // 4800 * 4800] ** 2).reshape(-1, 4800, 2).mean(axis=(1, 2)))
    level = np.sqrt(loud[len(loud) // 2 :].mean()) if len(loud) else 0.0
    mean_energy = float(piece.energy.mean())
    target = 10 ** ((-23.0 + 7.0 * mean_energy + piece.level_db) / 20)
    mix = mix * np.float32(target / max(level, 1e-4))
    over = np.abs(mix) > 0.7
    mix[over] = (np.sign(mix) * (0.7 + 0.27 * np.tanh((np.abs(mix) - 0.7) / 0.27)))[over]
    return mix.astype(np.float32)


def render_mix(piece: Piece) -> Audio:
    """The whole band. Shape: [frames, 2]."""
    stems = render_stems(piece)
    frames = round(piece.seconds * SAMPLE_RATE)
    dry = np.zeros((frames, 2), np.float32)
    for stem in stems.values():
        dry += stem
    return master(piece, dry)


def write_midi(notes: Notes, path: Path, tempo: float, beats_per_bar: int = 4, programs: Any = None) -> None:
    """Write notes as a standard MIDI file of type 1, one track a part, 480 ticks a beat."""
    import mido

    file = mido.MidiFile(ticks_per_beat=480)
    head = mido.MidiTrack()
    head.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo)))
    head.append(mido.MetaMessage("time_signature", numerator=beats_per_bar, denominator=4))
    file.tracks.append(head)
    for index, name in enumerate(PARTS):
        chosen = notes[notes["part"] == index]
        if len(chosen) == 0:
            continue
        channel = 9 if name == "drums" else index
        track = mido.MidiTrack()
        track.append(mido.MetaMessage("track_name", name=name))
        if programs and name in programs:
            track.append(mido.Message("program_change", channel=channel, program=int(programs[name])))
        events = []
        for note in chosen:
            begin = round(float(note["beat"]) * 480)
            end = max(round((float(note["beat"]) + float(note["length"])) * 480), begin + 1)
            events.append((begin, 1, int(note["pitch"]), int(note["velocity"])))
            events.append((end, 0, int(note["pitch"]), 0))
        now = 0
        for at, on, pitch, velocity in sorted(events):
            kind = "note_on" if on else "note_off"
            track.append(mido.Message(kind, channel=channel, note=pitch, velocity=velocity, time=at - now))
            now = at
        file.tracks.append(track)
    file.save(str(path))
