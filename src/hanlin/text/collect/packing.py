"""Documents as rows of jsonl that `hanlin data build` reads, or as WARC records (ISO 28500, version 1.1)."""

from __future__ import annotations

import gzip
import io
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from fastwarc.warc import WarcRecord, WarcRecordType

from hanlin.text.collect.fetch import Answer
from hanlin.text.collect.outcome import Piece

_SURROGATE = re.compile("[\ud800-\udfff]")


def as_json(piece: Piece) -> bytes:
    """Return one row: id, text, and what is known of it. Halves of surrogate pairs become U+FFFD.

    A row of training data keeps all its columns; what is known of it stands beside them where they do not say it.
    """
    table = {"id": piece.id, "text": piece.text, **piece.meta} if piece.row is None else _with(piece.row, piece)
    return _SURROGATE.sub("\ufffd", json.dumps(table, ensure_ascii=False, default=str)).encode() + b"\n"


def _with(row: Mapping[str, Any], piece: Piece) -> dict[str, Any]:
    return {**row, **{name: value for name, value in {"id": piece.id, **piece.meta}.items() if name not in row}}


def as_response(answer: Answer, meta: Mapping[str, str | int | float], at: str) -> Iterator[bytes]:
    """Yield the page as it came, and a metadata record with licence, date and title beside it."""
    head = "".join(f"{name}: {value}\r\n" for name, value in _plain_head(answer))
    block = f"HTTP/1.1 {answer.status}\r\n{head}\r\n".encode("latin-1") + answer.body
    name, form = _name(), "application/http; msgtype=response"
    yield _record(WarcRecordType.response, answer.address, form, block, at, name, **_licence(meta))
    yield _metadata(answer.address, meta, at, name)


def as_resource(piece: Piece, at: str) -> Iterator[bytes]:
    """Yield a text that came by no HTTP answer (a message, a row, a file) as a resource, and its metadata."""
    place, name = str(piece.meta.get("url") or piece.id), _name()
    place = place if "://" in place else f"urn:hanlin:{place}"
    block = piece.text.encode(errors="replace") if piece.row is None else as_json(piece)
    form = "text/plain; charset=utf-8" if piece.row is None else "application/json"
    yield _record(WarcRecordType.resource, place, form, block, at, name, **_licence(piece.meta))
    yield _metadata(place, piece.meta, at, name)


def _plain_head(answer: Answer) -> Iterator[tuple[str, str]]:
    """The header as it came, but true to the stored body, which is neither packed nor in chunks any more."""
    for name, value in answer.head:
        if name.lower() in ("content-encoding", "transfer-encoding", "content-length"):
            yield f"X-Archive-Orig-{name}", value
        elif name.lower() != "set-cookie":
            yield name, value
    yield "Content-Length", str(len(answer.body))


def _metadata(place: str, meta: Mapping[str, str | int | float], at: str, of: str) -> bytes:
    fields = "".join(f"{name}: {_one_line(value)}\r\n" for name, value in meta.items() if value != "")
    block = fields.encode(errors="replace")
    return _record(
        WarcRecordType.metadata, place, "application/warc-fields", block, at, _name(), **{"WARC-Concurrent-To": of}
    )


def _licence(meta: Mapping[str, str | int | float]) -> dict[str, str]:
    """The licence in the record's own header too, for readers that look at one record at a time."""
    return {"Hanlin-Licence": _one_line(meta["licence"])} if meta.get("licence") else {}


def _one_line(value: str | int | float) -> str:
    return " ".join(str(value).split())


def _name() -> str:
    return f"<urn:uuid:{uuid.uuid4()}>"


def _record(kind: WarcRecordType, place: str, form: str, block: bytes, at: str, name: str, **more: str) -> bytes:
    """One record as a gzip member of its own, so that readers can jump to it (ISO 28500, annex D)."""
    record = WarcRecord()
    record.init_headers(record_type=kind)
    given = {"WARC-Record-ID": name, "WARC-Target-URI": _one_line(place), "WARC-Date": at}
    for key, value in {**given, "Content-Type": form, **more}.items():
        record.headers[key] = value.encode("ascii", "replace").decode()
    record.set_bytes_content(block)
    plain = io.BytesIO()
    record.write(plain, checksum_data=True)
    return gzip.compress(plain.getvalue(), mtime=0)
