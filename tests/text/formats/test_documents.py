"""PDF, Word and books: their text in order, what they say of themselves, and every kind of damage."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import NameObject, NumberObject, StreamObject
from tests.text.formats.made import CHINESE, ENGLISH, epub, pdf, read, reasons, word, write

from hanlin.text.config import ReadConfig

# ------------------------------------------------------------ PDF


def test_the_pages_of_a_pdf_are_one_text(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pdf", pdf([f"{CHINESE}\nsecond line", ENGLISH], title="春天"))
    documents, dropped = read(path)
    assert ([d.text for d in documents], dropped) == ([f"{CHINESE}\nsecond line\n\n{ENGLISH}"], [])
    assert documents[0].meta == {
        "path": str(path), "encoding": "pdf", "kind": "text", "title": "春天", "author": "anonymous", "pages": 2
    }  # fmt: skip


def test_a_pdf_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    documents, _ = read(write(tmp_path / "download.html", pdf([ENGLISH])), write(tmp_path / "noname", pdf([ENGLISH])))
    assert [d.text for d in documents] == [ENGLISH, ENGLISH]


def test_a_scan_is_said_to_be_one(tmp_path: Path) -> None:
    write(tmp_path / "a.pdf", pdf([None, None]))
    write(tmp_path / "b.pdf", pdf([ENGLISH, None, "", ENGLISH]))
    documents, dropped = read(tmp_path)
    assert [d.text for d in documents] == [f"{ENGLISH}\n\n{ENGLISH}"]
    assert reasons(dropped) == [("scan", "a.pdf"), ("scan", "b.pdf:2")]


def test_a_pdf_with_a_password_is_dropped_and_one_that_anybody_may_open_is_read(tmp_path: Path) -> None:
    write(tmp_path / "a.pdf", pdf([ENGLISH], encrypt="secret"))
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf([ENGLISH]))))
    writer.encrypt("", "owner", algorithm="RC4-128")
    with (tmp_path / "b.pdf").open("wb") as file:
        writer.write(file)
    documents, dropped = read(tmp_path)
    assert [d.text for d in documents] == [ENGLISH]
    assert reasons(dropped) == [("encrypted", "a.pdf")]


def test_a_damaged_page_costs_itself_alone(tmp_path: Path) -> None:
    """pypdf reads a page that cannot be unpacked, or has a number for content, as an empty one."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf([ENGLISH, CHINESE, "", ENGLISH, CHINESE]))))
    stream = StreamObject()
    stream._data, stream[NameObject("/Filter")] = b"\x78\x9c" + b"\xff" * 40, NameObject("/FlateDecode")
    writer.pages[1][NameObject("/Contents")] = writer._add_object(stream)
    writer.pages[4][NameObject("/Contents")] = NumberObject(7)
    with (tmp_path / "a.pdf").open("wb") as file:
        writer.write(file)
    documents, dropped = read(tmp_path)
    assert [d.text for d in documents] == [f"{ENGLISH}\n\n{ENGLISH}"]
    assert reasons(dropped) == [("page", "a.pdf:2"), ("page", "a.pdf:5")]


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_a_cut_pdf_ends_no_run(tmp_path: Path, share: float) -> None:
    data = pdf([ENGLISH] * 5)
    write(tmp_path / "a.pdf", data[: int(share * len(data))])
    write(tmp_path / "b.pdf", b"%PDF-1.7\n" + bytes(range(256)) * 9)
    write(tmp_path / "c.txt", ENGLISH)
    documents, dropped = read(tmp_path)
    assert documents[-1].text == ENGLISH
    assert {one.location.rpartition("/")[2].partition(":")[0] for one in dropped} == {"a.pdf", "b.pdf"}


# ------------------------------------------------------------ Word


def test_a_word_file_with_lists_and_tables(tmp_path: Path) -> None:
    rows = [["年份", "数量"], ["2025", "two words"]]
    path = write(tmp_path / "a.docx", word([CHINESE, "- one", "- two", "tab\there", ENGLISH], rows, title="Report"))
    documents, dropped = read(path)
    assert dropped == []
    assert documents[0].text == f"{CHINESE}\n• one\n• two\ntab\there\n{ENGLISH}\n年份\t数量\n2025\ttwo words\n"
    assert (documents[0].meta["title"], documents[0].meta["encoding"]) == ("Report", "docx")


def replaced(data: bytes, name: str, change: dict[str, str]) -> bytes:
    """The package with one part changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            part = old.read(info).decode("utf-8", "surrogateescape")
            for what, by in change.items() if info.filename == name else ():
                assert what in part
                part = part.replace(what, by)
            new.writestr(info.filename, part.encode("utf-8", "surrogateescape"))
    return out.getvalue()


def test_deleted_text_fields_and_second_copies_are_left_out(tmp_path: Path) -> None:
    extra = (
        "<w:p><w:r><w:t>kept</w:t></w:r><w:del><w:r><w:delText>deleted</w:delText></w:r></w:del>"
        "<w:r><w:instrText>PAGE</w:instrText><w:br/><w:t>below</w:t></w:r></w:p>"
        '<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"><mc:Choice>'
        "<w:p><w:r><w:t>box</w:t></w:r></w:p></mc:Choice><mc:Fallback><w:p><w:r><w:t>box</w:t></w:r></w:p>"
        "</mc:Fallback></mc:AlternateContent><w:sectPr"
    )
    data = replaced(word([ENGLISH]), "word/document.xml", {"<w:sectPr": extra})
    documents, dropped = read(write(tmp_path / "a.docx", data))
    assert ([d.text for d in documents], dropped) == ([f"{ENGLISH}\nkept\nbelow\nbox\n"], [])


def test_a_table_in_a_table_is_one_row(tmp_path: Path) -> None:
    cell = "<w:tc><w:p><w:r><w:t>{}</w:t></w:r></w:p>{}</w:tc>"
    inner = f"<w:tbl><w:tr>{cell.format('in', '')}{cell.format('side', '')}</w:tr></w:tbl>"
    table = f"<w:tbl><w:tr>{cell.format('a', inner)}{cell.format('b', '')}</w:tr></w:tbl><w:sectPr"
    documents, _ = read(write(tmp_path / "a.docx", replaced(word(["x"]), "word/document.xml", {"<w:sectPr": table})))
    assert documents[0].text == "x\na in side\tb\n"


def test_a_word_file_that_declares_entities_or_breaks_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    laughs = '<!DOCTYPE w [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>\n<w:document '
    write(tmp_path / "a.docx", replaced(word([ENGLISH]), "word/document.xml", {"<w:document ": laughs}))
    write(tmp_path / "b.docx", replaced(word([ENGLISH, CHINESE]), "word/document.xml", {CHINESE: "<oops>"}))
    write(tmp_path / "c.docx", word([ENGLISH])[:3000])
    write(tmp_path / "d.docx", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600))
    documents, dropped = read(tmp_path)
    assert [d.text for d in documents] == [f"{ENGLISH}\n"]
    assert reasons(dropped) == [
        ("part", "a.docx!/word/document.xml"), ("part", "b.docx!/word/document.xml"), ("unreadable", "c.docx"),
        ("encrypted", "d.docx"),
    ]  # fmt: skip
    assert dropped[0].example == "entities are declared"


# ------------------------------------------------------------ books


def test_a_book_is_its_chapters_in_the_order_of_the_spine(tmp_path: Path) -> None:
    chapters = {"two": f"<h1>二</h1><p>{CHINESE}</p>", "one": f"<h1>One</h1><p>{ENGLISH}</p><ul><li>item</li></ul>"}
    path = write(tmp_path / "a.epub", epub(chapters, spine=["one", "two"]))
    documents, dropped = read(path)
    assert (len(documents), dropped) == (1, [])
    assert documents[0].text.split() == ["One", *ENGLISH.split(), "•", "item", "二", CHINESE]
    assert documents[0].meta == {
        "path": str(path), "encoding": "epub", "kind": "text",
        "title": "春天的书", "author": "Ann Author", "licence": "CC0",
    }  # fmt: skip


def test_a_missing_chapter_costs_itself_alone(tmp_path: Path) -> None:
    data = epub({"one": f"<p>{ENGLISH}</p>", "two": "<p>x</p>", "big": f"<p>{'x' * 3000}</p>"})
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            if "two" not in info.filename:
                new.writestr(info, old.read(info))
    documents, dropped = read(write(tmp_path / "a.epub", out.getvalue()), options=ReadConfig(max_row_chars=1024))
    assert [d.text for d in documents] == [ENGLISH]
    assert reasons(dropped) == [("part", "a.epub!/OEBPS/two.xhtml"), ("row_too_long", "a.epub!/OEBPS/big.xhtml")]


def test_books_with_protection_or_without_a_heart(tmp_path: Path) -> None:
    method = '<e xmlns="http://www.w3.org/2001/04/xmlenc#"><EncryptionMethod Algorithm="{}"/></e>'
    font, text = "http://www.idpf.org/2008/embedding", "http://www.w3.org/2001/04/xmlenc#aes256-cbc"
    for name, algorithm in (("a", font), ("b", text)):
        more = {"META-INF/encryption.xml": method.format(algorithm)}
        write(tmp_path / f"{name}.epub", epub({"one": f"<p>{ENGLISH}</p>"}, more=more))
    write(tmp_path / "c.epub", replaced(epub({"one": "x"}), "META-INF/container.xml", {"full-path": "path"}))
    write(tmp_path / "d.epub", b"PK\x03\x04 cut")
    documents, dropped = read(tmp_path)
    assert [d.text for d in documents] == [ENGLISH]
    assert reasons(dropped) == [("encrypted", "b.epub"), ("unreadable", "c.epub"), ("unreadable", "d.epub")]
