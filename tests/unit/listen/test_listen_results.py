"""Figures against tables and against the definitions."""

from __future__ import annotations

from math import comb
from pathlib import Path

import pytest
from scipy.stats import beta

from jamd.listen.answers import Answer, append_answer
from jamd.listen.results import count_up, fewest, needed, p_value, read_result
from jamd.listen.trials import Side
from tests.unit.listen.rig import ADAPTER, AGAINST, make_answer


def of(for_adapter: int, for_against: int, skipped: int = 0) -> list[Answer]:
    """Answers in which the adapter is A and B in turn."""
    out = []
    for index, wanted in enumerate([True] * for_adapter + [False] * for_against):
        first = index % 2 == 0
        order = (ADAPTER.name, AGAINST.name) if first else (AGAINST.name, ADAPTER.name)
        out.append(make_answer(index + 1, "a" if wanted == first else "b", order, trials=for_adapter + for_against + skipped))
    return out + [make_answer(len(out) + index + 1, "skip", trials=len(out) + skipped) for index in range(skipped)]


@pytest.mark.parametrize(("chosen", "count"), [(8, 10), (9, 10), (10, 10), (5, 5), (6, 6), (15, 20), (14, 20), (3, 7), (0, 8), (5, 10)])
def test_p_is_twice_the_tail_of_a_fair_coin(chosen: int, count: int) -> None:
    far = max(chosen, count - chosen)
    tail = sum(comb(count, k) for k in range(far, count + 1)) / 2**count
    assert p_value(chosen, count) == pytest.approx(min(2 * tail, 1.0), abs=1e-12)


def test_known_values() -> None:
    """8, 9 and 10 of 10; 15 of 20 is the first of 20 below 0.05 (any table of the sign test)."""
    assert [round(p_value(k, 10), 6) for k in (8, 9, 10)] == [0.109375, 0.021484, 0.001953]
    assert (needed(10), needed(20), needed(6), needed(5), needed(0)) == (9, 15, 6, None, None)
    assert fewest() == 6
    assert p_value(0, 0) == 1.0


def test_interval_is_that_of_clopper_and_pearson() -> None:
    result = count_up(of(8, 2), ADAPTER, AGAINST)
    assert result.share == 0.8
    assert result.interval == pytest.approx((beta.ppf(0.025, 8, 3), beta.ppf(0.975, 9, 2)), abs=1e-9)
    assert result.interval == pytest.approx((0.4439, 0.9748), abs=1e-4)


def test_order_is_taken_off_and_skipped_trials_do_not_count() -> None:
    result = count_up(of(7, 3, skipped=2), ADAPTER, AGAINST)
    assert (result.for_adapter, result.for_against, result.skipped, result.count) == (7, 3, 2, 10)
    assert result.preferred == ADAPTER.name
    assert (
        result.chose_a == 4 + 2
    )  # A was the adapter in the odd trials, of which it won four; the even ones that it lost are the 8th and 10th
    assert not result.unfinished


def test_says_plainly_what_it_shows() -> None:
    text = {key: "\n".join(count_up(of(*key), ADAPTER, AGAINST).lines()) for key in ((0, 0), (4, 0), (8, 2), (9, 1), (1, 9), (5, 5))}
    assert "no answers yet" in text[0, 0]
    assert "Too few to tell: even 4 of 4 would give p = 0.125; 6 answers" in text[4, 0]
    assert "No difference is shown: of 10 answers, 9 for one side" in text[8, 2] and "p = 0.109" in text[8, 2]
    assert "quillon matches the player better." in text[9, 1] and "base matches the player better." in text[1, 9]
    assert count_up(of(5, 5), ADAPTER, AGAINST).preferred is None and "p = 1" in text[5, 5]


def test_sessions_and_listeners_of_a_pair_add_up(tmp_path: Path) -> None:
    """By hash, not by name, whichever of the two was asked about; an adapter that was learned anew begins anew."""
    renamed, anew = Side("other_name", ADAPTER.hash), Side(ADAPTER.name, "3" * 64)
    append_answer(tmp_path / "quillon" / "answers.jsonl", make_answer(1, "a", trials=1))
    append_answer(tmp_path / "quillon" / "answers.jsonl", make_answer(1, "b", trials=1, session="two", listener="eva"))
    append_answer(tmp_path / "quillon" / "answers.jsonl", make_answer(1, "a", trials=1, session="three", adapter=anew))
    turned = make_answer(1, "b", ("base", "other_name"), trials=2, session="four", adapter=AGAINST, against=renamed)
    append_answer(tmp_path / "elsewhere" / "answers.jsonl", turned)
    result = read_result(tmp_path, ADAPTER, AGAINST)
    assert (result.for_adapter, result.for_against, result.other_versions) == (2, 1, 1)
    assert result.listeners == {"me": [2, 0], "eva": [0, 1]}
    assert [one.id for one in result.unfinished] == ["four"]
    assert "This is a look before the end" in "\n".join(result.lines())
    values = result.as_dict()
    assert (values["n"], values["p"], values["for_adapter"]) == (3, 1.0, 2)
    assert {one["id"]: one["finished"] for one in values["sessions"]} == {"one": True, "two": True, "four": False}
    assert read_result(tmp_path, AGAINST, renamed).for_against == 2


def test_one_adapter_under_two_names_is_counted_by_name() -> None:
    one, copy = Side("anna", "same"), Side("copy", "same")
    answers = [make_answer(n + 1, "b" if n < 7 else "a", ("anna", "copy"), adapter=one, against=copy) for n in range(10)]
    assert (count_up(answers, one, copy).for_adapter, count_up(answers, one, copy).for_against) == (3, 7)
    assert count_up(answers, copy, one).for_adapter == 7
    assert count_up(answers, one, copy).listeners == {"me": [3, 7]}
    assert count_up(answers, one, Side("other", "same")).count == 0, "of another pair"
