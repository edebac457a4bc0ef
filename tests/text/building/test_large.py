"""A large file in stretches holds what the whole file holds: rows, numbers and faults."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hanlin.base.storage import open_storage
from hanlin.text.building.large import LargeFile, survey
from hanlin.text.config import CorpusConfig, ReadConfig
from hanlin.text.readers import Event, read_events
from hanlin.text.reading import read_raw

READ = {"max_row_chars": 2500}
ROWS = [
    json.dumps({"text": "The river runs past the old mill and the town."}),
    "",
    json.dumps({"text": "今天天气很好，我们一起去公园里走走。"}, ensure_ascii=False) + "\r",
    "{bad",
    "   ",
    json.dumps({"text": "𠮷" * 300}, ensure_ascii=False),
    "\ufeff" + json.dumps({"text": "a mark at the front", "id": "marked"}),
    json.dumps([1, 2]),
    json.dumps({"text": "x" * 3000}),
    json.dumps({"text": "\u2028 is no end of a line, U+FFFD \ufffd no fault"}, ensure_ascii=False),
    json.dumps({"text": "the last line"}),
]


def stretches(path: Path, piece_bytes: int, **source: Any) -> tuple[list[tuple[int, int, int]], list[Event]]:
    """The stretches of a file, and what they hold one after the other."""
    config = CorpusConfig(sources=({"path": str(path), **source},), read=READ)
    large = LargeFile.of({"parts": [{"source": 0, "paths": [str(path)]}], "large": True}, config, piece_bytes)
    large.cut([survey(job, path.parent, open_storage(str(path.parent))) for job in large.jobs])
    pieces = large.pieces(iter(())) if large.stretches else ()
    return large.stretches, [event for piece in pieces for event in read_raw(piece, config)]


def whole(path: Path) -> Sequence[Event]:
    return list(read_events(path, options=ReadConfig(**READ)))


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
@pytest.mark.parametrize("piece_bytes", [5, 64, 333, 1500, 100_000])
def test_lines_in_stretches_are_the_lines_of_the_file(piece_bytes: int, end: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(ROWS) + end, "utf-8", newline="")
    cut, found = stretches(path, piece_bytes)
    assert found == whole(path)
    assert {getattr(one, "reason", "") for one in found} == {"", "not_json", "not_object", "row_too_long"}
    assert cut[0][0] == 0 and cut[-1][1] == path.stat().st_size
    assert all(one[1] == other[0] for one, other in itertools.pairwise(cut))
    assert len(cut) >= 3 or piece_bytes > 1000


def test_a_line_that_never_ends_is_one_stretch(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "' + "x" * 5000)
    cut, found = stretches(path, 100)
    assert cut == [(0, 5010, 1)] and found == whole(path)


@pytest.mark.parametrize(
    "content",
    [
        "\n".join(ROWS).encode("gb18030", "replace") * 3,
        "\n".join(ROWS).encode() + b"\n\xff\xfe{}",
        "\n".join(ROWS).encode()[:-20] + "好".encode()[:2],
        b"\xef\xbb\xbf" + "\n".join(ROWS).encode(),
    ],
    ids=["another encoding", "a stray byte", "a cut character", "a byte order mark"],
)
def test_what_is_not_all_utf8_is_read_as_a_whole(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(content)
    assert stretches(tmp_path / "rows.jsonl", 333) == ([], [])


@pytest.mark.parametrize("name", ["rows.txt", "rows.jsonl.gz", "rows.zip", "rows.csv"])
def test_other_formats_are_read_as_a_whole(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("\n".join(ROWS), "utf-8")
    assert stretches(tmp_path / name, 333) == ([], [])


def test_a_format_that_is_told_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "rows.ndjson"
    path.write_text("\n".join(ROWS), "utf-8")
    assert stretches(path, 333, format="text") == ([], [])
    assert stretches(path, 333, format="jsonl")[1] == whole(path)


@pytest.mark.parametrize("piece_bytes", [1, 3000, 1 << 20])
def test_row_groups_in_stretches_are_the_rows_of_the_file(piece_bytes: int, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    texts = [f"Document {number} of the table. " * 9 for number in range(50)]
    pq.write_table(pa.table({"text": texts, "other": list(range(50))}), path, row_group_size=7)
    cut, found = stretches(path, piece_bytes)
    assert found == whole(path) and len(found) == 50
    assert len(cut) == {1: 8, 3000: 4, 1 << 20: 1}[piece_bytes]


@pytest.mark.parametrize("content", [b"PAR1 and nothing else", None])
def test_a_table_that_cannot_be_cut_is_read_as_a_whole(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    if content is None:
        pq.write_table(pa.table({"other": [1, 2, 3]}), path)
    else:
        path.write_bytes(content)
    assert stretches(path, 1) == ([], [])
