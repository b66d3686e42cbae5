"""Kind `parts`: each part is switched off at a bar and on again at another, by free running with a new plan from there."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from jamd.contract.units import FRAME_SAMPLES, PARTS, SAMPLE_RATE
from model.evaluate.bench import TRIO, Bench, Case, Floats
from model.evaluate.result import Result
from model.evaluate.stream import Change, run_free
from model.metrics.knobs import HEARD_DB, band_gain
from model.style.words import Style

SETTLE_S: Final = 0.5
"""After a switch; what lies before is not judged."""
SILENT_S: Final = 0.56
"""A band without parts is silent by then: it rings out over 40 steps."""
SOUNDING_DB: Final = -50.0
"""RMS of a step of 20 ms against full scale; less is taken as not yet sounding."""
HORN_TRIO: Final = {"piano": False, "bass": True, "drums": True, "horn": True}
"""Piano and horn share their band: each is judged with the other one off."""


def level_db(audio: Floats) -> float:
    """RMS against full scale, -120 dB the least. Shape: audio [frames, channels]."""
    power = float(np.mean(audio.astype(np.float64) ** 2)) if audio.size else 0.0
    return 10.0 * float(np.log10(max(power, 1e-12)))


def sections(case: Case, audio: Floats) -> list[Floats]:
    """Before the switch, between both, and after them, without what lies within SETTLE_S after a switch.

    Args:
        case: has a third of the bars that were played.
        audio: shape [frames, 2].
    """
    settle, length = round(SETTLE_S * SAMPLE_RATE), case.frames
    return [audio[place * length + settle : (place + 1) * length] for place in range(3)]


def switched(bench: Bench, case: Case, band: dict[str, bool], part: str | None) -> tuple[Floats, dict[str, Any]]:
    """A third each with the band, without the part (None: without any change; "all": without everybody), and with the band again.

    Returns:
        The sound and the planned notes a second of the part in the three sections.
    """
    off = {name: on and part not in (name, "all") for name, on in band.items()}
    beats = case.bars * case.chart.beats_per_bar
    changes = () if part is None else (Change(beats, off), Change(2 * beats, band))
    run = run_free(bench, case.chart, case.tempo, Style(case.feel), band, 3 * case.frames, case.index + 1, changes)
    place = (run.notes["beat"] // beats).astype(np.int64)
    mine = run.notes["part"] == PARTS.index(part) if part in PARTS else np.ones(len(place), bool)
    seconds = case.frames / SAMPLE_RATE
    names = ("planned_before", "planned_off", "planned_after")
    return run.audio, {name: float((mine & (place == index)).sum()) / seconds for index, name in enumerate(names)}


def _gains(parts: list[Floats], part: str) -> dict[str, float]:
    """How much the part's band falls with it and rises again, in dB."""
    before, off, after = parts
    gone, back = band_gain(before, off, part, SAMPLE_RATE), band_gain(after, off, part, SAMPLE_RATE)
    return {"falls_db": gone, "rises_db": back, "heard_to_go": float(gone >= HEARD_DB), "heard_to_return": float(back >= HEARD_DB)}


def silence(case: Case, audio: Floats) -> dict[str, float]:
    """What a band without parts leaves: level from SILENT_S after the switch on, and how long each switch takes to be heard."""
    step, begin, end = SAMPLE_RATE // 50, case.frames, 2 * case.frames
    quiet = audio[begin + round(SILENT_S * SAMPLE_RATE) : end - 2 * FRAME_SAMPLES]

    def first(sound: Floats, sounding: bool) -> float:
        """Seconds until a step is (not) sounding, and stays so for a tenth of a second if it is not."""
        loud = np.array([level_db(sound[at : at + step]) >= SOUNDING_DB for at in range(0, len(sound) - step + 1, step)])
        run = 1 if sounding else 5
        good = [index for index in range(len(loud) - run + 1) if (loud[index : index + run] == sounding).all()]
        return good[0] * step / SAMPLE_RATE if good else float("nan")

    return {
        "level_off_db": level_db(quiet), "exactly_silent": float(not quiet.any()),
        "silent_after_s": first(audio[begin:end], False), "sounds_again_after_s": first(audio[end:], True),
        "level_before_db": level_db(audio[:begin]), "level_after_db": level_db(audio[end:]),
    }  # fmt: skip


def measure_parts(bench: Bench) -> Result:
    """Each part off and on, nothing switched (how often the music alone looks like it), and everybody off and on."""
    result = Result(
        "Each part off for the middle third of a free run: how far its band falls and rises again (3 dB is heard), its planned notes a"
        " second before, while off, and after. `nothing switched`: the same measure of the same thirds with no switch, as chance."
    )
    rows: dict[str, list[dict[str, Any]]] = {}
    for whole in bench.cases[: bench.some]:
        case = whole.lasting(bench.clip_s / 2, 2)
        for part in ("piano", "bass", "drums", "horn"):
            band = HORN_TRIO if part == "horn" else TRIO
            audio, planned = switched(bench, case, band, part)
            rows.setdefault(f"{part} off", []).append({"name": str(case.index), **_gains(sections(case, audio), part), **planned})
        audio, _ = switched(bench, case, TRIO, None)
        for part in ("piano", "bass", "drums"):
            rows.setdefault("nothing switched", []).append({"name": f"{case.index} {part}", **_gains(sections(case, audio), part)})
        audio, planned = switched(bench, case, TRIO, "all")
        rows.setdefault("all off", []).append({"name": str(case.index), **silence(case, audio), **planned})
        falls = ", ".join(f"{source} {found[-1]['falls_db']:.1f} dB" for source, found in rows.items() if "falls_db" in found[-1])
        bench.progress(f"parts {case.index}: {falls}; all off {rows['all off'][-1]['level_off_db']:.0f} dB")
    result.rows = rows
    return result
