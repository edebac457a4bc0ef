"""What rows are for, and the faults of labels and turns."""

from __future__ import annotations

from typing import Any

import pytest
from tests.text.doctor.junk import turns

from hanlin.text.doctor.findings import Findings
from hanlin.text.doctor.portrait import is_held_out
from hanlin.text.doctor.rows import Row
from hanlin.text.doctor.uses import Labels, look_at_row, use_of


@pytest.mark.parametrize(
    ("columns", "use"),
    [
        ({"text": "x"}, "text"),
        ({"messages": []}, "conversation"),
        ({"conversations": []}, "conversation"),
        ({"instruction": "x", "input": "", "output": "y"}, "instruction"),
        ({"prompt": "x", "response": "y"}, "instruction"),
        ({"prompt": "x", "chosen": "y", "rejected": "z"}, "preference"),
        ({"messages": [], "label": True}, "preference"),
        ({"context": "x", "question": "y", "answers": {}}, "qa"),
        ({"tokens": ["a"], "ner_tags": [1]}, "token_labels"),
        ({"zh": "x", "en": "y"}, "pairs"),
        ({"sentence1": "x", "sentence2": "y", "label": 1}, "pairs"),
        ({"text": "x", "label": 1}, "classification"),
        ({"question": "x", "A": "1", "B": "2", "C": "3", "D": "4", "answer": "A"}, "evaluation"),
        ({"question": "x", "choices": ["a"], "answer": 0}, "evaluation"),
        ({"question": "x", "answer": "so\n#### 42"}, "evaluation"),
        ({"prompt": "def f", "canonical_solution": "x", "test": "y"}, "evaluation"),
        ({"question": "x", "answer": "plain"}, "instruction"),
    ],
)  # fmt: skip
def test_the_use_of_a_row(columns: dict[str, Any], use: str) -> None:
    assert use_of(columns) == use


def found(*rows: dict[str, Any], use: str = "conversation") -> dict[str, int]:
    findings = Findings(5, lambda finding: None)
    for number, row in enumerate(rows):
        look_at_row(Row(f"f:{number}", row), use, findings)
    return {one.kind: one.number for one in findings}


def test_turns_in_order() -> None:
    good = turns(("system", "s"), ("user", "q"), ("assistant", "a"), ("user", "q"), ("assistant", "a"))
    calls = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": None, "tool_calls": [{}]},
                          {"role": "tool", "content": "t"}, {"role": "assistant", "content": "a"}]}  # fmt: skip
    sharegpt = {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}
    assert found(good, calls, sharegpt) == {}


def test_turns_out_of_order() -> None:
    assert found(turns(("user", "q"), ("user", "q"), ("assistant", "a"))) == {"turn_order": 1}
    assert found(turns(("user", "q"))) == {"turn_order": 1}
    bad = ({"messages": "hello"}, {"messages": [1]}, {"conversations": [{"from": "x"}]})
    assert found(*bad) == {"bad_conversation": 3}
    assert found({"instruction": "q", "output": " "}, use="instruction") == {"empty_answer": 1}


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
