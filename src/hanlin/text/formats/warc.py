"""Web archives (WARC, WET): the page of each response, read by FastWARC. Source: ISO 28500:2017."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastwarc.warc import ArchiveIterator, WarcRecordType

from hanlin.text.encodings import encoding_of
from hanlin.text.files import UNREADABLE, shown
from hanlin.text.formats.archives import Stream
from hanlin.text.formats.content import Content, Fault, Item, Text, faults_of
from hanlin.text.html import main_text, title_of

_WANTED = WarcRecordType.response | WarcRecordType.resource | WarcRecordType.conversion
_HEADERS = {"url": "WARC-Target-URI", "date": "WARC-Date", "licence": "Hanlin-Licence"}
"""What a record says of its document; the licence stands there if `hanlin data collect` wrote it."""
_PAGES = ("text/html", "application/xhtml+xml")


def read_warc(content: Content) -> Iterator[Item]:
    """Yield a text for each page and each plain text, with its url, date and title; its number is the record's.

    Requests and other records are no documents and pass unseen; answers without text (pictures, errors) are counted.
    Faults: not_a_page, no_main_text, row_too_long, binary, records (the rest of the file).
    """
    done, stream = 0, Stream(content.chunks())
    try:
        records = ArchiveIterator(stream, stream_detect=False, auto_decode="all")
        for number, record in enumerate(records, start=1):
            if record.record_type & _WANTED:
                yield _item(record, f":{number}", content)
            done = number
    except (*UNREADABLE, ValueError, RuntimeError) as error:
        yield Fault("records", f":{done + 1}-", str(error))
        return
    if done and not stream.tail.endswith(b"\r\n\r\n"):  # FastWARC takes a cut record for a whole one
        yield Fault("records", f":{done}-", "the file ends within a record")


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
