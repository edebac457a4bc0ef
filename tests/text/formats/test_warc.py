"""Web archives: pages with where and when, everything else counted, damage told."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import zstandard
from tests.text.formats.made import CHINESE, ENGLISH, answer, page, read, reasons, record, write

from hanlin.text.config import ReadConfig

URL = "http://example.org/"
INFO = record("warcinfo", URL, b"software: test\r\n", "application/warc-fields")
ASKED = record("request", URL, b"GET / HTTP/1.1\r\n\r\n", "application/http; msgtype=request")


def responses(*bodies: bytes) -> bytes:
    return INFO + ASKED + b"".join(record("response", f"{URL}{n}", body) for n, body in enumerate(bodies))


@pytest.mark.parametrize("suffix", [".warc", ".warc.gz", ".warc.zst"])
def test_pages_of_a_web_archive(tmp_path: Path, suffix: str) -> None:
    data = responses(answer(page(CHINESE * 3).encode("gb18030")), answer(ENGLISH.encode(), "text/plain; charset=utf-8"))
    packed = {".warc": data, ".warc.gz": gzip.compress(data), ".warc.zst": zstandard.compress(data)}[suffix]
    path = write(tmp_path / f"a{suffix}", packed)
    documents, dropped = read(path)
    assert ([d.text.strip() for d in documents], dropped) == ([CHINESE * 3, ENGLISH], [])
    assert documents[0].id == f"{path}:3"
    assert documents[0].meta == {
        "path": str(path), "encoding": "gb18030", "kind": "text", "title": "Title", "url": f"{URL}0",
        "date": "2026-11-22T08:00:00Z",
    }  # fmt: skip


def test_records_packed_one_by_one_as_crawlers_do(tmp_path: Path) -> None:
    records = [INFO, *(record("response", f"{URL}{n}", answer(page(f"{n} {ENGLISH}").encode())) for n in range(5))]
    path = write(tmp_path / "a.warc.gz", b"".join(map(gzip.compress, records)))
    documents, dropped = read(path)
    assert ([d.text[:1] for d in documents], dropped) == (list("01234"), [])
    write(path, path.read_bytes()[:-60])
    documents, dropped = read(path)
    assert [d.text[:1] for d in documents] == list("0123")
    assert [(one.reason, one.location.rpartition(":")[2]) for one in dropped] == [("records", "6-")]


def test_extracted_text_of_common_crawl_and_resources(tmp_path: Path) -> None:
    data = record("conversion", URL, CHINESE.encode(), "text/plain") + record(
        "resource", URL, page(ENGLISH).encode(), "text/html; charset=utf-8"
    )
    documents, dropped = read(write(tmp_path / "a.warc.wet", data), write(tmp_path / "b.warc", data))
    assert ([d.text.strip() for d in documents], dropped) == ([CHINESE, ENGLISH] * 2, [])


def test_what_is_no_page_is_counted_with_its_kind(tmp_path: Path) -> None:
    data = responses(
        answer(b"\x89PNG", "image/png"), answer(page(ENGLISH).encode(), status="404 Not Found"), answer(b""),
        answer(page("x" * 3000).encode()), answer(b"<html></html>"), answer(bytes(range(256)) * 9, "text/plain"),
        answer(page(ENGLISH).encode() + b"\xff"),
    )  # fmt: skip
    documents, dropped = read(write(tmp_path / "a.warc", data), options=ReadConfig(max_row_chars=2048))
    assert [d.text.strip() for d in documents] == [ENGLISH]
    assert reasons(dropped) == [
        ("not_a_page", "a.warc:3"), ("not_a_page", "a.warc:4"), ("no_main_text", "a.warc:5"),
        ("row_too_long", "a.warc:6"), ("no_main_text", "a.warc:7"), ("row_too_long", "a.warc:8"),
        ("encoding", "a.warc:9"),
    ]  # fmt: skip
    assert [one.example for one in dropped[:2]] == ["image/png", "HTTP 404"]


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_cut_or_foreign_archive_ends_no_run(tmp_path: Path, share: float) -> None:
    data = responses(*(answer(page(f"{n} {ENGLISH}").encode()) for n in range(4)))
    write(tmp_path / "a.warc", data[: int(share * len(data))])
    write(tmp_path / "b.warc", b"WARC/1.0\r\n" + bytes(range(256)) * 20)
    write(tmp_path / "c.warc.gz", b"no gzip")
    write(tmp_path / "d.txt", ENGLISH)
    documents, dropped = read(tmp_path)
    assert documents[-1].text == ENGLISH
    assert [d.text[:1] for d in documents[:-1]] == list("0123")[: len(documents) - 1]
    assert {Path(one.location).name.partition(":")[0] for one in dropped} >= {"b.warc", "c.warc.gz"}
