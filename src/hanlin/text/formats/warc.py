"""Web archives (WARC, WET), read by FastWARC: the page of each response, or the rows of those that hold data. Source:
ISO 28500:2017."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from fastwarc.warc import ArchiveIterator, WarcRecordType

from hanlin.text.encodings import encoding_of
from hanlin.text.files import CHUNK_BYTES, UNREADABLE, kind_suffix, shown, suffixes_of
from hanlin.text.formats.archives import BETWEEN, Member, Stream
from hanlin.text.formats.content import Content, Fault, Item, Text, copied, faults_of
from hanlin.text.html import main_text, title_of

_WANTED = WarcRecordType.response | WarcRecordType.resource | WarcRecordType.conversion
_HEADERS = {"url": "WARC-Target-URI", "date": "WARC-Date", "licence": "Hanlin-Licence"}
"""What a record says of its document; the licence stands there if `hanlin data collect` wrote it."""
_PAGES = ("text/html", "application/xhtml+xml")
_ROWS = {
    "application/json": ".json", "application/jsonl": ".jsonl", "application/x-jsonlines": ".jsonl",
    "application/x-ndjson": ".jsonl", "text/csv": ".csv", "text/tab-separated-values": ".tsv",
}  # fmt: skip
"""Media types whose content is rows; of others, and of files sent as bytes, the address may tell."""

_Made = TypeVar("_Made")


def read_warc(content: Content) -> Iterator[Item]:
    """Yield a text for each page and each plain text, with its url, date and title; its number is the record's.

    Requests and other records are no documents and pass unseen; answers without text (pictures, errors) are counted.
    Faults: not_a_page, no_main_text, row_too_long, binary, records (the rest of the file).
    """
    return _of_records(content, lambda record, number: _item(record, f":{number}", content))


def row_files_of(content: Content, kinds: tuple[str, ...]) -> Iterator[Member | Fault]:
    """Yield each answer that is a file of one of the kinds, called by the record's number ("3.jsonl"); other records
    pass unseen. Faults: records (the rest of the file). Raises UnpacksTooMuch, DiskFull."""
    with tempfile.TemporaryDirectory(prefix="hanlin-") as folder:
        made = functools.partial(_row_file, content=content, kinds=kinds, folder=Path(folder))
        for member in _of_records(content, made):
            if member is not None:
                yield member
            if isinstance(member, Member):
                member.path.unlink(missing_ok=True)


def _of_records(content: Content, made: Callable[[Any, int], _Made]) -> Iterator[_Made | Fault]:
    """What is made of every record that holds content, and of its number; then what is wrong with the archive."""
    done, stream = 0, Stream(content.chunks())
    try:
        records = ArchiveIterator(stream, stream_detect=False, auto_decode="all")
        for number, record in enumerate(records, start=1):
            if record.record_type & _WANTED:
                yield made(record, number)
            done = number
    except (*UNREADABLE, ValueError, RuntimeError) as error:
        yield Fault("records", f":{done + 1}-", str(error))
        return
    if done and not stream.tail.endswith(b"\r\n\r\n"):  # FastWARC takes a cut record for a whole one
        yield Fault("records", f":{done}-", "the file ends within a record")


def _row_file(record: Any, number: int, content: Content, kinds: tuple[str, ...], folder: Path) -> Member | None:
    """The content of a record as a file of its own, if it is of one of the kinds."""
    address = Path(str(record.headers.get("WARC-Target-URI", "")).partition("?")[0])
    suffix = _ROWS.get(_kind(record)) or (suffixes_of(address.name) if kind_suffix(address) in kinds else "")
    if not suffix or (record.is_http and record.http_headers.status_code != 200):
        return None
    name = f"{number}{suffix}"
    chunks = iter(lambda: record.reader.read(CHUNK_BYTES), b"")
    stored = content.guard.watched(chunks, f"{content.name}{BETWEEN}{name}", store=True)
    return Member(copied(stored, folder, name), name)


def _item(record: Any, place: str, content: Content) -> Item:
    kind = _kind(record)
    if kind not in _PAGES and kind != "text/plain":
        return Fault("not_a_page", place, kind)
    data = record.reader.read(content.options.max_row_chars + 1)
    if len(data) > content.options.max_row_chars:
        return Fault("row_too_long", place)
    encoding = encoding_of(data)
    if encoding is None:
        return Fault("binary" if data.strip() else "empty", place)
    page, meta = data.decode(encoding, "replace"), {**_meta(record), "encoding": encoding}
    text = page if kind == "text/plain" else main_text(page)
    if not text.strip():
        return Fault("no_main_text", place)
    title = {} if kind == "text/plain" else title_of(page)
    return Text([text, *faults_of(data, encoding, place)], {**meta, **title}, place)


def _kind(record: Any) -> str:
    """The media type of a record's content; that of an answer which is none (not found) with its status."""
    if not record.is_http:
        return str(record.headers.get("Content-Type", "")).partition(";")[0].strip().lower()
    if record.http_headers.status_code != 200:
        return f"HTTP {record.http_headers.status_code}"
    return str(record.http_content_type or "").lower()


def _meta(record: Any) -> dict[str, str]:
    found = {name: record.headers.get(key) for name, key in _HEADERS.items()}
    return {name: shown(value) for name, value in found.items() if value}
