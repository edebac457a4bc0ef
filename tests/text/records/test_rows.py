"""Tables, trees and texts to rows, each with its line."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.text.records.columns import is_header
from hanlin.text.records.kinds import Extract, Pair
from hanlin.text.records.reading import looked_at, read_conversations, read_records
from hanlin.text.records.rows import Rule, rows_of


def rows(path: Path) -> list[tuple[int, object]]:
    """Rows by their numbers, a broken rule by its name."""
    return [(int(place.removeprefix(":")), value) for place, value in placed(path)]


def placed(path: Path) -> list[tuple[str, object]]:
    """Rows by their places."""
    return [(place, value.reason if isinstance(value, Rule) else value) for place, value in rows_of(path, is_header)]


def written(tmp_path: Path, name: str, data: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def test_a_table_with_a_header_names_its_columns(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", 'question,answer\n"two\nlines",7\n\n"a ""quoted"" one",8\n')
    assert rows(path) == [
        (2, {"question": "two\nlines", "answer": "7"}),
        (5, {"question": 'a "quoted" one', "answer": "8"}),
    ]


def test_a_table_without_one_is_numbered(tmp_path: Path) -> None:
    path = written(tmp_path, "cmn.tsv", 'Hi.\t嗨。\nHe said "no.\t他说"不。\n')
    assert rows(path)[0] == (1, {"column 1": "Hi.", "column 2": "嗨。"})
    records = [one.record for one in read_records(path, on_drop=print)]
    assert records[1] == Pair('He said "no.', '他说"不。', None, ("column 1", "column 2"))


def test_a_text_of_tabs_is_a_table_and_any_other_one_row_a_line(tmp_path: Path) -> None:
    """So are the sentence pairs of Tatoeba handed out; the third cell names the author."""
    path = written(tmp_path, "cmn.txt", "Hi.\t嗨。\tCC-BY\nRun.\t跑。\tCC-BY\n")
    assert rows(path)[1] == (2, {"column 1": "Run.", "column 2": "跑。", "column 3": "CC-BY"})
    assert rows(written(tmp_path, "b.txt", "从前\n\n有山\n")) == [(1, {"text": "从前"}), (3, {"text": "有山"})]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16"])
def test_tables_are_read_in_the_encodings_of_spreadsheets(tmp_path: Path, encoding: str) -> None:
    """Excel in China saves .csv as GB18030."""
    text = "问题,回答\n" + "今天天气怎么样？,今天是晴天，适合出去走走。\n" * 20
    path = written(tmp_path, "chat.csv", text.replace("，", "、").encode(encoding))
    talks = list(read_conversations(path, on_drop=print))
    assert len(talks) == 20
    assert talks[0].messages[0].content == "今天天气怎么样？"


def test_broken_rows_of_a_table_cost_only_themselves(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "prompt,response\n你,b\na,b,c\na\n".encode() + b'\xff\xfe,b\n"a"x,b\na,b\n')
    assert [value for _, value in rows(path)] == [
        {"prompt": "你", "response": "b"}, "bad_width", "bad_width", "not_utf8", "bad_table",
        {"prompt": "a", "response": "b"},
    ]  # fmt: skip
    assert [place for place, _ in rows(path)] == [2, 3, 4, 5, 6, 7]


def test_a_header_is_told_from_a_row() -> None:
    assert is_header(["Question", "Answer"]) and is_header(["id", "whatever"]) and is_header(["问题", "备注"])
    assert not is_header(["How are you?", "Fine."]) and not is_header(["text", "text"])


SQUAD = {
    "version": "1.1",
    "data": [
        {"title": "Gobi", "paragraphs": [
            {"context": "戈壁在北方。", "qas": [
                {"id": "1", "question": "在哪？", "answers": [{"text": "北方", "answer_start": 3}]},
                {"id": "2", "question": "谁？", "answers": [], "is_impossible": True},
            ]},
            7,
        ]},
    ],
}  # fmt: skip


def test_the_tree_of_squad_is_read_question_by_question(tmp_path: Path) -> None:
    path = written(tmp_path, "train.json", json.dumps(SQUAD, indent=1))
    seen = looked_at(path)
    assert seen.format == "qa"
    assert seen.sample == (
        Extract("戈壁在北方。", "在哪？", (("北方", 3),), "1", "Gobi"),
        Extract("戈壁在北方。", "谁？", (), "2", "Gobi"),
    )
    assert [(one.id, one.reason) for one in seen.problems] == [("train.json:3", "not_object")]


def test_a_table_may_hold_the_list_of_rows(tmp_path: Path) -> None:
    pair = {"prompt": "x", "response": "y"}
    for name in ("data", "train", "数据"):
        assert [value for _, value in rows(written(tmp_path, "a.json", json.dumps({name: [pair, pair], "n": 2})))] == [
            pair
        ] * 2
    talk = {"messages": [{"role": "user", "content": "x"}]}
    assert rows(written(tmp_path, "a.json", json.dumps(talk))) == [(1, talk)]


CELLS = st.text(
    st.characters(exclude_characters="\r\ufeff", exclude_categories=["Cs"]), min_size=1
)  # both are evened out


@given(table=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5))
def test_whatever_csv_writes_is_read(tmp_path_factory: pytest.TempPathFactory, table: list[tuple[str, str]]) -> None:
    """The standard library is the judge."""
    kept = [pair for pair in table if any(cell.strip() for cell in pair)]
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([("prompt", "note"), *kept])
    path = written(tmp_path_factory.mktemp("csv"), "a.csv", out.getvalue().encode())
    assert [tuple(value.values()) for _, value in rows(path) if isinstance(value, dict)] == kept
