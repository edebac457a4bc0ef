"""The ledger of a corpus: one row for everything that was read, with what became of it and why.

    ledger.jsonl.zst     rows in the order of reading (`Entry`), measures included where they were taken
    removed.jsonl.zst    texts that are not in the corpus, and originals of those that were edited, in the same order
    leaked.jsonl.zst     held-out texts that training has too

So any document can be asked for by name, and a corpus built again with other thresholds without reading its sources
(datatrove keeps removed documents, dolma and RedPajama-V2 their attributes; here one row holds both).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import zstandard

from hanlin.base.errors import InputError
from hanlin.text.document import Document, Dropped
from hanlin.text.encodings import decoded_stream
from hanlin.text.files import unpacked_zst
from hanlin.text.formats.lines import lines_of

LEDGER, REMOVED, LEAKED = "ledger", "removed", "leaked"
KEPT = ("train", "validation")
UNREAD = "unread"
_LONGEST = 1 << 40  # a corpus of ours holds only rows that were short enough when it was built
_PACKED_BYTES = 1 << 14  # nor is it a bomb: more at a time than of files of strangers, which takes half the time


@dataclass(frozen=True)
class Entry:
    """What became of one document: `fate` is "train", "validation", "removed", "leaked", or "unread" for what never
    became a document (a hidden file, a bad row). `own_id` is the id that a row brought along.

    Where it was not kept, `reason` is the name of the rule, `value` what was found and `limit` the bound, `origin` who
    set it. `changes` counts what was evened out, `personal` what personal data there was (number, place and shape of
    the first of each kind), `edits` what rules took out of a text that was kept.
    """

    id: str
    source: str
    location: str
    fate: str
    own_id: str = ""
    lang: str = ""
    kind: str = ""
    reason: str = ""
    example: str = ""
    value: float | None = None
    limit: float | None = None
    origin: str = ""
    changes: Mapping[str, int] = field(default_factory=dict)
    personal: Mapping[str, tuple[int, int, str]] = field(default_factory=dict)
    edits: Mapping[str, int] = field(default_factory=dict)
    measures: Mapping[str, float] | None = None

    def dropped(self) -> Dropped:
        """The entry as a reader or rule reported it."""
        return Dropped(self.reason, self.id, self.source, self.location, self.example)


def row(value: Any) -> bytes:
    """One line of a corpus file; what has its default is left out of entries."""
    table = vars(value)  # dataclasses.asdict would copy every measure of every document
    if isinstance(value, Entry):
        table = {name: content for name, content in table.items() if content not in ("", None, {})}
    return (json.dumps(table, ensure_ascii=False, default=vars) + "\n").encode()


def path_of(folder: Path, name: str) -> Path:
    """The file of a part or a record of a corpus."""
    return folder / f"{name}.jsonl.zst"


@contextlib.contextmanager
def packed(path: Path, level: int = 6) -> Iterator[Any]:
    """A file for rows. Every file has a compressor of its own: two streams of one would mix."""
    with path.open("wb") as file, zstandard.ZstdCompressor(level=level).stream_writer(file) as stream:
        yield stream


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a corpus file, split at line feeds alone."""
    yield from _rows(_unpacked(path))


def rows_between(path: Path, start: int, end: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of the frames that a corpus file has from one byte to another."""
    yield from _rows(_unpacked(path, start, end))


def lines_in(path: Path) -> Iterator[bytes]:
    """Yield the rows of a corpus file as they stand there."""
    rest = b""
    for chunk in _unpacked(path):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line + b"\n" for line in lines)


def _unpacked(path: Path, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        yield from unpacked_zst(_stretch(file, path.stat().st_size - start if end is None else end - start))


def _stretch(file: IO[bytes], size: int) -> Iterator[bytes]:
    while size > 0:
        part = file.read(min(size, _PACKED_BYTES))
        size -= len(part) or size
        yield part


def _rows(chunks: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines_of(decoded_stream(chunks, "utf-8"), _LONGEST):
        if line:
            yield json.loads(line)


def documents_of(path: Path) -> Iterator[Document]:
    """Yield the documents of a corpus file."""
    return (Document(**table) for table in rows_of(path))


def read_ledger(folder: Path) -> Iterator[Entry]:
    """Return the entries of a built corpus. Raises InputError (E237) where the corpus has no ledger."""
    path = path_of(folder, LEDGER)
    if not path.is_file():
        raise InputError("text.no_ledger", path=folder)
    return (Entry(**table) for table in rows_of(path))


def place_of(document: Document) -> str:
    """Where a document came from, as people look it up: file and line."""
    path = str(document.meta.get("path", document.id))
    return f"{path}:{document.meta['line']}" if "line" in document.meta else path
