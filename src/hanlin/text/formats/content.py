"""What a reader of a format is given, and what it gives back.

    Content     one file or member of an archive: its bytes, its name, its encoding, the limits
    Text        one document to be, in parts, so that none has to be held whole
    Row         one row of a table, with all its values
    Fault       something in the file that could not be read; the rest goes on

A reader is a function from `Content` to an iterator of the other three. It raises one of `files.UNREADABLE` where
nothing more can be read.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hanlin.base.files import disk_errors
from hanlin.text.config import ReadConfig
from hanlin.text.encodings import decoded_stream
from hanlin.text.families import MARKS
from hanlin.text.files import chunks_between, chunks_of, is_packed, suffixes_of

KEPT_COLUMNS = ("id", "source", "url", "title", "date", "licence", "license", "book", "site", "group", "label", *MARKS)
"""Columns of a row that stay with its document."""
FREE_BYTES = 16 << 20
"""What unpacks to no more than this is no bomb, whatever its ratio: a page of one letter packs a thousandfold."""


@dataclass(frozen=True)
class Fault:
    """Why a part of a file was not read: a reason with a sentence `text.drop_<reason>`, where in the file (":7" for a
    line, "!/name" for a member), and an example."""

    reason: str
    place: str = ""
    example: str = ""


@dataclass(frozen=True)
class Text:
    """One document to be: its parts in order, faults among them; `place` where in the file it stands."""

    parts: Iterable[str | Fault]
    meta: Mapping[str, str | int | float] = field(default_factory=dict)
    place: str = ""


@dataclass(frozen=True)
class Row:
    """One row: its number (from 1, as a person would look it up) in the file, or in a `part` of it such as
    "!/Sheet1"."""

    number: int
    values: Mapping[str, Any]
    part: str = ""


Item = Text | Row | Fault


class UnpacksTooMuch(Exception):
    """A packed file goes beyond the limits; `name` is where that was noticed. Nothing more of the file is read."""

    def __init__(self, name: str, num_bytes: int) -> None:
        super().__init__(f"{num_bytes:,} bytes")
        self.name = name


class Guard:
    """Counts what comes out of one packed file, with all that is packed in it, against what went in."""

    def __init__(self, num_bytes: int, options: ReadConfig) -> None:
        most = max(FREE_BYTES, options.max_unpacked_ratio * num_bytes)
        self.most = min(most, options.max_unpacked_bytes)
        self.stored = 0

    def watched(self, chunks: Iterable[bytes], name: str, *, store: bool = False) -> Iterator[bytes]:
        """Yield the chunks; with `store` they count for the file for good, without only while they pass.

        Raises UnpacksTooMuch.
        """
        passed = 0
        for chunk in chunks:
            passed += len(chunk)
            self.stored += len(chunk) if store else 0
            self.allow(0 if store else passed, name)
            yield chunk

    def allow(self, num_bytes: int, name: str) -> None:
        """Raise UnpacksTooMuch where so many more bytes would be too many."""
        if self.stored + num_bytes > self.most:
            raise UnpacksTooMuch(name, self.stored + num_bytes)


@dataclass
class Content:
    """One file or member of an archive: `path` is where its bytes lie, `name` what people call it.

    `columns` are the columns wanted of a row, the first of them needed; None wants all and needs none. `encoding` is
    that of its text, "" as long as nobody asked; `num_faults` counts the places where the text does not keep to it.
    `stretch` is the part of it that is read: its first byte (or row group), its end, and the number of its first row.
    """

    path: Path
    name: str
    options: ReadConfig
    guard: Guard
    columns: tuple[str, ...] | None = None
    encoding: str = ""
    num_faults: int = 0
    stretch: tuple[int, int, int] | None = None

    def chunks(self) -> Iterator[bytes]:
        """Yield the unpacked bytes. Raises one of UNREADABLE, or UnpacksTooMuch."""
        if self.stretch:
            return chunks_between(self.path, *self.stretch[:2])
        chunks = chunks_of(self.path)
        return self.guard.watched(chunks, self.name) if is_packed(self.path) else chunks

    def decoded(self) -> Iterator[str]:
        """Yield the text in parts, what its encoding does not allow as U+FFFD."""
        for text in decoded_stream(self.chunks(), self.encoding):
            self.num_faults += text.count("\ufffd")
            yield text

    @contextlib.contextmanager
    def seekable(self) -> Iterator[Path]:
        """A file in which a reader may go back and forth: this one, or its unpacked copy for as long as needed."""
        if not is_packed(self.path):
            yield self.path
            return
        with tempfile.TemporaryDirectory(prefix="hanlin-") as folder:
            yield copied(self.guard.watched(chunks_of(self.path), self.name, store=True), Path(folder), self.name)

    def row(self, number: int, value: object) -> Row | Fault:
        """A JSON value as a row; one that is no object is one only to those who want all there is."""
        if isinstance(value, dict):
            return Row(number, value)
        if self.columns is None:
            return Row(number, {"text": value})
        return Fault("not_object", f":{number}", str(value)[:80])

    def lacking(self, columns: Iterable[object], place: str) -> Fault | None:
        """The fault of a table that has not the column its text should stand in."""
        known = list(map(str, columns))
        if self.columns is None or self.columns[0] in known:
            return None
        return Fault("missing_column", place, ", ".join(known))


def copied(chunks: Iterable[bytes], folder: Path, name: str) -> Path:
    """Write chunks to a file in `folder`. Of `name` it takes the suffixes alone. Raises DiskFull."""
    path = folder / f"content{suffixes_of(name)}"
    with path.open("wb") as file:
        for chunk in chunks:
            with disk_errors(path):
                file.write(chunk)
        with disk_errors(path):
            file.flush()
    return path


def faults_of(data: bytes, encoding: str, place: str) -> list[Fault]:
    """One fault where bytes are not all of the encoding; an empty list where they are."""
    try:
        data.decode(encoding)
    except UnicodeDecodeError as error:
        return [Fault("encoding", place, f"{encoding}: {error.reason}")]
    return []
