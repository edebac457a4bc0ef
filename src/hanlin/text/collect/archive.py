"""What was collected, on disk: one growing file of documents, and the journal that says what became of every address.

    documents-1.jsonl  or  documents-1.warc.gz    one row or record after the other, only ever added to
    .collect/journal.jsonl                        one row for everything that was asked for, in order

A row of the journal is written after its documents are safe on disk, and names the bytes they take. Whoever opens the
collection after a kill cuts off what the journal does not know: nothing half-written stays, nothing is asked for twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hanlin.base.errors import InputError
from hanlin.base.files import disk_errors, fsync, write_atomic, write_bytes
from hanlin.text.collect.outcome import PASSING, Fate

CONTROL = ".collect"
FORMAT = 1
SUFFIXES = {"jsonl": ".jsonl", "warc": ".warc.gz"}


@dataclass(frozen=True)
class Row:
    """What became of one address or file: `start` to `end` are its bytes in the data file, `found` the addresses it
    led to, `mark` what tells whether it changed since (ETag, Last-Modified, size and time)."""

    place: str
    fate: Fate
    source: str = ""
    reason: str = ""
    detail: str = ""
    at: str = ""
    final: str = ""
    mark: Mapping[str, str] = field(default_factory=dict)
    found: tuple[Mapping[str, Any], ...] = ()
    lost: Mapping[str, int] = field(default_factory=dict)
    licences: Mapping[str, int] = field(default_factory=dict)
    note: Mapping[str, Any] = field(default_factory=dict)
    num_documents: int = 0
    num_bytes: int = 0
    start: int = 0
    end: int = 0

    @property
    def is_settled(self) -> bool:
        """Whether another run need not ask again."""
        return self.reason not in PASSING


class Archive:
    """A collection that is open for writing. The folder must be locked by its owner."""

    def __init__(self, folder: Path, kept_as: str) -> None:
        self.folder, self.kept_as = folder, kept_as
        self.rows: dict[str, Row] = {}
        self._journal_path = folder / CONTROL / "journal.jsonl"
        with disk_errors(folder):
            self._journal_path.parent.mkdir(parents=True, exist_ok=True)
            self._number, lines = self._read_journal()
            self.rows = {row.place: row for row in (_row(table) for table in lines)}
            size = max((row.end for row in self.rows.values()), default=0)
            self._clean(size)
            self._data = self.path.open("ab")
            self._journal = self._journal_path.open("ab")

    @property
    def path(self) -> Path:
        """The file of the documents."""
        return self.folder / f"documents-{self._number}{SUFFIXES[self.kept_as]}"

    def _read_journal(self) -> tuple[int, list[dict[str, Any]]]:
        """The number of the data file and the rows; a torn last line is cut off. Raises InputError E232."""
        data = self._journal_path.read_bytes() if self._journal_path.exists() else b""
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            write_atomic(self._journal_path, whole)
        if not whole:
            write_atomic(self._journal_path, self._head(1))
            return 1, []
        head, *lines = (json.loads(line) for line in whole.splitlines())
        if head["kept_as"] != self.kept_as:
            raise InputError("text.collection_differs", path=self.folder, found=head["kept_as"], asked=self.kept_as)
        return int(head["number"]), lines

    def _head(self, number: int) -> str:
        return json.dumps({"format": FORMAT, "kept_as": self.kept_as, "number": number}) + "\n"

    def _clean(self, size: int) -> None:
        """Cut off what was written without an entry in the journal, and files of a tidying that was cut short."""
        for other in self.folder.glob(f"documents-*{SUFFIXES[self.kept_as]}"):
            if other != self.path:
                other.unlink()
        if self.path.exists():
            with self.path.open("rb+") as file:
                file.truncate(size)

    def close(self) -> None:
        """Close both files."""
        self._data.close()
        self._journal.close()

    def add(self, row: Row, records: Iterable[bytes] = (), *, counted: Callable[[Row], Row] | None = None) -> Row:
        """Write the records of one address and then its row, which `counted` may complete when all are written.

        Raises DiskFull, and then nothing was added.
        """
        start = self._data.tell()
        with disk_errors(self.path):
            try:
                for record in records:
                    write_bytes(self._data, record)
                fsync(self._data.fileno())
            except BaseException:
                self._data.truncate(start)
                self._data.seek(start)
                raise
        row = replace(row, start=start, end=self._data.tell())
        return self.confirm(counted(row) if counted else row)

    def confirm(self, row: Row) -> Row:
        """Write a row whose documents are there already. Raises DiskFull."""
        with disk_errors(self._journal_path):
            write_bytes(self._journal, _line(row))
            fsync(self._journal.fileno())
        self.rows[row.place] = row
        return row

    def tidy(self) -> None:
        """Leave out of the data what newer versions of the same addresses replaced."""
        kept = [row for row in self.rows.values() if row.end > row.start]
        if sum(row.end - row.start for row in kept) == self._data.tell():
            return
        old = self.path
        self._data.close()
        self._number += 1
        with disk_errors(self.path), old.open("rb") as source, self.path.open("wb") as target:
            moved = {row.place: _moved(row, source, target) for row in kept}
            fsync(target.fileno())
        self.rows = {place: moved.get(place, row) for place, row in self.rows.items()}
        lines = (_line(row).decode() for row in self.rows.values())
        write_atomic(self._journal_path, self._head(self._number) + "".join(lines))
        old.unlink()
        self._journal.close()
        self._data, self._journal = self.path.open("ab"), self._journal_path.open("ab")


def _row(table: Mapping[str, Any]) -> Row:
    return Row(**{**table, "found": tuple(table.get("found", ()))})


def _line(row: Row) -> bytes:
    empty: tuple[Any, ...] = ("", 0, {}, ())
    table = {name: value for name, value in vars(row).items() if value not in empty}
    return (json.dumps(table) + "\n").encode()  # ASCII: names of files may hold what UTF-8 cannot


def _moved(row: Row, source: Any, target: Any) -> Row:
    """Copy the bytes of a row behind what the target holds."""
    start, left = target.tell(), row.end - row.start
    source.seek(row.start)
    while left:
        left -= target.write(source.read(min(left, 1 << 20)))
    return replace(row, start=start, end=target.tell())
