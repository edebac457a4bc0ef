"""Training data in columns, sheets and archives: the same records, and every bad row by its file, place and rule."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook
from tests.text.formats.made import answer, page, record

from hanlin.base.errors import InputError
from hanlin.text.document import Dropped
from hanlin.text.records.reading import looked_at, read_conversations, read_records

CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "北京"}'}}
TALKS: list[dict[str, Any]] = [
    {"messages": [
        {"role": "user", "content": "天气？", "tool_calls": None},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "content": "晴", "tool_calls": None},
        {"role": "assistant", "content": "晴天。", "tool_calls": None},
    ]},
    {"messages": [{"role": "user", "content": "q", "tool_calls": None}]},
    {"messages": [
        {"role": "user", "content": "hi", "tool_calls": None},
        {"role": "assistant", "content": "hello", "tool_calls": None},
    ]},
]  # fmt: skip
PAIRS = [("问题", "回答"), ("你好吗？", "我很好。"), ("吃了吗？", ""), ("再见", "再见！")]


def read(path: Path) -> tuple[list[list[tuple[str, str]]], list[tuple[str, str]]]:
    """What is said in each conversation; place below the folder and reason of each row that was dropped."""
    drops: list[Dropped] = []
    found = read_conversations(path, on_drop=drops.append)
    talks = [[(turn.role, turn.content) for turn in one.messages] for one in found]
    return talks, [(drop.location.removeprefix(f"{path}"), drop.reason) for drop in drops]


def sheet(*rows: tuple[str, ...]) -> bytes:
    book, out = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.active.title = "客服"
    book.save(out)
    return out.getvalue()


def zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


CSV = "\n".join(",".join(pair) for pair in PAIRS).encode()


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".parquet.gz"])
def test_columns_keep_calls_of_tools_and_name_bad_rows(tmp_path: Path, suffix: str) -> None:
    path, table = tmp_path / f"talks{suffix}", pa.Table.from_pylist(TALKS)
    if suffix == ".arrow":
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
    else:
        out = io.BytesIO()
        pq.write_table(table, out)
        path.write_bytes(gzip.compress(out.getvalue()) if suffix.endswith(".gz") else out.getvalue())
    talks, drops = read(path)
    assert [len(one) for one in talks] == [4, 2] and talks[0][3] == ("assistant", "晴天。")
    assert drops == [(":2", "silent")]
    first = next(iter(read_records(path, on_drop=lambda drop: None))).record
    assert first.messages[1].tool_calls[0].value == {"city": "北京"}  # type: ignore[union-attr]


def test_sheets_with_their_headers(tmp_path: Path) -> None:
    path = tmp_path / "faq.xlsx"
    path.write_bytes(sheet(*PAIRS))
    talks, drops = read(path)
    assert talks == [[("user", one), ("assistant", other)] for one, other in (PAIRS[1], PAIRS[3])]
    assert drops == [("!/客服:3", "silent")]


def test_archives_member_by_member(tmp_path: Path) -> None:
    jsonl = b'{"prompt": "a", "response": "b"}\nnot json\n'
    members = {"faq.csv": CSV, "in/more.jsonl.gz": gzip.compress(jsonl), "faq.xlsx": sheet(*PAIRS), "README.txt": b"x",
               "photo.png": b"\x89PNG"}  # fmt: skip
    path = tmp_path / "all.zip"
    path.write_bytes(zipped(**members))
    expected = [
        ("!/faq.csv:3", "silent"), ("!/in/more.jsonl.gz:2", "not_json"), ("!/faq.xlsx!/客服:3", "silent"),
    ]  # fmt: skip
    assert (len(read(path)[0]), read(path)[1]) == (5, expected)
    packed = tmp_path / "all.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    assert (len(read(packed)[0]), read(packed)[1]) == (5, expected)
    assert looked_at(packed).format == "prompt-response"


def test_rows_among_the_answers_of_a_web_archive(tmp_path: Path) -> None:
    """By their media type, or by the address where the server sent mere bytes; pages and failures hold no rows."""
    jsonl = gzip.compress(b'{"prompt": "a", "response": "b"}\nnot json\n')
    answers = {
        "http://example.org/": answer(page("Nothing to learn from here.").encode()),
        "http://example.org/export?id=3": answer(CSV, "text/csv; charset=utf-8"),
        "http://example.org/more.jsonl.gz?raw=1": answer(jsonl, "application/octet-stream"),
        "http://example.org/gone.csv": answer(CSV, "text/csv", status="404 Not Found"),
    }
    data = b"".join(record("response", address, body) for address, body in answers.items())
    path = tmp_path / "crawl.warc.gz"
    path.write_bytes(gzip.compress(data))
    assert (len(read(path)[0]), read(path)[1]) == (3, [("!/2.csv:3", "silent"), ("!/3.jsonl.gz:2", "not_json")])
    path.write_bytes(gzip.compress(data[:-9]))
    assert read(path)[1][-1] == (":4-", "records")


def test_what_leads_out_of_an_archive_is_named_and_left(tmp_path: Path) -> None:
    path = tmp_path / "evil.zip"
    path.write_bytes(zipped(**{"../../evil.csv": CSV, "good.csv": CSV}))
    talks, drops = read(path)
    assert len(talks) == 2 and drops[0] == ("!/../../evil.csv", "outside")
    assert not list(tmp_path.rglob("evil.csv"))


def test_a_damaged_page_costs_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "bad.parquet"
    rows = [{"prompt": f"question {number}", "response": f"answer {number}"} for number in range(900)]
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=300, compression="none", use_dictionary=False,
                   write_page_checksum=True)  # fmt: skip
    data = bytearray(path.read_bytes())
    place = data.index(b"answer 450")
    data[place : place + 4] = b"\0\0\0\0"
    path.write_bytes(data)
    talks, drops = read(path)
    assert 600 <= len(talks) < 900 and len(drops) == 1
    assert drops[0][0].startswith(":") and drops[0][0].endswith("-600") and drops[0][1] == "rows"


def test_a_bomb_is_no_training_data(tmp_path: Path) -> None:
    path = tmp_path / "bomb.json.gz"
    path.write_bytes(gzip.compress(b"[" + b" " * (40 << 20), 9))
    with pytest.raises(InputError, match=r"bomb\.json\.gz:1: .*17,825,792"):
        read(path)


def test_a_table_of_labels_from_parquet(tmp_path: Path) -> None:
    path = tmp_path / "labels.parquet"
    pq.write_table(pa.table({"text": ["好", "坏"], "label": [1, 0], "seen": [None, None]}), path)
    found = looked_at(path)
    assert (found.format, found.use, found.num_rows) == ("classification", "classified", 2)
    assert json.dumps([vars(one) for one in found.sample], ensure_ascii=False).count("好") == 1
