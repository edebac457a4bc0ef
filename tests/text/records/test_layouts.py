"""Odd layouts of real files: calls as text, turns in parts, answers as lists of messages, scores beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hanlin.text.chat import Conversation
from hanlin.text.document import Dropped
from hanlin.text.records.kinds import Preference, Ranked, Rated
from hanlin.text.records.reading import Placed, read_records

ASKED = {"role": "user", "content": "What is the weather in Paris?"}
ARGUMENTS = '{"city": "Paris", "unit": "c"}'
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
CALL = {"name": "weather", "arguments": json.loads(ARGUMENTS)}


def read(tmp_path: Path, *rows: Any) -> tuple[list[Placed], list[Dropped]]:
    path, drops = tmp_path / "rows.jsonl", list[Dropped]()
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return list(read_records(path, on_drop=drops.append)), drops


def only(tmp_path: Path, row: Any) -> Any:
    found, drops = read(tmp_path, row)
    assert drops == [] and len(found) == 1
    return found[0].record


@pytest.mark.parametrize(
    "calling",
    [
        {"content": None, "tool_calls": [{"id": "1", "function": {"name": "weather", "arguments": ARGUMENTS}}]},
        {"content": "", "tool_calls": [{"function": CALL}]},
        {"content": "", "tool_calls": json.dumps([CALL])},
        {"content": None, "function_call": {"name": "weather", "arguments": ARGUMENTS}},
        {"content": [{"type": "tool_call", "value": json.dumps(CALL)}]},
        {"tool_calls": [CALL]},
    ],
    ids=["openai", "object", "text", "old", "part", "bare"],
)  # fmt: skip
def test_every_way_to_write_a_call(tmp_path: Path, calling: dict[str, Any]) -> None:
    turns = [ASKED, {"role": "assistant", **calling}, {"role": "tool", "content": "20", "tool_call_id": "1"},
             {"role": "assistant", "content": "20 degrees."}]  # fmt: skip
    talk = only(tmp_path, {"messages": turns, "tools": json.dumps(TOOLS)})
    assert [turn.role for turn in talk.messages] == ["user", "assistant", "tool", "assistant"]
    (call,) = talk.messages[1].tool_calls
    assert (call.name, call.value) == ("weather", {"city": "Paris", "unit": "c"})
    assert json.loads(talk.tools) == TOOLS


def test_sharegpt_with_calls_and_observations(tmp_path: Path) -> None:
    said = [{"from": "human", "value": "weather?"}, {"from": "function_call", "value": json.dumps([CALL, CALL])},
            {"from": "observation", "value": '{"t": 20}'}, {"from": "gpt", "value": "20."}]  # fmt: skip
    talk = only(tmp_path, {"conversations": said, "tools": json.dumps(TOOLS)})
    assert [turn.role for turn in talk.messages] == ["user", "assistant", "tool", "assistant"]
    assert len(talk.messages[1].tool_calls) == 2 and talk.messages[2].content == '{"t": 20}'


def test_a_turn_of_sharegpt_in_parts(tmp_path: Path) -> None:
    said = [
        {"from": "human", "value": [{"type": "text", "text": "你好，"}, {"type": "text", "value": "在吗？"}]},
        {"from": "gpt", "value": [{"type": "text", "text": "在。"}]},
    ]
    talk = only(tmp_path, {"conversations": said})
    assert [turn.content for turn in talk.messages] == ["你好，在吗？", "在。"]
    picture = [{"from": "human", "value": [{"type": "image", "image": "a.png"}]}, said[1]]
    found, drops = read(tmp_path, {"conversations": said}, {"conversations": picture})
    assert len(found) == 1 and drops[0].location.endswith("rows.jsonl:2") and "image" in drops[0].example


def test_preferences_as_lists_of_messages(tmp_path: Path) -> None:
    good, bad = ([{"role": "assistant", "content": said}] for said in ("Sunny.", "No."))
    apart = only(tmp_path, {"prompt": [ASKED], "chosen": good, "rejected": bad})
    whole = only(tmp_path, {"chosen": [ASKED, *good], "rejected": [ASKED, *bad], "score_chosen": 9.0})
    asked = only(tmp_path, {"prompt": ASKED["content"], "chosen": [ASKED, *good], "rejected": [ASKED, *bad]})
    assert apart == whole == asked == Preference(apart.prompt, apart.chosen, apart.rejected)
    assert [turn.content for turn in (*apart.prompt, *apart.chosen, *apart.rejected)] == [
        ASKED["content"], "Sunny.", "No.",
    ]  # fmt: skip


def test_ranked_lists_with_scores(tmp_path: Path) -> None:
    row = {"prompt": "q", "responses": [{"text": "b", "score": 0.1}, {"text": "a", "score": 0.9}]}
    assert only(tmp_path, row) == Ranked(only(tmp_path, row).prompt, ("a", "b"), (0.9, 0.1))
    spoken = {"prompt": [ASKED], "responses": ["b", "a"], "scores": [1, 2]}
    assert only(tmp_path, spoken).answers == ("a", "b")
    said = {"prompt": "q", "responses": [[{"role": "assistant", "content": one}] for one in "ba"], "scores": [1, 2]}
    assert only(tmp_path, said).answers == ("a", "b")


def test_verdicts_as_people_write_them(tmp_path: Path) -> None:
    rows = [{"prompt": "q", "completion": "a", "label": label} for label in (True, "False", "yes", "undesirable", "好")]
    found, drops = read(tmp_path, *rows)
    assert drops == [] and all(isinstance(one.record, Rated) for one in found)
    assert [one.record.is_good for one in found] == [True, False, True, False, True]  # type: ignore[union-attr]


def test_pairs_of_questions_and_answers_in_a_list(tmp_path: Path) -> None:
    talk = only(tmp_path, {"conversation": [{"human": "a", "assistant": "b"}, {"human": "c", "assistant": "d"}]})
    assert isinstance(talk, Conversation) and [turn.content for turn in talk.messages] == ["a", "b", "c", "d"]
