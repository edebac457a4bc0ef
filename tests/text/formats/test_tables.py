"""JSON, Excel, Parquet and Arrow: rows with their numbers, whatever is wrong with their neighbours."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.text.formats.made import CHINESE, ENGLISH, arrow, excel, parquet, read, reasons, write

from hanlin.text.config import ReadConfig, SourceConfig
from hanlin.text.files import CHUNK_BYTES
from hanlin.text.formats.content import Content, Guard, Row
from hanlin.text.formats.json_values import read_json

# ------------------------------------------------------------ JSON


@pytest.mark.parametrize("layout", ["array", "indented", "one after the other", "lines", "one"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_json_of_every_layout(tmp_path: Path, layout: str, encoding: str) -> None:
    rows = [{"text": CHINESE * 3, "id": 1}, {"text": 'with "quotes", [brackets] and \\', "n": [1.5e3, None]}]
    content = {
        "array": json.dumps(rows, ensure_ascii=False),
        "indented": f"\n {json.dumps(rows, ensure_ascii=False, indent=2)}\n\n",
        "one after the other": "".join(json.dumps(row, ensure_ascii=False, indent=1) for row in rows),
        "lines": "\n".join(json.dumps(row, ensure_ascii=False) for row in rows),
        "one": json.dumps(rows[0], ensure_ascii=False),
    }[layout]
    documents, dropped = read(write(tmp_path / "a.json", content.encode(encoding)))
    assert [d.text for d in documents] == [row["text"] for row in rows][: 1 if layout == "one" else 2]
    assert [d.meta["line"] for d in documents] == [1, 2][: len(documents)]
    assert dropped == []


@pytest.mark.parametrize(
    ("content", "found", "fault"),
    [
        ('[{"text": "a"}, {"text": "b"} {"text": "c"}]', ["a", "b"], ("not_json", "a.json:3")),
        ('[{"text": "a"}, {"text": "b"}', ["a", "b"], ("not_json", "a.json:3")),
        ('[{"text": "a"}, ', ["a"], ("not_json", "a.json:2")),
        ('[{"text": "a"}] {"text": "b"}', ["a"], ("not_json", "a.json:2")),
        ('{"text": "a"} nonsense {"text": "b"}', ["a"], ("not_json", "a.json:2")),
        ('{"text": "a"}\n{"text": \n{"text": "b"}\n', ["a", "b"], ("not_json", "a.json:2")),
        ('[{"text": "a"}, "b", {"text": "c"}]', ["a", "c"], ("not_object", "a.json:2")),
        ('[{"text": "a"}, {"body": "b"}]', ["a"], ("missing_field", "a.json:2")),
        ('[{"text": "a"}, {"text": "' + "b" * 5000 + '"}]', ["a"], ("row_too_long", "a.json:2")),
        ('[{"text": "a"}, ' + "[" * 900 + "]" * 900 + "]", ["a"], ("not_object", "a.json:2")),
        ('[{"text": "a"}, ' + "[" * 200_000, ["a"], ("not_json", "a.json:2")),
        ("[]", [], None),
        ('[{"text": "a\\ud800"}]', [], ("surrogate", "a.json:1")),
    ],
)
def test_faults_of_json(tmp_path: Path, content: str, found: list[str], fault: tuple[str, str] | None) -> None:
    documents, dropped = read(write(tmp_path / "a.json", content), options=ReadConfig(max_row_chars=4096))
    assert [d.text for d in documents] == found
    assert reasons(dropped) == ([fault] if fault else [])


def test_a_fault_at_the_beginning_of_a_large_file_is_found_without_reading_on(tmp_path: Path) -> None:
    rows = ",".join(json.dumps({"text": ENGLISH, "n": n}) for n in range(40_000))
    _, dropped = read(write(tmp_path / "a.json", f"[{{text: 1}}, {rows}]"))
    assert reasons(dropped) == [("not_json", "a.json:1")]
    assert "double quotes" in dropped[0].example


class Parts(Content):
    """A text that comes in the given parts."""

    parts: list[str]

    def decoded(self) -> object:
        return iter(self.parts)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(
    rows=st.lists(st.dictionaries(st.text(max_size=3), VALUES, max_size=3), max_size=5),
    size=st.integers(1, 9),
    indent=st.sampled_from([None, 1]),
    is_array=st.booleans(),
)
def test_values_in_any_parts_are_those_of_the_standard_library(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[dict[str, object]],
    size: int,
    indent: int | None,
    is_array: bool,
) -> None:
    text = json.dumps(rows, indent=indent) if is_array else "\n".join(json.dumps(row, indent=indent) for row in rows)
    options = ReadConfig()
    content = Parts(Path(__file__), "a.json", options, Guard(0, options))
    content.parts = [text[at : at + size] for at in range(0, len(text), size)]
    assert list(read_json(content)) == [Row(number, row) for number, row in enumerate(rows, start=1)]


def test_an_array_of_any_size_needs_the_memory_of_a_row(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with path.open("w") as file:
        file.write("[" + json.dumps({"text": ENGLISH}))
        for number in range(200_000):
            file.write("," + json.dumps({"text": f"{number} {ENGLISH}"}))
        file.write("]")
    assert path.stat().st_size > 10 * CHUNK_BYTES
    options = ReadConfig()
    content = Content(path, "a.json", options, Guard(0, options), encoding="utf-8")
    tracemalloc.start()
    num_rows = sum(isinstance(item, Row) for item in read_json(content))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert num_rows == 200_001
    assert peak < 8 * CHUNK_BYTES


# ------------------------------------------------------------ Excel


def test_sheets_of_an_excel_file(tmp_path: Path) -> None:
    sheets = {
        "书": [["id", "text"], [7, CHINESE], [None, None], [8, 2025]],
        "notes": [["a", "b"], ["x", "y"]],
        "empty": [],
        "more": [[], ["text", "n"], [ENGLISH, 1], ["=1+1", 2]],
    }
    path = write(tmp_path / "a.xlsx", excel(sheets))
    documents, dropped = read(path)
    assert [(d.text, d.id.rpartition("/")[2]) for d in documents] == [
        (CHINESE, "书:2"), ("2025", "书:4"), (ENGLISH, "more:3")
    ]  # fmt: skip
    assert documents[0].meta == {
        "path": f"{path}!/书", "encoding": "xlsx", "kind": "text", "id": "7", "line": 2
    }  # fmt: skip
    assert reasons(dropped) == [("missing_column", "a.xlsx!/notes:1"), ("missing_field", "a.xlsx!/more:4")]


SIZE = b'<dimension ref="A1:A51"/>'  # Excel writes it; a sheet without it is read twice


def changed(data: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """The package with one part changed, or added."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            new.writestr(info.filename, change(old.read(info)) if info.filename == name else old.read(info))
        if name not in old.namelist():
            new.writestr(name, change(b""))
    return out.getvalue()


def test_damaged_excel_files(tmp_path: Path) -> None:
    good = excel({"one": [["text"], *([f"{n} {ENGLISH}"] for n in range(50))], "two": [["text"], ["x"]]})
    good = changed(good, "xl/worksheets/sheet1.xml", lambda part: part.replace(b"<sheetData", SIZE + b"<sheetData"))
    write(tmp_path / "a.xlsx", changed(good, "xl/worksheets/sheet1.xml", lambda part: part[: len(part) // 2]))
    write(tmp_path / "b.xlsx", good[:900])
    write(tmp_path / "c.xlsx", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600))
    documents, dropped = read(tmp_path)
    assert documents[-1].text == "x" and len(documents) > 10
    (part, rest), *others = [(one.location.partition("!/")[2].partition(":")[0], one.reason) for one in dropped]
    assert (part, rest) == ("one", "part")
    assert [reason for _, reason in others] == ["unreadable", "encrypted"]


def test_shared_strings_beyond_the_limit(tmp_path: Path) -> None:
    data = changed(excel({"one": [["text"], ["x"]]}), "xl/sharedStrings.xml", lambda part: b"<sst>" + b" " * 2000)
    write(tmp_path / "a.xlsx", data)
    _, dropped = read(tmp_path, options=ReadConfig(max_row_chars=1024))
    assert reasons(dropped) == [("row_too_long", "a.xlsx!/xl/sharedStrings.xml")]


# ------------------------------------------------------------ Parquet and Arrow

ROWS = [{"text": f"{number} {CHINESE}", "url": f"http://a/{number}", "n": number} for number in range(1000)]


@pytest.mark.parametrize("kind", ["parquet", "parquet.zst", "arrow", "arrow stream", "by first bytes"])
def test_rows_of_columns(tmp_path: Path, kind: str) -> None:
    import zstandard

    name, data = {
        "parquet": ("a.parquet", parquet(ROWS, 300)),
        "parquet.zst": ("a.parquet.zst", zstandard.compress(parquet(ROWS, 300))),
        "arrow": ("a.arrow", arrow(ROWS, batch=300)),
        "arrow stream": ("a.arrow", arrow(ROWS, batch=300, stream=True)),
        "by first bytes": ("part-00000", parquet(ROWS)),
    }[kind]
    documents, dropped = read(write(tmp_path / name, data))
    assert ([d.text for d in documents], dropped) == ([row["text"] for row in ROWS], [])
    assert (documents[700].meta["line"], documents[700].meta["url"]) == (701, "http://a/700")
    assert "n" not in documents[0].meta


def test_another_column_and_values_that_are_no_text(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", parquet([{"body": "x"}, {"body": None}, {"body": ""}]))
    documents, dropped = read(SourceConfig(path=str(path), text_field="body"))
    assert [d.text for d in documents] == ["x"]
    assert reasons(dropped) == [("missing_field", "a.parquet:2"), ("empty", "a.parquet:3")]
    _, dropped = read(path)
    assert (reasons(dropped), dropped[0].example) == ([("missing_column", "a.parquet:1")], "body")


def test_a_damaged_page_costs_the_rest_of_its_row_group(tmp_path: Path) -> None:
    """The checksum of the page tells; without it the text of other rows would come out wrong."""
    data = bytearray(parquet(ROWS, 250, compression="none", use_dictionary=False))
    column = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(1).column(0)
    data[column.data_page_offset + column.total_compressed_size // 2] ^= 0xFF
    documents, dropped = read(write(tmp_path / "a.parquet", bytes(data)))
    assert [d.text for d in documents] == [row["text"] for row in (*ROWS[:250], *ROWS[500:])]
    assert reasons(dropped) == [("rows", "a.parquet:251-500")]
    assert documents[250].meta["line"] == 501


def test_text_that_is_no_unicode_costs_its_row(tmp_path: Path) -> None:
    import pyarrow as pa

    texts = pa.array([b"one", b"\xff\xfe", "三".encode()], pa.binary()).view(pa.string())
    out = io.BytesIO()
    pq.write_table(pa.table({"text": texts}), out)
    documents, dropped = read(write(tmp_path / "a.parquet", out.getvalue()))
    assert [(d.text, d.meta["line"]) for d in documents] == [("one", 1), ("三", 3)]
    assert reasons(dropped) == [("surrogate", "a.parquet:2")]


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.feather"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_cut_files_end_no_run(tmp_path: Path, name: str, share: float) -> None:
    data = parquet(ROWS) if name == "a.parquet" else arrow(ROWS, batch=100)
    write(tmp_path / name, data[: int(share * len(data))])
    write(tmp_path / "z.txt", ENGLISH)
    documents, dropped = read(tmp_path)
    assert documents[-1].text == ENGLISH
    assert dropped[0].reason in ("unreadable", "rows", "empty")


def test_a_stream_that_is_cut_gives_what_came_before(tmp_path: Path) -> None:
    data = arrow(ROWS, batch=100, stream=True)
    documents, dropped = read(write(tmp_path / "a.arrow", data[: len(data) // 2]))
    assert [d.text for d in documents] == [row["text"] for row in ROWS[: len(documents)]]
    assert len(documents) >= 300
    assert reasons(dropped) == [("rows", f"a.arrow:{len(documents) + 1}-")]
