"""What a model of the little world can do: skills by name with chance, before and after, and what the page suggests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from hanlin.base.messages import language, say
from hanlin.life.report import Table
from hanlin.recipe.world.suggestions import skill_name, suggestions
from hanlin.recipe.world.talk import refusals

SCORES = "demo"
"""Where the figures stand among the scores of a bundle."""

SUGGESTED = "suggestions"
"""The task of all that the page might suggest: no skill of its own."""

OFFERED = 0.8
"""What a skill must reach before the page suggests to try it."""


def skills_of(figures: Mapping[str, Any], answers: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """What `scores.demo` of a bundle holds: `{"skills": [{"skill", "zh", "en", "chance", "before", "after",
    "num_cases"}], "over_refusal": {"num_refused", "num_answers"}, "suggestions": [{"skill", "zh", "en"}],
    "suggested": {"num_right", "num_cases"}}`.

    `before` is None without a parent. Only what the model can do is suggested. Over-refusal counts refusals among the
    answers to all that is no refusal; `suggested` are the answers to all that the page might suggest.
    """
    reached = {row["task"]: row["accuracy"] for row in figures["tasks"]}
    before = {row["task"]: row["accuracy"] for row in figures.get("before", ())}
    declined = set(refusals())
    others = [answer for task, said in answers.items() if task not in ("refusal", SUGGESTED) for answer in said]
    refused = sum(answer.strip() in declined for answer in others)
    return {
        "skills": [
            {
                "skill": row["task"],
                **skill_name(row["task"]),
                "chance": row["chance"],
                "before": before.get(row["task"]),
                "after": row["accuracy"],
                "interval": row["interval"],
                "num_cases": row["num_cases"],
            }
            for row in figures["tasks"]
            if row["task"] != SUGGESTED
        ],
        "over_refusal": {"num_refused": refused, "num_answers": len(others)},
        "suggestions": [asdict(one) for one in suggestions() if reached.get(one.skill, 0.0) >= OFFERED],
        "suggested": _suggested(figures["tasks"]),
    }


def _suggested(tasks: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    rows = [row for row in tasks if row["task"] == SUGGESTED]
    right = sum(round(row["accuracy"] * row["num_cases"]) for row in rows)
    return {"num_right": right, "num_cases": sum(row["num_cases"] for row in rows)}


def skills_table(skills: Mapping[str, Any]) -> Table:
    """The skills for people, the best first."""
    names = ("skill", "chance", "before_tuning", "after_tuning", "interval", "cases")
    rows = sorted(skills["skills"], key=lambda row: -row["after"])
    columns = tuple(say(f"life.column_{name}") for name in names)
    return Table(say("life.skills_title"), columns, tuple(map(_row, rows)))


def _row(row: Mapping[str, Any]) -> tuple[str, ...]:
    low, high = row["interval"]
    before = "–" if row["before"] is None else f"{row['before']:.0%}"
    cells = (f"{row['chance']:.0%}", before, f"{row['after']:.0%}", f"{low:.0%} – {high:.0%}", str(row["num_cases"]))
    return (row[language()], *cells)


def skills_lines(skills: Mapping[str, Any]) -> tuple[str, ...]:
    """How often the model declined what it was asked to do and can, and how it did on the page's suggestions."""
    lines = [say("life.over_refusal", **skills["over_refusal"])]
    if skills["suggested"]["num_cases"]:
        lines.append(say("life.suggested", **skills["suggested"]))
    return tuple(lines)
