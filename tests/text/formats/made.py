"""Small files of every format, made by other programs than those that read them wherever there are two."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import docx
import pyarrow as pa
import pyarrow.parquet as pq
from openpyxl import Workbook
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from hanlin.text.config import ReadConfig, SourceConfig
from hanlin.text.document import Document, Dropped
from hanlin.text.readers import read_documents

CHINESE = "今天天气很好，我们一起去公园里走走。"
ENGLISH = "It was the best of times, it was the worst of times."


def read(*sources: SourceConfig | Path, options: ReadConfig | None = None) -> tuple[list[Document], list[Dropped]]:
    """All documents of the sources, and what was dropped."""
    dropped: list[Dropped] = []
    return list(read_documents(sources, options=options, on_drop=dropped.append)), dropped


def reasons(dropped: list[Dropped]) -> list[tuple[str, str]]:
    """Reason and place of each, the folders left out."""
    places = [one.location.partition("!/") for one in dropped]
    return [(one.reason, Path(file).name + "".join(rest)) for one, (file, *rest) in zip(dropped, places, strict=True)]


def write(path: Path, content: str | bytes) -> Path:
    """The file, written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def pdf(pages: Sequence[str | None], title: str = "", encrypt: str | None = None) -> bytes:
    """A page for each text, by reportlab; None is a page with nothing but a picture."""
    out = io.BytesIO()
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    canvas = Canvas(out, encrypt=encrypt)
    canvas.setTitle(title)
    for text in pages:
        if text is None:
            canvas.drawImage(picture(), 0, 0)
        else:
            canvas.setFont("STSong-Light", 12)
            for number, line in enumerate(text.split("\n")):
                canvas.drawString(72, 760 - 16 * number, line)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def picture() -> ImageReader:
    """A small picture of noise."""
    from PIL import Image

    return ImageReader(Image.effect_noise((64, 64), 50).convert("RGB"))


def word(paragraphs: Sequence[str], rows: Sequence[Sequence[str]] = (), title: str = "") -> bytes:
    """A Word file by python-docx: paragraphs (those that begin with "- " as items of a list), then a table."""
    document = docx.Document()
    document.core_properties.title = title
    for text in paragraphs:
        if text.startswith("- "):
            item = document.add_paragraph(text[2:])
            item._p.get_or_add_pPr().get_or_add_numPr()
        else:
            document.add_paragraph(text)
    if rows:
        table = document.add_table(len(rows), len(rows[0]))
        for row, texts in zip(table.rows, rows, strict=True):
            for cell, text in zip(row.cells, texts, strict=True):
                cell.text = text
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def excel(sheets: Mapping[str, Sequence[Sequence[object]]]) -> bytes:
    """An Excel file with the sheets, by openpyxl."""
    book = Workbook(write_only=True)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def parquet(rows: Sequence[Mapping[str, object]], group: int = 1000, **options: object) -> bytes:
    """A Parquet file with checksums, `group` rows in a row group."""
    out = io.BytesIO()
    table = pa.Table.from_pylist(list(rows))
    pq.write_table(table, out, row_group_size=group, write_page_checksum=True, **options)
    return out.getvalue()


def arrow(rows: Sequence[Mapping[str, object]], *, stream: bool = False, batch: int = 1000) -> bytes:
    """An Arrow file, or a stream as `datasets` keeps it."""
    out = io.BytesIO()
    table = pa.Table.from_pylist(list(rows))
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(out, table.schema) as writer:
        writer.write_table(table, max_chunksize=batch)
    return out.getvalue()


CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)


def epub(
    chapters: Mapping[str, str], *, spine: Sequence[str] | None = None, more: Mapping[str, str] | None = None
) -> bytes:
    """A book with a table of contents and the chapters (name to body), by hand."""
    items = "".join(f'<item id="{n}" href="{n}.xhtml" media-type="application/xhtml+xml"/>' for n in chapters)
    spine = "".join(f'<itemref idref="{name}"/>' for name in spine or chapters)
    opf = (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
        "<dc:title>春天的书</dc:title><dc:creator>Ann Author</dc:creator><dc:rights>CC0</dc:rights></metadata>"
        "<manifest>"
        f'<item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>{items}</manifest>'
        f'<spine><itemref idref="nav"/>{spine}</spine></package>'
    )
    page = '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><body>{}</body></html>'
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        package.writestr("mimetype", "application/epub+zip")
        package.writestr("META-INF/container.xml", CONTAINER)
        package.writestr("OEBPS/book.opf", opf)
        package.writestr("OEBPS/nav.xhtml", page.format("<nav>Contents</nav>"))
        for name, body in chapters.items():
            package.writestr(f"OEBPS/{name}.xhtml", page.format(body))
        for name, text in (more or {}).items():
            package.writestr(name, text)
    return out.getvalue()


def record(kind: str, url: str, body: bytes, content_type: str = "application/http; msgtype=response") -> bytes:
    """One record of a web archive, by the letter of ISO 28500."""
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2026-11-22T08:00:00Z\r\n"
        f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-000000000000>\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body + b"\r\n\r\n"


def answer(body: bytes, content_type: str = "text/html", status: str = "200 OK") -> bytes:
    """An answer of a web server."""
    return f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def page(text: str, title: str = "Title") -> str:
    """A web page with a menu around its text."""
    return (
        f"<html><head><title>{title}</title></head><body><nav><a href=/>Home</a></nav><article><p>{text}</p></article>"
        "<footer>All rights reserved</footer></body></html>"
    )
