"""What rows are made for and which rule of its format each breaks, by text/records; and the labels of a file."""

from __future__ import annotations

import difflib
import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hanlin.base.errors import InputError
from hanlin.text.chat import Conversation
from hanlin.text.doctor.findings import Findings
from hanlin.text.doctor.rows import Row
from hanlin.text.records.columns import NAMES_OF_ROWS, SPELLINGS, ColumnMap, key_of
from hanlin.text.records.formats import BY_NAME, FORMATS, Format, format_of, read_row
from hanlin.text.records.kinds import Rated, Record
from hanlin.text.records.rows import Rule

EVALUATION, OTHER = "evaluation", "other"
"""Rows of a published evaluation set, and rows of no format of training data."""

_COLUMNS = ColumnMap()
# The marks of published evaluation sets: choices with a key, and the last line of GSM8K's answers.
_CHOICES = ({"A", "B", "C", "D"}, {"choices"}, {"options"}, {"endings"}, {"mc1_targets"}, {"canonical_solution"})
_QUESTIONS = ("question", "Question", "query", "prompt", "ctx", "passage")
_FINAL_NUMBER = re.compile(r"\n#### -?[\d,.]+\s*$")
# Rules of records that say what findings of their own say better; any other is told as it is.
_KINDS = {
    "other_format": "mixed_schemas", "unknown_columns": "mixed_schemas", "missing_columns": "mixed_schemas",
    "silent": "empty_answer", "no_answer": "empty_answer", "bad_conversation": "bad_conversation",
}  # fmt: skip
_FEW = 20
"""Rows from which a set of labels says something."""
_RARE = 0.05
"""Share of the frequent label below which one that is spelled like it is taken for a slip."""


def format_name(columns: Mapping[str, Any], *, may_be_exam: bool = True) -> str:
    """Return the name of the format a row has, EVALUATION for a row of an examination, OTHER where it has none."""
    if may_be_exam and is_evaluation(columns):
        return EVALUATION
    found = format_of(_COLUMNS.row(columns))
    return found.name if found else OTHER


def use_of(name: str) -> str:
    """Return what rows of a format are made for: a use of `records.kinds`, or the name itself where it is no format."""
    return BY_NAME[name].use if name in BY_NAME else name


def is_evaluation(columns: Mapping[str, Any]) -> bool:
    """Whether a row looks like one of a published evaluation set."""
    if any(marks <= columns.keys() for marks in _CHOICES):
        return any(name in columns for name in _QUESTIONS)
    answer = columns.get("answer")
    return isinstance(answer, str) and bool(_FINAL_NUMBER.search(answer))


def look_at_rows(rows: Sequence[Row], names: Sequence[str], findings: Findings) -> Format | None:
    """Tell of every row what its format has against it; `names` are those of their formats.

    Returns the format of most rows, None where they have none.
    """
    common = Counter(name for name in names if name in BY_NAME).most_common(1)
    main = BY_NAME[common[0][0]] if common else None
    for row, name in zip(rows, names, strict=True):
        if name == EVALUATION:
            findings.add("evaluation_rows", row.place, _asked(row.columns))
        elif main:
            _look_at_row(row, main, findings)
    return main


def _asked(columns: Mapping[str, Any]) -> str:
    return next((str(columns[name]) for name in _QUESTIONS if columns.get(name)), "")


def _look_at_row(row: Row, main: Format, findings: Findings) -> None:
    mapped = _COLUMNS.row(row.columns)
    try:
        found, record = read_row(mapped, FORMATS, main)
    except Rule as rule:
        if rule.reason != "no_text":  # the text itself is looked at elsewhere
            findings.add(_KINDS.get(rule.reason, "broken_row"), row.place, str(rule))
        return
    except InputError as error:
        findings.add("bad_conversation", row.place, str(error))
        return
    if isinstance(record, Conversation | Rated):
        _look_at_turns(row.place, record, findings)
    if found.use != "plain":
        _look_at_labels(row, found, record, findings)


def _look_at_turns(place: str, record: Record, findings: Findings) -> None:
    messages = (record.conversation if isinstance(record, Rated) else record).messages  # type: ignore[union-attr]
    order = " → ".join(turn.role for turn in messages)
    spoken = [turn.role for turn in messages if turn.role not in ("system", "tool")]
    if spoken[0] != "user" or spoken[-1] != "assistant" or _repeats([turn.role for turn in messages]):
        findings.add("turn_order", place, order)
    if any(turn.role == "assistant" and not (turn.content.strip() or turn.tool_calls) for turn in messages):
        findings.add("empty_answer", place, order)


def _repeats(roles: Sequence[str]) -> bool:
    """Whether someone speaks twice in a row; a tool's word lies between two of the assistant."""
    return any(one == other and one in ("user", "assistant") for one, other in itertools.pairwise(roles))


def _look_at_labels(row: Row, found: Format, record: Record, findings: Findings) -> None:
    """Tell of a verdict in words, and of a column that looks like a verdict or a label and that nobody will read."""
    mapped = _COLUMNS.row(row.columns)
    if isinstance(record, Rated) and isinstance(mapped.get("good"), str):
        findings.add("verdict_text", row.place, repr(mapped.get("good")))
    used = found.used(mapped)
    for name, value in row.columns.items():
        if name not in used and key_of(name) in _TELLING and value is not None:
            findings.add("unread_label", row.place, f"{name} = {value!r} ({found.title().strip()})")


_TELLING = {*SPELLINGS["good"], *SPELLINGS["label"], *SPELLINGS["better"], *SPELLINGS["score"]} - NAMES_OF_ROWS


class Labels:
    """The labels of one file of rows."""

    def __init__(self) -> None:
        self._counts, self._first = Counter[str](), dict[str, str]()

    def add(self, row: Row) -> None:
        """Take the label of a row."""
        value = _COLUMNS.row(row.columns).get("label")
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
