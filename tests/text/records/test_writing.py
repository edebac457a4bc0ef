"""Records as rows of another format: nothing lost, or rejected by name."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from tests.text.records.test_formats import CALL, FOUND, SPOKEN, TOOLS, written

from hanlin.base.errors import InputError
from hanlin.text.config import FormatName
from hanlin.text.records.reading import Placed, read_records
from hanlin.text.records.rows import Rule
from hanlin.text.records.writing import RowWriter, rows_as


def first(tmp_path: Path, *rows: object) -> Placed:
    return next(read_records(written(tmp_path, *rows), on_drop=print))


ITSELF: dict[str, FormatName] = {"comparison": "preference"}


@pytest.mark.parametrize(("name", "row", "record"), FOUND, ids=lambda value: value if isinstance(value, str) else "")
def test_a_record_written_in_its_own_format_is_read_again(
    tmp_path: Path, name: FormatName, row: dict[str, Any], record: object
) -> None:
    table = list(rows_as(first(tmp_path, row), ITSELF.get(name, name)))
    again = next(read_records(written(tmp_path, *table), on_drop=print)).record
    if name == "pairs":  # numbered columns get names
        assert (again.left, again.right, again.score) == (record.left, record.right, record.score)  # type: ignore[union-attr, attr-defined]
    else:
        assert again == record


TALKS: list[dict[str, Any]] = [
    {"instruction": "x", "output": "y", "system": "kind", "history": [["a", "b"]]},
    {"messages": SPOKEN},
]


@pytest.mark.parametrize("target", ["messages", "sharegpt", "alpaca"])
@pytest.mark.parametrize("row", TALKS)
def test_conversations_go_from_any_format_to_any(tmp_path: Path, row: dict[str, Any], target: FormatName) -> None:
    placed = first(tmp_path, row)
    (table,) = rows_as(placed, target)
    assert first(tmp_path, table).record == placed.record


@pytest.mark.parametrize("target", ["messages", "sharegpt"])
def test_calls_of_tools_go_along(tmp_path: Path, target: FormatName) -> None:
    turns = [SPOKEN[0], {"role": "assistant", "content": None, "tool_calls": [CALL]}, {"role": "tool", "content": "3"}]
    placed = first(tmp_path, {"messages": [*turns, SPOKEN[1]], "tools": TOOLS})
    (table,) = rows_as(placed, target)
    assert first(tmp_path, table).record == placed.record
    with pytest.raises(Rule, match="messages and sharegpt"):
        list(rows_as(placed, "alpaca"))


def test_what_people_preferred_becomes_conversations(tmp_path: Path) -> None:
    placed = first(tmp_path, {"prompt": "x", "chosen": "good", "rejected": "bad"})
    question, good, bad = (
        {"role": role, "content": said} for role, said in (("user", "x"), ("assistant", "good"), ("assistant", "bad"))
    )
    assert list(rows_as(placed, "messages")) == [{"messages": [question, good]}]
    assert list(rows_as(placed, "kto")) == [
        {"messages": [question, good], "label": True}, {"messages": [question, bad], "label": False},
    ]  # fmt: skip
    ranked = first(tmp_path, {"prompt": "x", "responses": ["bad", "good", "poor"], "scores": [1, 5, 1]})
    assert list(rows_as(ranked, "messages")) == [{"messages": [question, good]}]
    assert list(rows_as(ranked, "preference")) == [{"prompt": [question], "chosen": [good], "rejected": [bad]}]


def test_a_passage_becomes_a_question(tmp_path: Path) -> None:
    answers = {"text": ["b"], "answer_start": [1]}
    (table,) = rows_as(first(tmp_path, {"id": "7", "context": "abc", "question": "?", "answers": answers}), "messages")
    assert table["id"] == "7"
    assert [turn["content"] for turn in table["messages"]] == ["abc\n\n?", "b"]


@pytest.mark.parametrize(
    ("row", "target", "said"),
    [
        ({"text": "x"}, "alpaca", "plain text cannot be written as alpaca"),
        ({"instruction": "x", "output": "y", "history": [["a", "b"]]}, "prompt-response", "2 questions"),
        ({"messages": SPOKEN, "label": False}, "messages", "found bad"),
        ({"text": "abc", "spans": [[0, 1, "X"]]}, "tokens", "not cut into tokens"),
        ({"context": "abc", "question": "?", "answers": []}, "messages", "no answer"),
    ],
)
def test_what_a_format_cannot_hold_is_rejected(
    tmp_path: Path, row: dict[str, Any], target: FormatName, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANLIN_LANG", "en")
    with pytest.raises(Rule, match=said):
        list(rows_as(first(tmp_path, row), target))


def test_files_of_rows_are_whole_or_not_there(tmp_path: Path, lang: str) -> None:
    for name, opened in (("a.jsonl", Path.read_bytes), ("a.json.gz", lambda path: gzip.decompress(path.read_bytes()))):
        with RowWriter(tmp_path / name) as file:
            file.write({"text": "从前"})
            file.write({"text": "x"})
        text = opened(tmp_path / name).decode()
        found = json.loads(text) if "json.gz" in name else [json.loads(line) for line in text.splitlines()]
        assert found == [{"text": "从前"}, {"text": "x"}]
    with pytest.raises(ZeroDivisionError), RowWriter(tmp_path / "b.jsonl"):
        _ = 1 / 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json.gz", "a.jsonl"]
    with pytest.raises(InputError) as caught:
        RowWriter(tmp_path / "a.parquet")
    assert caught.value.code == "E227"
