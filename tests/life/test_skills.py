"""The table of skills: names in both languages, chance, before and after, refusals where there was no need."""

from __future__ import annotations

from typing import Any

import pytest

from hanlin.life.skills import skills_line, skills_of, skills_table
from hanlin.recipe.world.talk import refusals

FIGURES: dict[str, Any] = {
    "tasks": [
        {"task": "sentiment", "accuracy": 0.93, "chance": 1 / 3, "interval": [0.87, 0.97], "num_cases": 120},
        {"task": "refusal", "accuracy": 1.0, "chance": 0.2, "interval": [0.9, 1.0], "num_cases": 40},
    ],
    "before": [{"task": "sentiment", "accuracy": 0.1}],
}
ANSWERS = {"sentiment": ["正面", f" {refusals()[0]}", "negative"], "refusal": list(refusals()[:2])}


def test_skills_have_names_and_all_figures() -> None:
    found = skills_of(FIGURES, ANSWERS)
    sentiment, refusal = found["skills"]
    assert sentiment["zh"] == "判断评论" and sentiment["en"] == "Judging reviews"
    assert (sentiment["chance"], sentiment["before"], sentiment["after"]) == (1 / 3, 0.1, 0.93)
    assert refusal["before"] is None


def test_over_refusal_counts_refusals_of_what_is_no_refusal() -> None:
    assert skills_of(FIGURES, ANSWERS)["over_refusal"] == {"num_refused": 1, "num_answers": 3}


def test_suggestions_are_pairs_of_skills_that_the_model_has() -> None:
    suggestions = skills_of(FIGURES, ANSWERS)["suggestions"]
    assert {one["skill"] for one in suggestions} == {"sentiment", "refusal"}
    assert all(set(one) == {"skill", "zh", "en"} and one["zh"] and one["en"] for one in suggestions)
    worse = {**FIGURES, "tasks": [{**FIGURES["tasks"][0], "accuracy": 0.5}]}
    assert skills_of(worse, ANSWERS)["suggestions"] == []


@pytest.mark.parametrize(("lang", "name"), [("zh", "知道自己不会什么"), ("en", "Saying what it cannot do")])
def test_the_table_speaks_the_users_language_the_best_first(
    lang: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANLIN_LANG", lang)
    found = skills_of(FIGURES, ANSWERS)
    table = skills_table(found)
    assert table.rows[0] == (name, "20%", "–", "100%", "90% – 100%", "40")
    assert [row[3] for row in table.rows] == ["100%", "93%"]
    assert "1" in skills_line(found) and "3" in skills_line(found)
