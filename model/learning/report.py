"""The report of a training for the musician: a page with the verdict, the curves, the guards, the material, and what it sounded like."""

from __future__ import annotations

import os
import re
from html import escape
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec

from jamd.contract.errors import FailureError
from model.adapters.format import MANIFEST, Manifest
from model.learning.page import bullets, cell, page, table
from model.learning.plots import Curve, line_plot
from model.learning.verdict import describe, failed, measured, title
from model.training.plot import read_log

Curves = dict[str, tuple[list[float], list[float]]]
NETWORKS: Final = {"player": "How it sounds", "planner": "Which notes it plays"}
SHOWN: Final = 12
"""Entries of the material that are shown without asking."""
_AUDITION: Final = re.compile(r"\d+-(?:([a-z]+)-)?(?:(base)|(\d+)min)")


def write_report(run: Path, out: Path) -> Path:
    """Write the page of a training.

    Args:
        run: folder of the training: `manifest.json` of the adapter, and where they are there `log.csv`, `material.txt` (or
            `material/material.txt`) and `auditions/`.
        out: the HTML file; sound is linked to from there.

    Returns:
        `out`.

    Raises:
        FailureError: there is no manifest, a file cannot be read, or the page cannot be written.
    """
    try:
        manifest = msgspec.json.decode((run / MANIFEST).read_bytes(), type=Manifest)
        body = [
            *_head(manifest), *_auditions(run, out), *_curves(_log(run / "log.csv")), *_guards(manifest),
            *_material(run), *_settings(manifest),
        ]  # fmt: skip
        out.parent.mkdir(parents=True, exist_ok=True)
        part = out.with_name(f".{out.name}.part")
        part.write_text(page(f"Training of {manifest.name}", body), encoding="utf-8", errors="backslashreplace")
        part.replace(out)
    except OSError as error:
        raise FailureError(f"{error.filename or run}: {error.strerror or error}", code="file") from error
    except (msgspec.MsgspecError, ValueError, KeyError) as error:
        raise FailureError(f"{run}: {error}", code="file") from error
    return out


def _head(manifest: Manifest) -> list[str]:
    """Name, verdict, and what was gained."""
    about = [f"“{manifest.style}”"] if manifest.style else []
    about += [f"learnt on {manifest.created[:10]}", f"for the model {manifest.base}"]
    out = [f"<h1>{escape(manifest.name)}</h1>", f'<p class="soft">{escape(", ".join(about))}</p>']
    failures = failed(manifest.guards)
    if not manifest.guards:
        kind, verdict, more = "open", "Not checked", "<p>No guard has looked at this adapter.</p>"
    elif not failures:
        kind, verdict, more = "good", "Accepted", f"<p>All {len(manifest.guards)} checks passed.</p>"
    else:
        kind, verdict = "bad", "Not accepted"
        more = (
            f"<p>{len(failures)} of {len(manifest.guards)} checks failed:</p>{bullets(failures)}"
            "<p>The adapter is kept, marked as not accepted.</p>"
        )
    out.append(f'<section class="verdict {kind}"><strong>{verdict}</strong>{more}</section>')
    for network, name in NETWORKS.items():
        base, now = manifest.scores.get(f"{network}_base"), manifest.scores.get(f"{network}_held_out")
        if base and now:
            share = abs(1 - now / base)
            out.append(
                f"<p>{name}: recordings that were kept from the training are foretold {share:.1%} "
                f"{'better' if now < base else 'worse'} than by the base ({base:.3f} to {now:.3f} nats).</p>"
            )
    return out


def _auditions(run: Path, out: Path) -> list[str]:
    """Sound in the order of the training, the base beside it."""
    files = sorted(path for path in (run / "auditions").glob("*") if path.suffix.lower() in (".wav", ".flac") and path.name[0] != ".")
    if not files:
        return []
    base = next((path for path in files if "base" in path.stem), None)

    def player(path: Path) -> str:
        link = quote(os.path.relpath(path.resolve(), out.parent.resolve()).replace(os.sep, "/"))
        return f'<td><audio controls preload="none" src="{link}"></audio></td>'

    rows = []
    for path in files:
        if path != base:
            rows.append([cell(_label(path.stem)), player(path), player(base) if base is not None else cell("")])
    if base is not None and not rows:
        rows.append([cell("Before the training"), cell(""), player(base)])
    return [
        "<h2>Listen</h2>",
        '<p class="soft">The same bars again and again while it was learnt, and the base beside them.</p>',
        table(("When", "Adapter", "Base"), rows),
    ]


def _label(stem: str) -> str:
    """What a file's name says, for people: `03-player-6min` is after 6 minutes of learning the sound."""
    match = _AUDITION.fullmatch(stem)
    if match is None or match[2]:
        return stem
    if match[1] == "end":
        return f"At the end, after {match[3]} min"
    phase = {"player": ", learning the sound", "planner": ", learning the notes"}.get(match[1] or "", "")
    return f"After {match[3]} min{phase}"


def _log(path: Path) -> Curves:
    return read_log(path) if path.is_file() else {}


def _curves(log: Curves) -> list[str]:
    out = []
    for network, name in NETWORKS.items():
        train, held, base = (log.get(key) for key in (f"{network}_loss", f"valid_{network}", f"base_{network}"))
        if train is None and held is None:
            continue
        curves = [Curve("while training", "train", _points(train))]
        ends = [minutes for curve in (train, held) if curve for minutes in curve[0]]
        if base is not None:
            level = base[1][-1]
            curves.append(Curve(f"the base on held-out playing, {level:.3f}", "base", [(min(0.0, *ends), level), (max(ends), level)]))
        curves.append(Curve("on held-out playing", "held", _points(held), dots=True))
        best = "" if held is None else f", at best {min(held[1]):.3f} after {held[0][held[1].index(min(held[1]))]:.1f} min"
        plot = line_plot(curves, "minutes", "loss, nats", f"Loss over time: {name}{best}")
        if plot:
            out += [f"<h3>{name}</h3>", plot, f'<p class="soft">On held-out playing{best[1:]}.</p>' if best else ""]
    if out:
        out[:0] = [
            "<h2>How it learnt</h2>",
            '<p class="soft">Loss is how much the music surprises it: lower is better. What counts is the held-out playing, which it '
            "never heard, below the dashed line of the base. Where that rises while the training goes on falling, it learns by heart; "
            "what is kept is the lowest point.</p>",
        ]
    return out


def _points(curve: tuple[list[float], list[float]] | None) -> list[tuple[float, float]]:
    return [] if curve is None else list(zip(*curve, strict=True))


def _guards(manifest: Manifest) -> list[str]:
    if not manifest.guards:
        return []
    rows = []
    for name, guard in manifest.guards.items():
        about = f"<td><strong>{escape(title(name))}</strong><br><span class='soft'>{escape(describe(name))}</span></td>"
        mark = cell("✓ passed", "mark good") if guard.ok else cell("✗ failed", "mark bad")
        rows.append([mark, about, cell(measured(name, guard))])
    return ["<h2>Checks</h2>", table(("", "Check", "Measured"), rows)]


def _material(run: Path) -> list[str]:
    """What was used, dropped and why, as `model.learning.prepare` writes it: lines on the whole, then headings with indented entries."""
    path = next((path for path in (run / "material.txt", run / "material" / "material.txt") if path.is_file()), None)
    if path is None:
        return []
    whole, *sections = path.read_text(encoding="utf-8").strip().split("\n\n")
    out = ["<h2>Material</h2>", *(f"<p>{escape(line)}</p>" for line in whole.splitlines())]
    for section in sections:
        heading, *entries = section.splitlines()
        opened = " open" if len(entries) <= SHOWN else ""
        items = bullets(" ".join(entry.split()) for entry in entries)
        out.append(f"<details{opened}><summary>{escape(heading)} ({len(entries)})</summary>{items}</details>")
    return out


def _settings(manifest: Manifest) -> list[str]:
    known: dict[str, Any] = {
        "rank": manifest.rank, "alpha": manifest.alpha, "matrices": ", ".join(manifest.targets), "networks": ", ".join(manifest.networks),
        **manifest.training,
    }  # fmt: skip
    rows = [[cell(name.replace("_", " ")), cell(_plain(value))] for name, value in known.items()]
    return ["<h2>Settings</h2>", f"<details><summary>All of them</summary>{table(('Setting', 'Value'), rows)}</details>"]


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value) if value not in (None, "") else "–"
