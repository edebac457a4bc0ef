"""Files of texts to files of what a model says of them, row by row, in the order of the file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanlin.base.errors import InputError
from hanlin.base.files import write_atomic
from hanlin.data.framing import Text
from hanlin.text.document import Dropped
from hanlin.text.records.kinds import Classified, Extract, Pair, Plain, Record, Tagged
from hanlin.text.records.reading import FileReading, read_records

SUFFIXES = (".csv", ".jsonl")
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """A text of a file, or two, and where it stands."""

    text: Text
    location: str


def read_texts(
    paths: Sequence[str],
    *,
    columns: Mapping[str, str] | None = None,
    on_read: Callable[[FileReading], None] | None = None,
) -> tuple[list[Asked], list[Dropped]]:
    """The texts of files in their order, and the rows that hold none. Raises InputError: no file, no usable row."""
    dropped: list[Dropped] = []
    placed = read_records(list(paths), columns=columns, on_drop=dropped.append, on_read=on_read)
    return [Asked(_text(one.record, one.location), one.location) for one in placed], dropped


def _text(record: Record, location: str) -> Text:
    if isinstance(record, Plain | Tagged):
        return record.text
    if isinstance(record, Classified):
        return (record.text, record.other) if record.other else record.text
    if isinstance(record, Pair):
        return record.left, record.right
    if isinstance(record, Extract):
        return record.question, record.context
    raise InputError("life.nothing_to_label", location=location)


def check_suffix(path: Path) -> None:
    """Raises InputError E884 for a file that is neither CSV nor JSON lines; before the work rather than after it."""
    if path.suffix not in SUFFIXES:
        raise InputError("life.predictions_out", path=path, kinds=", ".join(SUFFIXES))


def write_rows(path: Path, rows: Iterable[Row]) -> int:
    """Write rows as CSV or JSON lines, whole or not at all. Raises InputError E884 for another kind, DiskFull."""
    check_suffix(path)
    listed = list(rows)
    if path.suffix == ".jsonl":
        write_atomic(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in listed))
        return len(listed)
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(listed[0]) if listed else [])
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in listed)
    write_atomic(path, buffer.getvalue())
    return len(listed)


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def beside(asked: Sequence[Asked], said: Iterable[Row]) -> Iterator[Row]:
    """Each text, or both of a pair, beside what was said of it."""
    for one, row in zip(asked, said, strict=True):
        texts = (
            {"text": one.text} if isinstance(one.text, str) else dict(zip(("text", "text_pair"), one.text, strict=True))
        )
        yield {**texts, **row}
