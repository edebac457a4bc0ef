"""Files of every kind to documents: nothing lost without a word, nothing fatal, bounded memory."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import socket
import tracemalloc
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from hanlin.base.errors import InputError
from hanlin.base.messages import say
from hanlin.text.config import ReadConfig, SourceConfig
from hanlin.text.document import Document, Dropped
from hanlin.text.encodings import HEAD_BYTES
from hanlin.text.formats.lines import lines_of
from hanlin.text.readers import nothing_readable, read_documents, read_events, split_text

CHINESE = "今天天气很好，我们一起去公园里走走。他说这是他第一次来北京，什么都想看一看。\n"
ENGLISH = "It was the best of times, it was the worst of times.\n"


def read(*sources: SourceConfig | Path, options: ReadConfig | None = None) -> tuple[list[Document], list[Dropped]]:
    dropped: list[Dropped] = []
    return list(read_documents(sources, options=options, on_drop=dropped.append)), dropped


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def reasons(dropped: list[Dropped]) -> list[tuple[str, str]]:
    return [(one.reason, one.location.rpartition("/")[2]) for one in dropped]


def test_a_folder_of_all_kinds(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", CHINESE)
    write(tmp_path / "b.md", "# Title\n\n" + ENGLISH)
    write(tmp_path / "c.py", "def f():\n    return 1\n")
    write(tmp_path / "d.jsonl.gz", gzip.compress(json.dumps({"text": ENGLISH, "id": "x"}).encode()))
    write(tmp_path / "e.jsonl.zst", zstandard.compress(json.dumps({"text": CHINESE}).encode()))
    write(tmp_path / "f.csv", f'number,text\n1,"{ENGLISH}"\n')
    write(tmp_path / "g.html", f"<html><body><article><p>{ENGLISH * 5}</p></article></body></html>")
    write(tmp_path / "h.bin", bytes(range(256)))
    write(tmp_path / ".i.txt", ENGLISH)
    documents, dropped = read(tmp_path)
    assert [Path(str(d.meta["path"])).name[0] for d in documents] == list("abcdefg")
    assert [d.lang for d in documents] == ["zh", "en", "code", "en", "zh", "en", "en"]
    assert [d.text for d in documents[:6]] == [
        CHINESE, "# Title\n\n" + ENGLISH, "def f():\n    return 1\n", ENGLISH, CHINESE, ENGLISH
    ]  # fmt: skip
    assert documents[3].id.endswith("d.jsonl.gz:1")
    assert documents[3].meta["id"] == "x"
    assert {d.source for d in documents} == {tmp_path.name}
    assert reasons(dropped) == [("hidden", ".i.txt"), ("binary", "h.bin")]


def test_the_same_sources_give_the_same_documents(tmp_path: Path) -> None:
    for name in ("b", "a", "c/d", "c/a"):
        write(tmp_path / f"{name}.txt", name)
    first, _ = read(tmp_path)
    assert [d.text for d in first] == ["a", "b", "c/a", "c/d"]
    assert read(tmp_path)[0] == first


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv", "a.html"])
def test_any_encoding_in_any_format(tmp_path: Path, name: str, encoding: str) -> None:
    text = CHINESE * 3
    content = {
        "a.txt": text,
        "a.jsonl": json.dumps({"text": text}, ensure_ascii=False) + "\n",
        "a.csv": f'text\n"{text}"\n',
        "a.html": f"<html><body><main><p>{text}</p></main></body></html>",
    }[name]
    documents, dropped = read(write(tmp_path / name, content.encode(encoding)))
    assert "".join(documents[0].text.split()) == "".join(text.split())
    assert (dropped, documents[0].meta["encoding"]) == ([], encoding)


def test_chinese_after_a_long_english_head_is_found(tmp_path: Path) -> None:
    """A file whose first part is ASCII looks like UTF-8 until the first other byte."""
    text = ENGLISH * (HEAD_BYTES // len(ENGLISH) + 1) + CHINESE * 5
    documents, dropped = read(write(tmp_path / "a.txt", text.encode("gb18030")))
    assert "".join(d.text for d in documents) == text
    assert (dropped, documents[0].meta["encoding"]) == ([], "gb18030")


def test_a_stray_byte_loses_nothing_but_itself(tmp_path: Path) -> None:
    good = CHINESE * (HEAD_BYTES // 100)
    data = good.encode() + b"\xff" + CHINESE.encode()[:-3]
    documents, dropped = read(write(tmp_path / "a.txt", data))
    assert "".join(d.text for d in documents) == data.decode("utf-8", "replace")
    assert reasons(dropped) == [("encoding", "a.txt")]
    assert dropped[0].example == "utf-8: 2"


def test_bad_rows_are_dropped_with_line_and_rule(tmp_path: Path) -> None:
    rows = [
        '{"text": "one"}', "{broken", "[1]", '{"body": "x"}', '{"text": 3}', '{"text": "\\ud800"}', "",
        '{"text": ""}', '{"text": "two\u2028lines"}', "[" * 100_000,
    ]  # fmt: skip
    documents, dropped = read(write(tmp_path / "a.jsonl", "\n".join(rows)))
    assert [d.text for d in documents] == ["one", "two\u2028lines"]
    assert [d.meta["line"] for d in documents] == [1, 9]
    assert reasons(dropped) == [
        ("not_json", "a.jsonl:2"), ("not_object", "a.jsonl:3"), ("missing_field", "a.jsonl:4"),
        ("missing_field", "a.jsonl:5"), ("surrogate", "a.jsonl:6"), ("empty", "a.jsonl:8"), ("not_json", "a.jsonl:10"),
    ]  # fmt: skip
    assert "body" in dropped[2].example


def test_rows_from_another_column_keep_where_they_came_from(tmp_path: Path) -> None:
    row = {"body": "text", "licence": "CC0", "url": "http://a", "other": "x"}
    path = write(tmp_path / "a.jsonl", json.dumps(row) + "\r\n")
    documents, _ = read(SourceConfig(path=str(path), text_field="body", name="mine"))
    assert (documents[0].text, documents[0].source, documents[0].id) == ("text", "mine", f"{path.as_posix()}:1")
    assert documents[0].meta == {
        "path": str(path), "encoding": "utf-8", "kind": "text", "licence": "CC0", "url": "http://a", "line": 1
    }  # fmt: skip


@pytest.mark.parametrize(("name", "delimiter"), [("a.csv", ","), ("a.tsv", "\t")])
def test_tables(tmp_path: Path, name: str, delimiter: str) -> None:
    texts = ["one", 'with "quotes", commas\tand tabs', "two\nlines", CHINESE]
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows([["id", "text"], *enumerate(texts)])
    documents, dropped = read(write(tmp_path / name, out.getvalue()))
    assert ([d.text for d in documents], dropped) == (texts, [])


def test_a_row_of_several_lines_is_named_by_its_first(tmp_path: Path) -> None:
    table = 'text\n"one\nline\nmore"\n\n"three\nfour"x\nfive\n"never\nended'
    documents, dropped = read(write(tmp_path / "a.csv", table))
    assert [(d.text, d.meta["line"]) for d in documents] == [("one\nline\nmore", 2), ("five", 8)]
    assert reasons(dropped) == [("bad_table", "a.csv:6"), ("bad_table", "a.csv:9")]


def test_rows_with_one_id_are_still_told_apart(tmp_path: Path) -> None:
    rows = [{"text": "a", "id": "x"}, {"text": "b", "id": "x"}, {"text": "c", "id": 2}, {"text": "d"}]
    write(tmp_path / "one/a.jsonl", "\n".join(map(json.dumps, rows)))
    write(tmp_path / "two/a.jsonl", "\n".join(map(json.dumps, rows)))
    documents, _ = read(tmp_path / "one", tmp_path / "two")
    assert len({d.id for d in documents}) == 8
    assert [d.meta.get("id") for d in documents[:4]] == ["x", "x", "2", None]


def test_names_and_values_that_are_no_text_do_not_end_the_run(tmp_path: Path) -> None:
    """A name in GB18030 on a disk of UTF-8, half a pair in a column: both once broke the writing of the corpus."""
    folder = tmp_path / os.fsdecode("书".encode("gb18030"))
    write(folder / "a.jsonl", '{"text": "good", "title": "\\ud800"}\n{"\\udfff": 1}\n')
    write(folder / os.fsdecode(b"\xff.bin"), bytes(range(256)))
    documents, dropped = read(tmp_path)
    assert (documents[0].text, documents[0].meta["title"]) == ("good", "\\ud800")
    for value in (*documents, *dropped):
        assert json.dumps(asdict(value), ensure_ascii=False).encode()


def test_marks_in_the_middle_of_joined_files_are_no_part_of_the_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b'\xef\xbb\xbf{"text": "one"}\n\xef\xbb\xbf{"text": "two"}\n')
    documents, dropped = read(path)
    assert ([d.text for d in documents], dropped) == (["one", "two"], [])


def test_white_space_before_a_text_does_not_make_it_empty(tmp_path: Path) -> None:
    documents, dropped = read(write(tmp_path / "a.txt", " \n" * HEAD_BYTES + ENGLISH))
    assert (documents[-1].text.strip(), dropped) == (ENGLISH.strip(), [])


def test_a_replacement_character_of_the_text_is_no_fault_of_the_file(tmp_path: Path) -> None:
    """An earlier owner decoded it badly and saved it soundly; real collections hold many such texts."""
    documents, dropped = read(write(tmp_path / "a.txt", "a\ufffdb" + CHINESE))
    assert ("\ufffd" in documents[0].text, dropped) == (True, [])


def test_a_file_that_vanishes_meanwhile_is_counted(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        write(tmp_path / name, ENGLISH + name)
    dropped: list[Dropped] = []
    documents = read_documents(tmp_path, on_drop=dropped.append)
    first = next(documents)
    (tmp_path / "b.txt").unlink()
    assert [d.text[-5:] for d in (first, *documents)] == ["a.txt", "c.txt"]
    assert reasons(dropped) == [("unreadable", "b.txt")]


@pytest.mark.parametrize("most", [100, 5000])
def test_one_long_part_is_cut_in_time_that_grows_with_its_length(most: int) -> None:
    """Cutting off the rest for each piece once copied it: five gigabytes for four megabytes of text."""
    text = "好" * (4 << 20)
    pieces = [piece for piece, _ in split_text([text], most)]
    assert "".join(pieces) == text
    assert {len(piece) for piece in pieces[:-1]} == {most}


def test_a_bad_row_of_a_table_costs_that_row_alone(tmp_path: Path) -> None:
    table = 'id,text\n1,one\n2,"two"x\n3\n\n4,' + "x" * 2000 + "\n5,five,more\n6,six,\n"
    documents, dropped = read(write(tmp_path / "a.csv", table), options=ReadConfig(max_row_chars=1024))
    assert [d.text for d in documents] == ["one", "six"], "an empty cell too many cuts no text in two"
    assert reasons(dropped) == [
        ("bad_table", "a.csv:3"), ("missing_field", "a.csv:4"), ("row_too_long", "a.csv:6"), ("bad_table", "a.csv:7"),
    ]  # fmt: skip


def test_a_table_without_the_column_is_dropped_with_the_columns_it_has(tmp_path: Path) -> None:
    documents, dropped = read(write(tmp_path / "a.csv", "title,body\na,b\n"))
    assert documents == []
    assert (reasons(dropped), dropped[0].example) == ([("missing_column", "a.csv:1")], "title, body")


def test_damaged_empty_and_forbidden_files_do_not_end_the_run(tmp_path: Path) -> None:
    rows = b"".join(json.dumps({"text": f"row {number} of many"}).encode() + b"\n" for number in range(50_000))
    write(tmp_path / "a.jsonl.gz", gzip.compress(rows)[:-30_000])
    write(tmp_path / "b.txt", "")
    write(tmp_path / "c.txt", " \n\n ")
    write(tmp_path / "d.txt.zst", b"not packed")
    write(tmp_path / "e.html", "<html><head><title>t</title></head><body></body></html>")
    write(tmp_path / "f.txt", ENGLISH)
    documents, dropped = read(tmp_path)
    assert documents[-1].text == ENGLISH
    assert len(documents) > 1000
    assert ("unreadable", "a.jsonl.gz") in reasons(dropped)
    assert reasons(dropped)[-4:] == [
        ("empty", "b.txt"), ("empty", "c.txt"), ("unreadable", "d.txt.zst"), ("no_main_text", "e.html")
    ]  # fmt: skip


def test_what_the_source_says_goes_before_what_it_looks_like(tmp_path: Path) -> None:
    path = write(tmp_path / "a.data", '{"text": "hello"}\n')
    as_rows = SourceConfig(path=str(path), format="jsonl", language="zh")
    as_code = SourceConfig(path=str(path), kind="code")
    as_text = SourceConfig(path=str(path))
    found = [read(source)[0][0] for source in (as_rows, as_code, as_text)]
    assert [(d.text, d.lang) for d in found] == [
        ("hello", "zh"), ('{"text": "hello"}\n', "code"), ('{"text": "hello"}\n', "en")
    ]  # fmt: skip


PAGE = f"<!DOCTYPE html>\n<html><head><title>山路</title></head><body><nav>菜单</nav><p>{CHINESE * 3}</p></body></html>"


@pytest.mark.parametrize("name", ["pages.jsonl", "article/12345", "page.aspx", "page.txt"])
def test_a_whole_web_page_is_read_as_one_wherever_it_stands(tmp_path: Path, name: str) -> None:
    """Crawls keep pages in a column of rows, or under the name of their address; the markup was taken for text."""
    row = {"html": PAGE, "title": "from the row", "licence": "CC0"}
    path = write(tmp_path / name, json.dumps(row) + "\n" if name.endswith("jsonl") else PAGE)
    ((document,), dropped) = read(SourceConfig(path=str(path), text_field="html"))
    assert not dropped and document.text.count("公园") == 3 and "<" not in document.text and "菜单" not in document.text
    assert document.lang == "zh"
    known = {key: document.meta.get(key) for key in ("title", "licence", "line")}
    in_row, alone = (
        {"title": "from the row", "licence": "CC0", "line": 1},
        {"title": "山路", "licence": None, "line": None},
    )
    assert known == (in_row if name.endswith("jsonl") else alone)
    as_it_is = ReadConfig(web_pages=False)
    assert read(SourceConfig(path=str(path), text_field="html"), options=as_it_is)[0][0].text == PAGE


def test_programs_and_notes_that_begin_with_a_page_stay(tmp_path: Path) -> None:
    for name in ("page.php", "about.md"):
        write(tmp_path / "in" / name, PAGE)
    row = write(tmp_path / "rows.jsonl", json.dumps({"text": PAGE}))
    rows = SourceConfig(path=str(row), kind="code")
    assert [one.text for one in read(tmp_path / "in", rows)[0]] == [PAGE] * 3


def test_a_page_in_a_row_that_says_nothing_is_dropped_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", json.dumps({"text": "<html><body><script>x</script></body></html>"}))
    assert reasons(read(path)[1]) == [("no_main_text", "a.jsonl:1")]


def test_a_path_that_is_not_there_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_documents([tmp_path / "nothing"], on_drop=lambda dropped: None)
    assert caught.value.code == "E201"


def test_nothing_readable_names_the_paths_and_the_first_drop(lang: str) -> None:
    error = nothing_readable(["a", "b"], Dropped("binary", "x", "a", "a/x.txt"), 1)
    assert error.code == "E203"
    assert all(part in str(error) for part in ("a, b", "a/x.txt", "1", say("text.drop_binary")))


def test_an_unknown_end_of_line_splits_nothing() -> None:
    assert list(lines_of(["a\u2028b\x85c\n", "d\r", "\ne", "\n"], 100)) == ["a\u2028b\x85c", "d", "e"]


@given(text=st.text(alphabet="ab\n\r"), size=st.integers(1, 5), most=st.integers(0, 6))
def test_lines_are_those_of_the_text_and_long_ones_are_none(text: str, size: int, most: int) -> None:
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    expected = text.removesuffix("\n").split("\n") if text else []
    found = list(lines_of(parts, most))
    assert len(found) == len(expected)
    for line, whole in zip(found, expected, strict=True):
        assert line == (None if len(whole) > most else whole.removesuffix("\r"))


@given(text=st.text(alphabet="ab \n。."), size=st.integers(1, 50), most=st.integers(1, 20))
def test_pieces_are_short_and_make_up_the_text(text: str, size: int, most: int) -> None:
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    pieces = list(split_text(parts, most))
    assert "".join(piece for piece, _ in pieces) == text
    assert all(0 < len(piece) <= most for piece, _ in pieces)
    assert [last for _, last in pieces] == [False] * (len(pieces) - 1) + [True] * bool(pieces)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("one two.\n\nthree four\nfive six seven", "one two.\n\n"),
        ("one two three\nfour five. six seven", "one two three\n"),
        ("一二三四五六七八九。七八，一二三四五六七八", "一二三四五六七八九。"),
        ("one 3.14 two. three four five six", "one 3.14 two. "),
        ("one two three four five six seven", "one two three "),
        ("x" * 40, "x" * 16),
    ],
)
def test_a_text_is_cut_at_the_best_border(text: str, first: str) -> None:
    assert next(split_text([text], 16))[0] == first


def test_a_long_text_comes_in_numbered_pieces(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", CHINESE * 10)
    documents, _ = read(path, options=ReadConfig(max_document_chars=100))
    assert "".join(d.text for d in documents) == CHINESE * 10
    assert [d.meta["piece"] for d in documents] == list(range(1, len(documents) + 1))
    assert documents[1].id == f"{path.as_posix()}#2"


def one_line_of(num_bytes: int) -> Iterator[bytes]:
    block = (("好" * 1000 + "a" * 1000) * 250).encode()
    for _ in range(num_bytes // len(block)):
        yield block


def test_one_endless_line_is_read_in_little_memory(tmp_path: Path) -> None:
    """A stand-in for the file of 2 GB without a line feed: memory must not grow with the file."""
    path = tmp_path / "a.txt"
    with path.open("wb") as file:
        file.writelines(one_line_of(12 << 20))
    tracemalloc.start()
    num_chars = sum(len(document.text) for document in read_documents(path, on_drop=pytest.fail))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert num_chars == 6_000_000
    assert peak < 12 << 20


def test_one_endless_row_is_dropped_in_little_memory(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.csv"):
        with (tmp_path / name).open("wb") as file:
            file.write(b"text\n" if name == "b.csv" else b"")
            file.writelines(one_line_of(12 << 20))
            file.write(b'\n{"text": "after"}\n')
    tracemalloc.start()
    documents, dropped = read(tmp_path, options=ReadConfig(max_row_chars=1 << 20))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert reasons(dropped) == [("row_too_long", "a.jsonl:1"), ("row_too_long", "b.csv:2")]
    assert documents[0].text == "after"
    assert peak < 24 << 20


# ------------------------------------------------------------ bad input


def test_a_pipe_or_device_is_refused_at_once_in_one_sentence(tmp_path: Path, lang: str) -> None:
    """Opened, a pipe waits for a writer that may never come, and /dev/zero never ends."""
    os.mkfifo(tmp_path / "pipe")
    for path, kind in ((str(tmp_path / "pipe"), "FIFO"), ("/dev/zero", "device")):
        with pytest.raises(InputError) as caught:
            read_documents(path, on_drop=lambda dropped: None)
        assert (caught.value.code, caught.value.values) == ("E207", {"path": path, "kind": kind})
        assert path in str(caught.value) and kind in str(caught.value)


def test_pipes_sockets_and_links_in_circles_below_a_folder_are_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "b.txt")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "c.txt"))
    (tmp_path / "d.txt").symlink_to(tmp_path / "e.txt")
    (tmp_path / "e.txt").symlink_to(tmp_path / "d.txt")
    (tmp_path / "circle").symlink_to(tmp_path)
    write(tmp_path / "z.txt", ENGLISH)
    for source in (tmp_path, tmp_path / "*.txt"):
        documents, dropped = read(SourceConfig(path=str(source)))
        assert [d.text for d in documents] == [ENGLISH]
        assert sorted(reasons(dropped)) == [
            ("special", "b.txt"), ("special", "c.txt"), ("unreadable", "d.txt"), ("unreadable", "e.txt")
        ]  # fmt: skip
        assert {one.example for one in dropped} == {"FIFO", "socket", "no file"}


def test_a_file_that_may_not_be_read_is_told_whoever_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests may run as root, whom nothing is forbidden, so the answer of the system is put in its place."""
    for name in ("a.txt", "b.jsonl", "c.pdf", "d.tar", "e.txt"):
        write(tmp_path / name, ENGLISH)
    opened = Path.open

    def forbidding(path: Path, *args: object, **options: object) -> object:
        if path.name < "e":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *args, **options)

    monkeypatch.setattr(Path, "open", forbidding)
    documents, dropped = read(tmp_path)
    assert [d.text for d in documents] == [ENGLISH]
    assert reasons(dropped) == [("unreadable", name) for name in ("a.txt", "b.jsonl", "c.pdf", "d.tar")]
    assert all("Permission denied" in one.example for one in dropped)


def test_nul_bytes_are_no_text_in_a_lump_and_no_loss_one_by_one(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", bytes(5000))
    write(tmp_path / "b.txt", (ENGLISH * 20).encode() + b"\0" + (CHINESE * 20).encode())
    write(tmp_path / "c.jsonl", '{"text": "a\\u0000b"}\n{"text": "c\0d"}\n{"text": "e"}\n' + "\n" * 99)
    documents, dropped = read(tmp_path)
    assert [d.text.replace("\0", "") for d in documents] == [ENGLISH * 20 + CHINESE * 20, "ab", "e"]
    assert reasons(dropped) == [("binary", "a.txt"), ("not_json", "c.jsonl:2")]


def test_lone_surrogates_in_any_spelling_never_reach_a_document(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", (CHINESE * 9).encode() + b"\xed\xa0\x80" + CHINESE.encode())
    write(tmp_path / "b.json", '[{"text": "x\\udc00"}, {"text": "\\ud83d\\ude00"}]')
    write(tmp_path / "c.csv", b"text\nx\xed\xb0\x80y\n" + CHINESE.encode() * 9)
    documents, dropped = read(tmp_path)
    for document in documents:
        assert document.text.encode()
    assert "😀" in [d.text for d in documents]
    assert ("surrogate", "b.json:1") in reasons(dropped)
    assert {name for reason, name in reasons(dropped) if reason == "encoding"} == {"a.txt", "c.csv"}


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.json", "a.csv", "a.html", "a.md"])
def test_an_endless_line_needs_little_memory(tmp_path: Path, name: str) -> None:
    with (tmp_path / name).open("wb") as file:
        for _ in range(24):
            file.write(b"a" * (1 << 20))
    options = ReadConfig(max_row_chars=1 << 20, max_document_chars=1 << 20)
    num_chars = num_dropped = 0
    tracemalloc.start()
    for event in read_events(tmp_path / name, options=options):
        num_chars += len(event.text) if isinstance(event, Document) else 0
        num_dropped += isinstance(event, Dropped)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (num_chars, num_dropped) == (
        {"a.txt": (24 << 20, 0), "a.md": (24 << 20, 0), "a.csv": (0, 2)}.get(name, (0, 1))
    )
    assert peak < 10 << 20


def test_empty_files_are_told_one_by_one_and_never_held(tmp_path: Path) -> None:
    """A million of them once waited in a list for the next document."""
    for number in range(500):
        (tmp_path / f"{number:03}.txt").touch()
    events = read_events(tmp_path)
    for number, event in enumerate(events):
        assert isinstance(event, Dropped)
        assert (event.reason, event.id) == ("empty", f"{number:03}.txt")
        if number == 0:
            (tmp_path / "001.txt").unlink()  # nothing was read ahead
            (tmp_path / "001.txt").touch()
    assert number == 499
