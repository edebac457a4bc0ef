"""Which reader reads a file: by the format its owner names, by its name, or by its first bytes."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from hanlin.text.config import Format
from hanlin.text.files import UNREADABLE, kind_suffix
from hanlin.text.formats.columns import read_arrow, read_parquet
from hanlin.text.formats.content import Content, Item
from hanlin.text.formats.docx import read_docx
from hanlin.text.formats.epub import read_epub
from hanlin.text.formats.json_values import read_json
from hanlin.text.formats.lines import read_csv, read_jsonl, read_text, read_tsv
from hanlin.text.formats.page import is_page_file, read_html
from hanlin.text.formats.pdf import read_pdf
from hanlin.text.formats.warc import read_warc
from hanlin.text.formats.xlsx import read_xlsx
from hanlin.text.html import PAGE_HEAD

READERS: dict[Format, Callable[[Content], Iterator[Item]]] = {
    "text": read_text, "jsonl": read_jsonl, "json": read_json, "csv": read_csv, "tsv": read_tsv, "html": read_html,
    "pdf": read_pdf, "docx": read_docx, "epub": read_epub, "xlsx": read_xlsx,
    "parquet": read_parquet, "arrow": read_arrow, "warc": read_warc,
}  # fmt: skip
BINARY: frozenset[Format] = frozenset({"pdf", "docx", "epub", "xlsx", "parquet", "arrow", "warc"})
"""Formats that say themselves how their text is encoded."""
_SUFFIXES: dict[str, Format] = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".tsv": "tsv",
    ".html": "html", ".htm": "html", ".xhtml": "html", ".mhtml": "text",
    ".pdf": "pdf", ".docx": "docx", ".epub": "epub", ".xlsx": "xlsx", ".xlsm": "xlsx",
    ".parquet": "parquet", ".arrow": "arrow", ".feather": "arrow", ".warc": "warc", ".wet": "warc",
}  # fmt: skip
_FIRST_BYTES: tuple[tuple[bytes, Format], ...] = (
    (b"%PDF-", "pdf"), (b"PAR1", "parquet"), (b"ARROW1", "arrow"), (b"WARC/1.", "warc"),
)  # fmt: skip
_OFFICE: dict[str, Format] = {
    "word/document.xml": "docx", "xl/workbook.xml": "xlsx", "META-INF/container.xml": "epub",
}  # fmt: skip


def format_of(content: Content, head: bytes) -> Format:
    """Return the format by the name, unless the first bytes say that it is another one: crawlers save what comes."""
    by_name = _SUFFIXES.get(kind_suffix(Path(content.name)), "text")
    if by_name in BINARY:
        return by_name
    for mark, name in _FIRST_BYTES:
        if head.startswith(mark):
            return name
    may_be_page = by_name == "text" and content.options.web_pages
    if may_be_page and is_page_file(content.name, head[:PAGE_HEAD].decode("utf-8", "replace")):
        return "html"
    return (_office_format(content.path) if head.startswith(b"PK\x03\x04") else None) or by_name


def _office_format(path: Path) -> Format | None:
    try:
        with zipfile.ZipFile(path) as package:
            names = set(package.namelist())
    except (*UNREADABLE, ValueError, NotImplementedError):
        return None
    return next((name for part, name in _OFFICE.items() if part in names), None)
