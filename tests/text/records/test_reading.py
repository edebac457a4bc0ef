"""Conversations from files: every usual format, and every bad row named with its place."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from hanlin.base.errors import InputError
from hanlin.text.document import Dropped
from hanlin.text.records import rows
from hanlin.text.records.reading import read_conversations

GOOD = {"prompt": "你好", "response": "hello"}
SPOKEN = [("user", "你好"), ("assistant", "hello")]
Turns = list[tuple[str, str]]


def lines(*rows: object) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def read(path: Path | str | list[Path], columns: Mapping[str, str] | None = None) -> tuple[list[Turns], list[Dropped]]:
    drops: list[Dropped] = []
    found = read_conversations(path, columns=columns, on_drop=drops.append)  # type: ignore[arg-type]
    return [[(turn.role, turn.content) for turn in one.messages] for one in found], drops


def read_rows(tmp_path: Path, *rows: object, columns: Mapping[str, str] | None = None) -> list[Turns]:
    """Read good rows; none may be dropped."""
    (tmp_path / "rows.jsonl").write_bytes(lines(*rows))
    found, drops = read(tmp_path / "rows.jsonl", columns)
    assert drops == []
    return found


def drop_of(tmp_path: Path, row: bytes) -> Dropped:
    """The one drop of a file whose second line is bad."""
    (tmp_path / "rows.jsonl").write_bytes(lines(GOOD) + row + b"\n" + lines(GOOD))
    found, drops = read(tmp_path / "rows.jsonl")
    assert found == [SPOKEN, SPOKEN]
    assert [drop.location for drop in drops] == [f"{tmp_path / 'rows.jsonl'}:2"]
    return drops[0]


def code_of(path: Any, columns: Mapping[str, str] | None = None) -> str:
    with pytest.raises(InputError) as caught:
        read(path, columns)
    assert str(caught.value)
    return caught.value.code


@pytest.mark.parametrize(
    ("row", "spoken"),
    [
        ({"messages": [{"role": "user", "content": "你好"}, {"role": "assistant", "content": "hello"}]}, SPOKEN),
        ({"conversations": [{"from": "human", "value": "你好"}, {"from": "gpt", "value": "hello"}]}, SPOKEN),
        ({"conversations": [{"role": "user", "content": "你好"}, {"role": "assistant", "content": "hello"}]}, SPOKEN),
        ({"instruction": "你好", "input": "", "output": "hello"}, SPOKEN),
        ({"instruction": "你", "input": "好", "output": "hello"}, [("user", "你\n好"), SPOKEN[1]]),
        ({"instruction": "", "input": "你好", "output": "hello"}, SPOKEN),
        ({"instruction": "你好", "input": None, "response": "hello", "category": 7}, SPOKEN),
        ({"prompt": "你好", "response": "hello"}, SPOKEN),
        ({"prompt": "你好", "response": "hello", "system": "kind"}, [("system", "kind"), *SPOKEN]),
        ({"system": "", **GOOD}, SPOKEN),
        ({"prompt": "?", "output": "!", "history": [["你好", "hello"]]}, [*SPOKEN, ("user", "?"), ("assistant", "!")]),
        ({**GOOD, "history": None}, SPOKEN),
    ],
)  # fmt: skip
def test_the_format_is_found_by_the_columns(tmp_path: Path, row: dict[str, Any], spoken: Turns) -> None:
    assert read_rows(tmp_path, row) == [spoken]


def test_formats_may_change_from_row_to_row(tmp_path: Path) -> None:
    messages = {"messages": [{"role": "user", "content": "你好"}, {"role": "assistant", "content": "hello"}]}
    alpaca = {"instruction": "你好", "output": "hello"}
    assert read_rows(tmp_path, GOOD, messages, alpaca) == [SPOKEN] * 3


def test_sharegpt_names_every_speaker(tmp_path: Path) -> None:
    said = [("system", "s"), ("human", "h"), ("gpt", "g"), ("tool", "t"), ("observation", "o"), ("assistant", "a")]
    row = {"conversations": [{"from": name, "value": value} for name, value in said]}
    roles = ["system", "user", "assistant", "tool", "tool", "assistant"]
    assert read_rows(tmp_path, row) == [[(role, value) for role, (_, value) in zip(roles, said, strict=True)]]


def test_columns_of_other_names_are_mapped(tmp_path: Path) -> None:
    row = {"question": "你好", "answer": "hello", "prompt": "not this"}
    assert read_rows(tmp_path, row, columns={"prompt": "question", "response": "answer"}) == [SPOKEN]
    swapped = {"prompt": "hello", "response": "你好"}
    assert read_rows(tmp_path, swapped, columns={"prompt": "response", "response": "prompt"}) == [SPOKEN]
    talk = {"talk": [{"from": "human", "value": "你好"}, {"from": "gpt", "value": "hello"}]}
    assert read_rows(tmp_path, talk, columns={"conversations": "talk"}) == [SPOKEN]


def test_an_unknown_name_in_the_column_map_is_refused(tmp_path: Path, lang: str) -> None:
    assert code_of(tmp_path, {"asked": "prompt"}) == "E264"


@pytest.mark.parametrize(
    ("row", "reason", "said"),
    [
        (b'{"prompt": "\xc4\xe3\xba\xc3", "response": "x"}', "not_utf8", "byte 13"),
        (b'{"prompt": "x", ', "not_json", "no JSON"),
        (b"[" * 100_000, "not_json", "no JSON"),
        (b'["x", "y"]', "not_object", '["x", "y"]'),
        (b"null", "not_object", "null"),
        (b'"' + b"x" * 100 + b'"', "not_object", "..."),
        (b"{}", "unknown_columns", "columns found: -"),
        (b'{"asked": "x", "said": "y"}', "unknown_columns", "asked, said"),
        (b'{"prompt": "x"}', "unknown_columns", "prompt"),
        (b'{"prompt": ["x"], "response": "y"}', "wrong_column", "'prompt'"),
        (b'{"prompt": "x", "response": 7}', "wrong_column", "'response'"),
        (b'{"prompt": "x", "response": "y", "history": [["a"]]}', "wrong_column", "'history'"),
        (b'{"prompt": "x", "response": "y", "history": 7}', "wrong_column", "'history'"),
        (b'{"messages": "x"}', "wrong_column", "'messages'"),
        (b'{"prompt": "x", "response": null}', "silent", "assistant"),
        (b'{"prompt": " ", "response": "y"}', "silent", "user"),
        (b'{"messages": []}', "bad_conversation", "no messages"),
        (b'{"messages": [{"role": "assistant", "content": "x"}]}', "bad_conversation", "from the user"),
        (b'{"messages": [{"role": "wizard", "content": "x"}]}', "bad_conversation", "wizard"),
        (b'{"messages": [{"role": "user", "content": null}]}', "bad_conversation", "NoneType"),
        (b'{"messages": [{"role": "user"}]}', "bad_conversation", "'content'"),
        (b'{"messages": ["x"]}', "bad_conversation", "str"),
        (b'{"conversations": [{"from": "human"}]}', "bad_conversation", "'value'"),
        (b'{"conversations": [{"from": ["human"], "value": "x"}]}', "bad_conversation", "human"),
        (b'{"prompt": "\\ud800", "response": "x"}', "bad_conversation", "surrogate"),
    ],
)
def test_a_bad_row_is_dropped_with_its_line_and_rule(tmp_path: Path, row: bytes, reason: str, said: str) -> None:
    drop = drop_of(tmp_path, row)
    assert drop.reason == reason
    assert said in drop.example
    assert (drop.id, drop.source) == ("rows.jsonl:2", str(tmp_path / "rows.jsonl"))


@pytest.mark.parametrize("lang", ["en", "zh"], indirect=True)
def test_every_rule_has_a_sentence_in_both_languages(tmp_path: Path, lang: str) -> None:
    for row in (b"\xff", b"{", b"7", b"{}", b'{"messages": 1}', b'{"prompt": "", "response": ""}'):
        assert drop_of(tmp_path, row).example


def test_a_row_that_is_too_long_is_dropped_and_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MAX_ROW_BYTES", 100)
    drop = drop_of(tmp_path, json.dumps({"prompt": "x" * 3_000_000, "response": "y"}).encode())
    assert (drop.reason, "100 bytes" in drop.example) == ("too_long", True)


def test_only_line_feeds_end_a_row(tmp_path: Path) -> None:
    """str.splitlines would cut at each of these; JSON allows them inside a string, or takes them for white space."""
    text = "a\u2028b\u2029c\x85d"
    assert read_rows(tmp_path, {"prompt": text, "response": "x"}) == [[("user", text), ("assistant", "x")]]
    (tmp_path / "rows.jsonl").write_bytes(lines(GOOD).replace(b"\n", b"\r\n") * 2)
    assert read(tmp_path / "rows.jsonl") == ([SPOKEN] * 2, [])


def test_blank_lines_are_no_rows_but_count_as_lines(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(b"\xef\xbb\xbf" + lines(GOOD) + b"\n \n{\n" + lines(GOOD)[:-1])
    found, drops = read(tmp_path / "rows.jsonl")
    assert found == [SPOKEN] * 2
    assert [drop.id for drop in drops] == ["rows.jsonl:4"]


PACKERS = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}
FORMS = {
    "rows.jsonl": lines(GOOD, GOOD),
    "list.json": json.dumps([GOOD, GOOD], indent=2).encode(),
    "lines.json": lines(GOOD, GOOD),
}


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize("name", FORMS)
def test_lists_and_lines_are_read_packed_and_plain(tmp_path: Path, name: str, packing: str) -> None:
    (tmp_path / f"{name}{packing}").write_bytes(PACKERS[packing](FORMS[name]))
    assert read(tmp_path) == ([SPOKEN] * 2, [])


def test_one_conversation_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps(GOOD, indent=2), encoding="utf-8")
    assert read(tmp_path / "one.json") == ([SPOKEN], [])


def test_places_in_a_list_are_numbers_of_rows(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text(json.dumps([GOOD, None, 7, GOOD]))
    found, drops = read(str(tmp_path / "list.json"))
    assert found == [SPOKEN] * 2
    assert [(drop.id, drop.reason) for drop in drops] == [("list.json:2", "not_object"), ("list.json:3", "not_object")]


@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_a_cut_packed_file_gives_its_rows_and_one_drop(tmp_path: Path, packing: str) -> None:
    """zstandard's own stream reader ends quietly at the cut."""
    rows = [{"prompt": f"{number**5}", "response": f"{number**7}"} for number in range(20_000)]
    whole = PACKERS[packing](lines(*rows))
    (tmp_path / f"rows.jsonl{packing}").write_bytes(whole[: len(whole) // 2])
    found, drops = read(tmp_path)
    assert 1000 < len(found) < len(rows)
    assert [drop.reason for drop in drops] == ["unreadable"]
    assert drops[0].id == f"rows.jsonl{packing}:{len(found) + 1}"


def test_packed_files_in_several_parts_are_read_to_the_end(tmp_path: Path) -> None:
    for packing in (".gz", ".zst"):
        (tmp_path / f"rows.jsonl{packing}").write_bytes(PACKERS[packing](lines(GOOD)) * 3)
    assert read(tmp_path) == ([SPOKEN] * 6, [])


def test_a_file_that_is_not_packed_as_it_says_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(GOOD))
    (tmp_path / "b.jsonl.gz").write_bytes(lines(GOOD))
    (tmp_path / "c.jsonl.zst").write_bytes(lines(GOOD))
    found, drops = read(tmp_path)
    assert found == [SPOKEN]
    assert [(drop.id, drop.reason) for drop in drops] == [
        ("b.jsonl.gz:1", "unreadable"),
        ("c.jsonl.zst:1", "unreadable"),
    ]


def test_folders_are_read_in_sorted_order_and_hidden_and_other_files_left(tmp_path: Path) -> None:
    for name in ("b/2.jsonl", "a/1.json", "c.jsonl", ".hidden.jsonl", "LICENCE.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(lines({"prompt": name, "response": "x"}))
    found, drops = read([tmp_path / "c.jsonl", tmp_path])
    assert [turns[0][1] for turns in found] == ["c.jsonl", "a/1.json", "b/2.jsonl", "c.jsonl"]
    assert drops == []


def test_missing_and_empty_paths_are_refused_at_once(tmp_path: Path, lang: str) -> None:
    with pytest.raises(InputError, match="nowhere") as caught:
        read_conversations(tmp_path / "nowhere", on_drop=print)  # nothing was drawn from it yet
    assert caught.value.code == "E260"
    assert code_of(tmp_path) == "E261"
    for number in range(12):
        (tmp_path / f"{number}.pdf").touch()
    with pytest.raises(InputError, match=r"0\.pdf.*\.\.\.") as caught:
        read(tmp_path)
    assert caught.value.code == "E261"
    assert code_of(tmp_path / "0.pdf") == "E261"


def test_files_without_rows_are_refused(tmp_path: Path, lang: str) -> None:
    (tmp_path / "rows.jsonl").write_bytes(b"\n\n")
    (tmp_path / "rows.json").touch()
    assert code_of(tmp_path) == "E263"


def test_no_usable_row_is_an_error_with_the_first_rule(tmp_path: Path, lang: str) -> None:
    (tmp_path / "rows.jsonl").write_bytes(lines({"said": "x"}, {"said": "y"}))
    with pytest.raises(InputError, match=r"2.*rows\.jsonl:1.*said") as caught:
        read(tmp_path)
    assert caught.value.code == "E262"


COLUMNS = ["messages", "conversations", "instruction", "input", "output", "prompt", "response", "system", "history"]
CELLS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.lists(st.text(max_size=3), max_size=3)
)
NAMES = st.sampled_from([*COLUMNS, "from", "value", "role", "content", "other"])
TABLES = st.dictionaries(
    st.sampled_from([*COLUMNS, "other"]),
    st.one_of(CELLS, st.lists(st.dictionaries(NAMES, CELLS, max_size=3), max_size=3)),
)


@given(rows=st.lists(st.one_of(TABLES, CELLS), max_size=8))
def test_every_row_is_kept_or_dropped_once(tmp_path_factory: pytest.TempPathFactory, rows: list[object]) -> None:
    path = tmp_path_factory.mktemp("any") / "rows.jsonl"
    path.write_bytes(lines(GOOD, *rows))
    found, drops = read(path)
    assert len(found) + len(drops) == len(rows) + 1
    assert len({drop.location for drop in drops}) == len(drops)


@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_dropped(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    (folder / "a.jsonl").write_bytes(lines(GOOD))
    for name in ("b.jsonl", "c.json", "d.jsonl.gz", "e.jsonl.zst"):
        (folder / name).write_bytes(data)
    assert read(folder)[0][0] == SPOKEN


REAL = {  # rows of the table in the data's README; two of smile are cut before the first answer
    "sft-en/alpaca_en_demo.jsonl": 796, "sft-en/gpteacher-code.jsonl": 1427, "sft-en/gpteacher-roleplay.jsonl.gz": 859,
    "sft-en/oasst-100.jsonl": 75, "sft-en/self-instruct.jsonl": 346, "sft-zh/alpaca_zh_demo.jsonl": 806,
    "sft-zh/hikariming.jsonl.gz": 3491, "sft-zh/identity.jsonl": 69, "sft-zh/kdconv.jsonl.gz": 346,
    "sft-zh/smile.jsonl.gz": 1172,
}  # fmt: skip


@pytest.mark.peer
@pytest.mark.parametrize("name", REAL)
def test_real_files_are_read_whole(test_data: Path, name: str) -> None:
    found, drops = read(test_data / name)
    assert len(found) + len(drops) == REAL[name]
    assert Counter(drop.reason for drop in drops) == (Counter(silent=2) if "smile" in name else Counter())
    assert {turns[-1][0] for turns in found} <= {"assistant", "user"}


@pytest.mark.peer
def test_real_files_that_hold_no_conversations_are_refused(test_data: Path) -> None:
    assert code_of(test_data / "exam-en" / "mmlu.jsonl.gz") == "E262"
