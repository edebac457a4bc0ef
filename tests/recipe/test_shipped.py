"""The shipped text: what is taught, what is held out, and that both come out the same everywhere."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from hanlin.base.errors import MachineError
from hanlin.recipe.shipped import Word, cases, documents, fill, fillers, prose, stories, write_shipped


def test_both_languages_have_the_same_prose_sections() -> None:
    zh, en = prose("zh"), prose("en")
    assert len(zh) == len(en) >= 10
    assert all(text.startswith("# ") and text.count("\n") > 3 for text in zh + en)
    assert zh[0].startswith("# 语言模型怎样学习")


def test_every_filler_is_a_pair() -> None:
    for name, words in fillers().items():
        assert len(words) == len({w.zh for w in words}) == len({w.en for w in words}), name
        assert all(word.zh and word.en for word in words)


def test_fill_speaks_the_language_of_the_template_unless_told_otherwise() -> None:
    words = {"animal": Word("猫", "cat"), "a": 3}
    assert fill("{animal} {animal.zh} {animal.en} {a}", words, "en") == "cat 猫 cat 3"
    assert fill("{animal}", words, "zh") == "猫"


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_stories_are_filled_distinct_and_repeatable(lang: str) -> None:
    told = list(stories(lang, 300, seed=1))
    assert told == list(stories(lang, 300, seed=1))
    assert told != list(stories(lang, 300, seed=2))
    assert len(set(told)) > 290
    assert not any("{" in story or "}" in story for story in told)


def test_no_question_is_both_taught_and_asked() -> None:
    every = cases()
    taught = {case.question for case in every if not case.held_out}
    asked = {case.question for case in every if case.held_out}
    assert asked
    assert not taught & asked


def test_a_fact_is_held_out_in_every_wording_language_and_order() -> None:
    """5 + 3 taught in English would give 3加5 away in Chinese."""
    asked = {tuple(sorted(_numbers(c.question))) for c in cases() if c.skill == "addition" and c.held_out}
    taught = {tuple(sorted(_numbers(c.question))) for c in cases() if c.skill == "addition" and not c.held_out}
    assert asked
    assert not asked & taught


def _numbers(text: str) -> list[str]:
    return "".join(char if char.isdigit() else " " for char in text).split()


def test_held_out_reviews_are_about_things_never_reviewed_in_training() -> None:
    sentiment = [case for case in cases() if case.skill == "sentiment"]
    things = [word.zh for word in fillers()["reviewed"]]
    asked = {thing for thing in things for c in sentiment if c.held_out and thing in c.question}
    taught = {thing for thing in things for c in sentiment if not c.held_out and thing in c.question}
    assert len(asked) == 3
    assert not asked & taught


def test_answers_are_right() -> None:
    for case in cases():
        numbers = [int(n) for n in _numbers(case.question)]
        if case.skill == "addition":
            assert int(case.answer) == sum(numbers)
        if case.skill == "comparison":
            assert int(case.answer) == max(numbers)
        if case.choices:
            assert case.answer in case.choices


def test_labels_are_balanced_so_that_chance_is_one_third() -> None:
    labels = Counter(c.answer for c in cases() if c.skill == "sentiment" and c.held_out and c.lang == "zh")
    assert set(labels) == {"正面", "中性", "负面"}
    assert len(set(labels.values())) == 1


def test_greetings_and_identity_are_taught_whole() -> None:
    small_talk = [case for case in cases() if case.skill in ("greeting", "identity")]
    assert small_talk and not any(case.held_out for case in small_talk)
    assert {case.lang for case in small_talk} == {"zh", "en"}


def test_written_files_hold_what_they_say(tmp_path: Path) -> None:
    shipped = write_shipped(tmp_path, num_stories=20, seed=3)
    texts = _rows(shipped.texts)
    assert len(texts) == shipped.num_documents == len(list(documents(20, 3)))
    assert {row["lang"] for row in texts} == {"zh", "en"}
    assert len(_rows(shipped.conversations)) == shipped.num_taught
    tasks = sorted(path.stem for path in shipped.tasks.glob("*.jsonl"))
    assert tasks == ["addition", "comparison", "phrases", "sentiment"]
    assert sum(len(_rows(shipped.tasks / f"{task}.jsonl")) for task in tasks) == shipped.num_asked
    first = _rows(shipped.conversations)[0]["messages"]
    assert [message["role"] for message in first] == ["user", "assistant"]


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = write_shipped(tmp_path / "a", num_stories=5), write_shipped(tmp_path / "b", num_stories=5)
    assert one.conversations.read_bytes() == two.conversations.read_bytes()
    assert one.texts.read_bytes() == two.texts.read_bytes()


def _rows(path: Path) -> list[dict]:  # type: ignore[type-arg]
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def test_a_home_that_cannot_be_written_is_told_as_such(tmp_path: Path) -> None:
    """`hanlin demo` with HANLIN_HOME on a read-only disk used to be called a bug of ours."""
    (tmp_path / "home").write_text("a file, no folder")
    with pytest.raises(MachineError) as caught:
        write_shipped(tmp_path / "home" / "shipped", num_stories=5)
    assert caught.value.code == "E109"
