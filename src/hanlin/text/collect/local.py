"""Folders and files of this machine: exports of chats and accounts by their shape, all else as the readers read it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hanlin.base.progress import Progress
from hanlin.text.collect.archive import Archive, Row
from hanlin.text.collect.asking import now
from hanlin.text.collect.config import CollectConfig
from hanlin.text.collect.exports.detect import threads_of
from hanlin.text.collect.exports.thread import Authors, Thread, pieces_of
from hanlin.text.collect.licences import UNKNOWN, licence_of_card
from hanlin.text.collect.outcome import Piece
from hanlin.text.collect.packing import as_json, as_resource
from hanlin.text.config import SourceConfig
from hanlin.text.document import Document, Dropped
from hanlin.text.files import UNREADABLE, files_of, kind_suffix, shown
from hanlin.text.readers import read_documents
from hanlin.text.records.columns import is_header
from hanlin.text.records.rows import KINDS, Rule, rows_of

ROWS = frozenset(KINDS) - {".txt"}
_LACKING = frozenset(["missing_field", "missing_column"])
"""Files whose rows are kept whole where none of them has a text."""
_REASONS = {"bad_width": "bad_table", "not_utf8": "encoding", "too_long": "row_too_long"}
"""Rules of training data under the names that reading has for them."""
_KEPT = ("title", "date", "licence", "license", "url", "book", "site", "group", "line")
_CARD = re.compile(r"\A---\n(.*?)\n---", re.DOTALL)


@dataclass
class Origin:
    """Where the documents of a file come from, and what they inherit from there."""

    source: str
    licence: str
    date: str = ""
    url: str = ""
    name: str = ""
    lost: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)


class Local:
    """Files of this machine on their way into the archive; also those that came down from a data set."""

    def __init__(self, config: CollectConfig, archive: Archive, authors: Authors, progress: Progress) -> None:
        self.config, self.archive, self.authors, self.progress = config, archive, authors, progress

    def collect(self, path: str) -> None:
        """Take in all files of a folder, a pattern, or one file. Raises InputError where there are none."""
        files, passed_over = files_of(path)
        for one in passed_over:
            self.archive.add(Row(shown(one.path), "refused", path, one.reason, one.detail, now()))
        licence = self.config.licence or card_licence(Path(path).expanduser() / "README.md")
        for file in files:
            status = file.stat()
            mark = {"size": str(status.st_size), "changed": str(status.st_mtime_ns)}
            day = datetime.fromtimestamp(status.st_mtime, UTC).strftime("%Y-%m-%d")
            self.take(file, shown(file), mark, Origin(path, licence, day))

    def take(self, file: Path, place: str, mark: dict[str, str], origin: Origin) -> None:
        """Take in one file, unless it was and has not changed since."""
        known = self.archive.rows.get(place)
        if known and known.mark == mark:
            return
        pieces = _Counted(self.pieces(file, origin))
        row = Row(place, "kept", origin.source, at=now(), mark=mark, num_bytes=file.stat().st_size, lost=origin.lost)

        def counted(row: Row) -> Row:
            row = replace(row, num_documents=pieces.number, licences=pieces.licences)
            return row if pieces.number else replace(row, fate="refused", reason="no_text")

        self.archive.add(row, (record for piece in pieces for record in self._records(piece)), counted=counted)
        self.progress.update(len(self.archive.rows))

    def _records(self, piece: Piece) -> Iterator[bytes]:
        if self.config.kept_as == "jsonl":
            yield as_json(piece)
        else:
            yield from as_resource(piece, now())

    def pieces(self, file: Path, origin: Origin) -> Iterator[Piece]:
        """Yield the documents of a file; what is no document is counted in `origin.lost`."""
        try:
            threads = threads_of(file)
        except UNREADABLE:
            threads = None  # the readers say so
        if threads is None:
            yield from self._documents(file, origin)
        for thread in threads or ():
            yield from self._thread(thread, origin)

    def _thread(self, thread: Thread, origin: Origin) -> Iterator[Piece]:
        origin.lost.update(thread.lost)
        chats, licence = self.config.chats, origin.licence or UNKNOWN
        yield from pieces_of(thread, chats, self.authors, origin.name or origin.source, licence)

    def _documents(self, file: Path, origin: Origin) -> Iterator[Piece]:
        def dropped(one: Dropped) -> None:
            origin.lost[one.reason] += 1

        source = SourceConfig(path=str(file), text_field=self.config.text_field)
        has_texts = False
        for document in read_documents([source], on_drop=dropped):
            has_texts = True
            yield _piece(document, origin)
        if not has_texts and _LACKING & origin.lost.keys() and kind_suffix(file) in ROWS:
            origin.lost.clear()  # no row has a text: it is training data, whose rows are kept whole
            yield from _rows(file, origin)


class _Counted:
    """The same pieces, and how many there were under which licence."""

    def __init__(self, pieces: Iterator[Piece]) -> None:
        self._pieces, self.number, self.licences = pieces, 0, Counter[str]()

    def __iter__(self) -> Iterator[Piece]:
        for piece in self._pieces:
            self.number += 1
            self.licences[str(piece.meta["licence"])] += 1
            yield piece


def _piece(document: Document, origin: Origin) -> Piece:
    meta = {name: document.meta[name] for name in _KEPT if name in document.meta}
    licence = meta.pop("license", "") or meta.get("licence") or origin.licence or UNKNOWN
    known = {"url": origin.url, "date": origin.date, **meta, "licence": licence, "source": origin.source}
    place = document.id.removeprefix(str(document.meta["path"]))
    id = f"{origin.name}{place}" if origin.name else document.id
    return Piece(id, document.text, {name: value for name, value in known.items() if value != ""})


def _rows(file: Path, origin: Origin) -> Iterator[Piece]:
    """The rows of a file of training data, or of an archive of such; what is none is counted in `origin.lost`."""
    for place, value in rows_of(file, is_header):
        if isinstance(value, Mapping):
            yield _row_piece(file, place, value, origin)
        else:
            reason = value.reason if isinstance(value, Rule) else "not_object"
            origin.lost[_REASONS.get(reason, reason)] += 1


def _row_piece(file: Path, place: str, row: Mapping[str, Any], origin: Origin) -> Piece:
    said = row.get("licence") or row.get("license")
    known = {"url": origin.url, "date": origin.date, "source": origin.source}
    known["licence"] = said if isinstance(said, str) else origin.licence or UNKNOWN
    id = f"{origin.name or shown(file.as_posix())}{shown(place)}"
    return Piece(id, "", {name: value for name, value in known.items() if value}, row)


def card_licence(path: Path) -> str:
    """Return the licence that a data card names in its head, "" where there is no such card."""
    try:
        return licence_of_card_text(path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else ""
    except OSError:
        return ""


def licence_of_card_text(card: str) -> str:
    """Return the licence of a data card, one word or a list under `license:`; "" where it names none."""
    head = _CARD.match(card.replace("\r\n", "\n"))
    found = re.search(r"^license:[ \t]*(.*(?:\n[ \t]*- .*)*)", head[1], re.MULTILINE) if head else None
    names = re.findall(r"[\w.+-]{2,}", found[1]) if found else []
    return licence_of_card(names) if names else ""
