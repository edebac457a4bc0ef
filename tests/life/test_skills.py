"""The table of skills: names in both languages, chance, before and after, refusals where there was no need."""

from __future__ import annotations

import re
from typing import Any

import pytest

from hanlin.life.skills import skills_lines, skills_of, skills_table
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
    assert [sorted(map(int, re.findall(r"\d+", line))) for line in skills_lines(found)] == [[1, 3]]


def test_the_pages_suggestions_are_a_line_and_no_skill() -> None:
    asked = {"task": "suggestions", "accuracy": 15 / 16, "chance": 0.1, "interval": [0.7, 1.0], "num_cases": 16}
    found = skills_of({"tasks": [*FIGURES["tasks"], asked]}, {**ANSWERS, "suggestions": [refusals()[0]]})
    assert [row["skill"] for row in found["skills"]] == ["sentiment", "refusal"]
    assert skills_lines(found)[1] == "Suggestions of the page answered rightly: 15 of 16."
    assert found["over_refusal"]["num_answers"] == 3  # whoever suggests a refusal wants one


def test_a_task_of_the_users_own_goes_by_its_own_name() -> None:
    own = {**FIGURES["tasks"][0], "task": "my_quiz"}
    assert skills_of({"tasks": [own]}, {"my_quiz": ["yes"]})["skills"][0]["en"] == "my_quiz"
