"""Which texts of a row may be altered: what is asked, never the answer, the label or what a label points at.

conversations, preferences, ratings, rankings    the user's words      pairs        the left text
classification, plain text                       the text              questions about a passage    the question
labelled spans                                   what stands between them; the spans move along
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from hanlin.text.records.columns import Row
from hanlin.text.records.conversations import SPEAKERS
from hanlin.text.records.formats import Format
from hanlin.text.records.kinds import Span, Tagged
from hanlin.text.records.labels import pair_columns
from hanlin.text.records.rows import Rule

Alter = Callable[[str], str]
Path = tuple[Any, ...]

_ROLES: Mapping[str, tuple[str, ...]] = {
    "classified": ("text", "left", "other_text", "right"), "extract": ("question",), "plain": ("text",),
}  # fmt: skip
_ASKING = ("prompt", "instruction", "input")
_INSIDE = ("human", "user", "question", "问", "用户")


def altered(row: Row, format: Format, record: object, alter: Alter) -> dict[str, Any]:
    """Return the row's table with every text that may be altered as `alter` makes it. Raises Rule where it has none."""
    if isinstance(record, Tagged):
        return _between_spans(row, format, record, alter)
    table = copy.deepcopy(dict(row.table))
    paths = [path for path in _paths(row, format) if _at(table, path).strip()]
    if not paths:
        raise Rule("nothing_to_alter")
    for path in paths:
        holder = _holder(table, path)
        holder[path[-1]] = alter(holder[path[-1]])
    return table


def _paths(row: Row, format: Format) -> Iterator[Path]:
    if format.use == "pair":
        name = pair_columns(row)[0]
        yield (row.columns["translation"], name) if isinstance(row.get("translation"), Mapping) else (name,)
        return
    if format.use in _ROLES:
        roles: Sequence[str] = _ROLES[format.use]
    else:
        yield from _turns(row)
        roles = _ASKING if format.use != "conversation" or format.name in ("alpaca", "prompt-response") else ()
    columns = [row.columns[role] for role in roles if role in row.columns and role in format.roles]
    yield from ((column,) for column in dict.fromkeys(columns) if isinstance(row.table[column], str))


def _turns(row: Row) -> Iterator[Path]:
    """The user's words in a list of turns; where two answers hold the question too, both would have to change."""
    for role in ("messages", "conversations", "prompt"):
        turns = row.get(role)
        if isinstance(turns, list):
            for number, turn in enumerate(turns):
                yield from ((row.columns[role], number, *path) for path in _in_turn(turn, number))


def _in_turn(turn: Any, number: int) -> Iterator[Path]:
    if isinstance(turn, str):
        yield from [()] if number % 2 == 0 else []
    elif isinstance(turn, Mapping):
        speaker = str(turn.get("role", turn.get("from", "")))
        if SPEAKERS.get(speaker, speaker) == "user":
            yield from ((name,) for name in ("content", "value") if isinstance(turn.get(name), str))
        elif not speaker:
            yield from ((name,) for name in _INSIDE if isinstance(turn.get(name), str))


def _holder(table: Any, path: Path) -> Any:
    for step in path[:-1]:
        table = table[step]
    return table


def _at(table: Any, path: Path) -> str:
    return str(_holder(table, path)[path[-1]])


def _between_spans(row: Row, format: Format, record: Tagged, alter: Alter) -> dict[str, Any]:
    if format.name != "spans":  # tokens would have to be cut anew
        raise Rule("tokens_stay")
    text, spans, end = "", [], 0
    for span in sorted(record.spans, key=lambda one: (one.start, one.end)):
        if span.start < end:
            raise Rule("spans_overlap", start=span.start)
        before = record.text[end : span.start]
        text += alter(before) if before.strip() else before
        spans.append(Span(len(text), len(text) + span.end - span.start, span.label))
        text, end = text + record.text[span.start : span.end], span.end
    rest = record.text[end:]
    text += alter(rest) if rest.strip() else rest
    return {**row.table, row.columns["text"]: text, row.columns["spans"]: [vars(span) for span in spans]}
