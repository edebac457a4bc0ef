"""Text that is read line by line: plain text, JSON lines, CSV and TSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from functools import partial

from hanlin.text.formats.content import Content, Fault, Item, Row, Text


def read_text(content: Content) -> Iterator[Item]:
    """Yield the file as one text."""
    yield Text(content.decoded())


def read_jsonl(content: Content) -> Iterator[Item]:
    """Yield one row for each line. Faults: row_too_long, not_json, not_object."""
    first = content.stretch[2] if content.stretch else 1
    for number, line in enumerate(lines_of(content.decoded(), content.options.max_row_chars), start=first):
        if line is None:
            yield Fault("row_too_long", f":{number}")
        elif line.strip():
            yield _row_of(line, number, content)


def _row_of(line: str, number: int, content: Content) -> Row | Fault:
    try:
        row = json.loads(line.removeprefix("\ufeff"))  # files put together keep the marks of each
    except (ValueError, RecursionError) as error:
        return Fault("not_json", f":{number}", str(error))
    return content.row(number, row)


def read_table(content: Content, *, delimiter: str) -> Iterator[Item]:
    """Yield the rows below the header. Faults: row_too_long, bad_table, missing_column."""
    csv.field_size_limit(content.options.max_row_chars)
    columns: list[str] | None = None
    for item in _table_rows(content, delimiter):
        if isinstance(item, Fault):
            yield item
            continue
        number, row = item
        if columns is not None:
            yield _table_row(number, columns, row)
            continue
        columns = row
        if fault := content.lacking(columns, f":{number}"):
            yield fault
            return
    if columns is None and (fault := content.lacking((), ":1")):
        yield fault


def _table_row(number: int, columns: list[str], row: list[str]) -> Row | Fault:
    """Cells by their columns; one too many means that a comma cut a text in two, nobody knows which."""
    if any(cell.strip() for cell in row[len(columns) :]):
        return Fault("bad_table", f":{number}", f"{len(row)} > {len(columns)}: {','.join(row)}")
    return Row(number, dict(zip(columns, row, strict=False)))


read_csv, read_tsv = partial(read_table, delimiter=","), partial(read_table, delimiter="\t")


def _table_rows(content: Content, delimiter: str) -> Iterator[tuple[int, list[str]] | Fault]:
    """Rows with the number of their first line; one that is not CSV costs only itself."""
    faults: list[Fault] = []
    rows = csv.reader(_table_lines(content, faults), delimiter=delimiter, strict=True)
    while True:
        number = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            break
        except csv.Error as error:  # the reader goes on with the next line
            faults.append(Fault("bad_table", f":{number}", str(error)))
            row = []
        yield from faults
        faults.clear()
        if row:
            yield number, row
    yield from faults


def _table_lines(content: Content, faults: list[Fault]) -> Iterator[str]:
    """Lines for the table's parser, an empty one in place of one that is too long."""
    for number, line in enumerate(lines_of(content.decoded(), content.options.max_row_chars), start=1):
        if line is None:
            faults.append(Fault("row_too_long", f":{number}"))
        yield f"{line or ''}\n"


def lines_of(parts: Iterable[str], max_chars: int) -> Iterator[str | None]:
    r"""Yield lines split at \n alone (str.splitlines breaks rows at U+2028); None for one longer than `max_chars`."""
    held: list[str] = []  # parts of a line without its end; a sum of strings would copy it once for each part
    size = 0
    for part in parts:
        *whole, rest = part.split("\n")
        for line in whole:
            yield _line(held, line) if size + len(line) <= max_chars else None
            held, size = [], 0
        size += len(rest)
        held.append(rest)
        if size > max_chars:
            held.clear()
    if size:
        yield _line(held, "") if size <= max_chars else None


def _line(held: list[str], end: str) -> str:
    return "".join([*held, end]).removesuffix("\r")
