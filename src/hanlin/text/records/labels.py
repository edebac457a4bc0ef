"""Rows to labels, pairs, passages and plain text.

{"text": "...", "label": "positive"}                                  also numbers, lists, label names, two texts
{"tokens": ["...", ...], "ner_tags": ["B-PER", ...]}                  tags of tokens, BIO or plain
{"text": "...", "entities": [{"start": 0, "end": 2, "label": "PER"}]} spans, also as [0, 2, "PER"]
{"translation": {"en": "...", "zh": "..."}}                           also {"en": "...", "zh": "..."}
{"sentence1": "...", "sentence2": "...", "score": 4.2}                pairs, with a score or without
{"context": "...", "question": "...", "answers": {"text": ["..."], "answer_start": [7]}}     SQuAD, flat or as its tree
{"text": "..."}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hanlin.text.records.columns import Row, language_of_column, short
from hanlin.text.records.kinds import Classified, Extract, Pair, Plain, Span, Tagged, joined, spans_of
from hanlin.text.records.rows import Rule

_STARTS, _ENDS = ("start", "start_position", "start_offset", "begin"), ("end", "end_position", "end_offset", "stop")
_LABELS = ("label", "type", "entity_type", "entity", "tag", "类型", "标签")
_VALUES = ("entity_value", "value", "text", "word", "mention")


def classified(row: Row) -> Classified:
    """Read a text and its labels. Raises Rule."""
    value = row.get("label")
    labels = value if isinstance(value, list) else [value]
    if not labels or not all(isinstance(label, str | int | float) and str(label).strip() for label in labels):
        raise Rule("no_label", column=row.columns["label"], found=short(value))
    two = not row.has("text") and row.has("left", "right")
    text, other = (row.text("left"), row.text("right")) if two else (row.text("text"), row.text("other_text"))
    return Classified(_full(row, "left" if two else "text", text), tuple(map(_label, labels)), other)


def _label(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).strip()


def tagged(row: Row) -> Tagged:
    """Read tokens with tags. Raises Rule."""
    tokens, tags = (_words(row, role) for role in ("tokens", "tags"))
    if len(tokens) != len(tags):
        raise Rule("bad_tags", tokens=len(tokens), tags=len(tags))
    if not all(tokens):
        raise row.wrong("tokens", '["...", ...]', tokens)
    text, places = joined(tokens)
    return Tagged(text, spans_of(places, tags), places)


def _words(row: Row, role: str) -> list[str]:
    value = row.get(role)
    if isinstance(value, str) and not value.lstrip().startswith("["):
        return value.split()
    listed = row.listed(role)
    if not listed or not all(isinstance(one, str | int) for one in listed):
        raise row.wrong(role, '["...", ...]', value)
    return [str(one) for one in listed]


def spanned(row: Row) -> Tagged:
    """Read a text with labelled spans. Raises Rule."""
    text = _full(row, "text", row.text("text"))
    return Tagged(text, tuple(_span(row, text, one) for one in row.listed("spans")))


def _span(row: Row, text: str, value: Any) -> Span:
    start, end, label, said = _span_parts(value)
    if not (isinstance(start, int) and isinstance(end, int) and isinstance(label, str)):
        raise row.wrong("spans", '[{"start": 0, "end": 2, "label": "..."}]', value)
    if not 0 <= start < end <= len(text):
        raise Rule("bad_span", start=start, end=end, length=len(text))
    if isinstance(said, str) and text[start:end] != said:
        raise Rule("span_differs", start=start, found=short(text[start:end]), said=short(said))
    return Span(start, end, label)


def _span_parts(value: Any) -> tuple[Any, Any, Any, Any]:
    if isinstance(value, list) and len(value) == 3:
        return value[0], value[1], value[2], None
    table = value if isinstance(value, Mapping) else {}
    parts = [
        next((table[name] for name in names if name in table), None) for names in (_STARTS, _ENDS, _LABELS, _VALUES)
    ]
    if isinstance(parts[2], list) and len(parts[2]) == 1:  # Label Studio allows several labels of a span
        parts[2] = parts[2][0]
    return parts[0], parts[1], parts[2], parts[3]


def is_span_list(value: object) -> bool:
    """Whether a value is a list of labelled spans, or an empty one."""
    if not isinstance(value, list):
        return False
    return all(isinstance(part, int) and not isinstance(part, bool) for one in value for part in _span_parts(one)[:2])


def pair(row: Row) -> Pair:
    """Read two texts that belong together. Raises Rule."""
    names = pair_columns(row)
    if len(names) != 2:
        raise Rule("many_languages", found=", ".join(names))
    table = row.get("translation") if row.has("translation") else row.table
    for name in names:
        if not isinstance(table[name], str) or not table[name].strip():
            raise Rule("wrong_column", column=name, wanted='"..."', found=short(table[name]))
    return Pair(table[names[0]], table[names[1]], _score(row), (names[0], names[1]))


def pair_columns(row: Row) -> list[str]:
    """Return the columns that hold the texts of a pair: those of `translation`, of left and right, or of languages."""
    inside = row.get("translation")
    if isinstance(inside, Mapping):
        return list(inside)
    if row.has("left", "right"):
        return [row.columns["left"], row.columns["right"]]
    named = [name for name, value in row.table.items() if isinstance(value, str) and language_of_column(name)]
    return named or ([*row.table] if is_nameless(row) else [])


def is_nameless(row: Row) -> bool:
    """Whether this is a row of two texts, or three, of a table without a header."""
    names = [*row.table]
    return 2 <= len(names) <= 3 and names == [f"column {number}" for number in range(1, len(names) + 1)]


def _score(row: Row) -> float | None:
    value = row.get("score")
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        raise row.wrong("score", "0.5", value) from None


def extract(row: Row) -> Extract:
    """Read a question about a passage; every answer must stand where the row says. Raises Rule."""
    context, asked = (_full(row, role, row.text(role)) for role in ("context", "question"))
    answers = tuple(dict.fromkeys(_answer(row, context, *one) for one in _answers(row)))
    return Extract(context, asked, answers, str(row.get("id") or ""), str(row.get("title") or ""))


def _answers(row: Row) -> list[tuple[Any, Any]]:
    """(text, place) of every answer, written as a table of lists or as a list of tables."""
    value = row.get("answers")
    if isinstance(value, Mapping):
        texts, starts = value.get("text"), value.get("answer_start")
        if isinstance(texts, list) and isinstance(starts, list) and len(texts) == len(starts):
            return list(zip(texts, starts, strict=True))
    elif isinstance(value, list) and all(isinstance(one, Mapping) for one in value):
        return [(one.get("text"), one.get("answer_start")) for one in value]
    raise row.wrong("answers", '[{"text": "...", "answer_start": 0}]', value)


def _answer(row: Row, context: str, text: Any, start: Any) -> tuple[str, int]:
    if not isinstance(text, str) or not text or not isinstance(start, int):
        raise row.wrong("answers", '[{"text": "...", "answer_start": 0}]', {"text": text, "answer_start": start})
    if start < 0 or not context.startswith(text, start):
        raise Rule("answer_elsewhere", text=short(text), start=start, place=context.find(text))
    return text, start


def plain(row: Row) -> Plain:
    """Read a text. Raises Rule."""
    return Plain(_full(row, "text", row.text("text")))


def _full(row: Row, role: str, text: str) -> str:
    if not text.strip():
        raise Rule("no_text", column=row.columns.get(role, role))
    return text
