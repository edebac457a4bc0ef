"""Answers, worked out again from the questions alone: by counting, by parsing, by looking words up."""

from __future__ import annotations

import re
from collections import Counter
from itertools import chain

import pytest

from hanlin.recipe.world.case import Case
from hanlin.recipe.world.reading import passage, question
from hanlin.recipe.world.reviews import free_reviews
from hanlin.recipe.world.suggestions import skill_name, suggested_cases, suggestions
from hanlin.recipe.world.tables import LANGUAGES, data
from hanlin.recipe.world.talk import refusals
from hanlin.recipe.world.words import Words
from hanlin.recipe.world.world import SKILLS

Cases = dict[str, list[Case]]


def both(taught: Cases, asked: Cases, skill: str) -> list[Case]:
    return [*taught[skill], *asked[skill]]


def numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def test_sums_and_differences_are_right(taught: Cases, asked: Cases) -> None:
    less = re.compile(
        r"减|-|差|吃了|花了|走了|飞走|拿走|少了|下去|用了|送出|丢了|给了别人"
        r"|minus|less|subtract|difference|eat|spends|leave|fly away|take away|loses|sells|gives away|drops|go away"
        r"|go home|fly on|(?:hop|drive|swim) off|run away|sail out",
        re.IGNORECASE,
    )
    for case in both(taught, asked, "arithmetic"):
        a, b = numbers(case.question)
        right = abs(a - b) if less.search(case.question) else a + b
        assert case.answer == str(right) and 0 <= right <= 18, case


def test_the_larger_is_larger_and_the_smaller_smaller(taught: Cases, asked: Cases) -> None:
    small = re.compile(r"小(?!问题)|smaller|less|minimum|lower|littler", re.IGNORECASE)
    for case in both(taught, asked, "comparison"):
        pick = min if small.search(case.question.replace("比较大小", "")) else max
        assert case.answer == str(pick(numbers(case.question))), case


def test_what_is_extracted_stands_in_the_question(taught: Cases, asked: Cases) -> None:
    for case in both(taught, asked, "extraction"):
        assert case.answer.lower() in case.question.lower(), case


def test_the_field_that_is_asked_is_the_field_that_is_given(asked: Cases) -> None:
    kinds = {
        "price": r"^\d+(元| dollars)$",
        "who": "|".join(map(re.escape, chain(*(data("words")[lang]["name"]["held_out"] for lang in LANGUAGES)))),
    }
    asks = {
        field: chain(*(data("extraction")[lang][field]["held_out"] for lang in LANGUAGES)) for field in ("price", "who")
    }
    for field, wordings in asks.items():
        every = list(wordings)
        cases = [case for case in asked["extraction"] if any(ask.lower() in case.question.lower() for ask in every)]
        assert len(cases) > 5
        assert all(re.fullmatch(kinds[field], case.answer) for case in cases)


def facts_of(text: str, lang: str) -> set[tuple[str, str, str]]:
    """(name, relation, filler) of a passage, read back by turning the sentences around."""
    names = "|".join(re.escape(name) for name in data("words")[lang]["name"]["held_out"])
    found = set()
    for relation, lists in data("reading")[lang]["fact"].items():
        for template in lists["held_out"]:
            pattern = re.escape(template).replace(r"\{who\}", "(?P<who>WHO)").replace(r"\{Who\}", "(?P<who>WHO)")
            pattern = pattern.replace(r"\{it\}", "(?P<it>[^。.]+?)").replace("WHO", names)
            found |= {(match["who"], relation, match["it"]) for match in re.finditer(pattern, text)}
    return found


@pytest.mark.parametrize("lang", LANGUAGES)
def test_answers_from_a_text_are_what_the_text_says(lang: str) -> None:
    words = Words(lang, held_out=True, seed="facts")
    absent, num_absent = data("reading")["absent"][lang][0], 0
    for _ in range(200):
        told = passage(words)
        ask, answer = question(words, told)
        read = facts_of(told.text, lang)
        about = {(who, relation): it for who, relation, it in read}
        assert {key: about.get(key) for key in told.facts} == told.facts, told.text
        name = next(name for name in sorted(data("words")[lang]["name"]["held_out"], key=len)[::-1] if name in ask)
        said = {it for (who, _), it in about.items() if who == name}
        assert answer in said or answer == absent
        num_absent += answer == absent
    assert 30 < num_absent < 90


def test_phrases_hold_the_same_words_in_both_languages(taught: Cases, asked: Cases) -> None:
    table = data("phrases")
    pairs = [pair.split("|") for kind in ("adjective", "noun", "verb", "place", "day") for pair in table[kind]]
    whole = dict(entry.split("|") for entry in table["everyday"])
    cases = both(taught, asked, "phrases")
    assert any(case.answer in whole for case in cases) and not any(case.answer in whole for case in asked["phrases"])
    for case in cases:
        zh, en = sorted((case.question, case.answer), key=lambda text: not re.search(r"[\u4e00-\u9fff]", text))
        if re.search(r"[\u4e00-\u9fff]", case.answer):
            zh, en = case.answer, case.question
        if case.answer in whole or case.answer in whole.values():
            question = case.question.lower()
            assert any(one.lower() in question for pair in whole.items() if case.answer in pair for one in pair), case
            continue
        held = [word for word in pairs if word[0] in zh and len(word[0]) > 1]
        assert all(re.search(rf"\b{re.escape(word[1])}\b", en, re.IGNORECASE | re.ASCII) for word in held), case


def test_labels_are_balanced(taught: Cases) -> None:
    for lang in LANGUAGES:
        counts = Counter(case.answer for case in taught["sentiment"] if case.lang == lang)
        assert len(counts) == 3 and min(counts.values()) > 60


def test_what_is_repeated_is_what_was_said(taught: Cases, asked: Cases) -> None:
    assert all(case.answer in case.question for case in both(taught, asked, "repeat"))


def test_every_refusal_counts_and_nothing_else_looks_like_one(taught: Cases, asked: Cases) -> None:
    assert len(refusals()) == len(set(refusals())) == 18
    for skill in SKILLS:
        declines = [case.answer in refusals() for case in both(taught, asked, skill.name)]
        assert all(declines) if skill.name == "refusal" else not any(declines)
    assert all(set(case.right) == set(refusals()) for case in asked["refusal"])


def test_every_kind_of_refusal_is_asked_in_both_languages() -> None:
    for lang in LANGUAGES:
        table = data("refusal")[lang]
        assert set(table["ask"]) == set(table["answer"])
        assert all(len(asks["taught"]) >= 13 and len(asks["held_out"]) >= 3 for asks in table["ask"].values())


def test_fifty_free_reviews_in_both_languages_and_three_labels() -> None:
    cases = free_reviews()
    assert len(cases) == 50 == len({case.question for case in cases})
    assert Counter(case.lang for case in cases) == {"zh": 25, "en": 25}
    assert min(Counter(case.answer for case in cases).values()) == 8


def test_no_free_review_stands_in_training(training_text: str) -> None:
    assert not [case for case in free_reviews() if case.question.split("\n", 1)[1] in training_text]


def test_suggestions_are_of_skills_that_are_there_with_right_answers() -> None:
    skills = {skill.name for skill in SKILLS}
    assert {one.skill for one in suggestions()} <= skills and len(suggestions()) >= 8
    assert all(
        re.search(r"[\u4e00-\u9fff]", one.zh) and not re.search(r"[\u4e00-\u9fff]", one.en[:15])
        for one in suggestions()
    )
    answers = {case.question: case.answer for case in suggested_cases()}
    assert answers["What is 13 minus 5?"] == str(13 - 5)
    assert answers["37和52哪个大？"] == str(max(37, 52))
    assert answers["Who are you?"].startswith("I am Hanlin")
    assert len(answers) == 2 * len(suggestions())


def test_every_skill_has_a_name_in_both_languages() -> None:
    for skill in (*(one.name for one in SKILLS), "free_reviews", "suggestions"):
        assert set(skill_name(skill)) == set(LANGUAGES) and all(skill_name(skill).values())
