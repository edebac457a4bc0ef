"""What rows are made for, by their columns, and what is wrong with rows made so: turns, answers, labels, exams."""

from __future__ import annotations

import difflib
import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from hanlin.text.doctor.findings import Findings
from hanlin.text.doctor.rows import Row

_ROLES = {
    "human": "user", "user": "user", "gpt": "assistant", "chatgpt": "assistant", "assistant": "assistant",
    "model": "assistant", "bot": "assistant", "system": "system", "tool": "tool", "function": "tool",
    "observation": "tool", "function_response": "tool", "function_call": "assistant", "developer": "system",
}  # fmt: skip
_QUESTIONS = ("instruction", "prompt", "question", "query", "input")
_ANSWERS = ("output", "response", "answer", "completion", "target")
_LABELS = ("label", "labels", "category", "sentiment", "class", "标签", "类别")
# The marks of published evaluation sets: choices with a key, and the last line of GSM8K's answers.
_CHOICES = ({"A", "B", "C", "D"}, {"choices"}, {"options"}, {"endings"}, {"mc1_targets"}, {"canonical_solution"})
_FINAL_NUMBER = re.compile(r"\n#### -?[\d,.]+\s*$")
_FEW = 20
"""Rows from which a set of labels says something."""
_RARE = 0.05
"""Share of the frequent label below which one that is spelled like it is taken for a slip."""


def use_of(columns: Mapping[str, Any]) -> str:
    """Return what a row is made for: the name of a use with a sentence `text.use_<name>`."""
    names = set(columns)
    if names & {"messages", "conversations"} and not names & {"chosen", "rejected"}:
        return "preference" if isinstance(columns.get("label"), bool) else "conversation"
    if {"chosen", "rejected"} <= names:
        return "preference"
    if is_evaluation(columns):
        return "evaluation"
    if {"context", "question"} <= names:
        return "qa"
    if {"tokens"} & names and {"tags", "ner_tags", "labels"} & names:
        return "token_labels"
    if names & {"instruction", "prompt", "question", "query"} and names & set(_ANSWERS):
        return "instruction"
    if {"zh", "en"} <= names or {"src", "tgt"} <= names or {"source", "target"} <= names or "translation" in names:
        return "pairs"
    if {"sentence1", "sentence2"} <= names or {"text1", "text2"} <= names:
        return "pairs"
    return "classification" if names & set(_LABELS) else "text"


def is_evaluation(columns: Mapping[str, Any]) -> bool:
    """Whether a row looks like one of a published evaluation set."""
    if any(marks <= columns.keys() for marks in _CHOICES):
        return any(name in columns for name in ("question", "Question", "query", "prompt", "ctx", "passage"))
    answer = columns.get("answer")
    return isinstance(answer, str) and bool(_FINAL_NUMBER.search(answer))


def look_at_row(row: Row, use: str, findings: Findings) -> None:
    """Tell what is wrong with one row of a use."""
    if use == "conversation":
        _look_at_turns(row, findings)
    elif use == "instruction":
        answers = [row.columns[name] for name in _ANSWERS if name in row.columns]
        if not any(str(answer or "").strip() for answer in answers):
            findings.add("empty_answer", row.place, _asked(row.columns))
    elif use == "evaluation":
        findings.add("evaluation_rows", row.place, _asked(row.columns))


def _asked(columns: Mapping[str, Any]) -> str:
    return next((str(columns[name]) for name in (*_QUESTIONS, "Question", "ctx") if columns.get(name)), "")


def turns_of(columns: Mapping[str, Any]) -> list[tuple[str, str]] | None:
    """Return (role, content) of a conversation under any of the usual names; None where a turn is not one."""
    turns = columns.get("messages", columns.get("conversations"))
    found = []
    for turn in turns if isinstance(turns, list) else [None]:
        if not isinstance(turn, dict):
            return None
        role = _ROLES.get(str(turn.get("role", turn.get("from", ""))).lower())
        content = turn.get("content", turn.get("value"))
        if role is None or not (content is None or isinstance(content, str | list)):
            return None
        has_calls = bool(turn.get("tool_calls") or turn.get("function_call"))
        found.append((role, str(content or ("(tool call)" if has_calls else ""))))
    return found


def _look_at_turns(row: Row, findings: Findings) -> None:
    turns = turns_of(row.columns)
    if turns is None:
        findings.add("bad_conversation", row.place, str(row.columns.get("messages", row.columns.get("conversations"))))
        return
    spoken = [role for role, _ in turns if role not in ("system", "tool")]
    order = " → ".join(role for role, _ in turns)
    if not spoken or spoken[0] != "user" or spoken[-1] != "assistant" or _repeats(turns):
        findings.add("turn_order", row.place, order)
    if any(role == "assistant" and not content.strip() for role, content in turns):
        findings.add("empty_answer", row.place, order)


def _repeats(turns: list[tuple[str, str]]) -> bool:
    """Whether someone speaks twice in a row; a tool's word lies between two of the assistant."""
    roles = [role for role, _ in turns]
    return any(one == other and one in ("user", "assistant") for one, other in itertools.pairwise(roles))


class Labels:
    """The labels of one file of rows."""

    def __init__(self) -> None:
        self._counts, self._first = Counter[str](), dict[str, str]()

    def add(self, row: Row) -> None:
        """Take the label of a row."""
        value = next((row.columns[name] for name in _LABELS if name in row.columns), None)
        if isinstance(value, str | int) and len(str(value)) <= 40:
            self._counts[str(value)] += 1
            self._first.setdefault(str(value), row.place)

    def look(self, path: str, findings: Findings) -> None:
        """Tell of a single class, and of labels that are another one misspelled."""
        if self._counts.total() < _FEW or len(self._counts) > max(50, 0.2 * self._counts.total()):
            return
        if len(self._counts) == 1:
            findings.add("one_class", path, next(iter(self._counts)))
        for wrong, right in self._slips():
            findings.add("label_spelling", self._first[wrong], f"{wrong!r} → {right!r}", self._counts[wrong])

    def _slips(self) -> Iterator[tuple[str, str]]:
        ranked = [label for label, _ in self._counts.most_common()]
        for number, wrong in enumerate(ranked):
            for right in ranked[:number]:
                is_same = _folded(wrong) == _folded(right)
                is_rare = self._counts[wrong] <= max(1, _RARE * self._counts[right])
                if is_same or (is_rare and _is_slip(wrong, right)):
                    yield wrong, right
                    break


def _folded(label: str) -> str:
    return re.sub(r"[\s_.。]+", "", unicodedata.normalize("NFKC", label).casefold())


def _is_slip(wrong: str, right: str) -> bool:
    """Whether two words differ by a letter or two. 14 is no slip of 15, and unhelpful none of helpful."""
    if min(len(wrong), len(right)) < 4 or any(sign.isdigit() for sign in wrong) or _is_opposite(wrong, right):
        return False
    return difflib.SequenceMatcher(None, wrong.casefold(), right.casefold()).ratio() >= 0.8


def _is_opposite(wrong: str, right: str) -> bool:
    return wrong != right and (wrong.endswith(right) or right.endswith(wrong))
