"""The experiments' tables: which rows there are, what they change, and how rows become a page."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from jamd.contract.units import PARTS
from model.experiments.material import names, part_of
from model.experiments.tables import HEAD, results, to_page
from model.experiments.variants import TABLES, variants
from model.learning.recipe import Recipe


def row(persona: str, variant: str, distance: float | None, loss: float, clips: int = 40) -> dict[str, Any]:
    return {
        "persona": persona, "variant": variant, "steps": 10, "samples": 2, "clips": clips,
        "parameters": 1000, "minutes": 2.0, "memory_mb": 300.0, "real_time_factor": 0.5, "base_real_time_factor": 0.4,
        "held_out": {"player": [4.0, 4.0 * loss]},
        "evaluation": {"distance": {} if distance is None else {"variant": {"value": distance, "low": distance / 2, "high": distance * 2}}},
    }  # fmt: skip


def cells(page: str, table: str, name: str) -> dict[str, str]:
    lines = page.split(f"### By {table}\n")[1].split("###")[0].splitlines()
    values = next(line for line in lines if line.startswith(f"| {name} |")).split("|")[1:-1]
    return dict(zip(HEAD, (value.strip() for value in values), strict=True))


def test_every_row_is_learnt_once_and_says_what_it_changes() -> None:
    rows = variants(list(TABLES))
    assert len({one.name for one in rows}) == len(rows) == len({json.dumps([one.recipe(Recipe()).to_dict(), one.clips]) for one in rows})
    standard = next(one for one in rows if one.name == "QLoRA").recipe(Recipe(seed=5))
    assert (standard.rank, standard.alpha, standard.dropout, standard.targets, standard.precision) == (8, 16.0, 0.1, "attention", "nf4")
    assert all("QLoRA" in {one.name for one in table} for table in TABLES.values())
    assert [one.recipe(Recipe()).rank for one in TABLES["rank"]] == [2, 4, 8, 16]
    assert all(one.recipe(Recipe()).alpha == 2 * one.recipe(Recipe()).rank for one in TABLES["rank"])


def test_a_page_has_means_over_players_and_shares_of_the_base() -> None:
    page = to_page([row("ann", "QLoRA", 0.4, 0.9, 50), row("bo", "QLoRA", 0.6, 0.8, 40), row("ann", "DoRA", None, 0.7)])
    assert cells(page, "method", "QLoRA") == dict(
        zip(HEAD, ["QLoRA", "2", "45", "1,000", "2.0", "300", "0.50", "0.850", "–", "0.50", "0.25 to 1.00"], strict=True)
    )
    assert cells(page, "method", "DoRA")["distance"] == "–" and cells(page, "method", "DoRA")["players"] == "1"
    assert cells(page, "clips", "QLoRA")["distance"] == "0.50" and "DoRA" not in page.split("### By rank")[1]
    assert cells(page, "method", "base")["real-time factor"] == "0.40"
    assert "Players: ann, bo. Steps: 10. Samples of each: 2." in page


def test_only_rows_that_are_whole_are_read(tmp_path: Path) -> None:
    for name in ("ansel", "replay"):
        (tmp_path / name).mkdir()
    (tmp_path / "ansel" / "QLoRA.json").write_text(json.dumps(row("ansel", "QLoRA", 0.5, 0.9)))
    (tmp_path / "ansel" / ".DoRA.json").write_text("{")
    (tmp_path / "replay" / "about.json").write_text("{}")
    assert [one["variant"] for one in results(tmp_path)] == ["QLoRA"]
    assert not math.isnan(results(tmp_path)[0]["minutes"])


def test_the_players_are_known_by_first_name() -> None:
    assert len(names()) == 6 and {part_of(name) for name in names()} <= set(PARTS)
    with pytest.raises(ValueError):
        part_of("nobody")
