"""Files of training data to records: the format is found in the rows themselves, and no register of files is kept.

    read_conversations(paths)   what `hanlin finetune` learns from
    read_records(paths)         any format, each record with its place
    looked_at(path)             what a file holds and what is wrong with it, from its first rows

A file is read as the format of most of its first rows; rows of another use go to `on_drop`, with place and rule, as do
all that break a rule of their format.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from hanlin.base.errors import InputError
from hanlin.base.messages import say
from hanlin.text.chat import Conversation
from hanlin.text.document import Dropped
from hanlin.text.files import files_of, kind_suffix, shown
from hanlin.text.records.columns import NAMES_OF_ROWS, ColumnMap, Row, key_of, short
from hanlin.text.records.formats import FORMATS, Format, format_of, formats_with, read_row
from hanlin.text.records.kinds import Record, Use
from hanlin.text.records.rows import KINDS, Numbered, Rule, is_readable, rows_of

SAMPLE_ROWS = 1000
"""Rows by which a file's format is decided."""

Paths = Path | str | Sequence[Path | str]
OnDrop = Callable[[Dropped], None]


@dataclass(frozen=True)
class Placed:
    """A record, its file:line, its row as it stands in the file, and the format it was read as."""

    record: Record
    location: str
    table: Mapping[str, object]
    format: Format


@dataclass
class FileReading:
    """What became of the rows of one file: rows by format, rules by how many rows broke them, with the first each."""

    path: Path
    format: Format | None = None
    formats: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    examples: dict[str, Dropped] = field(default_factory=dict)
    unread: dict[str, None] = field(default_factory=dict)

    @property
    def num_rows(self) -> int:
        return self.formats.total() + self.dropped.total()

    def drop(self, dropped: Dropped) -> None:
        """Count a row that was rejected."""
        self.dropped[dropped.reason] += 1
        self.examples.setdefault(dropped.reason, dropped)

    def sentence(self) -> str:
        """What the file was read as, how many rows were rejected, and why."""
        formats = (FORMATS_BY[name].title() for name, _ in self.formats.most_common())
        told = say(
            "text.records_read", file=shown(self.path.name), format=say("text.records_and").join(formats) or "-",
            num_rows=f"{self.formats.total():,}", num_dropped=f"{self.dropped.total():,}",
        )  # fmt: skip
        reasons = [
            say(
                "text.records_reason",
                num=f"{num:,}",
                location=self.examples[reason].id,
                rule=self.examples[reason].example,
            )
            for reason, num in self.dropped.most_common()
        ]
        unread = [say("text.records_unread", columns=", ".join(map(shown, self.unread)))] if self.unread else []
        return " ".join([told, *reasons, *unread])


FORMATS_BY: Mapping[str, Format] = {one.name: one for one in FORMATS}


@dataclass(frozen=True)
class Looked:
    """What a file seems to hold: its format ("" where none was found) and use, the share of the rows that were looked
    at that are of it, the first records, and every row that is not."""

    format: str
    use: str
    confidence: float
    num_rows: int
    sample: tuple[Record, ...]
    problems: tuple[Dropped, ...]
    sentence: str


def read_conversations(
    paths: Paths,
    *,
    columns: Mapping[str, str] | None = None,
    format: str = "auto",
    on_drop: OnDrop,
    on_read: Callable[[FileReading], None] | None = None,
) -> Iterator[Conversation]:
    """Return the conversations of files (see `rows.py`), or of folders of them, in sorted order.

    `columns` maps our names of columns to those of the files, `format` names the one to read them as. A row that breaks
    a rule goes to `on_drop` with its place and the rule, what became of each file to `on_read`. Raises InputError at
    once for a path that does not exist or holds no such file, and for a map that names unknown columns (E264), one for
    two things or those of no one format (E214); on reading for a file that lacks them (E216) or holds something
    else (E217), and at the end when not a single row was usable.
    """
    found = read_records(paths, use="conversation", columns=columns, format=format, on_drop=on_drop, on_read=on_read)
    return (cast(Conversation, placed.record) for placed in found)


def read_records(
    paths: Paths,
    *,
    use: Use | None = None,
    columns: Mapping[str, str] | None = None,
    format: str = "auto",
    on_drop: OnDrop,
    on_read: Callable[[FileReading], None] | None = None,
) -> Iterator[Placed]:
    """Return the records of files, those of `use` only where it is given. Raises as `read_conversations` does."""
    named = ColumnMap.of(columns)
    formats = formats_with(format, named)
    listed = [Path(path) for path in ([paths] if isinstance(paths, Path | str) else paths)]
    files = [(path, file) for path in listed for file in _files(path)]
    return _records([_File(source, file, named, formats) for source, file in files], use, on_drop, on_read)


def looked_at(path: Path | str, *, most_rows: int = SAMPLE_ROWS, most_records: int = 3) -> Looked:
    """Return what the first rows of a file hold. Raises InputError for a path without such a file."""
    file = _File(Path(path), _files(Path(path))[0], ColumnMap(), FORMATS)
    problems: list[Dropped] = []
    records = list(file.records(itertools.islice(file.rows(), most_rows), problems.append))
    reading, main = file.reading, file.reading.format
    share = len(records) / reading.num_rows if reading.num_rows else 0.0
    sample = tuple(placed.record for placed in records[:most_records])
    name, use = (main.name, main.use) if main else ("", "")
    return Looked(name, use, share, reading.num_rows, sample, tuple(problems), reading.sentence())


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise InputError("text.records_missing", path=path)
    found = files_of(str(path))[0] if path.is_dir() and any(path.iterdir()) else [path] if path.is_file() else []
    files = [file for file in found if is_readable(file) and (path.is_file() or kind_suffix(file) != ".txt")]
    if not files:
        names = _some(file.name for file in found) or "-"
        raise InputError("text.records_no_file", path=path, kinds=", ".join(KINDS), found=names)
    return files


def _some(names: Iterable[str], most: int = 8) -> str:
    listed = list(names)
    return ", ".join(listed[:most]) + (" ..." if len(listed) > most else "")


def _records(
    files: Sequence[_File], use: Use | None, on_drop: OnDrop, on_read: Callable[[FileReading], None] | None
) -> Iterator[Placed]:
    for file in files:
        yield from file.records(file.rows(), on_drop, use)
        if on_read:
            on_read(file.reading)
    if not any(file.reading.formats for file in files):
        raise _nothing(files)


def _nothing(files: Sequence[_File]) -> InputError:
    path = ", ".join(dict.fromkeys(str(file.source) for file in files))
    dropped = [one for file in files for one in file.reading.examples.values()]
    if not dropped:
        return InputError("text.records_empty", path=path, num_files=len(files))
    num = sum(file.reading.dropped.total() for file in files)
    return InputError(
        "text.records_none_usable", path=path, num_dropped=num, location=dropped[0].location, rule=dropped[0].example
    )


class _File:
    """One file on its way to records."""

    def __init__(self, source: Path, path: Path, columns: ColumnMap, formats: Sequence[Format]) -> None:
        self.source, self.path, self.columns, self.formats = source, path, columns, formats
        self.reading = FileReading(path)

    def rows(self) -> Iterator[Numbered]:
        return rows_of(self.path, self.columns.is_header)

    def records(self, rows: Iterator[Numbered], on_drop: OnDrop, use: Use | None = None) -> Iterator[Placed]:
        """Yield the records of rows; all others go to `on_drop`. Raises InputError: the map or the use does not fit."""
        head = list(itertools.islice(rows, SAMPLE_ROWS))
        tables = [self.columns.row(value) for _, value in head if isinstance(value, Mapping)]
        self.reading.format = main = self._main(tables, use)
        if self.columns.given and tables and not any(one.has_columns(row) for row in tables for one in self.formats):
            raise self._unfit(tables)
        if use and main and main.use != use:
            raise InputError("text.records_use", path=self.path, found=main.title(), num=len(tables))
        for place, value in itertools.chain(head, rows):
            outcome = self._read(place, value, main)
            if isinstance(outcome, Placed):
                yield outcome
            else:
                self.reading.drop(outcome)
                on_drop(outcome)

    def _main(self, tables: Sequence[Row], use: Use | None) -> Format | None:
        """The format of most rows; between equals the one that was wanted, then the more telling one."""
        if len(self.formats) == 1:
            return self.formats[0]
        found = Counter(one for one in (format_of(row, self.formats) for row in tables) if one)
        uses = Counter[str]()
        for one, num in found.items():
            uses[one.use] += num
        return max(
            found, key=lambda one: (uses[one.use], one.use == use, found[one], -FORMATS.index(one)), default=None
        )

    def _read(self, place: str, value: object, main: Format | None) -> Placed | Dropped:
        location = f"{self.path}{place}"
        try:
            if isinstance(value, Rule):
                raise value
            if not isinstance(value, Mapping):
                raise Rule("not_object", found=short(value))
            row = self.columns.row(value)
            found, record = read_row(row, self.formats, main)
        except Rule as rule:
            return rule.dropped(str(self.source), self.path, place)
        except InputError as error:
            return Rule("bad_conversation", detail=error).dropped(str(self.source), self.path, place)
        self._count(found, row)
        return Placed(record, shown(location), value, found)

    def _count(self, found: Format, row: Row) -> None:
        self.reading.formats[found.name] += 1
        if self.reading.num_rows <= SAMPLE_ROWS:
            used = found.used(row)
            others = (name for name in row.table if name not in used and key_of(str(name)) not in NAMES_OF_ROWS)
            self.reading.unread |= dict.fromkeys(map(str, others))

    def _unfit(self, tables: Sequence[Row]) -> InputError:
        """What the map of columns lacks, by the format that lacks least."""
        there = dict.fromkeys(str(name) for row in tables for name in row.table)
        absent = next((item for item in self.columns.given if item[1] not in there), None)
        told = {"path": self.path, "num": len(tables), "found": ", ".join(there) or "-"}
        if absent:
            return InputError(
                "text.columns_unfit", role=absent[0], how=say("text.columns_mapped", column=absent[1]), **told
            )
        near = min(self.formats, key=lambda one: len(one.missing(tables[0])))
        missing = ", ".join(near.missing(tables[0])) or near.name
        return InputError(
            "text.columns_unfit", role=missing, how=say("text.columns_usual", format=near.title()), **told
        )
