"""What rows are for, and the faults of labels and turns."""

from __future__ import annotations

from typing import Any

import pytest
from tests.text.doctor.junk import turns

from hanlin.text.doctor.findings import Findings
from hanlin.text.doctor.portrait import is_held_out
from hanlin.text.doctor.rows import Row
from hanlin.text.doctor.uses import Labels, format_name, look_at_rows, use_of
from hanlin.text.pages.doctor_page import format_text, use_text
from hanlin.text.records.formats import BY_NAME

MESSAGES = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
SAID = [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]


@pytest.mark.parametrize(
    ("columns", "name", "use"),
    [
        ({"prompt": "x", "chosen": "y", "rejected": "z"}, "preference", "preference"),
        ({"input": "x", "output_1": "y", "output_2": "z", "label": 1}, "comparison", "preference"),
        ({"messages": MESSAGES, "label": True}, "kto", "rated"),
        ({"prompt": "x", "responses": ["y", "z"], "scores": [2, 1]}, "ranked", "ranked"),
        ({"context": "x", "question": "y", "answers": {"text": ["x"], "answer_start": [0]}}, "qa", "extract"),
        ({"tokens": ["a"], "ner_tags": ["O"]}, "tokens", "tagged"),
        ({"text": "x", "entities": [{"start": 0, "end": 1, "label": "X"}]}, "spans", "tagged"),
        ({"messages": MESSAGES}, "messages", "conversation"),
        ({"conversations": SAID}, "sharegpt", "conversation"),
        ({"zh": "x", "en": "y"}, "pairs", "pair"),
        ({"instruction": "x", "input": "", "output": "y"}, "alpaca", "conversation"),
        ({"question": "x", "answer": "plain"}, "prompt-response", "conversation"),
        ({"sentence1": "x", "sentence2": "y", "label": 1}, "classification", "classified"),
        ({"text": "x"}, "text", "plain"),
        ({"question": "x", "A": "1", "B": "2", "C": "3", "D": "4", "answer": "A"}, "evaluation", "evaluation"),
        ({"question": "x", "choices": ["a"], "answer": 0}, "evaluation", "evaluation"),
        ({"question": "x", "answer": "so\n#### 42"}, "evaluation", "evaluation"),
        ({"prompt": "def f", "canonical_solution": "x", "test": "y"}, "evaluation", "evaluation"),
        ({"speed": 3, "wind": 4}, "other", "other"),
    ],
)  # fmt: skip
def test_the_format_of_a_row_and_what_it_is_made_for(columns: dict[str, Any], name: str, use: str) -> None:
    assert (format_name(columns), use_of(name)) == (name, use)
    assert use_text(use) and (name not in BY_NAME or format_text(name))


def test_every_format_of_training_data_is_named() -> None:
    marks = test_the_format_of_a_row_and_what_it_is_made_for.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert {name for _, name, _ in marks} - {"evaluation", "other"} == set(BY_NAME) and len(BY_NAME) == 14


def test_rows_to_learn_from_are_no_examination() -> None:
    row = {"question": "x", "answer": "so\n#### 42"}
    assert format_name(row, may_be_exam=False) == "prompt-response"


def found(*rows: dict[str, Any], good: dict[str, Any] | None = None) -> dict[str, int]:
    """Findings of rows among good ones that make the format of the file."""
    findings = Findings(5, lambda finding: None)
    listed = [Row(f"f:{number}", row) for number, row in enumerate([*rows, *[good or {"messages": MESSAGES}] * 9])]
    look_at_rows(listed, [format_name(row.columns) for row in listed], findings)
    return {one.kind: one.number for one in findings}


def test_turns_in_order() -> None:
    good = turns(("system", "s"), ("user", "q"), ("assistant", "a"), ("user", "q"), ("assistant", "a"))
    call = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
    calling = {"role": "assistant", "content": None, "tool_calls": [call]}
    calls = {"messages": [MESSAGES[0], calling, {"role": "tool", "content": "t"}, MESSAGES[1]]}
    called = [SAID[0], {"from": "function_call", "value": '{"name": "f", "arguments": {}}'},
              {"from": "observation", "value": "t"}, SAID[1]]  # fmt: skip
    assert found(good, calls, {"conversations": SAID}, {"conversations": called}) == {}


def test_turns_out_of_order() -> None:
    assert found(turns(("user", "q"), ("user", "q"), ("assistant", "a"))) == {"turn_order": 1}
    assert found(turns(("user", "q"))) == {"empty_answer": 1}
    assert found(turns(("user", "q"), ("assistant", " "), ("user", "q"), ("assistant", "a"))) == {"empty_answer": 1}
    bad = ({"messages": "hello"}, {"messages": [1]}, {"conversations": [{"from": "x"}]})
    assert found(*bad) == {"bad_conversation": 2, "broken_row": 1}
    alpaca = {"instruction": "q", "input": "", "output": "a"}
    assert found({**alpaca, "output": " "}, good=alpaca) == {"empty_answer": 1}


def test_rows_that_break_a_rule_of_their_format() -> None:
    pair = {"prompt": "x", "chosen": "y", "rejected": "z"}
    assert found({**pair, "rejected": "y"}, good=pair) == {"broken_row": 1}
    assert found({"text": "a lone text"}, good=pair) == {"mixed_schemas": 1}
    assert found({"tokens": ["a"], "ner_tags": ["O", "O"]}, good={"tokens": ["a"], "ner_tags": ["O"]}) == {
        "broken_row": 1
    }


def test_verdicts_as_text_and_labels_that_nobody_reads() -> None:
    row = {"prompt": "q", "completion": "a", "label": True}
    assert found({**row, "label": "True"}, good=row) == {"verdict_text": 1}
    assert found({**row, "label": "+"}, good={"prompt": "q", "completion": "a"}) == {"unread_label": 1}


def labels(*values: object) -> dict[str, list[str]]:
    findings, seen = Findings(9, lambda finding: None), Labels()
    for number, value in enumerate(values):
        seen.add(Row(f"f:{number}", {"text": "x", "label": value}))
    seen.look("f", findings)
    return {one.kind: [example.text for example in one.examples] for one in findings}


def test_slips_of_labels() -> None:
    slips = labels(*["positive"] * 50, *["negative"] * 50, "postive", "Positive", "negative ")
    meant = ["'postive' → 'positive'", "'Positive' → 'positive'", "'negative ' → 'negative'"]
    assert slips == {"label_spelling": meant}


@pytest.mark.parametrize(
    "values",
    [
        ["helpful"] * 50 + ["unhelpful"],
        [14] * 50 + [15],
        ["+1"] * 30 + ["-1"] * 30,
        [f"c{n}" for n in range(60)],
        [1] * 5,
    ],
)
def test_labels_that_only_look_alike(values: list[object]) -> None:
    assert labels(*values) == {}


def test_one_class() -> None:
    assert labels(*["good"] * 30) == {"one_class": ["good"]}


@pytest.mark.parametrize(
    ("place", "is_kept"),
    [("d/test.jsonl:3", True), ("gsm8k-test.jsonl", True), ("eval/a.csv", True), ("dev.tsv", True),
     ("contest.jsonl", False), ("latest.jsonl", False), ("device.txt", False), ("train.jsonl", False)],
)  # fmt: skip
def test_names_of_held_out_files(place: str, is_kept: bool) -> None:
    assert is_held_out(place) == is_kept
