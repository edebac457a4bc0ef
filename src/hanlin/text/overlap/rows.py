"""Rows of evaluation sets, whatever their columns are called: every text in them is one that training must not hold.

Read as training text is, in every format and encoding of it (`formats/`); of plain text a paragraph is a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hanlin.base.errors import InputError
from hanlin.text.config import ReadConfig
from hanlin.text.document import Dropped
from hanlin.text.families import family_of, texts_of
from hanlin.text.files import files_of, kind_suffix, shown
from hanlin.text.formats.archives import ARCHIVES
from hanlin.text.formats.content import Content, Fault, Row, Text
from hanlin.text.formats.items import items_of

OnDrop = Callable[[Dropped], None]
SET_SUFFIXES = (
    ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".xlsx", ".parquet", ".arrow", ".feather", *ARCHIVES
)  # fmt: skip  # taken from a folder; a file may be plain text too


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
    """The rows of a file with their columns, in whatever format and encoding it is; of a text each paragraph is one."""
    for content, item in items_of(file, ReadConfig()):
        match item:
            case Fault():
                on_drop(_dropped(item, content, file))
            case Row(number, values, part):
                place = shown(f"{content.name}{part}:{number}")
                texts, id = tuple(texts_of(dict(values), fields)), shown(values.get("id", ""))
                yield EvaluationRow(file.name, place, id, texts, family_of(dict(values))), set(map(str, values))
            case Text(parts):
                whole = ""
                for one in parts:  # evaluation sets are small
                    if isinstance(one, Fault):
                        on_drop(_dropped(one, content, file))
                    else:
                        whole += one
                for number, text in enumerate(filter(str.strip, whole.split("\n\n")), start=1):
                    yield (
                        EvaluationRow(file.name, shown(f"{content.name}:{number}"), "", (text,), family_of(text)),
                        set(),
                    )


def _dropped(fault: Fault, content: Content, file: Path) -> Dropped:
    id, location = f"{Path(content.name).name}{fault.place}", f"{content.name}{fault.place}"
    return Dropped(fault.reason, shown(id), file.name, shown(location), shown(fault.example)[:80])
