"""The world whole: nothing that is asked was taught, both languages alike, the same everywhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from hanlin.recipe.world.case import Case
from hanlin.recipe.world.sheets import SHEETS, sheets
from hanlin.recipe.world.tables import LANGUAGES, data
from hanlin.recipe.world.words import Words
from hanlin.recipe.world.world import SKILLS, conversations, held_out

TABLES = ("about", "extraction", "layouts", "numbers", "phrases", "reading", "refusal", "repeat", "sentiment", "words")


def entries(table: Mapping[str, Any], key: str = "") -> Iterator[tuple[str, str, str]]:
    """(list, side, entry) of every list of a table that has two sides."""
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from entries(value, f"{key}.{name}")
        elif isinstance(value, list):
            side = "held_out" if name.endswith("held_out") else "taught"
            place = f"{key}.{name.removesuffix('_held_out')}" if name not in ("taught", "held_out") else key
            yield from ((place, side, entry) for entry in value)


def stands_in(entry: str, text: str) -> bool:
    """Whether an entry is part of a text: English by whole words."""
    if re.search(r"[a-zA-Z]", entry):
        return re.search(rf"(?<![a-z]){re.escape(entry.lower())}(?![a-z])", text) is not None
    return entry in text


def test_no_held_out_entry_is_a_taught_entry() -> None:
    for name in TABLES:
        found = list(entries(data(name)))
        taught = {(place, entry) for place, side, entry in found if side == "taught"}
        both = [(place, entry) for place, side, entry in found if side == "held_out" and (place, entry) in taught]
        # What may recur: no prefix at all, and the marks that join clauses.
        assert [one for one in both if one[1] and not one[0].endswith("join")] == [], name


def test_no_held_out_filler_stands_in_any_training_text(training_text: str) -> None:
    """Names, towns, things, opinions, topics …: copied or judged, never remembered."""
    text = training_text.lower()
    fillers = [
        (place, entry)
        for name, part in (("words", ""), ("sentiment", ".group"), ("sentiment", ".general"), ("refusal", ".filler"))
        for place, side, entry in entries(data(name))
        if side == "held_out" and part in place
    ]
    assert len(fillers) > 400
    assert [one for one in fillers if stands_in(one[1], text)] == []


def test_no_held_out_wording_stands_in_any_training_text(training_text: str) -> None:
    """Wordings with a slot are compared as lists above; those without are looked for."""
    text = training_text.lower()
    asks = [
        (place, entry)
        for name in ("extraction", "phrases", "repeat", "sentiment", "about", "refusal")
        for place, side, entry in entries(data(name))
        if side == "held_out" and "{" not in entry and not re.search(r"group|general|filler|join|open|close", place)
    ]
    assert len(asks) > 150
    assert [one for one in asks if stands_in(one[1], text)] == []


def test_no_question_is_both_taught_and_asked(questions: set[str], asked: dict[str, list[Case]]) -> None:
    every = {case.question for cases in asked.values() for case in cases}
    assert len(every) > 1000
    assert not every & questions


def test_every_small_sum_is_taught_and_asked_in_other_words(training_text: str, asked: dict[str, list[Case]]) -> None:
    """Small numbers recur, as labels do: what the evaluation asks is the table in wordings that training never saw."""
    taught = {(int(a), int(b)) for a, b in re.findall(r"\b(\d+) ?\+ ?(\d+)\b", training_text)}
    assert {(a, b) for a in range(10) for b in range(10)} <= taught
    wordings = {re.sub(r"\d+", "#", case.question) for case in asked["arithmetic"]}
    assert len(wordings) > 10 and not wordings & set(re.sub(r"\d+", "#", training_text).splitlines())


def test_half_of_the_cases_is_in_each_language(asked: dict[str, list[Case]]) -> None:
    for name, cases in asked.items():
        counts = Counter(case.lang for case in cases)
        assert set(counts) == set(LANGUAGES), name
        assert abs(counts["zh"] - counts["en"]) <= 0.35 * len(cases), name
        assert len(cases) >= 36 and len({case.question for case in cases}) == len(cases), name


def test_conversations_have_one_to_four_turns_and_repeat() -> None:
    rows = list(conversations(3000, 7))
    assert rows == list(conversations(3000, 7)) != list(conversations(3000, 8))
    turns = Counter(len(row["messages"]) // 2 for row in rows)
    assert set(turns) == {1, 2, 3, 4} and 0.45 < turns[1] / 3000 < 0.65
    assert all([turn["role"] for turn in row["messages"]][:2] == ["user", "assistant"] for row in rows)
    assert all(turn["content"].strip() for row in rows for turn in row["messages"])


def test_questions_that_follow_ask_more_about_the_same_text() -> None:
    words = Words("en", held_out=False, seed=4)
    cases = [skill.make(words) for skill in SKILLS if skill.name in ("extraction", "reading") for _ in range(100)]
    followed = [case for case in cases if case.next]
    assert len(followed) > 150
    for case in followed:
        turns = case.messages(2)
        assert turns[:2] == case.messages()
        assert len(turns) == 2 + 2 * min(2, len(case.next))
        known = case.question.lower() + "the text does not say."
        assert all(answer.lower() in known for _, answer in case.next), case


def test_no_slot_is_left_open(training_text: str, asked: dict[str, list[Case]]) -> None:
    shown = [case.question + case.answer for cases in asked.values() for case in cases]
    for text in (training_text, *shown):
        assert not re.search(r"\{[a-z_0-9]+\}", text), re.search(r".{40}\{[a-z_0-9]+\}.{40}", text)


def test_held_out_cases_come_the_same_twice() -> None:
    for skill in SKILLS:
        assert held_out(skill, 20, 1) == held_out(skill, 20, 1), skill.name


def test_sheets_are_of_every_kind_and_repeat() -> None:
    assert sum(sheet.weight for sheet in SHEETS) == 1000
    for lang in LANGUAGES:
        told = list(sheets(lang, 400, 1))
        assert told == list(sheets(lang, 400, 1))
        assert {kind for kind, _ in told} == {sheet.name for sheet in SHEETS}
        assert len({text for _, text in told}) > 390
