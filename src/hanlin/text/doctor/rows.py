"""Rows of JSON lines, JSON lists and tables in the slices of a file, and what breaks the form of a row."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hanlin.text.doctor.findings import Findings
from hanlin.text.doctor.slices import Slice
from hanlin.text.records.columns import SPELLINGS

MOST_ROWS = 4000
"""Rows of one slice that are looked at."""
DEEPEST = 40
_CONSTANTS = ("NaN", "Infinity")
_JSON_LINE = re.compile(r'\s*\{\s*"')


@dataclass(frozen=True)
class Row:
    """One row: its place and its columns."""

    place: str
    columns: Mapping[str, Any]


def rows_of(form: str, one: Slice, text: str, columns: list[str], findings: Findings) -> Iterator[Row]:
    """Yield the rows of a slice; `columns` are those of a table, filled at its head."""
    match form:
        case "jsonl":
            yield from _json_lines(one, text, findings)
        case "json":
            yield from _json(one, text, findings)
        case _:
            yield from _table(one, text, "," if form == "csv" else "\t", columns, findings)


def is_json_lines(text: str) -> bool:
    """Whether a text under another name is rows of JSON."""
    lines = [line for line in text[:20_000].split("\n")[:4] if line.strip()]
    return bool(lines) and all(_JSON_LINE.match(line) for line in lines) and _loads(lines[0]) is not None


def _loads(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _json_lines(one: Slice, text: str, findings: Findings) -> Iterator[Row]:
    lines = text.removeprefix("\ufeff").split("\n")
    for number, line in enumerate(lines[:MOST_ROWS]):
        if not line.strip():
            continue
        try:
            value = json.loads(line.removeprefix("\ufeff"))
        except (ValueError, RecursionError) as error:
            is_cut = one.is_end and number == len(lines) - 1
            detail = f"{error}: {line[:60]}"
            findings.add("truncated" if is_cut else "bad_json", one.place_of_line(number), detail)
            continue
        _look_for_constants(value, line, one.place_of_line(number), findings)
        if isinstance(value, dict):
            yield Row(one.place_of_line(number), value)
        else:
            findings.add("not_object", one.place_of_line(number), line)


def _look_for_constants(value: Any, text: str, place: str, findings: Findings) -> None:
    """Tell of NaN and Infinity, which Python writes and JSON does not know."""
    if any(name in text for name in _CONSTANTS) and (at := next(_infinite(value), None)):
        findings.add("json_nan", place, at)


def _infinite(value: Any, name: str = "", depth: int = 0) -> Iterator[str]:
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{name} = {value}"
    elif isinstance(value, dict | list) and depth < DEEPEST:
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in pairs:
            yield from _infinite(inner, str(key), depth + 1)


def _json(one: Slice, text: str, findings: Findings) -> Iterator[Row]:
    """A JSON list of rows, one object, or lines under the wrong name; of a large list, the rows in its head."""
    whole = _loads(text)
    if isinstance(whole, list):
        for number, value in enumerate(whole[:MOST_ROWS], start=1):
            _look_for_constants(value, text, f"{one.path}:{number}", findings)
            if isinstance(value, dict):
                yield Row(f"{one.path}:{number}", value)
    elif isinstance(whole, dict):
        _look_for_constants(whole, text, f"{one.path}:1", findings)
        yield Row(f"{one.path}:1", whole)
    elif text.lstrip().startswith("["):
        yield from _list_head(one, text, findings)
    else:
        yield from _json_lines(one, text, findings)


def _list_head(one: Slice, text: str, findings: Findings) -> Iterator[Row]:
    """The objects of a list one by one, up to where the slice or the list breaks off."""
    decoder, at, number = json.JSONDecoder(), text.index("[") + 1, 0
    while (found := re.compile(r"[\s,]*(?=\{)").match(text, at)) and number < MOST_ROWS:
        try:
            value, at = decoder.raw_decode(text, found.end())
        except (ValueError, RecursionError) as error:
            if one.is_end:
                findings.add("truncated", f"{one.path}:{text.count(chr(10), 0, at) + 1}", str(error))
            return
        number += 1
        yield Row(f"{one.path}:{number}", value)


def _table(one: Slice, text: str, delimiter: str, columns: list[str], findings: Findings) -> Iterator[Row]:
    csv.field_size_limit(1 << 24)
    rows = csv.reader(text.removeprefix("\ufeff").split("\n"), delimiter=delimiter, strict=True)
    number = 0
    while number < MOST_ROWS:
        number = rows.line_num
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            findings.add("bad_table", one.place_of_line(number), str(error))
            continue
        if not cells:
            continue
        if not columns:
            columns += cells
        elif len(cells) != len(columns):
            example = f"{len(cells)} ≠ {len(columns)}: {delimiter.join(cells)}"
            findings.add("ragged_table", one.place_of_line(number), example)
        else:
            yield Row(one.place_of_line(number), dict(zip(columns, cells, strict=True)))


def text_column(rows: Sequence[Row]) -> str:
    """Return the column that holds the text of rows: one of the usual names, else the one with the longest text."""
    sizes: dict[str, int] = {}
    for row in rows[:200]:
        for name, value in row.columns.items():
            if isinstance(value, str):
                sizes[name] = sizes.get(name, 0) + len(value)
    known = next((name for name in SPELLINGS["text"] if sizes.get(name)), "")
    longest = max(sizes, key=lambda name: sizes[name], default="")
    return known or (longest if sizes.get(longest, 0) >= 20 * min(200, len(rows)) else "")


def texts_in(value: Any, depth: int = 0) -> Iterator[str]:
    """Yield every text in a value, down to where no table of people goes."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list) and depth < DEEPEST:
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts_in(inner, depth + 1)
