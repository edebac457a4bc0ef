"""Rows of evaluation sets, whatever their columns are called: every text in them is one that training must not hold.

.jsonl, .json (a list or lines), .csv, .tsv and plain text (a paragraph a row), each also as .gz and .zst.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanlin.base.errors import InputError
from hanlin.text.document import Dropped
from hanlin.text.families import family_of, texts_of
from hanlin.text.files import UNREADABLE, chunks_of, files_of, kind_suffix, shown

OnDrop = Callable[[Dropped], None]
SET_SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv")  # taken from a folder; a file may be plain text too


@dataclass(frozen=True)
class EvaluationRow:
    """The texts of one row: `set` is its file's name, `place` file:row, `id` the row's own name if it has one, `family`
    what rows made from it are marked with."""

    set: str
    place: str
    id: str
    texts: tuple[str, ...]
    family: str = ""


def evaluation_rows(paths: Sequence[str], *, fields: Sequence[str] = (), on_drop: OnDrop) -> Iterator[EvaluationRow]:
    """Yield the rows of files and folders. Columns that name a row (id, source, licence ...) are left out.

    A row that cannot be read goes to `on_drop`. Raises InputError: a path that is not there, one without a single row,
    a column of `fields` that no row has.
    """
    for path in paths:
        num_rows, columns = 0, set[str]()
        for file in evaluation_files(path):
            for row, found in _rows(file, fields, on_drop):
                columns |= found
                num_rows += 1
                yield row
        if not num_rows:
            raise InputError("text.evaluation_empty", path=path)
        if unknown := [name for name in fields if name not in columns]:
            raise InputError(
                "text.evaluation_field", path=path, field=unknown[0], known=", ".join(sorted(columns)) or "-"
            )


def evaluation_files(path: str) -> list[Path]:
    """Return the files of a path; a folder's licence and other papers are no evaluation set."""
    if not Path(path).expanduser().exists():
        raise InputError("text.evaluation_missing", path=path)
    files, _ = files_of(path)
    single = Path(path).expanduser().is_file()
    return [file for file in files if single or kind_suffix(file) in SET_SUFFIXES]


def _rows(file: Path, fields: Sequence[str], on_drop: OnDrop) -> Iterator[tuple[EvaluationRow, set[str]]]:
    values = iter(_values(file))
    number = 0
    while True:
        number += 1
        place = f"{file}:{number}"
        try:
            value = next(values)
        except StopIteration:
            return
        except UNREADABLE as error:
            on_drop(Dropped("unreadable", file.name, file.name, shown(place), shown(str(error))[:80]))
            return
        if isinstance(value, ValueError):
            on_drop(Dropped("not_json", f"{file.name}:{number}", file.name, shown(place), shown(str(value))[:80]))
        elif value is not None:
            columns = set(value) if isinstance(value, dict) else set[str]()
            id = shown(value.get("id", "")) if isinstance(value, dict) else ""
            yield EvaluationRow(file.name, shown(place), id, tuple(texts_of(value, fields)), family_of(value)), columns


def _values(file: Path) -> Iterator[Any]:
    """Values of a file; a ValueError for a row that is none, None for a blank line."""
    kind = kind_suffix(file)
    text = b"".join(chunks_of(file)).decode("utf-8-sig", "replace")  # evaluation sets are small, and need no streaming
    if kind in (".csv", ".tsv"):
        yield from csv.DictReader(io.StringIO(text), delimiter="," if kind == ".csv" else "\t")
    elif kind == ".json" and isinstance(whole := _value(text), list):
        yield from whole
    elif kind in (".jsonl", ".ndjson", ".json"):
        yield from map(_value, text.removesuffix("\n").split("\n"))
    else:
        yield from filter(str.strip, text.split("\n\n"))


def _value(line: str) -> Any:
    try:
        return json.loads(line) if line.strip() else None
    except (ValueError, RecursionError) as error:
        return ValueError(str(error))
