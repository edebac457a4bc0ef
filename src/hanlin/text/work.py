"""A document between reading and the corpus, and what becomes of it.

A step takes `Work` and may alter it or give a `Refusal`; what comes of all steps is a `Fate`: a row of the ledger, the
text as it was read and the text as it is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanlin.base.files import disk_errors
from hanlin.text.document import Document
from hanlin.text.ledger import KEPT, Entry, packed, row, rows_of
from hanlin.text.reading import Draft


@dataclass(frozen=True)
class Refusal:
    """Why a step lets a document go: the rule, and for bounds the value, the bound and who set it."""

    reason: str
    example: str = ""
    value: float | None = None
    limit: float | None = None
    origin: str = ""


@dataclass
class Work:
    """One document on its way through the steps: as it was read, as it is now, and what was learned of it."""

    draft: Draft
    document: Document
    edits: Mapping[str, int]
    measures: Mapping[str, float] | None

    @property
    def read(self) -> Document:
        """The document before any step."""
        return self.draft.document


@dataclass(frozen=True)
class Fate:
    """What became of something that was read; a file or row that was no document has no texts."""

    entry: Entry
    read: Document | None = None
    document: Document | None = None

    @property
    def kept(self) -> Document | None:
        """The text that stays so far, or None."""
        return self.document if self.entry.fate in KEPT else None


class FateSpool:
    """Fates on disk, in order, while the corpus is not yet known as a whole. Raises DiskFull."""

    def __init__(self, path: Path, fates: Iterable[Fate]) -> None:
        self.path = path
        with disk_errors(path), packed(path, level=1) as file:  # deleted before the corpus is done
            for fate in fates:
                file.write(row(_Stored(fate)))

    def __iter__(self) -> Iterator[Fate]:
        """Yield all of them, as often as asked."""
        for table in rows_of(self.path):
            read = _document(table["read"])
            document = read if table["is_as_read"] else _document(table["document"])
            yield Fate(Entry(**table["entry"]), read, document)

    def remove(self) -> None:
        """Give the disk its room back."""
        self.path.unlink()


class _Stored:
    """A fate as a row: a text that no step altered is written once."""

    def __init__(self, fate: Fate) -> None:
        self.entry, self.read = fate.entry, fate.read
        self.is_as_read = fate.document == fate.read
        self.document = None if self.is_as_read else fate.document


def _document(table: Mapping[str, Any] | None) -> Document | None:
    return Document(**table) if table else None
