"""A fine-tuning refuses to start on rows of an evaluation set, unless told otherwise, and says what it found."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hanlin.base.errors import ConfigError, InputError
from hanlin.base.messages import say
from hanlin.text.chat import Conversation, Message
from hanlin.text.families import family_of
from hanlin.train.config import FinetuneConfig
from hanlin.train.leaked import without_leaked

from .conftest import Listening

QUESTION = "Which of the seven rivers of this country runs through more than one of its large towns before it ends?"


def asked(question: str, answer: str = "yes") -> Conversation:
    return Conversation((Message("user", question), Message("assistant", answer)))


def exam(folder: Path, *questions: str) -> str:
    path = folder / "exam.jsonl"
    rows = [json.dumps({"question": question}, ensure_ascii=False) for question in questions]
    path.write_text("\n".join(rows), encoding="utf-8")
    return str(path)


def config(*evaluation: str, **settings: Any) -> FinetuneConfig:
    return FinetuneConfig(evaluation=evaluation, **settings)


CLEAN, LEAKED = asked("What is the colour of the sky on a day without clouds?"), asked(f"Tell me: {QUESTION.upper()}")


def test_leaked_rows_stop_the_run_with_the_passage(tmp_path: Path, lang: str) -> None:
    with pytest.raises(InputError) as caught:
        without_leaked([CLEAN, LEAKED], config(exam(tmp_path, QUESTION)), Listening())
    assert caught.value.code == "E505"
    assert (caught.value.values["num"], caught.value.values["number"]) == (1, 2)
    assert "exam.jsonl:1" in str(caught.value) and "SEVEN RIVERS" in str(caught.value)


@pytest.mark.parametrize(("leaked", "kept"), [("drop", [CLEAN]), ("allow", [CLEAN, LEAKED])])
def test_they_are_left_out_or_learned_as_asked_and_said(
    tmp_path: Path, leaked: str, kept: list[Conversation], lang: str
) -> None:
    heard = Listening()
    found = without_leaked([CLEAN, LEAKED], config(exam(tmp_path, QUESTION), leaked=leaked), heard)
    assert found == kept
    assert len(heard.notes) == 1 and "exam.jsonl:1" in heard.notes[0]


def test_a_clean_bill_is_said_too_and_no_set_means_no_search(tmp_path: Path, lang: str) -> None:
    heard = Listening()
    assert without_leaked([CLEAN], config(exam(tmp_path, QUESTION)), heard) == [CLEAN]
    assert heard.notes == [say("train.none_leaked", num=1, num_rows=1)]
    assert without_leaked([LEAKED], config(), heard) == [LEAKED] and len(heard.notes) == 1


def test_an_answer_that_gives_a_question_away_counts(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        without_leaked([asked("Ask me something.", QUESTION)], config(exam(tmp_path, QUESTION)), Listening())


def test_a_translated_set_is_refused_and_a_single_likeness_said(tmp_path: Path, lang: str) -> None:
    sums = [f"Start with {n}, add {n + 11}, take {n + 500} away and then multiply by {n * 3 + 7}." for n in range(9)]
    chinese = [asked(f"先有{n}，加上{n + 11}，减去{n + 500}，再乘以{n * 3 + 7}，得多少？") for n in range(9)]
    job = config(exam(tmp_path, *sums))
    with pytest.raises(InputError) as caught:
        without_leaked(chinese, job, Listening())
    assert caught.value.code == "E506"
    heard = Listening()
    assert without_leaked(chinese, job.replaced(leaked="allow"), heard) == chinese
    assert without_leaked(chinese[:1], job, heard) == chinese[:1]
    assert len(heard.notes) == 4


def test_a_missing_set_is_said_before_any_training(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        without_leaked([CLEAN], config(str(tmp_path / "nowhere.jsonl")), Listening())
    assert caught.value.code == "E290"


def test_rows_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    path = exam(tmp_path, QUESTION)
    with Path(path).open("a") as file:
        file.write("\n{bad")
    heard = Listening()
    without_leaked([CLEAN], config(path), heard)
    assert any(f"{path}:2" in note for note in heard.notes)


def test_the_setting_alone_has_no_effect_and_is_refused(lang: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config(leaked="drop")
    assert [problem.name for problem in caught.value.problems] == ["leaked"]


def test_what_was_made_from_an_evaluation_row_is_one(tmp_path: Path) -> None:
    """A paraphrase shares no run of words with it; its mark says where it comes from."""
    child = replace(asked("Name the river that passes most cities."), family=family_of({"question": QUESTION}))
    with pytest.raises(InputError) as caught:
        without_leaked([CLEAN, child], config(exam(tmp_path, QUESTION)), Listening())
    assert caught.value.code == "E505"
